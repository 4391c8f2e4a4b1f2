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
            body,
        },
    }
}

/// Records written by version 1 must stay readable: this is one, byte by byte.
#[test]
fn version_1_is_fixed() {
    let envelope = example(b"{}");
    #[rustfmt::skip]
    let bytes = [
        &[1][..],
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
    assert_eq!(record(&envelope), bytes);
    assert_eq!(Envelope::decode(&bytes), Ok(envelope));
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let mut bytes = record(&example(b""));
    bytes[0] = 2;
    assert_eq!(Envelope::decode(&bytes), Err(EnvelopeError::Newer { version: 2 }));
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
