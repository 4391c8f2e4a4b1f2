use serde_json::{Value, json};

use super::*;

/// What is stored of an event's properties when its project does or does not want addresses.
fn stored(name: &str, properties: &str, anonymize_ip: bool) -> Value {
    let event = CapturedEvent {
        uuid: Uuid::from_u128(7 << 76 | 2 << 62),
        name: Cow::Owned(name.to_owned()),
        distinct_id: "u".to_owned(),
        timestamp: Timestamp::from_micros(0),
        time_doubt: None,
        properties: Properties::parse(properties).unwrap().into_owned(),
    };
    let resolution = Resolution {
        person_id: Uuid::nil(),
        person_number: PersonNumber(1),
        mode: PersonMode::Full,
        person: Arc::new(StoredProperties::parse("{}").unwrap()),
        groups: Default::default(),
        anonymize_ip,
        added: Added::default(),
    };
    let row = row(ProjectId(1), Timestamp::from_micros(0), prepare(event), &resolution);
    serde_json::from_str(&row.properties).unwrap()
}

#[test]
fn t66_a_project_that_wants_no_addresses_stores_none() {
    assert_eq!(stored("a", r#"{"$ip":"203.0.113.7","k":1}"#, true), json!({"k": 1}));
    assert_eq!(stored("a", r#"{"$ip":"203.0.113.7"}"#, false), json!({"$ip": "203.0.113.7"}));
}

#[test]
fn t65_what_nobody_reads_is_not_stored() {
    let bloated = r#"{"$heatmap_data":{"a":[]},"ph_product_tours":1,"$override_feature_flag_payloads":{},"k":1}"#;
    assert_eq!(stored("$pageview", bloated, false), json!({"k": 1}));
}
