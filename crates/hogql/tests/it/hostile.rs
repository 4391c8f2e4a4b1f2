//! Texts meant to do harm: every one is answered, with a tree or an error, in bounded time and on a small stack.

use std::thread;

use hogql::{DEPTH_MAX, Style, SyntaxErrorKind, TEXT_BYTES_MAX, parse_expr, parse_select, parse_template};
use proptest::prelude::*;

/// The stack a text must be parsed, printed and dropped on.
const STACK_BYTES: usize = 2 << 20;

/// What the parser says of an expression, on a small stack: the length of its text when printed, or the error's kind.
fn answer(text: String) -> Result<usize, SyntaxErrorKind> {
    let parse = move || match parse_expr(&text) {
        Ok(expr) => {
            let printed = hogql::print_expr(&expr, Style::Functions).len();
            drop(expr.clone());
            Ok(printed)
        }
        Err(error) => {
            assert!(!error.render(&text).is_empty());
            Err(error.kind())
        }
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(parse).expect("a thread").join().expect("an answer")
}

/// Ways to nest: an opening, a core and a closing, of which the outer ones are repeated.
const NESTS: &[(&str, &str, &str)] = &[
    ("(", "a", ")"),
    ("[", "a", "]"),
    ("{", "a", "}"),
    ("{'k': ", "a", "}"),
    ("f(", "a", ")"),
    ("f(a)(", "a", ")"),
    ("(a, ", "a", ")"),
    ("a[", "a", "]"),
    ("- ", "a", ""),
    ("not ", "a", ""),
    ("not (", "a", ")"),
    ("x -> ", "a", ""),
    ("(x) -> ", "a", ""),
    ("lambda x: ", "a", ""),
    ("a ? b : ", "a", ""),
    ("a ? ", "b", " : c"),
    ("a between (", "b", ") and c"),
    ("case when a then ", "a", " end"),
    ("case ", "a", " when b then c end"),
    ("cast(", "a", " as int)"),
    ("interval (", "a", ") day"),
    ("(select ", "a", ")"),
    ("(select a from (", "select b", "))"),
    ("(select a from t where ", "a", ")"),
    ("(with x as (select ", "a", ") select a)"),
    ("((select 1) union all ", "select 2", ")"),
    ("(select a from (", "t", "))"),
    ("f'{", "a", "}'"),
    ("<A b={", "a", "} />"),
    ("<A>", "a", "</A>"),
    ("f(a) over (partition by ", "a", ")"),
    ("trim(both 'x' from ", "a", ")"),
    ("columns(", "a", ")"),
];

/// Chains that lean to the left: a start and what is repeated behind it.
const CHAINS: &[(&str, &str)] = &[
    ("a", " + a"),
    ("a", " * a"),
    ("a", " = a"),
    ("a", " ?? a"),
    ("a", " is null"),
    ("a", " <=> a"),
    ("a", " between 1 and 2"),
    ("f(x)", ".a"),
    ("a", ".1"),
    ("a", "[1]"),
    ("a", "(x)"),
    ("a", "::int"),
    ("a", " as b"),
];

#[test]
fn nesting_bombs_are_refused_on_a_small_stack() {
    for (open, core, close) in NESTS {
        for times in [DEPTH_MAX as usize + 1, 20_000] {
            let bomb = format!("{}{core}{}", open.repeat(times), close.repeat(times));
            assert!(answer(bomb).is_err(), "{open} {times}");
            assert!(answer(open.repeat(times)).is_err(), "{open} {times}, not closed");
        }
    }
    for (start, link) in CHAINS {
        assert_eq!(answer(format!("{start}{}", link.repeat(20_000))), Err(SyntaxErrorKind::TooDeep), "{link}");
    }
}

#[test]
fn deep_trees_within_the_limit_fit_a_small_stack() {
    for (open, core, close) in NESTS {
        let deepest = (1..=DEPTH_MAX as usize)
            .rev()
            .find(|times| answer(format!("{}{core}{}", open.repeat(*times), close.repeat(*times))).is_ok());
        let deepest = deepest.unwrap_or_else(|| panic!("{open} never parses"));
        let wanted = if open.contains("select") || open.contains("over") { 60 } else { 100 };
        assert!(deepest >= wanted || *open == "<A>", "{open} parses to a depth of {deepest} only");
    }
    for (start, link) in CHAINS {
        assert!(answer(format!("{start}{}", link.repeat(200))).is_ok(), "{link}");
    }
}

#[test]
fn wide_texts_are_answered_in_time_proportional_to_their_length() {
    let fill = |unit: &str| unit.repeat(TEXT_BYTES_MAX / 4 / unit.len());
    for text in [
        format!("a = 1{}", fill(" or a = 1")),
        format!("a{}", fill(" and a")),
        format!("a{}", fill(" || a")),
        format!("f({}a)", fill("a, ")),
        format!("[{}]", fill("1,")),
        format!("case {} end", fill("when a then b ")),
        format!("'{}'", fill("x")),
        format!("`{}`", fill("x")),
        fill("9"),
        fill("x"),
        fill(" "),
        format!("a{}", fill(".b")),
        format!("f'{}'", fill("{a}")),
        format!("<A>{}</A>", fill("{a}")),
        format!("{{{}}}", fill("'k': 1, ")),
        format!("(select {} 1)", fill("a, ")),
        format!("(select 1{})", fill(" union all select 1")),
        format!("(select 1 from a{})", fill(" join b on c")),
        format!("({}) -> x", fill("a, ")),
        fill("("),
        fill(")"),
        fill("(("),
        fill("()"),
        fill("f("),
        fill("{"),
        fill("f'{"),
        fill("<A>"),
        fill("case "),
        fill("interval "),
        fill("not "),
        fill("a, "),
        fill("'"),
        fill("/*"),
        fill("select "),
        fill("with "),
        fill("lambda x "),
    ] {
        // A quadratic parser would need minutes for a quarter of a mebibyte; this test takes seconds.
        let _answer = answer(text);
    }
}

#[test]
fn a_text_beyond_the_limit_is_refused_unread() {
    let error = parse_select(&" ".repeat(TEXT_BYTES_MAX + 1)).expect_err("an error");
    assert_eq!(error.kind(), SyntaxErrorKind::TextTooLong);
    assert_eq!(error.message(), "text of 1048577 bytes exceeds the limit of 1048576");
}

/// Bytes that are likely to get far: pieces of the language, and any characters.
fn pieces() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "select ",
        "from ",
        "f'",
        "'",
        "\"",
        "`",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "<A ",
        "/>",
        "</A>",
        ">",
        "<",
        "\\",
        "--",
        "/*",
        "*/",
        "\n",
        "0x",
        "1e",
        ".",
        "::",
        "->",
        "?.",
        "é",
        "\u{0}",
        "case ",
        "interval ",
        "not ",
        "$",
    ]);
    let piece = prop_oneof![3 => known.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Parses `text` as everything it may be, and checks that errors point into it.
fn parse_all(text: &str) {
    let errors = [
        parse_select(text).err(),
        parse_expr(text).err(),
        hogql::parse_order_expr(text).err(),
        parse_template(text).err(),
    ];
    for error in errors.into_iter().flatten() {
        let (start, end) = (error.span().start as usize, error.span().end as usize);
        assert!(text.get(start..end).is_some(), "{}: {start}..{end} is not in {text:?}", error.message());
        assert!(error.render(text).contains(error.message()));
        assert!(error.position(text).line >= 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Whatever the text, parsing answers; it never panics, and an error is in the text.
    #[test]
    fn parsing_is_total(text in pieces()) {
        parse_all(&text);
    }

    #[test]
    fn parsing_is_total_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&String::from_utf8_lossy(&bytes));
    }
}
