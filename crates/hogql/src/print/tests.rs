use super::{Style, print_expr, print_query};
use crate::{parse_expr, parse_select};

/// The one place that knows the API: an expression with operators as operators, then as functions.
fn printed(text: &str) -> [String; 2] {
    let expr = parse_expr(text).unwrap();
    [Style::Operators, Style::Functions].map(|style| print_expr(&expr, style))
}

#[test]
fn operators_print_as_operators_or_as_functions() {
    for (text, operators, functions) in [
        ("1+2*3", "1 + 2 * 3", "plus(1, multiply(2, 3))"),
        ("(1+2)*3", "(1 + 2) * 3", "multiply(plus(1, 2), 3)"),
        ("a-(b-c)", "a - (b - c)", "minus(a, minus(b, c))"),
        ("event = 'x'", "event = 'x'", "equals(event, 'x')"),
        ("a and b and (c or d)", "a AND b AND (c OR d)", "and(a, b, or(c, d))"),
        ("not a = b", "NOT a = b", "not(equals(a, b))"),
        ("-a", "-a", "minus(0, a)"),
        ("- - a", "- -a", "minus(0, minus(0, a))"),
        ("a is null", "a IS NULL", "isNull(a)"),
        ("a = null", "a = NULL", "equals(a, NULL)"),
        ("a in (1, 2)", "a IN (1, 2)", "in(a, tuple(1, 2))"),
        ("a in cohort 5", "a IN COHORT 5", "a IN COHORT 5"),
        ("a !~* 'x'", "a !~* 'x'", "not(match(a, concat('(?i)', 'x')))"),
        ("a between 1 and 2", "a BETWEEN 1 AND 2", "a BETWEEN 1 AND 2"),
        ("a ?? b", "ifNull(a, b)", "ifNull(a, b)"),
        ("properties.$browser", "properties.$browser", "properties.$browser"),
        ("`a b`.`c`['d'].1", "`a b`.c['d'].1", "`a b`.c['d'].1"),
        ("`select`", "`select`", "`select`"),
        ("timestamp", "timestamp", "timestamp"),
        ("x -> x + 1", "x -> x + 1", "x -> plus(x, 1)"),
        (
            "count(distinct a) filter (where b)",
            "count(DISTINCT a) FILTER (WHERE b)",
            "count(DISTINCT a) FILTER (WHERE b)",
        ),
        ("f'{a} b'", "concat(a, ' b')", "concat(a, ' b')"),
        ("a::int", "CAST(a AS int)", "CAST(a AS int)"),
        ("'it''s\n'", "'it\\'s\\n'", "'it\\'s\\n'"),
    ] {
        assert_eq!(printed(text), [operators, functions], "{text}");
    }
}

#[test]
fn a_query_prints_on_one_line() {
    let text = "with x as (select 1) select distinct a, count() c from events e left any join persons p on e.a=p.b
        where a > 1 group by a having c > 2 order by c desc nulls first limit 5 offset 3";
    let query = parse_select(text).unwrap();
    assert_eq!(
        print_query(&query, Style::Functions),
        "WITH x AS (SELECT 1) SELECT DISTINCT a, count() AS c FROM events AS e LEFT ANY JOIN persons AS p \
         ON equals(e.a, p.b) WHERE greater(a, 1) GROUP BY a HAVING greater(c, 2) ORDER BY c DESC NULLS FIRST \
         LIMIT 5 OFFSET 3"
    );
}
