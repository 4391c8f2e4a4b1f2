//! The verdict on a request's text, and its events.
//!
//! [`validate`] and [`parse`] share every check, so they always agree.
//! Checks come in a fixed order, which decides what a request with several faults is told: shape, emptiness, token,
//! then each event in turn. The first fault rejects the whole request.

pub(crate) mod normal;

use std::borrow::Cow;

use model::{CapturedEvent, json};
use uuid::Uuid;

use crate::shape::{self, Keep, Shape, WireEvent};
use crate::{CaptureError, Endpoint, Limits, Malformed, Received, Request, distinct_id, nesting, token, v1};

/// The name of an event that was sent to `/engage` without one.
const ENGAGE_EVENT: &str = "$identify";
/// Discarded unseen: no current client means it as an event.
const DISCARDED_EVENT: &str = "$performance_event";

/// What a request is worth, without its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The project token all events agree on. `None` when there is nothing to store, and for v1, which has it in a header.
    pub token: Option<String>,
    /// How many events there are to store. 0 is a success too: all that was sent is discarded by design.
    pub events: usize,
}

/// The events of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<'a> {
    /// As [`Checked::token`].
    pub token: Option<String>,
    /// Events to store, in the order they were sent. May be empty, as with [`Checked::events`].
    pub events: Vec<CapturedEvent<'a>>,
    /// Whether the sender declared the batch to be an import of old events.
    pub historical_migration: bool,
}

/// Whether [`parse`] would accept `text`, at a fraction of the cost: nothing is built that only storing needs.
///
/// `text` is what [`payload()`](crate::payload()) made of the same request.
///
/// # Errors
///
/// Exactly those of [`parse`].
pub fn validate(text: &str, request: &Request<'_>, limits: Limits) -> Result<Checked, CaptureError> {
    if request.endpoint == Endpoint::V1 {
        return Ok(Checked { token: None, events: v1::check(text)?.accepted });
    }
    let content = Content::read(text, request, limits, Keep::Nothing)?;
    if content.events.is_empty() {
        return Ok(Checked { token: None, events: 0 });
    }
    let token = content.token()?;
    for event in &content.events {
        checked_distinct_id(event, limits)?;
    }
    Ok(Checked { token: Some(token), events: content.events.len() })
}

/// The events in `text`, validated and normalised; all of them or none.
///
/// `text` is what [`payload()`](crate::payload()) made of the same request. Same arguments give the same events.
///
/// # Errors
///
/// The first fault found, in the order of checks above. Whether the token exists is not checked.
pub fn parse<'a>(
    text: &'a str,
    request: &Request<'_>,
    received: &Received,
    limits: Limits,
) -> Result<Batch<'a>, CaptureError> {
    if request.endpoint == Endpoint::V1 {
        return Ok(v1::parse(text, request, received)?);
    }
    let content = Content::read(text, request, limits, Keep::Properties { room: 0 })?;
    let historical_migration = content.historical_migration;
    if content.events.is_empty() {
        return Ok(Batch { token: None, events: Vec::new(), historical_migration });
    }
    let token = content.token()?;
    let sender = normal::Sender::new(request, received, content.sent_at.as_deref());
    let mut events = Vec::with_capacity(content.events.len());
    for (mut event, index) in content.events.into_iter().zip(0..) {
        let distinct_id = checked_distinct_id(&event, limits)?.into_owned();
        let properties = std::mem::take(&mut event.kept);
        events.push(sender.captured(event, properties, distinct_id, index));
    }
    Ok(Batch { token: Some(token), events, historical_migration })
}

/// A request's events as sent, before any check that looks into them.
struct Content<'a> {
    /// The token of the batch object, if it was one: the tokens of its events do not matter.
    batch_token: Option<Cow<'a, str>>,
    sent_at: Option<Cow<'a, str>>,
    historical_migration: bool,
    /// Not empty, unless only events were sent that are discarded.
    events: Vec<WireEvent<'a>>,
}

impl<'a> Content<'a> {
    fn read(text: &'a str, request: &Request<'_>, limits: Limits, keep: Keep) -> Result<Self, CaptureError> {
        let mut content = Self { batch_token: None, sent_at: None, historical_migration: false, events: Vec::new() };
        match shape::read(text, keep)? {
            Shape::Array(events) => content.events = events,
            Shape::Event(event) => content.events.push(event),
            Shape::Batch(batch) => {
                content.batch_token = Some(batch.token);
                content.sent_at = batch.sent_at;
                content.historical_migration = batch.historical_migration;
                content.events = batch.events;
            }
            Shape::Nameless(event) => {
                if request.endpoint != Endpoint::Engage {
                    return Err(CaptureError::MissingEventName);
                }
                content.events.push(WireEvent { name: Cow::Borrowed(ENGAGE_EVENT), ..event });
            }
        }
        if content.events.len() > shape::EVENTS_MAX {
            return Err(CaptureError::TooManyEvents { limit: shape::EVENTS_MAX });
        }
        for event in &content.events {
            check_nesting(event, limits)?;
        }
        if content.events.is_empty() {
            return Err(CaptureError::NoEvents);
        }
        content.events.retain(|event| event.name != DISCARDED_EVENT);
        Ok(content)
    }

    /// The one token of all events. Some may have none, as long as one has.
    fn token(&self) -> Result<String, CaptureError> {
        if let Some(token) = &self.batch_token {
            token::check(token)?;
            return Ok(token.to_string());
        }
        let mut agreed: Option<Cow<'_, str>> = None;
        for event in &self.events {
            let of_event = event.token.as_deref().map(Cow::Borrowed);
            let Some(token) = of_event.or_else(|| event.picked.token.and_then(json::text)) else { continue };
            match &agreed {
                Some(agreed) if *agreed != token => return Err(CaptureError::InconsistentTokens),
                Some(_) => {}
                None => agreed = Some(token),
            }
        }
        let agreed = agreed.ok_or(CaptureError::MissingToken)?;
        token::check(&agreed)?;
        Ok(agreed.into_owned())
    }
}

/// Everything that can be wrong with one event of the right shape. Accepted events have a distinct id.
fn checked_distinct_id<'a>(event: &WireEvent<'a>, limits: Limits) -> Result<Cow<'a, str>, CaptureError> {
    if event.name.is_empty() {
        return Err(CaptureError::EmptyEventName);
    }
    let kept = [event.distinct_id, event.properties, event.set, event.set_once].into_iter().flatten();
    if event.name.len() + kept.map(str::len).sum::<usize>() > limits.event_bytes {
        return Err(CaptureError::TooLarge { what: "event", limit_bytes: limits.event_bytes });
    }
    let raw = event.distinct_id.or(event.picked.distinct_id);
    let distinct_id = raw.and_then(distinct_id::of).ok_or(CaptureError::MissingDistinctId)?;
    if event.picked.cookieless_mode.is_some_and(|mode| json::boolean(mode).is_none()) {
        return Err(CaptureError::InvalidCookielessMode);
    }
    Ok(distinct_id)
}

/// The event is the first level, its fields are the second. `$set` moves into the properties, one level down.
fn check_nesting(event: &WireEvent<'_>, limits: Limits) -> Result<(), CaptureError> {
    let levels = limits.nesting;
    let fields = [(event.properties, 1), (event.distinct_id, 1), (event.set, 2), (event.set_once, 2)];
    for (field, above) in fields {
        if field.is_some_and(|raw| nesting::exceeds(raw, levels.saturating_sub(above))) {
            return Err(CaptureError::Malformed(Malformed::Nesting { levels }));
        }
    }
    Ok(())
}

/// A uuid of version 7 for the event at `index` of a request: made of nothing but what the log keeps.
fn uuid_for(received: &Received, index: u128) -> Uuid {
    let millis = u64::try_from(received.at.as_millis()).unwrap_or_default();
    let seed = received.uuid_seed.wrapping_add(index).to_be_bytes();
    let random = seed.last_chunk().expect("10 of 16 bytes");
    uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid()
}

#[cfg(test)]
mod tests;
