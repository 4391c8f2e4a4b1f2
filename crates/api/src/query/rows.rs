//! Lines as the body of an answer.

use axum::body::Body;
use futures::stream::poll_fn;
use tokio::sync::mpsc::Receiver;

/// A body of what `lines` gives; it ends where they end.
pub(crate) fn body(mut lines: Receiver<Result<String, std::io::Error>>) -> Body {
    Body::from_stream(poll_fn(move |context| lines.poll_recv(context)))
}
