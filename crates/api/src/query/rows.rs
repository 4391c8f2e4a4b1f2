//! Pieces as the body of an answer.

use axum::body::Body;
use bytes::Bytes;
use futures::stream::poll_fn;
use tokio::sync::mpsc::Receiver;

/// A body of what `pieces` gives; it ends where they end.
pub(crate) fn body<T: Into<Bytes> + Send + 'static>(mut pieces: Receiver<Result<T, std::io::Error>>) -> Body {
    Body::from_stream(poll_fn(move |context| pieces.poll_recv(context)))
}
