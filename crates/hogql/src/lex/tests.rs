use super::lex;

/// The one place that knows the API: tokens as `Kind text`, one after the other, then what is wrong.
fn tokens(text: &str) -> String {
    let lexed = lex(text);
    let mut shown = Vec::new();
    for token in &lexed.tokens {
        let written = text.get(token.span.start as usize..token.span.end as usize).unwrap();
        if !written.is_empty() {
            shown.push(written.to_owned());
        }
    }
    if let Some(error) = lexed.error {
        shown.push(format!("error: {} at {}", error.message(), error.span().start));
    }
    shown.join("|")
}

#[test]
fn tokens_are_cut_where_they_end() {
    for (text, expected) in [
        ("a+b", "a|+|b"),
        ("a.b.1.2", "a|.|b|.|1|.|2"),
        ("a .5", "a|.|5"),
        ("and .5", "and|.5"),
        ("1.5.2", "1.5|.|2"),
        ("1..2", "1.|.|2"),
        ("1.a", "1|.|a"),
        ("1.e3", "1.e3"),
        ("1e-3-2", "1e-3|-|2"),
        ("0x1F 0b11", "0x1F|0b11"),
        ("a<=>b<=c<d", "a|<=>|b|<=|c|<|d"),
        ("a=~*b!~c", "a|=~*|b|!~|c"),
        ("'it''s' \"a\"\"b\" `c\\`d`", "'it''s'|\"a\"\"b\"|`c\\`d`"),
        ("$a$ _b", "$a$|_b"),
        ("a -- b\nc # d\n// e\n/* f */ g", "a|c|g"),
        ("f'a{b}c'", "f'|a|{|b|}|c|'"),
        ("f'{f'{a}'}' 'b'", "f'|{|f'|{|a|}|'|}|'|'b'"),
        ("<A b={c} d='e'>x{y}<B/></A>", "<|A|b|=|{|c|}|d|=|'e'|>|x|{|y|}|<|B|/>|</|A|>"),
        ("a<b", "a|<|b"),
        ("a?b:c?.d??e", "a|?|b|:|c|?.|d|??|e"),
    ] {
        assert_eq!(tokens(text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_cut_is_reported_where_it_is() {
    for (text, expected) in [
        ("a & b", "a|error: Unexpected character '&' (U+0026) at 2"),
        ("é", "error: Unexpected character U+00E9 at 0"),
        ("a 'b", "a|error: unterminated string at 2"),
        ("'\\d'", "error: unknown escape `\\d` at 1"),
        ("1_000", "error: `1_000` is not a number at 0"),
        ("a /* b", "a|error: unterminated comment at 2"),
    ] {
        assert_eq!(tokens(text), expected, "{text}");
    }
}
