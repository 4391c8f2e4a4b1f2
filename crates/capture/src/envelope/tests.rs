use proptest::prelude::*;

use super::*;

fn record(envelope: &Envelope<'_>) -> Vec<u8> {
    [&envelope.header(), envelope.request.body].concat()
}

fn example(body: &[u8]) -> Envelope<'_> {
    Envelope {
        project: ProjectId(7),
        received: Received {
            at: Timestamp::from_micros(1_767_268_800_000_001),
            ip: Ipv4Addr::new(203, 0, 113, 7).into(),
            uuid_seed: 0x0102_0304,
        },
        request: Request {
            endpoint: Endpoint::Engage,
            query: "_=1",
            content_type: Some("text/plain"),
            content_encoding: None,
            sender: None,
            body,
        },
    }
}

/// Records must stay readable: this is one of an older version, byte by byte, but for its first.
fn bytes(version: u8) -> Vec<u8> {
    #[rustfmt::skip]
    let bytes = [
        &[version][..],
        &[7, 0, 0, 0, 0, 0, 0, 0],
        &[0x01, 0xf0, 0x0b, 0x55, 0x52, 0x47, 0x06, 0x00],
        &[4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[4, 203, 0, 113, 7],
        &[2],
        b"\x03\0\0\0_=1",
        b"\x01\x0a\0\0\0text/plain",
        &[0],
        b"{}",
    ].concat();
    bytes
}

#[test]
fn version_1_is_read_and_version_2_is_fixed() {
    let envelope = example(b"{}");
    assert_eq!(record(&envelope), bytes(2));
    assert_eq!(Envelope::decode(&bytes(2)), Ok(envelope));
    assert_eq!(Envelope::decode(&bytes(1)), Ok(envelope));
}

#[test]
fn a_v1_request_keeps_its_sender() {
    let mut envelope = example(b"{}");
    envelope.request.endpoint = Endpoint::V1;
    envelope.request.sender = Some(Sender { sdk: "p/1", sent_at: "now" });
    let record = record(&envelope);
    assert!(record.ends_with(b"\0\x03\0\0\0p/1\x03\0\0\0now{}"), "{record:?}");
    assert_eq!(Envelope::decode(&record), Ok(envelope));
    assert_eq!(
        Envelope::decode(&[&[1], &record[1..]].concat()),
        Err(EnvelopeError::Damaged { what: "endpoint" }),
        "version 1 had none of them"
    );
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let mut bytes = record(&example(b""));
    bytes[0] = 3;
    assert_eq!(Envelope::decode(&bytes), Err(EnvelopeError::Newer { version: 3 }));
    bytes[0] = 0;
    assert_eq!(Envelope::decode(&bytes), Err(EnvelopeError::Damaged { what: "version" }));
}

#[test]
fn a_header_cut_anywhere_is_damage() {
    let header = example(b"").header();
    for end in 0..header.len() {
        assert!(matches!(Envelope::decode(&header[..end]), Err(EnvelopeError::Damaged { .. })), "{end}");
    }
}

prop_compose! {
    fn endpoint()(at in 0_usize..3) -> Endpoint {
        [Endpoint::Event, Endpoint::Legacy, Endpoint::Engage][at]
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(
        (project, at, ip, uuid_seed) in any::<(i64, i64, IpAddr, u128)>(),
        endpoint in endpoint(),
        (query, content_type, content_encoding) in any::<(String, Option<String>, Option<String>)>(),
        body in any::<Vec<u8>>(),
    ) {
        let envelope = Envelope {
            project: ProjectId(project),
            received: Received { at: Timestamp::from_micros(at), ip, uuid_seed },
            request: Request {
                endpoint,
                query: &query,
                content_type: content_type.as_deref(),
                content_encoding: content_encoding.as_deref(),
                sender: None,
                body: &body,
            },
        };
        let record = record(&envelope);
        prop_assert_eq!(Envelope::decode(&record), Ok(envelope));
    }

    #[test]
    fn decode_is_total(record in any::<Vec<u8>>()) {
        let _answer = Envelope::decode(&record);
    }
}
