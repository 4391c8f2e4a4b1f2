//! Request bytes become validated events, in every dialect that PostHog's SDKs speak.
//!
//! A request passes three stations: [`payload()`] undoes base64, forms and compression until JSON text is left;
//! [`validate`] gives the verdict on that text, which is all that an acknowledgement needs; [`parse`] gives the
//! same verdict and the events themselves. The log keeps the body as it came, behind an [`Envelope`] with everything
//! else that decoding depends on, so that a record read back later gives the same events, generated ids included.
//!
//! What happens here is a pure function of its arguments. Nothing is read but memory, no clock is asked, no input makes
//! it panic, and both time and memory grow in proportion to [`Limits::payload_bytes`], never faster.

#![warn(missing_docs)]
#![warn(clippy::missing_errors_doc)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod ai;
mod distinct_id;
mod envelope;
mod error;
mod events;
mod form;
mod inflate;
mod lz_string;
mod nesting;
mod payload;
mod request;
mod shape;
mod surrogates;
mod timestamp;
mod token;
pub mod v1;

pub use envelope::{Envelope, EnvelopeError};
pub use error::{CaptureError, Malformed};
pub use events::{Batch, Checked, parse, validate};
pub use payload::payload;
pub use request::{Endpoint, Limits, Received, Request, Sender, wants_no_content};
pub use token::{TokenFault, claimed_token};
