use std::fmt::Write;

use model::Timestamp;

use super::*;
use crate::{payload, timestamp};

mod properties;
mod times;
mod verdicts;

/// 2026-01-01T12:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_767_268_800_000_000);

fn received() -> Received {
    Received { at: NOW, ip: [203, 0, 113, 7].into(), uuid_seed: 0x5eed << 64 }
}

fn request(endpoint: Endpoint, body: &str) -> Request<'_> {
    Request { endpoint, query: "", content_type: None, content_encoding: None, sender: None, body: body.as_bytes() }
}

/// The one place that knows the API: what capture makes of `request`, with the verdict of validation compared.
fn captured(request: &Request<'_>, limits: Limits) -> Result<Batch<'static>, String> {
    let answer = |error: CaptureError| format!("{}: {error}", error.status());
    let text = payload(request, limits).map_err(answer)?;
    let parsed = parse(&text, request, &received(), limits).map_err(answer);
    let validated = validate(&text, request, limits).map_err(answer);
    let expected = parsed.as_ref().map(|batch| Checked { token: batch.token.clone(), events: batch.events.len() });
    assert_eq!(validated.as_ref(), expected.as_ref().map_err(|answer| *answer), "verdicts differ about {text}");
    let Batch { token, events, historical_migration } = parsed?;
    let owned = |event: CapturedEvent<'_>| CapturedEvent {
        name: Cow::Owned(event.name.into_owned()),
        properties: event.properties.into_owned(),
        uuid: event.uuid,
        distinct_id: event.distinct_id,
        timestamp: event.timestamp,
        time_doubt: event.time_doubt,
    };
    Ok(Batch { token, events: events.into_iter().map(owned).collect(), historical_migration })
}

/// `token: name/distinct id, …` of what was sent to `endpoint`, or the status and text it is answered with.
fn verdict_on(endpoint: Endpoint, body: &str) -> String {
    let batch = match captured(&request(endpoint, body), Limits::DEFAULT) {
        Ok(batch) => batch,
        Err(answer) => return answer,
    };
    let mut out = batch.token.unwrap_or_else(|| "no token".to_owned());
    for (at, event) in batch.events.iter().enumerate() {
        write!(out, "{} {}/{}", if at == 0 { ":" } else { "," }, event.name, event.distinct_id).unwrap();
    }
    out
}

fn verdict(body: &str) -> String {
    verdict_on(Endpoint::Legacy, body)
}

/// The only event in `body`, which must be accepted.
fn one(body: &str) -> CapturedEvent<'static> {
    let mut batch = captured(&request(Endpoint::Legacy, body), Limits::DEFAULT).expect("the request is valid");
    assert_eq!(batch.events.len(), 1);
    batch.events.remove(0)
}

/// The time of the only event in `body`.
fn time(query: &str, body: &str) -> String {
    let request = Request { query, ..request(Endpoint::Legacy, body) };
    let batch = captured(&request, Limits::DEFAULT).expect("the request is valid");
    timestamp::to_iso(batch.events[0].timestamp).unwrap()
}

/// The properties of an event sent with `properties` and other `fields`, less `$ip`.
fn properties(fields: &str, properties: &str) -> String {
    let body = format!(r#"{{"token":"phc_test","event":"a","distinct_id":"u1",{fields}"properties":{properties}}}"#);
    let mut properties = one(&body).properties;
    properties.remove("$ip");
    properties.to_json()
}
