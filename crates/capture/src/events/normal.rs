//! The first step of an event's life on the server: what the request says about it becomes part of its properties.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use model::{CapturedEvent, Properties, Timestamp, json, json_string};
use uuid::Uuid;

use super::uuid_for;
use crate::shape::WireEvent;
use crate::timestamp::{self, Claims};
use crate::{Endpoint, Received, Request, form};

/// What is the same for all events of a request.
pub(crate) struct Sender<'r> {
    received: &'r Received,
    is_v1: bool,
    sent_at: Option<Timestamp>,
    /// `sent_at` as the property that events get.
    sent_at_property: Option<String>,
    ip_property: String,
}

impl<'r> Sender<'r> {
    /// `sent_at` is that of a batch object; without a readable one the query parameter `_` counts.
    pub(crate) fn new(request: &Request<'_>, received: &'r Received, sent_at: Option<&str>) -> Self {
        let of_query = || form::integer(request.query, "_").and_then(timestamp::sent_at_millis);
        let sent_at = sent_at.and_then(timestamp::sent_at).or_else(of_query);
        Self {
            received,
            is_v1: request.endpoint == Endpoint::V1,
            sent_at,
            sent_at_property: sent_at.and_then(timestamp::to_iso).map(|iso| json_string(&iso)),
            ip_property: json_string(&received.ip.to_canonical().to_string()),
        }
    }

    /// The event as captured. `index` counts the events of the request.
    pub(crate) fn captured<'a>(
        &self,
        event: WireEvent<'a>,
        mut properties: Properties<'a>,
        distinct_id: String,
        index: u128,
    ) -> CapturedEvent<'a> {
        let ignore_sent_at = properties.get("$ignore_sent_at").and_then(json::boolean) == Some(true);
        let claims = Claims {
            now: self.received.at,
            sent_at: self.sent_at.filter(|_| !ignore_sent_at),
            timestamp: event.timestamp.as_deref(),
            offset_millis: event.offset_millis,
            // There it is part of what the option asks for.
            even_future: ignore_sent_at && self.is_v1,
        };
        let (timestamp, time_doubt) = claims.time();
        merge_into(&mut properties, "$set", event.set);
        merge_into(&mut properties, "$set_once", event.set_once);
        self.set_ip(&mut properties);
        if let Some(sent_at) = &self.sent_at_property {
            properties.set("$sent_at", sent_at.clone());
        }
        lower_case_session_id(&mut properties);
        let uuid = event.uuid.unwrap_or_else(|| uuid_for(self.received, index));
        CapturedEvent { uuid, name: event.name, distinct_id, timestamp, time_doubt, properties }
    }

    fn set_ip(&self, properties: &mut Properties<'_>) {
        if !properties.get("$ip").is_none_or(json::is_falsy) {
            return;
        }
        if properties.contains("capture_internal") {
            properties.set_str("$ip", &Ipv4Addr::LOCALHOST.to_string());
        } else {
            properties.set("$ip", self.ip_property.clone());
        }
    }
}

/// Merges the top-level object `above` into the property `key`, whose own entries give way. A property that is no
/// object gives way as a whole.
fn merge_into<'a>(properties: &mut Properties<'a>, key: &'static str, above: Option<&'a str>) {
    let Some(above) = above else { return };
    let below = properties.get(key).filter(|raw| json::is_object(raw));
    let merged = below.and_then(|below| merged(below, above));
    properties.set(key, merged.map_or(Cow::Borrowed(above), Cow::Owned));
}

/// Two JSON objects as one. Of duplicate keys the last one counts, so it is enough to write them one after the other.
fn merged(below: &str, above: &str) -> Option<String> {
    let below = below.strip_suffix('}')?.trim_ascii_end();
    let above = above.strip_prefix('{')?;
    let comma = if below == "{" || above.trim_ascii_start() == "}" { "" } else { "," };
    let joined = format!("{below}{comma}{above}");
    Some(Properties::parse(&joined).ok()?.to_json())
}

fn lower_case_session_id(properties: &mut Properties<'_>) {
    const SESSION_ID: &str = "$session_id";
    let Some(id) = properties.get_str(SESSION_ID) else { return };
    if Uuid::try_parse(&id).is_ok() && id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let lower = id.to_ascii_lowercase();
        properties.set_str(SESSION_ID, &lower);
    }
}
