//! Query strings as PostHog reads them: ordered, form-encoded, the last of a repeated parameter counts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// Characters that form encoding leaves alone, besides letters and digits.
const FORM_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The decoded parameters of one request, in the order they were sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Decodes `query`; `+` is a space, broken escapes stay as they are.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self { pairs: pairs.collect() }
    }

    /// The last value of `name`, even if it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The last value of `name` unless it is empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether `name` is `true` or `1`, in any case.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// Every value of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Names and values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Replaces the last value of `name` in place, or appends it.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        match self.pairs.iter_mut().rev().find(|(n, _)| n == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name.to_owned(), value)),
        }
    }

    /// Forgets every value of `name`.
    pub(crate) fn remove(&mut self, name: &str) {
        self.pairs.retain(|(n, _)| n != name);
    }

    /// The form-encoded query string, without the question mark.
    pub(crate) fn encode(&self) -> String {
        let mut out = String::new();
        for (at, (name, value)) in self.pairs.iter().enumerate() {
            if at > 0 {
                out.push('&');
            }
            out.push_str(&encode(name));
            out.push('=');
            out.push_str(&encode(value));
        }
        out
    }
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, FORM_ENCODED).to_string().replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_is_replaced_in_place() {
        let mut params = Params::parse("a=1&before=x&a=2&empty=");
        assert_eq!(params.get("a"), Some("2"));
        assert_eq!(params.non_empty("empty"), None);
        params.set("before", "2020-12-30T12:03:53+00:00".to_owned());
        assert_eq!(params.encode(), "a=1&before=2020-12-30T12%3A03%3A53%2B00%3A00&a=2&empty=");
    }

    #[test]
    fn spaces_and_unicode_survive_a_round_trip() {
        let params = Params::parse("q=a+b%20%C3%A9%26%3D~");
        assert_eq!(params.get("q"), Some("a b é&=~"));
        assert_eq!(params.encode(), "q=a+b+%C3%A9%26%3D~");
    }
}
