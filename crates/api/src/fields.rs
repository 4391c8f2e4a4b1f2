//! What JSON bodies hold: one table per operation, from which bodies are checked and documented.
//!
//! Checking reports the first problem only, naming its field, in the words that PostHog uses. Fields that are not in the
//! table are ignored, as PostHog ignores them.

use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// Longest duration: a hundred years.
const DURATION_SECONDS_MAX: i64 = 86_400 * 36_500;

/// One field of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
}

/// Whether a field has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// Optional, and `null` is a value of its own.
    Nullable,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text with no more characters than that.
    Text(usize),
    /// As [`Kind::Text`], and not blank.
    Name(usize),
    Flag,
    Integer(i64, i64),
    /// A length of time: seconds, or `days hh:mm:ss`.
    Duration,
    Choice(&'static [&'static str]),
    Uuid,
    Object,
    List(&'static Kind),
    /// Any JSON value.
    Any,
}

pub(crate) const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, presence: Presence::Required }
}

pub(crate) const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, presence: Presence::Optional }
}

pub(crate) const fn nullable(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, presence: Presence::Nullable }
}

/// What a missing field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    IsError,
    /// It stays as it is.
    IsKept,
}

/// The JSON object in `bytes`, with every field of `fields` as it should be. An empty body is an empty object.
pub(crate) fn read(fields: &[Field], bytes: &[u8], missing: Missing) -> Result<Value, ApiError> {
    let body = if bytes.is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(bytes).map_err(|error| ApiError::Invalid {
            detail: format!("JSON parse error - {error}"),
            attr: None,
            code: "parse_error",
        })?
    };
    let Value::Object(object) = &body else {
        return Err(ApiError::bad_request("Invalid data. Expected a dictionary."));
    };
    for field in fields {
        match object.get(field.name) {
            None if field.presence == Presence::Required && missing == Missing::IsError => {
                return Err(ApiError::required(field.name));
            }
            None => {}
            Some(Value::Null) if field.presence == Presence::Nullable => {}
            Some(Value::Null) if !matches!(field.kind, Kind::Any) => {
                let detail = "This field may not be null.".to_owned();
                return Err(ApiError::Invalid { detail, attr: Some(field.name), code: "null" });
            }
            Some(value) => check(field.name, field.kind, value)?,
        }
    }
    Ok(body)
}

fn check(name: &'static str, kind: Kind, value: &Value) -> Result<(), ApiError> {
    let invalid = |detail: String| Err(ApiError::invalid(name, detail));
    match (kind, value) {
        (Kind::Text(most) | Kind::Name(most), Value::String(text)) => {
            if matches!(kind, Kind::Name(_)) && text.trim().is_empty() {
                let detail = "This field may not be blank.".to_owned();
                return Err(ApiError::Invalid { detail, attr: Some(name), code: "blank" });
            }
            if text.chars().count() > most {
                let detail = format!("Ensure this field has no more than {most} characters.");
                return Err(ApiError::Invalid { detail, attr: Some(name), code: "max_length" });
            }
            Ok(())
        }
        (Kind::Text(_) | Kind::Name(_), _) => invalid("Not a valid string.".to_owned()),
        (Kind::Flag, Value::Bool(_)) | (Kind::Object, Value::Object(_)) | (Kind::Any, _) => Ok(()),
        (Kind::Flag, _) => invalid("Must be a valid boolean.".to_owned()),
        (Kind::Integer(least, most), value) => match whole(value) {
            None => invalid("A valid integer is required.".to_owned()),
            Some(number) if number < least => {
                invalid(format!("Ensure this value is greater than or equal to {least}."))
            }
            Some(number) if number > most => invalid(format!("Ensure this value is less than or equal to {most}.")),
            Some(_) => Ok(()),
        },
        (Kind::Duration, value) => match duration_seconds(value) {
            Some(_) => Ok(()),
            None => {
                invalid("Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss.".to_owned())
            }
        },
        (Kind::Choice(choices), value) => match value.as_str() {
            Some(text) if choices.contains(&text) => Ok(()),
            Some(text) => invalid(format!("\"{text}\" is not a valid choice.")),
            None => invalid(format!("\"{value}\" is not a valid choice.")),
        },
        (Kind::Uuid, value) => match value.as_str().map(uuid::Uuid::parse_str) {
            Some(Ok(_)) => Ok(()),
            _ => invalid("Must be a valid UUID.".to_owned()),
        },
        (Kind::Object, _) => invalid("Expected a dictionary of items.".to_owned()),
        (Kind::List(item), Value::Array(items)) => items.iter().try_for_each(|value| check(name, *item, value)),
        (Kind::List(_), _) => invalid("Expected a list of items.".to_owned()),
    }
}

/// The whole number that `value` is, as which `1.0` counts.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number that is exact")]
    let of_float = |number: f64| (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64);
    value.as_i64().or_else(|| of_float(value.as_f64()?))
}

/// The whole seconds of a length of time, which is not negative: a number of seconds, or `[days ][[hours:]minutes:]seconds`.
pub(crate) fn duration_seconds(value: &Value) -> Option<i64> {
    let seconds = match value.as_str() {
        None => whole(value)?,
        Some(text) => {
            let (days, clock) = text.trim().rsplit_once(' ').unwrap_or_else(|| ("0", text.trim()));
            let digits =
                |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
            let mut parts = clock.split(':').map(digits);
            let clock = parts
                .try_fold((0_i64, 0), |(sum, count), part| Some((sum.checked_mul(60)?.checked_add(part?)?, count + 1)));
            let (clock, _) = clock.filter(|(_, count)| *count <= 3)?;
            digits(days)?.checked_mul(86_400)?.checked_add(clock)?
        }
    };
    (0..=DURATION_SECONDS_MAX).contains(&seconds).then_some(seconds)
}

/// A length of time as the API writes it: `days hh:mm:ss`, days only if there are any.
pub(crate) fn duration_text(seconds: i64) -> String {
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    if seconds < 86_400 { clock } else { format!("{} {clock}", seconds / 86_400) }
}

/// An integer field that is there.
pub(crate) fn integer(body: &Value, name: &str) -> Option<i64> {
    whole(body.get(name)?)
}

/// A text field that is there.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

/// The texts of a list field.
pub(crate) fn texts(body: &Value, name: &str) -> Option<Vec<String>> {
    let items = body.get(name)?.as_array()?;
    Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

/// The schema of a body with these fields.
pub(crate) fn schema(fields: &[Field], missing: Missing) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), field_schema(field))).collect();
    let is_required = |field: &&Field| field.presence == Presence::Required && missing == Missing::IsError;
    let required: Vec<&str> = fields.iter().filter(is_required).map(|field| field.name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn field_schema(field: &Field) -> Value {
    let mut schema = kind_schema(field.kind);
    if field.presence == Presence::Nullable
        && let Some(object) = schema.as_object_mut()
    {
        match object.get("type").cloned() {
            Some(kind) => drop(object.insert("type".to_owned(), json!([kind, "null"]))),
            None => return json!({"anyOf": [schema, {"type": "null"}]}),
        }
    }
    schema
}

pub(crate) fn kind_schema(kind: Kind) -> Value {
    match kind {
        Kind::Text(most) => json!({"type": "string", "maxLength": most}),
        Kind::Name(most) => json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": r"\S"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Integer(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Duration => json!({"anyOf": [
            {"type": "integer", "minimum": 0, "maximum": DURATION_SECONDS_MAX},
            {"type": "string", "pattern": r"^([0-9]{1,5} )?([0-9]{1,2}:){0,2}[0-9]{1,2}$"},
        ]}),
        Kind::Choice(choices) => json!({"type": "string", "enum": choices}),
        Kind::Uuid => json!({"type": "string", "format": "uuid"}),
        Kind::Object => json!({"type": "object"}),
        Kind::List(item) => json!({"type": "array", "items": kind_schema(*item)}),
        Kind::Any => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        required("name", Kind::Name(5)),
        optional("tags", Kind::List(&Kind::Text(3))),
        nullable("days", Kind::Integer(1, 9)),
        optional("mode", Kind::Choice(&["a", "b"])),
    ];

    fn refusal(body: &str) -> (String, Option<&'static str>) {
        match read(FIELDS, body.as_bytes(), Missing::IsError) {
            Err(ApiError::Invalid { detail, attr, .. }) => (detail, attr),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn the_first_problem_is_named() {
        for (body, attr, detail) in [
            ("{}", Some("name"), "This field is required."),
            (r#"{"name": null}"#, Some("name"), "This field may not be null."),
            (r#"{"name": " "}"#, Some("name"), "This field may not be blank."),
            (r#"{"name": "ééééééé"}"#, Some("name"), "Ensure this field has no more than 5 characters."),
            (r#"{"name": "x", "tags": "a"}"#, Some("tags"), "Expected a list of items."),
            (r#"{"name": "x", "tags": [1]}"#, Some("tags"), "Not a valid string."),
            (r#"{"name": "x", "days": 10}"#, Some("days"), "Ensure this value is less than or equal to 9."),
            (r#"{"name": "x", "days": 1.5}"#, Some("days"), "A valid integer is required."),
            (r#"{"name": "x", "mode": "c"}"#, Some("mode"), "\"c\" is not a valid choice."),
            ("[]", None, "Invalid data. Expected a dictionary."),
        ] {
            assert_eq!(refusal(body), (detail.to_owned(), attr), "{body}");
        }
        assert!(refusal("{").0.starts_with("JSON parse error - "));
    }

    #[test]
    fn durations_are_seconds_or_days_and_a_clock() {
        for (value, seconds, text) in [
            (json!(90), 90, "00:01:30"),
            (json!("90"), 90, "00:01:30"),
            (json!("01:30"), 90, "00:01:30"),
            (json!("30 00:00:00"), 2_592_000, "30 00:00:00"),
            (json!("1 2:03:04"), 93_784, "1 02:03:04"),
            (json!(0), 0, "00:00:00"),
        ] {
            assert_eq!(duration_seconds(&value), Some(seconds), "{value}");
            assert_eq!(duration_text(seconds), text);
        }
        for value in [
            json!(-1),
            json!(1.5),
            json!("x"),
            json!(""),
            json!("1:2:3:4"),
            json!("1 day"),
            json!(true),
            json!("-5"),
            json!("99999999999999999999"),
            json!(i64::MAX),
        ] {
            assert_eq!(duration_seconds(&value), None, "{value}");
        }
    }

    #[test]
    fn changes_need_no_field_and_null_is_a_value_where_it_may_be() {
        assert!(read(FIELDS, b"", Missing::IsKept).is_ok());
        assert!(read(FIELDS, br#"{"name": "x", "days": null, "other": 1}"#, Missing::IsError).is_ok());
        let days = |body: &str| integer(&read(FIELDS, body.as_bytes(), Missing::IsKept).unwrap(), "days");
        assert_eq!((days(r#"{"days": 5.0}"#), days(r#"{"days": null}"#), days("{}")), (Some(5), None, None));
        assert_eq!(schema(FIELDS, Missing::IsError)["required"], json!(["name"]));
        assert_eq!(schema(FIELDS, Missing::IsKept)["required"], json!([]));
        assert_eq!(schema(FIELDS, Missing::IsError)["properties"]["days"]["type"], json!(["integer", "null"]));
    }
}
