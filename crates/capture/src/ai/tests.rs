use super::*;

fn part<'a>(name: &'a str, content_type: &'a str, content: &'a [u8]) -> Part<'a> {
    Part { name, content_type: Some(content_type).filter(|kind| !kind.is_empty()), content }
}

fn told(parts: &[Part<'_>]) -> String {
    assembled("t", parts).unwrap_or_else(|error| error.to_string())
}

const EVENT_PART: Part<'_> =
    Part { name: "event", content_type: Some("application/json"), content: br#"{"event":"e","distinct_id":"d"}"# };

#[test]
fn parts_become_one_event() {
    assert_eq!(told(&[EVENT_PART]), r#"{"api_key":"t","batch":[{"event":"e","distinct_id":"d","properties":{}}]}"#);
    let parts = [
        EVENT_PART,
        part("event.properties", "application/json", br#"{"$ai_model":"m","n":1.50}"#),
        part("event.properties.$ai_input", "application/json; charset=utf-8", br#"[{"role":"user"}]"#),
        part("event.properties.said", "text/plain", "say \"é\"".as_bytes()),
        part("event.properties.untyped", "", b"text"),
        part("event.properties.sound", "application/octet-stream", b"\x00\xff"),
    ];
    assert_eq!(
        told(&parts),
        r#"{"api_key":"t","batch":[{"event":"e","distinct_id":"d","properties":{"$ai_model":"m","n":1.50,"$ai_input":[{"role":"user"}],"said":"say \"é\"","untyped":"text","sound":"AP8="}}]}"#
    );
    let inside = part("event", "", br#"{"event":"e","properties":{"a":1}}"#);
    let beside = part("event.properties", "", br#"{"b":2}"#);
    assert_eq!(told(&[beside, inside]), r#"{"api_key":"t","batch":[{"event":"e","properties":{"a":1,"b":2}}]}"#);
}

#[test]
fn what_is_no_event_is_refused_with_its_part() {
    for (parts, reason) in [
        (vec![], "there is no part 'event'"),
        (vec![part("event", "", b"[]")], "the part 'event' is not a JSON object"),
        (vec![part("event", "", b"\xff")], "the part 'event' is not UTF-8"),
        (vec![part("event", "", br#"{"properties":1}"#)], "'properties' is not an object"),
        (vec![EVENT_PART, EVENT_PART], "the part 'event' is there twice"),
        (vec![EVENT_PART, part("other", "", b"")], "the part 'other' has no place in an event"),
        (vec![EVENT_PART, part("event.properties.", "", b"")], "the part 'event.properties.' has no place in an event"),
        (vec![EVENT_PART, part("event.propertiesx", "", b"")], "the part 'event.propertiesx' has no place in an event"),
        (
            vec![EVENT_PART, part("event.properties.a", "application/json", b"{")],
            "the part 'event.properties.a' is not JSON",
        ),
    ] {
        assert_eq!(told(&parts), format!("failed to parse multipart request: {reason}"));
    }
}
