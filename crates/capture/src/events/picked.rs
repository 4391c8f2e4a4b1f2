//! The few properties that a verdict depends on, without the others.

use std::fmt;

use memchr::memmem;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Lookup;
use crate::CaptureError;

pub(super) const COOKIELESS_MODE: &str = "$cookieless_mode";

/// `distinct_id`, `token` and `$cookieless_mode`.
#[derive(Debug, Default)]
pub(super) struct Picked<'a> {
    distinct_id: Option<&'a RawValue>,
    token: Option<&'a RawValue>,
    cookieless_mode: Option<&'a RawValue>,
}

impl<'a> Picked<'a> {
    /// Reads `properties` once and keeps nothing else of it.
    pub(super) fn of(properties: Option<&'a RawValue>) -> Result<Self, CaptureError> {
        let Some(raw) = properties else { return Ok(Self::default()) };
        serde_json::from_str(raw.get()).map_err(|_| CaptureError::mismatch())
    }
}

impl Lookup for Picked<'_> {
    fn value(&self, key: &str) -> Option<&RawValue> {
        match key {
            "distinct_id" => self.distinct_id,
            "token" => self.token,
            COOKIELESS_MODE => self.cookieless_mode,
            _ => None,
        }
    }
}

/// Whether [`COOKIELESS_MODE`] can be a key anywhere in `text`. Written out it would be found; written with escapes it
/// takes at least one that starts with `\u00`. No doubt means that most properties need not be looked into.
pub(super) fn may_hold_cookieless_mode(text: &str) -> bool {
    let has = |needle: &str| memmem::find(text.as_bytes(), needle.as_bytes()).is_some();
    has(COOKIELESS_MODE) || has("\\u00")
}

enum Key {
    DistinctId,
    Token,
    CookielessMode,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(match key {
                    "distinct_id" => Key::DistinctId,
                    "token" => Key::Token,
                    COOKIELESS_MODE => Key::CookielessMode,
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Picked<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PickedVisitor;
        impl<'de> Visitor<'de> for PickedVisitor {
            type Value = Picked<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut picked = Picked::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::DistinctId => picked.distinct_id = Some(map.next_value()?),
                        Key::Token => picked.token = Some(map.next_value()?),
                        Key::CookielessMode => picked.cookieless_mode = Some(map.next_value()?),
                        Key::Other => map.next_value::<IgnoredAny>().map(drop)?,
                    }
                }
                Ok(picked)
            }
        }
        deserializer.deserialize_map(PickedVisitor)
    }
}
