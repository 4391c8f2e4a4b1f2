use super::*;

#[test]
fn t52_top_level_set_wins_per_key() {
    for (fields, before, after) in [
        (r#""$set":{"a":1,"b":1},"#, r#"{"$set":{"a":2,"c":2}}"#, r#"{"$set":{"a":1,"c":2,"b":1}}"#),
        (r#""$set_once":{"a":1},"#, r#"{"k":0}"#, r#"{"k":0,"$set_once":{"a":1}}"#),
        (r#""$set":{"a":1},"$set_once":{"b":1},"#, "{}", r#"{"$set":{"a":1},"$set_once":{"b":1}}"#),
        (r#""$set":{},"#, r#"{"$set":{"a":2}}"#, r#"{"$set":{"a":2}}"#),
        (r#""$set":{ },"#, r#"{"$set":{ "a" : 2 } }"#, r#"{"$set":{"a":2}}"#),
        (r#""$set":{"a":1},"#, r#"{"$set":{ }}"#, r#"{"$set":{"a":1}}"#),
        (r#""$set":null,"#, r#"{"$set":{"a":2}}"#, r#"{"$set":{"a":2}}"#),
        (r#""$set":{"\u0061":1},"#, r#"{"$set":{"a":{"deep":[2]}}}"#, r#"{"$set":{"a":1}}"#),
    ] {
        assert_eq!(properties(fields, before), after, "{fields} {before}");
    }
}

#[test]
fn a_malformed_set_counts_as_empty() {
    for malformed in ["\"x\"", "5", "null", "[]"] {
        let before = format!(r#"{{"$set":{malformed},"k":1}}"#);
        assert_eq!(properties(r#""$set":{"a":1},"#, &before), r#"{"$set":{"a":1},"k":1}"#);
        assert_eq!(properties("", &before), before);
    }
}

/// With quadratic work this would take minutes.
#[test]
fn merging_large_sets_takes_linear_time() {
    let object = |from: usize| {
        let fields = (from..from + 50_000).map(|key| format!("\"{key}\":1"));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    let (below, above) = (object(100_000), object(125_000));
    let body =
        format!(r#"{{"token":"t","event":"a","distinct_id":"u","$set":{above},"properties":{{"$set":{below}}}}}"#);
    let limits = Limits { event_bytes: 1 << 24, ..Limits::DEFAULT };
    let batch = captured(&request(Endpoint::Event, &body), limits).unwrap();
    let set = batch.events[0].properties.get("$set").unwrap();
    assert_eq!(model::Properties::parse(set).unwrap().len(), 75_000);
}

#[test]
fn the_client_address_fills_in_for_a_falsy_one() {
    let ip = |properties: &str| {
        let body = format!(r#"{{"token":"t","event":"a","distinct_id":"u","properties":{properties}}}"#);
        one(&body).properties.get("$ip").unwrap().to_owned()
    };
    for falsy in ["{}", r#"{"$ip":null}"#, r#"{"$ip":""}"#, r#"{"$ip":false}"#, r#"{"$ip":0}"#] {
        assert_eq!(ip(falsy), r#""203.0.113.7""#, "{falsy}");
    }
    assert_eq!(ip(r#"{"$ip":"10.0.0.1"}"#), r#""10.0.0.1""#);
    assert_eq!(ip(r#"{"capture_internal":null}"#), r#""127.0.0.1""#);
    assert_eq!(ip(r#"{"capture_internal":true,"$ip":"10.0.0.1"}"#), r#""10.0.0.1""#);
}

#[test]
fn an_address_is_written_in_its_own_family() {
    let text = r#"{"token":"t","event":"a","distinct_id":"u"}"#;
    let request = request(Endpoint::Event, text);
    for (ip, expected) in [("::ffff:203.0.113.7", "203.0.113.7"), ("2001:db8::1", "2001:db8::1")] {
        let received = Received { ip: ip.parse().unwrap(), ..received() };
        let batch = parse(text, &request, &received, Limits::DEFAULT).unwrap();
        assert_eq!(batch.events[0].properties.get_str("$ip").unwrap(), expected);
    }
}

#[test]
fn sent_at_is_kept_as_a_property() {
    let event = r#"{"event":"a","distinct_id":"u","properties":{"$sent_at":"old","$ignore_sent_at":true}}"#;
    let batch = |sent_at: &str| format!(r#"{{"token":"t","batch":[{event}],"sent_at":"{sent_at}"}}"#);
    for (query, sent_at, expected) in [
        ("", "2026-01-01T13:00:10.5+01:00", "2026-01-01T12:00:10.500Z"),
        ("", "2026-11-23T09:05:01.693509+00:00", "2026-11-23T09:05:01.693509Z"),
        ("", "never", "old"),
        ("_=1767268810001", "never", "2026-01-01T12:00:10.001Z"),
    ] {
        let body = batch(sent_at);
        let request = Request { query, ..request(Endpoint::Event, &body) };
        let batch = captured(&request, Limits::DEFAULT).unwrap();
        assert_eq!(batch.events[0].properties.get_str("$sent_at").unwrap(), expected, "{query} {sent_at}");
    }
}

#[test]
fn t63_a_session_id_is_lower_cased_when_it_is_a_uuid() {
    for (sent, expected) in [
        ("01A207B1-55A0-7C54-ABA8-83557F4A9C53", "01a207b1-55a0-7c54-aba8-83557f4a9c53"),
        ("01a207b1-55a0-7c54-aba8-83557f4a9c53", "01a207b1-55a0-7c54-aba8-83557f4a9c53"),
        ("Session-A", "Session-A"),
    ] {
        let json = properties("", &format!(r#"{{"$session_id":"{sent}"}}"#));
        assert_eq!(json, format!(r#"{{"$session_id":"{expected}"}}"#));
    }
    assert_eq!(properties("", r#"{"$session_id":5}"#), r#"{"$session_id":5}"#);
}

#[test]
fn t24_a_uuid_is_kept_and_an_empty_one_is_generated() {
    let uuid = |field: &str| one(&format!(r#"{{"token":"t","event":"a","distinct_id":"u"{field}}}"#)).uuid;
    let given = "31e4cb73-8d99-4397-8676-81bdffd0cee1";
    for spelling in [given.to_owned(), given.replace('-', ""), given.to_uppercase()] {
        assert_eq!(uuid(&format!(r#","uuid":"{spelling}""#)).to_string(), given);
    }
    for absent in ["", r#","uuid":"""#, r#","uuid":null"#] {
        assert_eq!(uuid(absent).get_version_num(), 7, "{absent}");
    }
}

#[test]
fn generated_uuids_are_ordered_distinct_and_the_same_on_replay() {
    let events = vec![r#"{"token":"t","event":"a","distinct_id":"u"}"#; 100].join(",");
    let uuids = || -> Vec<Uuid> {
        let batch = captured(&request(Endpoint::Event, &format!("[{events}]")), Limits::DEFAULT).unwrap();
        batch.events.iter().map(|event| event.uuid).collect()
    };
    let first = uuids();
    assert!(first.is_sorted_by(|a, b| a < b));
    assert_eq!(uuids(), first);
    assert_eq!(first[0].get_timestamp().unwrap().to_unix(), (1_767_268_800, 0));
    let other = uuid_for(&Received { uuid_seed: u128::MAX, ..received() }, 5);
    assert!(!first.contains(&other));
}

#[test]
fn values_are_not_changed_and_unknown_fields_not_stored() {
    let sent = r#"{"n":1.10,"big":18446744073709551616,"s":"\u00e9\/","nul":"a\u0000b","o":{"z":[ 1 ]}}"#;
    assert_eq!(properties(r#""type":"capture","library":"x","context":{"a":1},"#, sent), sent);
}
