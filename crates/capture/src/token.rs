//! What a project token looks like. Whether it exists is for the caller to find out.

const TOKEN_BYTES_MAX: usize = 64;
const PERSONAL_KEY_PREFIX: &str = "phx_";

/// Why a token cannot be one. Displayed as the tag that SDK users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No characters.
    #[error("empty")]
    Empty,
    /// More than 64 bytes.
    #[error("too_long")]
    TooLong,
    /// Characters no token has.
    #[error("not_ascii")]
    NotAscii,
    /// A secret that has no business in a client: a personal API key.
    #[error("personal_api_key")]
    PersonalApiKey,
}

/// Accepts what has the shape of a project token.
pub(crate) fn check(token: &str) -> Result<(), TokenFault> {
    let fault = if token.is_empty() {
        TokenFault::Empty
    } else if token.len() > TOKEN_BYTES_MAX {
        TokenFault::TooLong
    } else if !token.is_ascii() {
        TokenFault::NotAscii
    } else if token.starts_with(PERSONAL_KEY_PREFIX) {
        TokenFault::PersonalApiKey
    } else {
        return Ok(());
    };
    Err(fault)
}
