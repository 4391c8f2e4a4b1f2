//! Printed text parses to the tree it was printed from.

use hogql::{Style, parse_expr, parse_order_expr, parse_select, print_expr, print_order_expr, print_query};
use proptest::prelude::*;
use proptest::sample::select;

use crate::goldens::corpus;
use crate::shape::shape;

/// What is wrong with the printed forms of a text; nothing if it does not parse.
fn complaint(mode: char, text: &str) -> Option<String> {
    let [operators, functions] = [Style::Operators, Style::Functions].map(|style| (style, printed(mode, text, style)));
    let (printed_once, tree) = operators.1?;
    let Some((_, again)) = printed(mode, &printed_once, Style::Operators) else {
        return Some(format!("`{text}` prints as `{printed_once}`, which does not parse"));
    };
    // A negation of parentheses comes back as a call of `not`.
    let as_call =
        printed_once.contains("not(") && printed(mode, &printed_once, Style::Functions)?.0 == functions.1.as_ref()?.0;
    if tree != again && !as_call {
        return Some(format!("`{text}` prints as `{printed_once}`, which is another tree:\n  {tree}\n  {again}"));
    }
    let (as_functions, _) = functions.1?;
    let once_more = printed(mode, &as_functions, Style::Functions).map(|(text, _)| text);
    if once_more.as_ref() != Some(&as_functions) {
        return Some(format!("`{text}` prints as `{as_functions}`, and that as {once_more:?}"));
    }
    None
}

/// The one place that knows the API: the text of a parsed text, and its tree.
fn printed(mode: char, text: &str, style: Style) -> Option<(String, String)> {
    Some(match mode {
        's' => {
            let tree = parse_select(text).ok()?;
            (print_query(&tree, style), shape(&tree))
        }
        'o' => {
            let tree = parse_order_expr(text).ok()?;
            (print_order_expr(&tree, style), shape(&tree))
        }
        _ => {
            let tree = parse_expr(text).ok()?;
            (print_expr(&tree, style), shape(&tree))
        }
    })
}

#[test]
fn the_corpus_survives_printing() {
    let complaints: Vec<String> = corpus().iter().filter_map(|(mode, text)| complaint(*mode, text)).collect();
    assert!(complaints.is_empty(), "{}:\n{}", complaints.len(), complaints.join("\n"));
}

const LEAVES: &[&str] = &[
    "a",
    "b.c",
    "`d e`.f",
    "1",
    "-2",
    "1.5",
    "'x\\n'",
    "null",
    "true",
    "inf",
    "*",
    "t.*",
    "{p}",
    "interval 1 day",
    "99999999999999999999",
    "f()",
    "count(*)",
    "[]",
    "{}",
    "date",
    "timestamp",
    "`select`",
    "<A b={c}/>",
    "(select 1)",
    "f'{a} b'",
    "count(distinct x)",
    "sum(x) over (order by y)",
    "COLUMNS('x.*')",
];
const INFIX: &[&str] = &[
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "!=",
    "<",
    ">=",
    "in",
    "not in",
    "like",
    "not ilike",
    "=~",
    "!~*",
    "in cohort",
    "is distinct from",
    "<=>",
    "??",
    "and",
    "or",
];
const POSTFIX: &[&str] = &[".b", ".1", "['k']", "[1]", "[1:2]", "?.b", "?.1", "(x)", "::int"];
const TOKENS: &[&str] = &[
    "select",
    "from",
    "where",
    "a",
    "b",
    "t",
    "1",
    "'x'",
    "(",
    ")",
    ",",
    ".",
    "*",
    "+",
    "-",
    "=",
    "<",
    "not",
    "and",
    "or",
    "in",
    "is",
    "null",
    "as",
    "join",
    "on",
    "left",
    "using",
    "union all",
    "group by",
    "order by",
    "desc",
    "limit",
    "offset",
    "by",
    "[",
    "]",
    "{",
    "}",
    ":",
    "?",
    "->",
    "case",
    "when",
    "then",
    "end",
    "interval",
    "day",
    "distinct",
    "with",
    "over",
    "between",
    "::",
    "??",
    "array",
    "final",
    "sample",
    "0.1",
    "f(",
    "f'",
    "'",
    "/>",
    "<A",
    "values",
    "lambda",
    "cast(",
    "columns(",
    "nulls first",
    "with ties",
    "%",
    "window",
    "cohort",
];

/// Expressions of every kind, as text.
fn expression() -> impl Strategy<Value = String> {
    let leaf = select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), select(INFIX), inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), select(INFIX), inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (inner.clone(), select(POSTFIX)).prop_map(|(a, postfix)| format!("({a}){postfix}")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("not {a}")),
            inner.clone().prop_map(|a| format!("{a} is not null")),
            inner.clone().prop_map(|a| format!("x -> {a}")),
            inner.clone().prop_map(|a| format!("({a} as z)")),
            inner.clone().prop_map(|a| format!("cast({a} as Nullable(String))")),
            inner.clone().prop_map(|a| format!("{{'k': {a}}}")),
            inner.clone().prop_map(|a| format!("(select {a} from t where {a} order by 1)")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("f({a})({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, ({b},)]")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("{a} ? {b} : {c}")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("{a} between {b} and {c}")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("case when {a} then {b} else {c} end")),
        ]
    })
}

/// Words and signs in any order: mostly nonsense, but what parses must print.
fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(TOKENS), 1..12).prop_map(|tokens| tokens.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn expressions_survive_printing(text in expression()) {
        prop_assert_eq!(complaint('e', &text), None);
    }

    #[test]
    fn whatever_parses_survives_printing(text in soup()) {
        prop_assert_eq!(complaint('s', &format!("select {text}")), None);
        prop_assert_eq!(complaint('e', &text), None);
    }
}
