use super::*;

const KEY: Key = Key { epoch: 3, salt: 0x1234_5678_9abc_def0 };

fn frame(payload: &[u8]) -> Vec<u8> {
    let header = Header { payload_bytes: payload.len(), sequence: 9, watermark: 7, hash: hash(payload, KEY) };
    let mut bytes = header.encode(KEY).to_vec();
    bytes.extend_from_slice(payload);
    bytes.resize(header.frame_bytes(), 0);
    bytes
}

fn is_valid(bytes: &[u8], key: Key) -> bool {
    Header::decode(bytes, key).is_some_and(|header| header.verify(bytes, key))
}

#[test]
fn what_was_written_is_read() {
    for len in [0, 1, 7, 8, 9, 5_000] {
        let payload = vec![0xab; len];
        let bytes = frame(&payload);
        assert_eq!(bytes.len() % ALIGNMENT, 0);
        let header = Header::decode(&bytes, KEY).unwrap();
        assert_eq!((header.payload_bytes, header.sequence, header.watermark), (len, 9, 7));
        assert_eq!(header.frame_bytes(), bytes.len());
        assert!(header.verify(&bytes, KEY));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = frame(b"a payload of some length");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_valid(&flipped, KEY), "bit {bit}");
    }
}

#[test]
fn a_frame_cut_short_is_not_valid() {
    let bytes = frame(b"payload");
    for len in 0..HEADER_BYTES + 7 {
        assert!(!is_valid(&bytes[..len], KEY), "{len} bytes");
    }
}

#[test]
fn frames_of_another_process_or_segment_are_not_valid() {
    let bytes = frame(b"payload");
    assert!(is_valid(&bytes, KEY));
    assert!(!is_valid(&bytes, Key { epoch: 4, ..KEY }));
    assert!(!is_valid(&bytes, Key { salt: 0, ..KEY }));
}

#[test]
fn zeroes_are_no_frame() {
    assert_eq!(Header::decode(&[0; 64], Key::default()), None);
}

#[test]
fn a_payload_in_parts_has_the_checksum_of_the_whole() {
    let payload: Vec<u8> = (0..=255).cycle().take(3_000).collect();
    for at in [0, 1, 255, 256, 1_024, 3_000] {
        let parts = [Bytes::copy_from_slice(&payload[..at]), Bytes::copy_from_slice(&payload[at..])];
        assert_eq!(hash_parts(&parts, KEY), hash(&payload, KEY));
    }
}

/// The layout is a promise to every later version.
#[test]
fn the_layout_stays() {
    let key = Key { epoch: 0x0102_0304, salt: 42 };
    let header = Header { payload_bytes: 5, sequence: 0x1122, watermark: 0x1121, hash: hash(b"bytes", key) };
    let text: String = header.encode(key).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, LAYOUT);
}

const LAYOUT: &str = "2d0000002192fc8f221100000000000004030201000000002111000000000000bd9ba75b03ff4d8f";
