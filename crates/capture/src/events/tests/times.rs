use super::*;

/// The time of an event sent in a batch: `fields` are those of the event, `sent_at` is that of the batch.
fn batched(sent_at: &str, fields: &str) -> String {
    time("", &format!(r#"{{"token":"t","sent_at":"{sent_at}","batch":[{{"event":"a","distinct_id":"u"{fields}}}]}}"#))
}

/// The time of an event sent alone.
fn single(query: &str, fields: &str) -> String {
    time(query, &format!(r#"{{"token":"t","event":"a","distinct_id":"u"{fields}}}"#))
}

const TS: &str = r#","timestamp":"2026-01-01T11:00:00Z""#;

#[test]
fn t41_t42_skew_is_subtracted() {
    assert_eq!(batched("2026-01-01T12:00:10Z", TS), "2026-01-01T10:59:50.000Z");
    assert_eq!(batched("2026-01-01T11:59:50Z", TS), "2026-01-01T11:00:10.000Z");
    assert_eq!(batched("2026-01-01T12:00:00.000250+00:00", TS), "2026-01-01T10:59:59.999750Z");
}

#[test]
fn t43_without_a_readable_sent_at_the_claim_stands() {
    assert_eq!(single("", TS), "2026-01-01T11:00:00.000Z");
    for unusable in ["", "2026-01-01T12:00:10", "yesterday", "1767268810000"] {
        assert_eq!(batched(unusable, TS), "2026-01-01T11:00:00.000Z", "{unusable}");
    }
}

#[test]
fn t44_sent_at_counts_in_a_batch_object_only() {
    assert_eq!(single("", &format!(r#"{TS},"sent_at":"2026-01-01T12:00:10Z""#)), "2026-01-01T11:00:00.000Z");
    let array = format!(r#"[{{"token":"t","event":"a","distinct_id":"u","sent_at":"2026-01-01T12:00:10Z"{TS}}}]"#);
    assert_eq!(time("", &array), "2026-01-01T11:00:00.000Z");
}

#[test]
fn t45_the_query_parameter_stands_in_for_sent_at() {
    assert_eq!(single("_=1767268810000", TS), "2026-01-01T10:59:50.000Z");
    let event = format!(r#"{{"token":"t","event":"a","distinct_id":"u"{TS}}}"#);
    assert_eq!(time("ip=1&_=1767268810000&ver=1", &format!("[{event}]")), "2026-01-01T10:59:50.000Z");
    for query in ["_=1767268810", "_=abc", "_=17.5", "_=", "_=-1"] {
        assert_eq!(single(query, TS), "2026-01-01T11:00:00.000Z", "{query}");
    }
    let batch = |sent_at: &str| format!(r#"{{"token":"t","sent_at":"{sent_at}","batch":[{event}]}}"#);
    let query = "_=1767268805000";
    assert_eq!(time(query, &batch("2026-01-01T12:00:10Z")), "2026-01-01T10:59:50.000Z", "the batch goes first");
    assert_eq!(time(query, &batch("2026-01-01T12:00:10")), "2026-01-01T10:59:55.000Z");
}

#[test]
fn t46_an_event_can_ask_to_ignore_sent_at() {
    let ignoring =
        |value: &str| batched("2026-01-01T12:00:10Z", &format!(r#"{TS},"properties":{{"$ignore_sent_at":{value}}}"#));
    assert_eq!(ignoring("true"), "2026-01-01T11:00:00.000Z");
    for other in ["false", "\"true\"", "1", "null"] {
        assert_eq!(ignoring(other), "2026-01-01T10:59:50.000Z", "{other}");
    }
}

#[test]
fn t47_an_offset_wins_over_everything() {
    let fields = format!(r#"{TS},"offset":5000"#);
    assert_eq!(batched("2026-01-01T12:00:10Z", &fields), "2026-01-01T11:59:55.000Z");
    assert_eq!(single("", r#","offset":5000"#), "2026-01-01T11:59:55.000Z");
    assert_eq!(single("", r#","offset":-5000"#), "2026-01-01T12:00:05.000Z");
}

#[test]
fn t48_the_future_ends_after_23_hours() {
    let at = |text: &str| single("", &format!(r#","timestamp":"{text}""#));
    assert_eq!(at("2026-01-02T11:00:00.000Z"), "2026-01-02T11:00:00.000Z");
    assert_eq!(at("2026-01-02T11:00:00.000999Z"), "2026-01-02T11:00:00.000999Z");
    assert_eq!(at("2026-01-02T11:00:00.001Z"), "2026-01-01T12:00:00.000Z");
    assert_eq!(at("9999-12-31T23:59:59Z"), "2026-01-01T12:00:00.000Z");
    assert_eq!(at("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00.000Z");
    assert_eq!(at("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000Z");
}

#[test]
fn t49_t51_without_a_readable_timestamp_it_is_now() {
    let now = "2026-01-01T12:00:00.000Z";
    assert_eq!(single("", r#","timestamp":"not a date""#), now);
    assert_eq!(single("", r#","timestamp":null"#), now);
    assert_eq!(single("_=1767268810000", ""), now);
    assert_eq!(batched("2026-01-01T12:00:10Z", ""), now);
    assert_eq!(batched("2026-01-01T12:00:10Z", r#","timestamp":"not a date""#), now);
}

#[test]
fn t50_every_rung_of_the_ladder_counts() {
    for (text, expected) in [
        ("2025-09-17T14:05:04.805+03", "2025-09-17T11:05:04.805Z"),
        ("2023-01-01T12:00:00", "2023-01-01T12:00:00.000Z"),
        ("2023-01-01 12:00:00", "2023-01-01T12:00:00.000Z"),
        ("2025-01-02T03:04:05.123456789", "2025-01-02T03:04:05.123456Z"),
        ("1672574400000", "2023-01-01T12:00:00.000Z"),
    ] {
        assert_eq!(single("", &format!(r#","timestamp":"{text}""#)), expected, "{text}");
    }
    assert_eq!(batched("2026-01-01T12:00:10Z", r#","timestamp":"1672574400""#), "2023-01-01T11:59:50.000Z");
}
