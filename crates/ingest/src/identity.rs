//! Which distinct ids may be merged, and which event asks for which merge.

use model::Properties;

/// A wish to make two distinct ids one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MergeWish {
    /// The id whose person gives way.
    pub(crate) source: String,
    /// Whether an identified person may give way.
    pub(crate) even_if_identified: bool,
}

/// The merge that an event asks for, if any. Its target is the event's own distinct id.
///
/// Argument order is the client's: a Python `alias()` makes the new id the source. That is PostHog's contract.
pub(crate) fn merge_wish(event: &str, properties: &Properties<'_>) -> Option<MergeWish> {
    let (key, even_if_identified) = match event {
        "$identify" => ("$anon_distinct_id", false),
        "$create_alias" => ("alias", false),
        "$merge_dangerously" => ("alias", true),
        _ => return None,
    };
    let source = properties.get_str(key)?.replace('\0', "\u{fffd}");
    // An empty alias is no alias, while an empty anonymous id is an illegal one.
    if source.is_empty() && key == "alias" {
        return None;
    }
    Some(MergeWish { source, even_if_identified })
}

/// The field of a merging event that is neither text nor null, which makes the event worthless.
pub(crate) fn malformed_merge_field(event: &str, properties: &Properties<'_>) -> Option<&'static str> {
    if !matches!(event, "$identify" | "$create_alias" | "$merge_dangerously") {
        return None;
    }
    ["$anon_distinct_id", "alias"]
        .into_iter()
        .find(|key| properties.get(key).is_some_and(|value| !value.starts_with('"') && value != "null"))
}

const ILLEGAL_IN_ANY_CASE: [&str; 10] = [
    "anonymous",
    "guest",
    "distinctid",
    "distinct_id",
    "id",
    "not_authenticated",
    "email",
    "undefined",
    "true",
    "false",
];
const ILLEGAL: [&str; 7] = ["[object Object]", "NaN", "None", "none", "null", "0", "undefined"];

/// Whether an id is a placeholder that careless clients share, so that merging on it would join strangers.
pub(crate) fn is_illegal(distinct_id: &str) -> bool {
    let trimmed = distinct_id.trim();
    let unquoted = ['"', '\''].iter().find_map(|quote| trimmed.strip_prefix(*quote)?.strip_suffix(*quote));
    let illegal = |id: &str| {
        id.is_empty() || ILLEGAL.contains(&id) || ILLEGAL_IN_ANY_CASE.iter().any(|word| id.eq_ignore_ascii_case(word))
    };
    illegal(trimmed) || unquoted.is_some_and(illegal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t72_placeholders_are_illegal_in_their_spellings() {
        for id in ["", "  ", "null", "Guest", "'undefined'", "\"ANONYMOUS\"", "[object Object]", "NaN", "0", " none "] {
            assert!(is_illegal(id), "{id:?}");
        }
        for id in ["user-1", "nan", "NULL", "guest-1", "00", "'", "idx"] {
            assert!(!is_illegal(id), "{id:?}");
        }
    }

    fn wish(event: &str, properties: &str) -> Option<(String, bool)> {
        merge_wish(event, &Properties::parse(properties).unwrap()).map(|wish| (wish.source, wish.even_if_identified))
    }

    #[test]
    fn events_name_the_source_of_a_merge() {
        assert_eq!(wish("$identify", r#"{"$anon_distinct_id":"a"}"#), Some(("a".to_owned(), false)));
        assert_eq!(wish("$create_alias", r#"{"alias":"a"}"#), Some(("a".to_owned(), false)));
        assert_eq!(wish("$merge_dangerously", r#"{"alias":"a"}"#), Some(("a".to_owned(), true)));
        assert_eq!(wish("$identify", r#"{"alias":"a"}"#), None);
        assert_eq!(wish("$create_alias", r#"{"alias":""}"#), None);
        assert_eq!(wish("$pageview", r#"{"$anon_distinct_id":"a"}"#), None);
        let malformed = |text| malformed_merge_field("$identify", &Properties::parse(text).unwrap());
        assert_eq!(malformed(r#"{"$anon_distinct_id":5}"#), Some("$anon_distinct_id"));
        assert_eq!(malformed(r#"{"$anon_distinct_id":null}"#), None);
    }
}
