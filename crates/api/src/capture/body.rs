//! Reads the body of a capture request: within its limit, without waiting for ever, and with a bound on what all of them
//! together hold in memory.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::text;
use crate::app::App;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoBody {
    /// It is larger than it may be. As much of it as is reasonable was read, because most clients listen only then.
    TooLarge,
    /// It stopped coming.
    Stalled,
    /// The server is about to stop.
    Closing,
}

/// The body, and the permit that keeps the total of bodies in memory bounded for as long as it is held.
pub(crate) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), NoBody> {
    let announced = text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        drain(app, body).await;
        return Err(NoBody::TooLarge);
    }
    let kib = u32::try_from(announced.unwrap_or(limit).div_ceil(1_024)).unwrap_or(u32::MAX);
    let permit = Arc::clone(&app.in_flight).acquire_many_owned(kib).await.map_err(|_| NoBody::Closing)?;
    let mut body = body;
    let mut read = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Err(_) | Ok(Some(Err(_))) => return Err(NoBody::Stalled),
            Ok(None) => return Ok((read.freeze(), permit)),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > limit {
            drop(read);
            drain(app, body).await;
            return Err(NoBody::TooLarge);
        }
        if read.is_empty() && announced == Some(data.len()) {
            return Ok((data, permit));
        }
        read.extend_from_slice(&data);
    }
}

/// Reads a body of up to `limit` bytes and keeps nothing of it.
pub(crate) async fn discard(app: &App, mut body: Body, limit: usize) -> Result<(), NoBody> {
    let mut read = 0;
    loop {
        match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(frame))) => read += frame.data_ref().map_or(0, Bytes::len),
            Err(_) | Ok(Some(Err(_))) => return Err(NoBody::Stalled),
        }
        if read > limit {
            drain(app, body).await;
            return Err(NoBody::TooLarge);
        }
    }
}

/// Lets a client finish sending what will be refused, within reason.
pub(crate) async fn drain(app: &App, mut body: Body) {
    const PATIENCE_BYTES: usize = 64 << 20;
    let mut drained = 0;
    while drained < PATIENCE_BYTES {
        match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Ok(Some(Ok(frame))) => drained += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}
