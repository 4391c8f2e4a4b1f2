//! Actions, groups, and the things there are none of.

use serde_json::{Value, json};
use testkit::Server;

use crate::{event, server};

#[test]
fn actions_are_created_changed_and_deleted() {
    let server = server();
    let path = "/api/projects/1/actions/";
    let steps = json!([{"event": "sign up", "properties": [{"key": "plan", "value": "pro"}], "url": "/x", "url_matching": "contains"}]);
    let made = server.post(path, &json!({"name": "Signed up", "steps": steps, "tags": ["growth"]}));
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!(
        (&made["name"], &made["tags"], &made["is_action"]),
        (&json!("Signed up"), &json!(["growth"]), &json!(true))
    );
    let step = &made["steps"][0];
    assert_eq!(
        (&step["event"], &step["url_matching"], &step["selector"]),
        (&json!("sign up"), &json!("contains"), &Value::Null)
    );
    assert_eq!(made["created_by"]["email"], json!("owner@localhost"));
    let one = format!("{path}{}/", made["id"]);
    assert_eq!(server.get(&one).json(), made);
    let changed = server.patch(&one, &json!({"description": "d", "pinned_at": "now"})).json();
    assert_eq!((&changed["description"], &changed["name"]), (&json!("d"), &json!("Signed up")));
    assert!(changed["pinned_at"].is_string());
    let again = server.post(path, &json!({"name": "Signed up"}));
    assert_eq!((again.status, &again.json()["code"]), (400, &json!("unique")));
    for (body, attr) in [
        (json!({"name": 5}), "name"),
        (json!({"steps": {}}), "steps"),
        (json!({"steps": [{"event": 5}]}), "steps"),
        (json!({"steps": [{"url": "(", "url_matching": "regex"}]}), "steps"),
        (json!({"steps": [{"url_matching": "like"}]}), "steps"),
        (json!({"steps": [{"properties": [{"key": "a", "value": 1, "operator": "nonsense"}]}]}), "steps"),
    ] {
        let refused = server.post(path, &body);
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!(attr)), "{body}");
    }
    assert_eq!(server.delete(&one).status, 405);
    assert_eq!(server.patch(&one, &json!({"deleted": true})).status, 200);
    assert_eq!((server.get(&one).status, server.project("actions/").json()["count"].clone()), (404, json!(0)));
}

fn companies(server: &Server) {
    let events: Vec<Value> = (0..5)
        .map(|n| {
            let set = json!({"name": format!("Company {n}"), "tier": if n % 2 == 0 { "gold" } else { "Silver" }});
            let properties = json!({"$group_type": "company", "$group_key": format!("c{n}"), "$group_set": set});
            event("$groupidentify", "u", &format!("2026-01-01T11:00:0{n}Z"), properties)
        })
        .collect();
    server.ingest(&events);
}

#[test]
fn groups_are_listed_found_and_searched() {
    let server = server();
    companies(&server);
    let types = server.project("groups_types/").json();
    assert_eq!((&types[0]["group_type"], &types[0]["group_type_index"]), (&json!("company"), &json!(0)));
    let all = server.follow("/api/projects/1/groups/?group_type_index=0&limit=2");
    let keys: Vec<&str> = all.iter().map(|group| group["group_key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["c4", "c3", "c2", "c1", "c0"]);
    let page = server.project("groups/?group_type_index=0&limit=2").json();
    assert_eq!((page["previous"].clone(), page["next"].as_str().unwrap().contains("cursor=")), (Value::Null, true));
    let found = |query: &str| server.project(&format!("groups/?group_type_index=0&{query}")).results().len();
    assert_eq!(
        (found("group_key=C3"), found("search=gold"), found("search=COMPANY"), found("search=%25")),
        (1, 3, 5, 0)
    );
    let missing = server.project("groups/");
    assert_eq!((missing.status, &missing.json()["attr"]), (400, &json!("group_type_index")));
    for bad in ["groups/?group_type_index=9", "groups/?group_type_index=x", "groups/?group_type_index=0&cursor=x"] {
        assert_eq!(server.project(bad).status, 400, "{bad}");
    }
    let one = server.project("groups/find?group_type_index=0&group_key=c1").json();
    assert_eq!(one["group_properties"]["name"], json!("Company 1"));
    assert_eq!(server.project("groups/find?group_type_index=0&group_key=c9").status, 404);
    let definitions = server.project("groups/property_definitions/").json();
    assert_eq!(definitions["0"], json!([{"name": "name", "count": 5}, {"name": "tier", "count": 5}]));
    let values = server.project("groups/property_values/?group_type_index=0&key=tier").json();
    assert_eq!(values, json!([{"name": "gold", "count": 3}, {"name": "Silver", "count": 2}]));
}

#[test]
fn groups_are_created_and_changed_and_seen_at_once() {
    let server = server();
    companies(&server);
    let new = json!({"group_type_index": 0, "group_key": "new", "group_properties": {"name": "New"}});
    let made = server.post("/api/projects/1/groups/", &new);
    assert_eq!((made.status, &made.json()["group_properties"]), (201, &json!({"name": "New"})), "{}", made.body);
    let again = server.post("/api/projects/1/groups/", &new);
    assert!(again.status == 400 && again.body.contains("A group with this key already exists"), "{}", again.body);
    let nowhere = json!({"group_type_index": 3, "group_key": "new"});
    assert_eq!(server.post("/api/projects/1/groups/", &nowhere).json()["attr"], json!("group_type_index"));
    let named = "?group_type_index=0&group_key=new";
    let path = |what: &str| format!("/api/projects/1/groups/{what}{named}");
    let set = server.post(&path("update_property"), &json!({"key": "seats", "value": 5}));
    assert_eq!((set.status, &set.json()["group_properties"]), (200, &json!({"name": "New", "seats": 5})));
    let unset = server.post(&path("delete_property"), &json!({"$unset": "name"}));
    assert_eq!(unset.json()["group_properties"], json!({"seats": 5}));
    assert_eq!(
        server
            .post(
                "/api/projects/1/groups/update_property?group_type_index=0&group_key=x",
                &json!({"key": "a", "value": 1})
            )
            .status,
        404
    );
    let names = json!([{"group_type_index": 0, "name_singular": "firm", "name_plural": "firms"}]);
    let types = server.patch("/api/projects/1/groups_types/update_metadata/", &names).json();
    assert_eq!((&types[0]["name_singular"], &types[0]["name_plural"]), (&json!("firm"), &json!("firms")));
}

#[test]
fn what_there_is_none_of_is_an_empty_page() {
    let server = server();
    for path in ["annotations", "insights", "dashboards", "feature_flags", "experiments"] {
        let expected = json!({"count": 0, "next": null, "previous": null, "results": []});
        assert_eq!(server.project(&format!("{path}/")).json(), expected, "{path}");
    }
}
