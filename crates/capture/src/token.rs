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

/// The token that a refused text says it was meant for, whether or not the text can be parsed. For reports only.
#[must_use]
pub fn claimed_token(text: &str) -> Option<String> {
    ["\"api_key\"", "\"token\"", "\"$token\""].into_iter().find_map(|key| {
        let (_, rest) = text.split_once(key)?;
        let (token, _) = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split_once('"')?;
        (check(token).is_ok() && !token.contains('\\')).then(|| token.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d2_a_refused_text_tells_its_token() {
        let told = |text: &str| claimed_token(text);
        assert_eq!(told(r#"{"api_key" : "phc_test","batch":[{"event":5}]}"#).as_deref(), Some("phc_test"));
        assert_eq!(told(r#"[{"event":"a","properties":{"token":"t"}"#).as_deref(), Some("t"));
        for text in
            ["", "{}", r#"{"token":5}"#, r#"{"token":"phx_secret"}"#, r#"{"token":"unclosed"#, r#"{"token":""}"#]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
