//! The JSON of a v1 request. What is required and missing, or of another type than said here, refuses the request.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::shape::EVENTS_MAX;

#[derive(Deserialize)]
pub(super) struct WireBatch<'a> {
    #[serde(borrow)]
    pub(super) created_at: Cow<'a, str>,
    pub(super) historical_migration: Option<bool>,
    pub(super) capture_internal: Option<bool>,
    #[serde(borrow)]
    pub(super) batch: Events<'a>,
}

#[derive(Deserialize)]
pub(super) struct WireEvent<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) uuid: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) distinct_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) timestamp: Cow<'a, str>,
    pub(super) session_id: Option<String>,
    pub(super) window_id: Option<String>,
    /// Not null.
    #[serde(borrow)]
    pub(super) options: Option<&'a RawValue>,
    /// Any JSON, even null.
    #[serde(borrow, default, deserialize_with = "even_null")]
    pub(super) properties: Option<&'a RawValue>,
}

/// A list of more than [`EVENTS_MAX`] events is cut after one more, so that it can be told.
pub(super) struct Events<'a>(pub(super) Vec<WireEvent<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Events<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = Events<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of events")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut events = Vec::new();
                while events.len() <= EVENTS_MAX {
                    let Some(Object(event)) = list.next_element::<Object<WireEvent<'_>>>()? else {
                        return Ok(Events(events));
                    };
                    events.push(event);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Events(events))
            }
        }
        deserializer.deserialize_seq(ListVisitor)
    }
}

/// Keeps `null` as a value, where other fields take it as absent.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads `T` from an object only. By itself, a derived reader takes an array as its fields in order.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}
