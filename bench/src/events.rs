//! The events that are sent: the same ones in every run, but for the time and the ids.
//!
//! Each is a page view or an action with 30 short string properties, about 1.1 KB of JSON: the shape the reference
//! figures of PostHog's capture service were measured with. Hedgerow keeps one of several events with the same id, so
//! every request that is sent carries new ids; they are patched into prepared text, which costs next to nothing.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};

/// The project the bench sends to.
pub(crate) const TOKEN: &str = "phc_benchBenchBenchBenchBenchBenchBenchBenchBen";

/// Different people who do things.
const PEOPLE: u64 = 10_000;
const UUID_LEN: usize = 36;
/// What SDKs compress with, more or less.
const GZIP_LEVEL: i32 = 6;

const NAMES: [&str; 6] = ["$pageview", "$autocapture", "$pageleave", "item added", "signed up", "report opened"];

/// 30 properties: a name, and the values one is picked from.
const PROPERTIES: [(&str, &[&str]); 30] = [
    ("$browser", &["Chrome", "Firefox", "Safari", "Mobile Safari", "Microsoft Edge"]),
    ("$browser_version", &["131", "132", "133", "18.1"]),
    ("$os", &["Mac OS X", "Windows", "Linux", "iOS", "Android"]),
    ("$os_version", &["10.15.7", "11", "6.8", "18.1"]),
    ("$device_type", &["Desktop", "Mobile", "Tablet"]),
    (
        "$current_url",
        &[
            "https://shop.example.com/items/42?ref=mail",
            "https://shop.example.com/cart",
            "https://docs.example.com/start",
        ],
    ),
    ("$host", &["shop.example.com", "docs.example.com"]),
    ("$pathname", &["/items/42", "/cart", "/start", "/account/settings"]),
    ("$referrer", &["https://search.example.org/", "$direct", "https://news.example.net/story"]),
    ("$referring_domain", &["search.example.org", "$direct", "news.example.net"]),
    (
        "$raw_user_agent",
        &[
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/604.1",
        ],
    ),
    ("$screen_width", &["1920", "2560", "430"]),
    ("$viewport_height", &["969", "1329", "739"]),
    ("$viewport_width", &["1905", "2545", "430"]),
    ("$lib", &["web", "posthog-python", "posthog-node"]),
    ("$lib_version", &["1.203.1", "3.7.4", "4.3.1"]),
    ("$timezone", &["Europe/Berlin", "America/New_York", "Asia/Tokyo"]),
    ("$session_id", &["0193a1f0-5f7e-7c3b-9d1e-2f4a6b8c0d1e", "0193a1f1-0a2b-7d4c-8e5f-6a7b8c9d0e1f"]),
    ("$window_id", &["0193a1f0-5f7f-7b2a-8c3d-4e5f6a7b8c9d", "0193a1f1-0a2c-7e5d-9f60-7b8c9d0e1f2a"]),
    ("utm_source", &["newsletter", "search", "partner"]),
    ("utm_campaign", &["autumn-sale-2026", "launch", "always-on"]),
    ("utm_medium", &["email", "cpc", "referral"]),
    ("plan", &["free", "team", "enterprise"]),
    ("experiment_variant", &["control", "test-a", "test-b"]),
    ("currency", &["EUR", "USD", "JPY"]),
    ("category", &["garden tools", "kitchen", "books", "outdoor"]),
    ("item_sku", &["SKU-000417", "SKU-119203", "SKU-554120"]),
    ("price", &["19.99", "4.50", "249.00"]),
    ("source_component", &["product-card", "header-search", "checkout-form"]),
    ("locale", &["de-DE", "en-US", "ja-JP", "pt-BR"]),
];

/// How a body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
}

/// Ids that no other event of this run has.
#[derive(Debug, Clone)]
pub(crate) struct Ids(Arc<AtomicU64>);

impl Ids {
    /// `seed` tells runs apart.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(mix(seed) << 20)))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// A whole request, ready to be sent once it has new ids.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    body: usize,
    uuids: Vec<usize>,
    unix_ms: u64,
}

impl Request {
    /// The request number `seed` with `batch` events, all of them around `unix_ms`.
    pub(crate) fn new(seed: u64, batch: usize, unix_ms: u64) -> Self {
        let mut body = format!("{{\"api_key\":\"{TOKEN}\",\"historical_migration\":false,\"batch\":[");
        let mut uuids = Vec::with_capacity(batch);
        let mut picks = Picks(mix(seed));
        for index in 0..batch {
            if index > 0 {
                body.push(',');
            }
            uuids.push(push_event(&mut body, &mut picks, unix_ms + index as u64));
        }
        body.push_str("]}");
        let mut bytes = head(Encoding::Plain, body.len());
        let start = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        Self { bytes, body: start, uuids: uuids.iter().map(|at| start + at).collect(), unix_ms }
    }

    /// Gives every event a new id.
    pub(crate) fn stamp(&mut self, ids: &Ids) {
        for &at in &self.uuids {
            write_uuid(&mut self.bytes[at..at + UUID_LEN], self.unix_ms, ids.next());
        }
    }

    /// The bytes to send: a head, and a body that is not packed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id of the last event, as last stamped.
    pub(crate) fn last_uuid(&self) -> String {
        let at = self.uuids.last().copied().unwrap_or(self.body);
        String::from_utf8_lossy(&self.bytes[at..at + UUID_LEN]).into_owned()
    }
}

/// Packs requests as SDKs do.
pub(crate) struct Gzip(Compressor);

impl Gzip {
    pub(crate) fn new() -> Self {
        Self(Compressor::new(CompressionLvl::new(GZIP_LEVEL).expect("the level is one of 1 to 12")))
    }

    /// `request` as it is now, with its body packed.
    pub(crate) fn packed(&mut self, request: &Request) -> Bytes {
        let body = &request.bytes[request.body..];
        let mut packed = vec![0; self.0.gzip_compress_bound(body.len())];
        let len = self.0.gzip_compress(body, &mut packed).expect("the bound is enough for any body");
        let mut bytes = head(Encoding::Gzip, len);
        bytes.extend_from_slice(&packed[..len]);
        Bytes::from(bytes)
    }
}

/// Request line and headers of a batch whose body has this length.
pub(crate) fn head(encoding: Encoding, len: usize) -> Vec<u8> {
    let packed = match encoding {
        Encoding::Plain => "",
        Encoding::Gzip => "Content-Encoding: gzip\r\n",
    };
    let head = "POST /batch/ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: hedgerow-bench\r\n";
    format!("{head}Content-Type: application/json\r\n{packed}Content-Length: {len}\r\n\r\n").into_bytes()
}

/// Appends one event to `body`; returns where its id stands.
fn push_event(body: &mut String, picks: &mut Picks, unix_ms: u64) -> usize {
    let name = picks.one_of(&NAMES);
    let person = picks.next() % PEOPLE;
    body.push_str(&format!("{{\"event\":\"{name}\",\"distinct_id\":\"user-{person:06}\",\"uuid\":\""));
    let at = body.len();
    body.push_str("00000000-0000-7000-8000-000000000000");
    body.push_str(&format!("\",\"timestamp\":\"{}\",\"properties\":{{", rfc3339(unix_ms)));
    for (index, (name, values)) in PROPERTIES.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        body.push_str(&format!("{comma}\"{name}\":\"{}\"", picks.one_of(values)));
    }
    body.push_str("}}");
    at
}

fn rfc3339(unix_ms: u64) -> String {
    let instant = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", instant.unwrap_or_default())
}

/// Writes a version 7 id: the time, then bits that only look random.
fn write_uuid(text: &mut [u8], unix_ms: u64, number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let noise = mix(number);
    let high = (unix_ms << 16) | 0x7000 | (noise >> 52);
    let low = (1 << 63) | (noise & (u64::MAX >> 2));
    let bits = (u128::from(high) << 64) | u128::from(low);
    let mut shift = 128;
    for (index, byte) in text.iter_mut().enumerate() {
        if !matches!(index, 8 | 13 | 18 | 23) {
            shift -= 4;
            *byte = DIGITS[usize::from((bits >> shift).to_le_bytes()[0] & 15)];
        }
    }
}

/// Reproducible choices.
struct Picks(u64);

impl Picks {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    fn one_of<'a>(&mut self, values: &[&'a str]) -> &'a str {
        let index = self.next() % values.len().max(1) as u64;
        values.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or_default()
    }
}

/// SplitMix64's finaliser: distinct numbers stay distinct and look random.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
