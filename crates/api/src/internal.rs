//! Events that the API sends itself: changes of persons and groups, as PostHog makes them.
//!
//! A person's properties change in one place, ingestion, and so a change through the API is an event like any other: it is
//! durable before it is answered, keeps its place among the changes that clients send, and can be listed.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use capture::{Endpoint, Envelope, Received};
use meta::Project;
use model::Sequence;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;

/// How long to wait for an event to be applied, before answering anyway.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Sends an event and waits until it is applied, so that what is asked next sees it.
pub(crate) async fn send(
    app: &App,
    project: &Project,
    event: &str,
    distinct_id: &str,
    properties: &Value,
) -> Result<(), ApiError> {
    let mut properties = properties.clone();
    // It says nothing about where the person is.
    properties["$geoip_disable"] = json!(true);
    properties["$lib"] = json!("hedgerow");
    let body = json!({
        "api_key": project.api_token,
        "event": event,
        "distinct_id": distinct_id,
        "properties": properties,
    });
    let body = Bytes::from(body.to_string());
    let request = capture::Request {
        endpoint: Endpoint::Event,
        query: "",
        content_type: Some("application/json"),
        content_encoding: None,
        sender: None,
        body: &body,
    };
    let payload = capture::payload(&request, app.settings.capture).map_err(|error| refused(&error))?;
    capture::validate(&payload, &request, app.settings.capture).map_err(|error| refused(&error))?;
    let received = Received { at: app.now(), ip: IpAddr::V4(Ipv4Addr::LOCALHOST), uuid_seed: app.random.u128() };
    let header = Envelope { project: project.id, received, request }.header();
    let sequence = app
        .log
        .append([Bytes::from(header), body.clone()])
        .await
        .map_err(|error| ApiError::Unavailable(Box::new(error)))?;
    let start = app.clock.instant();
    while app.meta.positions()?.applied < Sequence(sequence) && app.clock.elapsed(start) < PATIENCE {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What a client could not send either.
fn refused(error: &capture::CaptureError) -> ApiError {
    ApiError::bad_request(error.to_string())
}
