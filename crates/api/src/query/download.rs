//! Rows as a file: as they come, without a bound on how many, for as long as the client takes them.

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use query::QueryError;
use query::hogql::{Answer, Encoder, Format};
use serde_json::Value;
use tokio::sync::mpsc::{self, Sender};

use super::{rows, run};
use crate::app::App;
use crate::error::ApiError;

/// Pieces that wait for the client.
const AHEAD: usize = 2;

type Piece = Result<Bytes, std::io::Error>;

/// Answers the question in `body` as a file of `format`. What fails before the first rows is an error; later the connection
/// breaks off, so that nobody takes half a file for the whole.
pub(super) async fn stream(
    app: &App,
    project: &meta::Project,
    body: &Value,
    format: Format,
) -> Result<Response, ApiError> {
    file(run::start_all(app, project, body, format == Format::JsonLines).await?, format).await
}

/// The rows of `answer` as a file of `format`.
pub(crate) async fn file(mut answer: Answer, format: Format) -> Result<Response, ApiError> {
    let mut encoder = answer.encoder(format).map_err(run::failed)?;
    let first = next(&mut answer, &mut encoder).await.map_err(run::failed)?;
    let (output, pieces) = mpsc::channel(AHEAD);
    #[expect(clippy::disallowed_methods, reason = "ends with its query or when nobody reads")]
    tokio::spawn(send(answer, encoder, first, output));
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], rows::body(pieces)).into_response())
}

async fn send(mut answer: Answer, mut encoder: Encoder, first: Option<Vec<u8>>, output: Sender<Piece>) {
    let mut piece = first;
    while let Some(bytes) = piece {
        if !bytes.is_empty() && output.send(Ok(bytes.into())).await.is_err() {
            return;
        }
        let further = tokio::select! {
            biased;
            // A client that goes away takes its query with it, also between rows.
            () = output.closed() => return,
            further = next(&mut answer, &mut encoder) => further,
        };
        piece = match further {
            Ok(piece) => piece,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a download broke off");
                output.send(Err(std::io::Error::other(error))).await.ok();
                return;
            }
        };
    }
    // The end of the file.
    let end = encoder.finish().map(Bytes::from).map_err(std::io::Error::other);
    output.send(end).await.ok();
}

/// The bytes of the next rows; `None` after the last.
async fn next(answer: &mut Answer, encoder: &mut Encoder) -> Result<Option<Vec<u8>>, QueryError> {
    match answer.next().await? {
        Some(batch) => {
            let bytes = encoder.write(&batch)?;
            answer.count_text(encoder.held_bytes() + bytes.len())?;
            Ok(Some(bytes))
        }
        None => Ok(None),
    }
}
