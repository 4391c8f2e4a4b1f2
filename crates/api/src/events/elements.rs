//! Decodes an element chain: the text form of the clicked element and its ancestors.
//!
//! Elements are separated by `;` or whitespace outside double quotes. An element is a tag with `.classes`, then `:` and
//! attributes `name="value"` without a separator. Quotes inside values are escaped with a backslash; a value may hold
//! newlines. `spec/events-api.md` §6.3 and §6.4.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// One element as the API shows it.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Element {
    /// Always null.
    #[schema(value_type = Option<String>)]
    event: Option<()>,
    text: Option<String>,
    tag_name: Option<String>,
    attr_class: Option<Vec<String>>,
    href: Option<String>,
    attr_id: Option<String>,
    nth_child: Option<i64>,
    nth_of_type: Option<i64>,
    attributes: BTreeMap<String, String>,
    order: usize,
}

/// The elements of `chain`, innermost first.
pub(crate) fn decode_chain(chain: &str) -> Vec<Element> {
    let pieces = split_outside_quotes(chain);
    pieces.iter().enumerate().map(|(order, piece)| decode_element(piece, order)).collect()
}

fn split_outside_quotes(chain: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in chain.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && (c == ';' || c.is_whitespace()) => {
                pieces.extend(chain.get(start..at));
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.extend(chain.get(start..));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn decode_element(piece: &str, order: usize) -> Element {
    let (head, attributes) = split_head(piece);
    let mut element = Element { order, ..Element::default() };
    if !head.is_empty() {
        let mut parts = head.split('.');
        element.tag_name = parts.next().map(str::to_owned);
        if head.contains('.') {
            element.attr_class = Some(parts.filter(|class| !class.is_empty()).map(str::to_owned).collect());
        }
    }
    for (name, value) in (Attributes { rest: attributes }) {
        match name {
            "text" => element.text = Some(value),
            "href" => element.href = Some(value),
            "attr_id" => element.attr_id = Some(value),
            "nth-child" => element.nth_child = value.parse().ok(),
            "nth-of-type" => element.nth_of_type = value.parse().ok(),
            _ => {
                element.attributes.insert(name.to_owned(), value);
            }
        }
    }
    element
}

/// Splits at the first `:` that an attribute follows, so that classes such as `md:hover` may hold colons.
fn split_head(piece: &str) -> (&str, &str) {
    for (at, _) in piece.match_indices(':') {
        let (Some(head), Some(rest)) = (piece.get(..at), piece.get(at + 1..)) else { continue };
        let name = rest.trim_start_matches(is_name_character);
        if name.starts_with('=') {
            return (head, rest);
        }
    }
    (piece.strip_suffix(':').unwrap_or(piece), "")
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// `name="value"` pairs, values unescaped.
struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, after) = self.rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = after.get(at + 1..).unwrap_or_default();
                    return Some((name, value));
                }
                '\\' => match characters.clone().next() {
                    Some((_, '"')) => {
                        value.push('"');
                        characters.next();
                    }
                    _ => value.push('\\'),
                },
                _ => value.push(c),
            }
        }
        self.rest = "";
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e3_classes_may_hold_colons_and_values_semicolons() {
        let elements = decode_chain(r#"a.md:hover.x:nth-child="1""#);
        assert_eq!(elements.len(), 1);
        assert_eq!(elements[0].tag_name.as_deref(), Some("a"));
        assert_eq!(elements[0].attr_class, Some(vec!["md:hover".to_owned(), "x".to_owned()]));
        assert_eq!(elements[0].nth_child, Some(1));
        let elements = decode_chain(r#"a:attr__style="x;y z"nth-child="2";div:text="q""#);
        assert_eq!(elements.len(), 2);
        assert_eq!(elements[0].attributes["attr__style"], "x;y z");
        assert_eq!((elements[1].order, elements[1].text.as_deref()), (1, Some("q")));
    }

    #[test]
    fn values_are_unescaped_and_may_hold_newlines() {
        let elements = decode_chain(
            "a.b:attr__class=\"b\"href=\"/buy\"nth-child=\"2\"nth-of-type=\"x\"text=\"Buy \\\"now\\\"\n!\"",
        );
        assert_eq!(elements[0].text.as_deref(), Some("Buy \"now\"\n!"));
        assert_eq!(elements[0].href.as_deref(), Some("/buy"));
        assert_eq!(elements[0].nth_of_type, None);
    }

    #[test]
    fn odd_chains_never_fail() {
        assert_eq!(decode_chain(""), []);
        assert_eq!(decode_chain(";; "), []);
        assert_eq!(decode_chain(".only:nth-child=\"1\"")[0].tag_name.as_deref(), Some(""));
        assert_eq!(decode_chain(":nth-child=\"1\"")[0].tag_name, None);
        assert_eq!(decode_chain("a:text=\"open")[0].text.as_deref(), Some("open"));
        assert_eq!(decode_chain("button")[0].attr_class, None);
    }
}
