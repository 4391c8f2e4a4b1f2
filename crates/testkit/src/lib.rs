//! Drives the real binary from tests: starts it on a free port and an empty directory, speaks HTTP, kills it.
//!
//! For tests only: whatever goes wrong here panics with the server's own log in the message.

#![expect(clippy::disallowed_methods, reason = "tests use the real clock and file system")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod http;
mod server;

pub use http::{Answer, encode};
pub use server::{Client, Options, Server};

/// Project token of every test server.
pub const TOKEN: &str = "phc_test";
/// All-scope key of its owner.
pub const KEY: &str = "phx_test";
