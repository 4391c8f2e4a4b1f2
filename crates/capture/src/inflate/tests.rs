use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;

const LIMIT: usize = 1 << 18;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn inflated(bytes: &[u8]) -> String {
    match unpacked(Cow::Borrowed(bytes), LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("{}: {error}", error.status()),
    }
}

#[test]
fn d4_content_decides() {
    let text = b"{\"event\":\"a\"}";
    for packed in [
        gzip(text),
        zlib(text, 0),
        zlib(text, 1),
        zlib(text, 6),
        zlib(text, 9),
        zstd::encode_all(&text[..], 3).unwrap(),
        text.to_vec(),
    ] {
        assert_eq!(inflated(&packed), String::from_utf8_lossy(text));
    }
}

#[test]
fn all_members_of_a_gzip_file_count() {
    let many = [gzip(b"one "), gzip(b"two "), gzip(b"two "), gzip(b"")].concat();
    assert_eq!(inflated(&many), "one two two ");
    assert_eq!(inflated(&gzip(b"")), "");
}

#[test]
fn a_gzip_member_inside_another_one_is_content() {
    let mut stored = GzEncoder::new(Vec::new(), Compression::none());
    stored.write_all(GZIP_MAGIC).unwrap();
    let stored = stored.finish().unwrap();
    assert_eq!(unpacked(Cow::Owned(stored), LIMIT).unwrap(), GZIP_MAGIC);
}

#[test]
fn t20_damaged_bytes_are_refused() {
    let mut torn = gzip(b"some text that is long enough to be cut");
    torn.truncate(torn.len() - 9);
    let mut flipped = gzip(b"some text");
    flipped[14] ^= 0x40;
    let mut lying = gzip(b"some text");
    *lying.last_mut().unwrap() = 0xff;
    let trailing = [&gzip(b"some text")[..], &[100, 0, 0, 0]].concat();
    for damaged in
        [vec![0x1f, 0x8b, 8], b"\x1f\x8b\x08garbage that is no deflate stream".to_vec(), torn, flipped, lying, trailing]
    {
        assert_eq!(inflated(&damaged), "400: failed to decode request: invalid GZIP data");
    }
    assert_eq!(inflated(b"\x28\xb5\x2f\xfdgarbage"), "400: failed to decode request: invalid ZSTD data");
}

#[test]
fn text_that_looks_like_zlib_stays_text() {
    assert!(is_zlib(b"x^2 is a square"));
    assert_eq!(inflated(b"x^2 is a square"), "x^2 is a square");
}

#[test]
fn t27_a_bomb_is_refused_after_the_limit() {
    let zeroes = vec![b' '; 2 << 20];
    let mut lying = gzip(&zeroes);
    let end = lying.len();
    lying[end - 4..].copy_from_slice(&17_u32.to_le_bytes());
    let many = gzip(&zeroes[..LIMIT / 2]).repeat(3);
    for bomb in [gzip(&zeroes), lying, many, zlib(&zeroes, 6), zstd::encode_all(&zeroes[..], 3).unwrap()] {
        assert!(bomb.len() < 20_000);
        assert_eq!(inflated(&bomb), "413: maximum event size exceeded: inflated payload is larger than 262144 bytes");
    }
    assert_eq!(inflated(&gzip(&zeroes[..LIMIT])).len(), LIMIT);
}
