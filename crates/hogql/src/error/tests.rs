use crate::parse_select;

/// The one place that knows the API: what a user is shown.
fn shown(text: &str) -> String {
    parse_select(text).unwrap_err().render(text)
}

#[test]
fn an_error_shows_its_line_with_the_place_marked() {
    assert_eq!(
        shown("select event\nfrom events where\n  a && b"),
        "Unexpected character '&' (U+0026) (line 3, column 5)\n  \x20 a && b\n      ^\nhint: both conditions: `a AND b`"
    );
}

#[test]
fn an_error_at_the_end_is_marked_behind_the_text() {
    assert_eq!(
        shown("select 'é' +"),
        "unexpected end of the text, expected an expression (line 1, column 13)\n  select 'é' +\n              ^"
    );
}

#[test]
fn of_a_long_line_only_the_part_around_the_place_is_shown() {
    let text = format!("select {} ) {}", "a, ".repeat(100), "b".repeat(200));
    let shown = shown(&text);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].starts_with("  …") && lines[1].ends_with('…'), "{shown}");
    assert!(lines[1].chars().count() < 130, "{shown}");
    let column = lines[2].chars().position(|character| character == '^').unwrap();
    assert_eq!(lines[1].chars().nth(column), Some(')'), "{shown}");
}
