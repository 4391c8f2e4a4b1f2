use super::*;

/// The one place that knows the API: the shape of `text` and the names in it, or why it has none.
fn shape(text: &str) -> String {
    let names = |events: &[WireEvent<'_>]| events.iter().map(|event| &*event.name).collect::<Vec<_>>().join(",");
    match read(text, Keep::Nothing) {
        Ok(Shape::Array(events)) => format!("array {}", names(&events)),
        Ok(Shape::Batch(batch)) => format!("batch {}: {}", batch.token, names(&batch.events)),
        Ok(Shape::Event(event)) => format!("event {}", event.name),
        Ok(Shape::Nameless(_)) => "nameless".to_owned(),
        Err(CaptureError::Malformed(Malformed::Shape)) => "no shape".to_owned(),
        Err(_) => "no json".to_owned(),
    }
}

#[test]
fn content_decides_in_a_fixed_order() {
    for (text, expected) in [
        (r#"[{"event":"a"},{"event":"b"}]"#, "array a,b"),
        (" [ ] ", "array "),
        (r#"{"api_key":"t","batch":[{"event":"a"}],"event":"b"}"#, "batch t: a"),
        (r#"{"token":"t","batch":[],"properties":null}"#, "batch t: "),
        (r#"{"event":"a","batch":"x","sent_at":5}"#, "event a"),
        (r#"{"event":"a","batch":[{"event":"b"}]}"#, "event a"),
        (r#"{"event":""}"#, "event "),
        ("{}", "nameless"),
        (r#"{"api_key":"t","event":null}"#, "nameless"),
        (r#"{"\u0065vent":"a\u0062"}"#, "event ab"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn t21_a_broken_event_makes_a_batch_nameless_and_an_array_nothing() {
    for event in ["{}", r#"{"event":5}"#, r#"{"event":"a","properties":null}"#, "5", r#"["a"]"#] {
        assert_eq!(shape(&format!(r#"{{"api_key":"t","batch":[{event}]}}"#)), "nameless", "{event}");
        assert_eq!(shape(&format!("[{event}]")), "no shape", "{event}");
    }
}

#[test]
fn t22_t23_t24_a_field_of_the_wrong_type_fits_no_shape() {
    for field in [
        r#""properties":null"#,
        r#""properties":[]"#,
        r#""properties":"x""#,
        r#""offset":1.5"#,
        r#""offset":"1""#,
        r#""$set":"x""#,
        r#""$set_once":[]"#,
        r#""timestamp":1767268800"#,
        r#""uuid":"abc""#,
        r#""uuid":1"#,
        r#""token":1"#,
        r#""offset":9223372036854775808"#,
    ] {
        assert_eq!(shape(&format!(r#"{{"event":"a",{field}}}"#)), "no shape", "{field}");
    }
}

#[test]
fn null_is_absent_where_a_field_is_optional() {
    for field in ["offset", "$set", "$set_once", "timestamp", "uuid", "token", "distinct_id"] {
        assert_eq!(shape(&format!(r#"{{"event":"a","{field}":null}}"#)), "event a", "{field}");
    }
    assert_eq!(shape(r#"{"token":"t","batch":[],"historical_migration":null,"sent_at":null}"#), "batch t: ");
}

#[test]
fn a_batch_needs_a_token_and_the_right_types() {
    for text in [
        r#"{"batch":[{"event":"a"}]}"#,
        r#"{"token":1,"batch":[{"event":"a"}]}"#,
        r#"{"token":"t","batch":[{"event":"a"}],"historical_migration":1}"#,
        r#"{"token":"t","batch":[{"event":"a"}],"sent_at":1}"#,
        r#"{"token":"t","batch":{}}"#,
    ] {
        assert!(matches!(&*shape(text), "nameless" | "no shape"), "{text}");
    }
}

#[test]
fn t25_a_field_given_twice_fits_no_shape() {
    for fields in [
        r#""token":"t","api_key":"t""#,
        r#""token":"t","$token":"t""#,
        r#""distinct_id":"u","$distinct_id":"u""#,
        r#""event":"b""#,
        r#""properties":{},"properties":{}"#,
        r#""token":null,"api_key":null"#,
    ] {
        assert_eq!(shape(&format!(r#"{{"event":"a",{fields}}}"#)), "no shape", "{fields}");
        assert_eq!(shape(&format!(r#"[{{"event":"a",{fields}}}]"#)), "no shape", "{fields}");
    }
    assert_eq!(shape(r#"{"token":"t","api_key":"t","batch":[]}"#), "no shape");
    assert_eq!(shape(r#"{"event":"a","unknown":1,"unknown":2}"#), "event a");
}

#[test]
fn t18_what_is_no_json_is_told_from_what_does_not_fit() {
    for text in [
        "",
        "{\"event\":",
        "hello",
        "{} {}",
        r#"{"event":"a"}]"#,
        r#"[{"event":"a"}"#,
        "{'event':'a'}",
        "{\"a\":\"\n\"}",
    ] {
        assert_eq!(shape(text), "no json", "{text}");
    }
    for text in ["null", "5", "\"a\"", "[5]", "[null]"] {
        assert_eq!(shape(text), "no shape", "{text}");
    }
    assert_eq!(shape(r#"{"api_key":"t","batch":[{"event":5}]"#), "no json");
}
