//! Turns the elements of an autocapture event into their chain: a line of text that can be stored and searched.

use model::Properties;
use model::json::{self, Elements};

const TEXT_CHARS_MAX: usize = 400;
const HREF_CHARS_MAX: usize = 2_048;

/// Takes the elements out of `properties` and returns their chain; empty when there are none.
///
/// Elements that cannot be understood are left out rather than losing the event.
pub(crate) fn take_chain(properties: &mut Properties<'_>) -> String {
    let elements = properties.remove("$elements");
    let chain = properties.remove("$elements_chain");
    if let Some(chain) = chain.as_deref().and_then(json::text) {
        return chain.into_owned();
    }
    let Some(elements) = elements else { return String::new() };
    let pieces: Vec<String> =
        Elements::of(&elements).filter_map(|raw| Properties::parse(raw).ok()).map(|element| encode(&element)).collect();
    pieces.join(";")
}

fn encode(element: &Properties<'_>) -> String {
    let mut classes = match element.get("attr__class") {
        Some(raw) if raw.starts_with('[') => serde_json::from_str::<Vec<String>>(raw).unwrap_or_default(),
        _ => element
            .get_str("attr__class")
            .map(|text| text.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default(),
    };
    classes.sort();
    let mut attributes: Vec<(String, String)> = Vec::new();
    for (key, value) in element.iter().filter(|(key, _)| key.starts_with("attr__")) {
        let value = if key == "attr__class" && value.starts_with('[') { classes.join(",") } else { text_of(value) };
        attributes.push((key.to_owned(), value));
    }
    let number = |key: &str| element.get(key).map_or_else(|| "0".to_owned(), text_of);
    attributes.push(("nth-child".to_owned(), number("nth_child")));
    attributes.push(("nth-of-type".to_owned(), number("nth_of_type")));
    let cut = |key: &str, max: usize| element.get_str(key).map(|text| text.chars().take(max).collect::<String>());
    for (name, value) in [
        ("text", cut("$el_text", TEXT_CHARS_MAX)),
        ("href", cut("attr__href", HREF_CHARS_MAX)),
        ("attr_id", cut("attr__id", usize::MAX)),
    ] {
        attributes.extend(value.filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value)));
    }
    attributes.sort();
    let mut piece = element.get_str("tag_name").map(std::borrow::Cow::into_owned).unwrap_or_default();
    for class in &classes {
        piece.push('.');
        piece.push_str(&class.replace('"', ""));
    }
    piece.push(':');
    for (name, value) in attributes {
        piece.push_str(&name.replace('"', "\\\""));
        piece.push_str("=\"");
        piece.push_str(&value.replace('"', "\\\""));
        piece.push('"');
    }
    piece
}

/// A value as text: strings without quotes, anything else as it is written; null is nothing.
fn text_of(value: &str) -> String {
    match value {
        "null" => String::new(),
        text => serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(properties: &str) -> (String, String) {
        let mut properties = Properties::parse(properties).unwrap();
        (take_chain(&mut properties), properties.to_json())
    }

    #[test]
    fn t58_elements_become_a_chain() {
        let (chain, rest) = chain(
            r#"{"k":1,"$elements":[{"tag_name":"a","$el_text":"Buy \"now\"","attr__href":"/buy","attr__class":["b","a"],"nth_child":2,"nth_of_type":1},{"tag_name":"div"}]}"#,
        );
        let expected = r#"a.a.b:attr__class="a,b"attr__href="/buy"href="/buy"nth-child="2"nth-of-type="1"text="Buy \"now\"";div:nth-child="0"nth-of-type="0""#;
        assert_eq!(chain, expected);
        assert_eq!(rest, r#"{"k":1}"#);
    }

    #[test]
    fn t59_a_ready_chain_is_moved() {
        assert_eq!(
            chain(r#"{"$elements_chain":"button:text=\"x\""}"#),
            (r#"button:text="x""#.to_owned(), "{}".to_owned())
        );
    }

    #[test]
    fn what_is_not_an_element_is_left_out() {
        assert_eq!(chain(r#"{"$elements":"x"}"#).0, "");
        assert_eq!(
            chain(r#"{"$elements":[5,{"tag_name":"p","attr__id":7}]}"#).0,
            r#"p:attr__id="7"nth-child="0"nth-of-type="0""#
        );
    }
}
