//! The shapes a request's JSON can have, told apart by content alone.
//!
//! Tried in this order: an array of events; a batch object; an event; an object without an event name. A field of the
//! wrong type, or one that appears twice under any of its names, means that the shape does not match. A broken event
//! inside a batch object therefore makes it an object without an event name, as it does upstream.
//!
//! Fields are taken as raw text first and typed afterwards, so that JSON which cannot be parsed and JSON which does
//! not match are never confused. Fields nobody knows are skipped without being stored.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{CaptureError, Malformed, json};

/// Most events in one request. An event costs some hundred bytes of memory however short its text is, so without a
/// limit a few kilobytes of gzip could ask for a gigabyte.
pub(crate) const EVENTS_MAX: usize = 100_000;

/// A request's content.
///
/// A list of more than [`EVENTS_MAX`] events is cut after one more, so that it can be told.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    Array(Vec<WireEvent<'a>>),
    Batch(WireBatch<'a>),
    Event(WireEvent<'a>),
    /// Has no `event` that is a string.
    Nameless(WireEvent<'a>),
}

#[derive(Debug)]
pub(crate) struct WireBatch<'a> {
    pub(crate) token: Cow<'a, str>,
    pub(crate) events: Vec<WireEvent<'a>>,
    pub(crate) historical_migration: bool,
    pub(crate) sent_at: Option<Cow<'a, str>>,
}

/// One event, each field of the right type.
#[derive(Debug)]
pub(crate) struct WireEvent<'a> {
    /// Empty when there was none, which only [`Shape::Nameless`] allows.
    pub(crate) name: Cow<'a, str>,
    pub(crate) token: Option<Cow<'a, str>>,
    /// Any JSON but null.
    pub(crate) distinct_id: Option<&'a RawValue>,
    pub(crate) uuid: Option<Uuid>,
    /// An object.
    pub(crate) properties: Option<&'a RawValue>,
    pub(crate) timestamp: Option<Cow<'a, str>>,
    pub(crate) offset_millis: Option<i64>,
    /// An object.
    pub(crate) set: Option<&'a RawValue>,
    /// An object.
    pub(crate) set_once: Option<&'a RawValue>,
}

/// Reads the shape of `text`.
///
/// # Errors
///
/// [`CaptureError::Malformed`] when it is not JSON, or not of any shape.
pub(crate) fn read(text: &str) -> Result<Shape<'_>, CaptureError> {
    if text.trim_ascii_start().starts_with('[') {
        let EventList(events) = serde_json::from_str(text).map_err(unreadable)?;
        return events.map(Shape::Array).ok_or_else(CaptureError::mismatch);
    }
    if let Some(batch) = serde_json::from_str(text).ok().and_then(|Object(batch)| RawBatch::typed(batch)) {
        return Ok(Shape::Batch(batch));
    }
    let Object(event): Object<RawEvent<'_>> = serde_json::from_str(text).map_err(unreadable)?;
    let (has_name, event) = event.typed().ok_or_else(CaptureError::mismatch)?;
    Ok(if has_name { Shape::Event(event) } else { Shape::Nameless(event) })
}

fn unreadable(error: serde_json::Error) -> CaptureError {
    if error.is_data() { CaptureError::mismatch() } else { CaptureError::Malformed(Malformed::Json(error)) }
}

#[derive(Deserialize)]
struct RawBatch<'a> {
    #[serde(borrow, alias = "api_key", alias = "$token")]
    token: &'a RawValue,
    #[serde(borrow)]
    batch: EventList<'a>,
    #[serde(borrow)]
    historical_migration: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_at: Option<&'a RawValue>,
}

impl<'a> RawBatch<'a> {
    fn typed(self) -> Option<WireBatch<'a>> {
        Some(WireBatch {
            token: json::text(self.token)?,
            events: self.batch.0?,
            historical_migration: optional(self.historical_migration, json::boolean)?.unwrap_or(false),
            sent_at: optional(self.sent_at, json::text)?,
        })
    }
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow, alias = "$token", alias = "api_key")]
    token: Option<&'a RawValue>,
    #[serde(borrow, alias = "$distinct_id")]
    distinct_id: Option<&'a RawValue>,
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    properties: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    offset: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set")]
    set: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set_once")]
    set_once: Option<&'a RawValue>,
}

impl<'a> RawEvent<'a> {
    /// Whether it has a name, and its fields; `None` when one of them has the wrong type.
    fn typed(self) -> Option<(bool, WireEvent<'a>)> {
        let name = self.event.and_then(json::text);
        let has_name = name.is_some();
        let event = WireEvent {
            name: name.unwrap_or_default(),
            token: optional(self.token, json::text)?,
            distinct_id: self.distinct_id,
            uuid: optional(self.uuid, uuid)?.flatten(),
            properties: optional(self.properties, object)?,
            timestamp: optional(self.timestamp, json::text)?,
            offset_millis: optional(self.offset, |raw| raw.get().parse().ok())?,
            set: optional(self.set, object)?,
            set_once: optional(self.set_once, object)?,
        };
        Some((has_name, event))
    }
}

/// A field that may be absent, but must have the right type when it is there.
#[expect(clippy::option_option, reason = "the outer one is the verdict, the inner one the field")]
fn optional<'a, T>(field: Option<&'a RawValue>, typed: impl Fn(&'a RawValue) -> Option<T>) -> Option<Option<T>> {
    field.map_or(Some(None), |raw| typed(raw).map(Some))
}

fn object(raw: &RawValue) -> Option<&RawValue> {
    json::is_object(raw).then_some(raw)
}

/// A uuid in any of its spellings. Empty text is as good as none.
#[expect(clippy::option_option, reason = "the outer one is the verdict, the inner one the field")]
fn uuid(raw: &RawValue) -> Option<Option<Uuid>> {
    let text = json::text(raw)?;
    if text.is_empty() { Some(None) } else { Uuid::try_parse(&text).ok().map(Some) }
}

/// Keeps `null` as a value, where other fields take it as absent.
pub(crate) fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A list of events, each with the right types and a name; `None` when one of them is not like that.
struct EventList<'a>(Option<Vec<WireEvent<'a>>>);

impl<'de: 'a, 'a> Deserialize<'de> for EventList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = EventList<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of events")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut events = Some(Vec::new());
                while let Some(read) = events.as_mut().filter(|read| read.len() <= EVENTS_MAX) {
                    let Some(Object(event)) = list.next_element::<Object<RawEvent<'_>>>()? else { break };
                    match event.typed() {
                        Some((true, event)) => read.push(event),
                        _ => events = None,
                    }
                }
                // The rest cannot change the verdict any more, unless it is not JSON.
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(EventList(events))
            }
        }
        deserializer.deserialize_seq(ListVisitor)
    }
}

/// Reads `T` from an object only. By itself, a derived reader takes an array as its fields in order.
pub(crate) struct Object<T>(pub(crate) T);

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

#[cfg(test)]
mod tests;
