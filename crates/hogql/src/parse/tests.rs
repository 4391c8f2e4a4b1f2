use super::{Limits, Parser, run};
use crate::ast::{ExprKind, Query};
use crate::error::SyntaxErrorKind;
use crate::lex::lex;
use crate::{SyntaxError, parse_expr, parse_select, parse_select_with_notices};

/// The one place that knows the API: the error of a statement or, after `e `, of an expression.
fn error(text: &str) -> SyntaxError {
    match text.strip_prefix("e ") {
        Some(text) => parse_expr(text).unwrap_err(),
        None => parse_select(text).unwrap_err(),
    }
}

#[test]
fn errors_say_what_is_wrong() {
    for (text, message) in [
        ("", "unexpected end of the text, expected `SELECT`"),
        ("insert into events values (1)", "unexpected `insert`, expected `SELECT`"),
        ("select", "unexpected end of the text, expected an expression"),
        ("select a from t where", "unexpected end of the text, expected an expression"),
        ("select a; select b", "unexpected `select`, expected the end of the text after `;`"),
        ("select from a", "Cannot use \"from\" before an implicit alias"),
        ("select a as team_id", "\"team_id\" cannot be an alias or identifier, as it's a reserved keyword"),
        ("select a from t array join b", "ARRAY JOIN arrays must have an alias"),
        ("select a array join b as c", "Using ARRAY JOIN without a FROM clause is not permitted"),
        ("e <A>x</B>", "Opening and closing HogQLX tags must match. Got A and B"),
        ("e interval '1 fortnight'", "Unsupported interval unit: fortnight"),
        ("e interval '-1 day'", "Unsupported interval count: '-1' is not a valid integer"),
        ("e a is true", "unexpected `true`, expected `NULL` or `DISTINCT FROM` after `IS`"),
        ("e x in ()", "unexpected `)`, expected an expression in the parentheses"),
        ("e (a", "unexpected end of the text, expected `,` or `)`"),
        ("e '\\d'", "unknown escape `\\d`"),
        ("e a b & c", "unexpected `b`, expected the end of the text"),
    ] {
        assert_eq!(error(text).message(), message, "{text}");
    }
}

#[test]
fn what_would_be_lost_is_refused_with_the_way_to_write_it() {
    for (text, hint) in [
        ("select a from t group by a with rollup", "write `GROUP BY ROLLUP(…)`"),
        ("select distinct on (a) b from t", "write `LIMIT 1 BY …` at the end"),
        ("select a from t format JSON", "ask for a format in the request"),
        ("select a from t limit 1 settings x = 1", "leave the clause out"),
        ("select top 5 a from t", "write `LIMIT n` at the end"),
        ("select a from t natural join u", "say which rows belong together with `ON` or `USING`"),
        ("select a from t join u", "add `ON a.x = b.y` or `USING (x)`, or write `CROSS JOIN`"),
        ("e date '2026-01-01'", "write `toDate('2026-01-01')`"),
        ("e a::Nullable(String)", "write `CAST(a AS nullable(…))`"),
    ] {
        let error = error(text);
        assert_eq!((error.kind(), error.hint()), (SyntaxErrorKind::Unsupported, Some(hint)), "{text}");
    }
}

/// A wide text is not a deep one.
#[test]
fn columns_and_arguments_with_aliases_do_not_add_up_to_depth() {
    let list = |item: &dyn Fn(usize) -> String| (0..2_000).map(item).collect::<Vec<_>>().join(", ");
    for text in [
        format!("select {}", list(&|n| format!("{n} as c{n}"))),
        format!("select {}", list(&|n| format!("{n} c{n}"))),
        format!("select f({})", list(&|n| format!("{n} as c{n}"))),
        format!("select a from t order by {}", list(&|n| format!("c{n} desc"))),
        format!("with {} select 1", list(&|n| format!("{n} as c{n}"))),
        format!("select a from t array join {}", list(&|n| format!("b as c{n}"))),
        format!("select a from t{}", " cross join t".repeat(2_000)),
    ] {
        if let Err(error) = parse_select(&text) {
            panic!("{}: {error}", text.chars().take(40).collect::<String>());
        }
    }
    let deep = format!("select 1{}", " as a".repeat(300));
    assert_eq!(parse_select(&deep).unwrap_err().kind(), SyntaxErrorKind::TooDeep);
}

#[test]
fn spans_cover_what_was_written() {
    let text = "  a + f(b, 'c')  ";
    let ExprKind::Arithmetic(sum) = parse_expr(text).unwrap().kind else { panic!("not a sum") };
    let written = |span: crate::ast::Span| text.get(span.start as usize..span.end as usize).unwrap();
    assert_eq!(written(sum.left.span), "a");
    assert_eq!(written(sum.right.span), "f(b, 'c')");
    let text = "select a from t where b";
    let Query::Select(query) = parse_select(text).unwrap() else { panic!("not a SELECT") };
    assert_eq!((query.span.start, query.span.end as usize), (0, text.len()));
}

#[test]
fn a_comma_in_limit_is_noticed() {
    let (_, notices) = parse_select_with_notices("select a from t limit 5, 10").unwrap();
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!(notice.message, "`LIMIT a, b` takes b as the offset; write `LIMIT a OFFSET b`");
    assert_eq!((notice.span.start, notice.span.end), (22, 27));
    let (_, notices) = parse_select_with_notices("select a from t limit 5 offset 10").unwrap();
    assert!(notices.is_empty());
}

#[test]
fn a_tree_of_too_many_nodes_is_refused() {
    let limits = Limits { nodes: 3, ..Limits::DEFAULT };
    let parse = |text: &str| run(text, lex, limits, |parser: &mut Parser<'_>| parser.expr());
    assert!(parse("a + b").is_ok());
    assert_eq!(parse("a + b + c").unwrap_err().kind(), SyntaxErrorKind::TooManyNodes);
}
