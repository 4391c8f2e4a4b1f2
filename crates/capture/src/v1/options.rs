//! How a v1 event wants to be treated. Clients spell flags in several ways, and all of them count.

use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) cookieless_mode: Option<bool>,
    pub(super) disable_skew_correction: Option<bool>,
    pub(super) process_person_profile: Option<bool>,
    pub(super) product_tour_id: Option<String>,
}

impl Options {
    /// Reads an object of options; unknown ones are ignored. None when it is no object, or a known one makes no sense.
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let Value::Object(fields) = serde_json::from_str(raw.get()).ok()? else { return None };
        let mut options = Self::default();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                "cookieless_mode" => options.cookieless_mode = Some(flag(value)?),
                "disable_skew_correction" => options.disable_skew_correction = Some(flag(value)?),
                "process_person_profile" => options.process_person_profile = Some(flag(value)?),
                "product_tour_id" => options.product_tour_id = Some(text(value)?),
                _ => {}
            }
        }
        Some(options)
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// A flag as JSON.
pub(super) fn raw(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}
