use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;
use crate::Endpoint;

/// Its base64 contains `+` and `/`, and it is long enough to be sniffed beyond its first bytes.
const TEXT: &str = r#"{"event":"a","distinct_id":"u1","properties":{"k":">>>???~~~ <b> & 100% a+b=c \ud83d\ude00"},"api_key":"phc_test","pad":"pad pad pad"}"#;

fn request() -> Request<'static> {
    Request {
        endpoint: Endpoint::Legacy,
        query: "",
        content_type: None,
        content_encoding: None,
        sender: None,
        body: b"",
    }
}

fn form(body: &[u8]) -> Request<'_> {
    Request { content_type: Some("application/x-www-form-urlencoded"), body, ..request() }
}

/// The one place that knows the API: the text that `request` carries, or status and text of the answer.
fn text(request: &Request<'_>) -> String {
    match payload(request, Limits { payload_bytes: 1 << 16, ..Limits::DEFAULT }) {
        Ok(text) => text.into_owned(),
        Err(error) => format!("{}: {error}", error.status()),
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes)
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Optimised even in tests, where bombs are built.
fn gzip(text: &str) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut packed = vec![0; compressor.gzip_compress_bound(text.len())];
    let len = compressor.gzip_compress(text.as_bytes(), &mut packed).unwrap();
    packed.truncate(len);
    packed
}

fn zlib(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn plain_text_is_borrowed_whatever_the_content_type() {
    for content_type in [None, Some("text/plain"), Some("application/json"), Some("nonsense")] {
        let request = Request { content_type, body: TEXT.as_bytes(), ..request() };
        assert!(matches!(payload(&request, Limits::DEFAULT), Ok(Cow::Borrowed(TEXT))), "{content_type:?}");
    }
}

#[test]
fn t06_data_in_the_query_replaces_the_body() {
    let encoded = [base64(TEXT), base64(gzip(TEXT)), TEXT.to_owned()];
    for data in encoded {
        let query = format!("compression=base64&data={}&_=1", percent(&data));
        assert_eq!(text(&Request { query: &query, body: b"other", ..request() }), TEXT);
    }
    assert_eq!(text(&Request { query: "data=", body: b"{}", ..request() }), "{}");
}

#[test]
fn d4_plus_is_restored_where_a_form_made_it_a_space() {
    assert!(base64(TEXT).contains('+'));
    let unescaped = format!("data={}", base64(TEXT).replace('=', "%3D"));
    assert_eq!(text(&Request { query: &unescaped, ..request() }), TEXT);
    assert_eq!(text(&form(unescaped.as_bytes())), TEXT);
    assert_eq!(text(&form(b"data={\"a\":\"b+c\"}")), r#"{"a":"b c"}"#);
}

#[test]
fn t07_t08_a_form_carries_base64_or_json() {
    for data in [base64(TEXT), TEXT.to_owned(), base64(gzip(TEXT))] {
        let body = format!("ip=1&data={}&compression=base64", percent(&data));
        for content_type in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
            for endpoint in [Endpoint::Event, Endpoint::Legacy, Endpoint::Engage] {
                let request =
                    Request { endpoint, content_type: Some(content_type), body: body.as_bytes(), ..request() };
                assert_eq!(text(&request), TEXT);
            }
        }
    }
    assert_eq!(text(&form(base64(format!("data={}", percent(TEXT))).as_bytes())), TEXT);
}

#[test]
fn t19_a_form_without_its_fields_is_refused() {
    let expected = "400: failed to decode request: expected form data in POST request payload";
    for body in ["hello", "{}", "event=a", "xdata=1", TEXT] {
        assert_eq!(text(&form(body.as_bytes())), expected, "{body}");
    }
    let too_far = format!("{}&data={{}}", "x".repeat(128));
    assert_eq!(text(&form(too_far.as_bytes())), expected);
    for body in ["_=17", "data=&_=1", "compression=gzip"] {
        assert_eq!(text(&form(body.as_bytes())), "400: request missing data payload", "{body}");
    }
}

#[test]
fn t09_t10_compression_is_seen_in_the_content() {
    let packed = [gzip(TEXT), zlib(TEXT), zstd::encode_all(TEXT.as_bytes(), 1).unwrap(), TEXT.as_bytes().to_vec()];
    for body in &packed {
        for content_encoding in [None, Some("gzip"), Some("gzip-js"), Some("lz64"), Some("base64"), Some("br")] {
            let request = Request { content_encoding, body, ..request() };
            assert_eq!(text(&request), TEXT, "{content_encoding:?}");
        }
        assert_eq!(
            text(&Request { query: "compression=gzip-js", content_type: Some("text/plain"), body, ..request() }),
            TEXT
        );
    }
}

#[test]
fn d4_base64_is_unwrapped_inside_and_outside_of_compression() {
    let bodies = [
        base64(TEXT),
        base64(TEXT).trim_end_matches('=').to_owned(),
        format!("{}\n", base64(TEXT)),
        base64(gzip(TEXT)),
        base64(gzip(&base64(TEXT))),
        base64(zlib(TEXT)),
    ];
    for body in bodies {
        assert_eq!(text(&Request { endpoint: Endpoint::Event, body: body.as_bytes(), ..request() }), TEXT, "{body}");
    }
    assert_eq!(text(&Request { body: &gzip(&base64(TEXT)), ..request() }), TEXT);
    assert_eq!(text(&form(&gzip(TEXT))), TEXT);
}

#[test]
fn t11_lz_string_needs_a_hint() {
    let body = lz_str::compress_to_base64(TEXT);
    for hint in ["lz64", "lz-string", "LZ64"] {
        let query = format!("compression={hint}");
        assert_eq!(text(&Request { query: &query, body: body.as_bytes(), ..request() }), TEXT, "{hint}");
        let form_body = format!("data={}&compression={hint}", percent(&body));
        assert_eq!(text(&form(form_body.as_bytes())), TEXT, "{hint}");
        assert_eq!(text(&Request { content_encoding: Some(hint), body: body.as_bytes(), ..request() }), TEXT, "{hint}");
        let query = format!("compression={hint}&data={}", body.replace('=', "%3D"));
        assert_eq!(text(&Request { query: &query, ..request() }), TEXT, "{hint}");
    }
    let both =
        Request { query: "compression=lz64", content_encoding: Some("gzip"), body: body.as_bytes(), ..request() };
    assert_eq!(text(&both), TEXT, "the query goes before the header");
    let nonsense =
        Request { query: "compression=x", content_encoding: Some("lz64"), body: body.as_bytes(), ..request() };
    assert_eq!(text(&nonsense), TEXT, "what is no hint is ignored");
    assert_eq!(text(&Request { query: "compression=lz64", body: TEXT.as_bytes(), ..request() }), TEXT);
}

#[test]
fn t17_nothing_at_all_is_refused() {
    for query in ["", "data=", "_=1&beacon=1"] {
        assert_eq!(text(&Request { query, ..request() }), "400: request missing data payload", "{query}");
    }
    assert_eq!(text(&form(b"")), "400: request missing data payload");
}

#[test]
fn t20_bytes_that_are_no_text_are_refused() {
    let expected = "400: failed to decode request: invalid UTF8 in request payload";
    assert_eq!(text(&Request { body: b"{\"a\":\"\xff\"}", ..request() }), expected);
    assert_eq!(text(&Request { query: "data=%7B%FF%7D", ..request() }), expected);
    let garbage = b"\x1f\x8b\x08 garbage that goes on for a while";
    assert_eq!(text(&Request { body: garbage, ..request() }), "400: failed to decode request: invalid GZIP data");
}

#[test]
fn t27_payloads_above_the_limit_are_refused() {
    let long = "x".repeat((1 << 16) + 1);
    let refused = |what: &str| format!("413: maximum event size exceeded: {what} is larger than 65536 bytes");
    assert_eq!(text(&Request { body: long.as_bytes(), ..request() }), refused("payload"));
    assert_eq!(text(&Request { query: &format!("data={long}"), ..request() }), refused("payload"));
    assert_eq!(text(&Request { body: &gzip(&long), ..request() }), refused("inflated payload"));
    let packed = lz_str::compress_to_base64(&long);
    let request = Request { query: "compression=lz64", body: packed.as_bytes(), ..request() };
    assert_eq!(text(&request), refused("inflated payload"));
}

#[test]
fn t27_a_bomb_of_64_mib_in_100_kb_is_refused() {
    let bomb = gzip(&" ".repeat(64 << 20));
    assert!(bomb.len() < 100_000);
    let request = Request { body: &bomb, ..request() };
    let error = payload(&request, Limits::DEFAULT).unwrap_err();
    assert_eq!(error.status(), 413);
    assert!(error.to_string().starts_with("maximum event size exceeded: "));
}

#[test]
fn lone_surrogates_are_repaired_in_every_encoding() {
    let broken = r#"{"event":"a\ud83d"}"#;
    for body in [broken.as_bytes().to_vec(), gzip(broken), base64(broken).into_bytes()] {
        assert_eq!(text(&Request { body: &body, ..request() }), r#"{"event":"a\ufffd"}"#);
    }
}
