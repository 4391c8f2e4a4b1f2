//! The shapes a request's JSON can have, told apart by content alone.
//!
//! Tried in this order: an array of events; a batch object; an event; an object without an event name. A field of the
//! wrong type, or one that appears twice under any of its names, means that the shape does not match. A broken event
//! inside a batch object therefore makes it an object without an event name, as it does upstream.
//!
//! Fields are taken as raw text first and typed afterwards, so that JSON which cannot be parsed and JSON which does
//! not match are never confused. Fields nobody knows are skipped without being stored. All is read in one pass, because most
//! of what a request costs is this.

use std::borrow::Cow;

use model::Properties;
use model::json::{self, Invalid, Reader};
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::{CaptureError, Malformed};

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
    pub(crate) distinct_id: Option<&'a str>,
    pub(crate) uuid: Option<Uuid>,
    /// An object.
    pub(crate) properties: Option<&'a str>,
    /// What is in them.
    pub(crate) picked: Picked<'a>,
    /// All of them, if they were to be kept.
    pub(crate) kept: Properties<'a>,
    pub(crate) timestamp: Option<Cow<'a, str>>,
    pub(crate) offset_millis: Option<i64>,
    /// An object.
    pub(crate) set: Option<&'a str>,
    /// An object.
    pub(crate) set_once: Option<&'a str>,
}

/// What to keep of an event's properties beside their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing: there is only a verdict to be reached.
    Nothing,
    /// Their keys and values, of which there may be so many.
    Properties { room: usize },
}

impl Keep {
    /// For an event that comes after one with `properties`: it is likely to be like it, and ingestion adds a few.
    fn after(self, properties: &Properties<'_>) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Properties { .. } => Self::Properties { room: properties.len() + 4 },
        }
    }
}

/// The few properties that a verdict depends on; of duplicate keys the last. Raw, null included.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Picked<'a> {
    pub(crate) distinct_id: Option<&'a str>,
    pub(crate) token: Option<&'a str>,
    pub(crate) cookieless_mode: Option<&'a str>,
}

/// Reads the shape of `text`, in one pass.
///
/// # Errors
///
/// [`CaptureError::Malformed`] when it is not JSON, or not of any shape.
pub(crate) fn read(text: &str, keep: Keep) -> Result<Shape<'_>, CaptureError> {
    let mut reader = Reader::new(text);
    let shape = shape(&mut reader, keep).and_then(|shape| reader.finish().map(|()| shape));
    match shape {
        Ok(shape) => shape.ok_or_else(CaptureError::mismatch),
        // The library knows how to say where it is wrong.
        Err(Invalid) => Err(match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => CaptureError::Malformed(Malformed::Json(error)),
            Ok(IgnoredAny) => CaptureError::mismatch(),
        }),
    }
}

/// The shape of the next value, if it has one.
fn shape<'a>(reader: &mut Reader<'a>, keep: Keep) -> Result<Option<Shape<'a>>, Invalid> {
    if reader.array() {
        return Ok(events(reader, keep)?.map(Shape::Array));
    }
    if !reader.object() {
        return reader.value().map(|_| None);
    }
    let (mut batch, mut event) = (RawBatch::default(), RawEvent::default());
    while let Some(key) = reader.member()? {
        if !batch.take(&key, reader, keep)? && !event.take(&key, reader, keep)? {
            reader.value()?;
        }
    }
    if let Some(batch) = batch.typed(&event) {
        return Ok(Some(Shape::Batch(batch)));
    }
    let shape = |(has_name, event)| if has_name { Shape::Event(event) } else { Shape::Nameless(event) };
    Ok(event.typed().map(shape))
}

/// The rest of a list that has been entered: events with the right types and names; none when one of them is not like that.
fn events<'a>(reader: &mut Reader<'a>, mut keep: Keep) -> Result<Option<Vec<WireEvent<'a>>>, Invalid> {
    let mut events = Some(Vec::new());
    while reader.element()? {
        let Some(read) = events.as_mut().filter(|read| read.len() <= EVENTS_MAX) else {
            // Cannot change the verdict any more, unless it is not JSON.
            reader.value()?;
            continue;
        };
        match RawEvent::read(reader, keep)?.and_then(RawEvent::typed) {
            Some((true, event)) => {
                keep = keep.after(&event.kept);
                read.push(event);
            }
            _ => events = None,
        }
    }
    Ok(events)
}

/// The fields that only a batch object has.
#[derive(Default)]
struct RawBatch<'a> {
    fields: Fields,
    events: Option<Vec<WireEvent<'a>>>,
    historical_migration: Option<&'a str>,
    sent_at: Option<&'a str>,
}

impl<'a> RawBatch<'a> {
    /// Reads the value of `key`, if that is one of the fields.
    fn take(&mut self, key: &str, reader: &mut Reader<'a>, keep: Keep) -> Result<bool, Invalid> {
        match key {
            "batch" => {
                self.fields.note(0);
                self.events = if reader.array() { events(reader, keep)? } else { reader.value().map(|_| None)? };
            }
            "historical_migration" => self.historical_migration = self.fields.read(1, reader)?,
            "sent_at" => self.sent_at = self.fields.read(2, reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `event` has the token.
    fn typed(self, event: &RawEvent<'a>) -> Option<WireBatch<'a>> {
        if self.fields.twice != 0 || event.fields.twice & 1 << RawEvent::TOKEN != 0 {
            return None;
        }
        Some(WireBatch {
            token: event.token.and_then(json::text)?,
            events: self.events?,
            historical_migration: optional(self.historical_migration, json::boolean)?.unwrap_or(false),
            sent_at: optional(self.sent_at, json::text)?,
        })
    }
}

/// Which fields were there.
#[derive(Default)]
struct Fields {
    seen: u16,
    twice: u16,
}

impl Fields {
    fn note(&mut self, field: u16) {
        let bit = 1 << field;
        self.twice |= self.seen & bit;
        self.seen |= bit;
    }

    /// The value of `field`; none for null.
    fn read<'a>(&mut self, field: u16, reader: &mut Reader<'a>) -> Result<Option<&'a str>, Invalid> {
        self.note(field);
        reader.value().map(|raw| Some(raw).filter(|raw| *raw != "null"))
    }
}

/// The fields of an event.
#[derive(Default)]
struct RawEvent<'a> {
    fields: Fields,
    event: Option<&'a str>,
    token: Option<&'a str>,
    distinct_id: Option<&'a str>,
    uuid: Option<&'a str>,
    /// Even null.
    properties: Option<&'a str>,
    picked: Picked<'a>,
    kept: Properties<'a>,
    timestamp: Option<&'a str>,
    offset: Option<&'a str>,
    set: Option<&'a str>,
    set_once: Option<&'a str>,
}

impl<'a> RawEvent<'a> {
    const TOKEN: u16 = 1;

    /// The next value, if it is an object.
    fn read(reader: &mut Reader<'a>, keep: Keep) -> Result<Option<Self>, Invalid> {
        if !reader.object() {
            return reader.value().map(|_| None);
        }
        let mut event = Self::default();
        while let Some(key) = reader.member()? {
            if !event.take(&key, reader, keep)? {
                reader.value()?;
            }
        }
        Ok(Some(event))
    }

    /// Reads the value of `key`, if that is one of the fields.
    fn take(&mut self, key: &str, reader: &mut Reader<'a>, keep: Keep) -> Result<bool, Invalid> {
        let Self { fields, .. } = self;
        match key {
            "event" => self.event = fields.read(0, reader)?,
            "token" | "$token" | "api_key" => self.token = fields.read(Self::TOKEN, reader)?,
            "distinct_id" | "$distinct_id" => self.distinct_id = fields.read(2, reader)?,
            "uuid" => self.uuid = fields.read(3, reader)?,
            "properties" => {
                fields.note(4);
                self.properties = Some(self.read_properties(reader, keep)?);
            }
            "timestamp" => self.timestamp = fields.read(5, reader)?,
            "offset" => self.offset = fields.read(6, reader)?,
            "$set" => self.set = fields.read(7, reader)?,
            "$set_once" => self.set_once = fields.read(8, reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the next value, properties, and returns them.
    fn read_properties(&mut self, reader: &mut Reader<'a>, keep: Keep) -> Result<&'a str, Invalid> {
        let start = reader.place();
        if !reader.object() {
            return reader.value();
        }
        if let Keep::Properties { room } = keep {
            self.kept = Properties::read(reader, room)?;
            for (key, value) in self.kept.iter_kept() {
                if let Cow::Borrowed(raw) = value {
                    self.picked.note(key, raw);
                }
            }
        } else {
            while let Some(key) = reader.member()? {
                let raw = reader.value()?;
                self.picked.note(&key, raw);
            }
        }
        Ok(reader.since(start))
    }

    /// Whether it has a name, and its fields; `None` when one of them has the wrong type or is there twice.
    fn typed(self) -> Option<(bool, WireEvent<'a>)> {
        if self.fields.twice != 0 {
            return None;
        }
        let name = self.event.and_then(json::text);
        let has_name = name.is_some();
        let event = WireEvent {
            name: name.unwrap_or_default(),
            token: optional(self.token, json::text)?,
            distinct_id: self.distinct_id,
            uuid: optional(self.uuid, uuid)?.flatten(),
            properties: optional(self.properties, object)?,
            picked: self.picked,
            kept: self.kept,
            timestamp: optional(self.timestamp, json::text)?,
            offset_millis: optional(self.offset, |raw| raw.parse().ok())?,
            set: optional(self.set, object)?,
            set_once: optional(self.set_once, object)?,
        };
        Some((has_name, event))
    }
}

impl<'a> Picked<'a> {
    fn note(&mut self, key: &str, raw: &'a str) {
        match key {
            "distinct_id" => self.distinct_id = Some(raw),
            "token" => self.token = Some(raw),
            "$cookieless_mode" => self.cookieless_mode = Some(raw),
            _ => {}
        }
    }
}

/// A field that may be absent, but must have the right type when it is there.
#[expect(clippy::option_option, reason = "the outer one is the verdict, the inner one the field")]
fn optional<'a, T>(field: Option<&'a str>, typed: impl Fn(&'a str) -> Option<T>) -> Option<Option<T>> {
    field.map_or(Some(None), |raw| typed(raw).map(Some))
}

fn object(raw: &str) -> Option<&str> {
    json::is_object(raw).then_some(raw)
}

/// A uuid in any of its spellings. Empty text is as good as none.
#[expect(clippy::option_option, reason = "the outer one is the verdict, the inner one the field")]
fn uuid(raw: &str) -> Option<Option<Uuid>> {
    let text = json::text(raw)?;
    if text.is_empty() { Some(None) } else { Uuid::try_parse(&text).ok().map(Some) }
}

#[cfg(test)]
mod tests;
