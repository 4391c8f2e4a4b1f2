//! Examples of bodies and parameters whose meaning their schema does not tell.

use serde_json::{Value, json};

/// Examples of the JSON body of an operation, by name.
pub(super) fn of_body(operation: &str) -> Vec<(&'static str, Value)> {
    match own_id(operation) {
        "actions_create" => vec![(
            "one of two things",
            json!({"name": "Signed up", "steps": [
                {"event": "signed up", "properties": [{"key": "plan", "value": "pro", "operator": "exact", "type": "event"}]},
                {"event": "$pageview", "url": "/welcome", "url_matching": "contains"},
            ]}),
        )],
        "cohorts_create" => vec![
            (
                "who the persons are",
                cohort(&json!({"type": "person", "key": "email", "value": "@example.com", "operator": "icontains"})),
            ),
            (
                "what they did",
                cohort(&json!({"type": "behavioral", "value": "performed_event_multiple", "key": "bought",
                    "event_type": "events", "time_value": 30, "time_interval": "day", "operator": "gte", "operator_value": 2})),
            ),
            (
                "one event after another",
                cohort(&json!({"type": "behavioral", "value": "performed_event_sequence", "key": "viewed",
                    "event_type": "events", "time_value": 30, "time_interval": "day", "seq_event": "bought",
                    "seq_event_type": "events", "seq_time_value": 2, "seq_time_interval": "hour"})),
            ),
            ("one by one", json!({"name": "Guests", "is_static": true})),
        ],
        "groups_create" => vec![(
            "a company",
            json!({"group_type_index": 0, "group_key": "acme", "group_properties": {"name": "Acme", "seats": 3}}),
        )],
        "personal_api_keys_create" => {
            vec![("a reader", json!({"label": "reader", "scopes": ["query:read", "person:read"]}))]
        }
        "persons_update_property" => vec![("a plan", json!({"key": "plan", "value": "pro"}))],
        "projects_create" => vec![("a shop", json!({"name": "Shop", "timezone": "Europe/Berlin"}))],
        "projects_update" => vec![(
            "which events are taken and shown",
            json!({
                "drop_events_older_than": "30 00:00:00",
                "test_account_filters":
                    [{"key": "email", "value": "@example.com", "operator": "not_icontains", "type": "person"}],
                "path_cleaning_filters": [{"regex": r"/\d+", "alias": "/:id"}],
            }),
        )],
        "query_create" => vec![
            (
                "HogQL",
                question(&json!({"kind": "HogQLQuery", "query": "SELECT event, count() FROM events GROUP BY event"})),
            ),
            (
                "a list of events",
                question(
                    &json!({"kind": "EventsQuery", "select": ["*", "properties.plan"], "event": "signed up", "limit": 10}),
                ),
            ),
            (
                "a chart",
                question(&json!({"kind": "TrendsQuery", "series": [{"kind": "EventsNode", "event": "$pageview"}],
                    "dateRange": {"date_from": "-7d"}})),
            ),
            (
                "in the background",
                json!({"query": {"kind": "HogQLQuery", "query": "SELECT count() FROM events"}, "refresh": "async"}),
            ),
        ],
        _ => Vec::new(),
    }
}

/// Examples of a parameter of the query, by name.
pub(super) fn of_parameter(operation: &str, name: &str) -> Vec<(&'static str, Value)> {
    let properties = |kind: &str, key: &str, value: &str| {
        json!([{"key": key, "value": value, "operator": "icontains", "type": kind}]).to_string()
    };
    match (own_id(operation), name) {
        (_, "after") => vec![("a week ago", json!("-7d")), ("an instant", json!("2026-01-01T00:00:00Z"))],
        (_, "before") => vec![("now", json!("0d"))],
        ("persons_list", "properties") => vec![("by email", json!(properties("person", "email", "@example.com")))],
        (_, "properties") => vec![("by plan", json!(properties("event", "plan", "pro")))],
        ("events_values_list" | "persons_values_list", "key") => vec![("a plan", json!("plan"))],
        (_, "group_type_index") => vec![("the first kind", json!(0))],
        (_, "group_key") => vec![("a company", json!("acme"))],
        (_, "orderBy") => vec![("the oldest first", json!(r#"["timestamp"]"#))],
        _ => Vec::new(),
    }
}

/// Aliases have the examples of what they stand for.
fn own_id(operation: &str) -> &str {
    ["environments_", "flat_"].iter().find_map(|prefix| operation.strip_prefix(prefix)).unwrap_or(operation)
}

fn cohort(leaf: &Value) -> Value {
    json!({"name": "Shoppers", "filters": {"properties": {"type": "OR", "values": [{"type": "AND", "values": [leaf]}]}}})
}

fn question(query: &Value) -> Value {
    json!({"query": query})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operations::operations;

    /// An example of an operation that is called otherwise by now would never be seen.
    #[test]
    fn every_example_belongs_to_an_operation() {
        let operations = operations();
        let with_bodies: BTreeSet<&str> = operations
            .iter()
            .filter(|operation| operation.body.is_some() && !of_body(&operation.id).is_empty())
            .map(|operation| own_id(&operation.id))
            .collect();
        assert_eq!(with_bodies.len(), 8, "{with_bodies:?}");
        let parameters: BTreeSet<&str> = operations
            .iter()
            .flat_map(|operation| operation.query.iter().map(move |param| (operation, param.name)))
            .filter(|(operation, name)| !of_parameter(&operation.id, name).is_empty())
            .map(|(_, name)| name)
            .collect();
        let expected = ["after", "before", "group_key", "group_type_index", "key", "orderBy", "properties"];
        assert_eq!(parameters.into_iter().collect::<Vec<_>>(), expected);
    }
}
