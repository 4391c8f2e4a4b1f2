//! Who may ask.

use serde_json::{Value, json};
use testkit::{KEY, Server};

use crate::{server, server_with};

fn key(server: &Server, scopes: &[&str], teams: &[i64]) -> String {
    let body = json!({"label": "k", "scopes": scopes, "scoped_teams": teams});
    let answer = server.post("/api/personal_api_keys/", &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["value"].as_str().unwrap().to_owned()
}

fn detail(server: &Server, key: &str, path: &str) -> (u16, String) {
    let answer = server.get_as(key, path);
    (answer.status, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn g1_credentials_are_taken_from_header_and_query() {
    let server = server();
    let none = server.send("GET", "/api/projects/1/events/", &[], b"");
    let expected = json!({"type": "authentication_error", "code": "not_authenticated", "detail": "Authentication credentials were not provided.", "attr": null});
    assert_eq!((none.status, none.json(), none.header("www-authenticate")), (401, expected, Some("Bearer")));
    let (status, text) = detail(&server, "phx_wrong", "/api/projects/1/events/");
    assert_eq!((status, text.as_str()), (401, "Personal API key found in request Authorization header is invalid."));
    let wrong = server.send("GET", "/api/projects/1/events/?personal_api_key=phx_wrong", &[], b"");
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("query string"), "{}", wrong.body);
    for scheme in ["Bearer", "bearer", "Bearer  "] {
        let header = format!("{scheme} {KEY} ");
        assert_eq!(
            server.send("GET", "/api/projects/1/events/", &[("authorization", &header)], b"").status,
            200,
            "{scheme}"
        );
    }
    let query = format!("/api/projects/1/events/?personal_api_key={KEY}");
    assert_eq!(server.send("GET", &query, &[], b"").status, 200);
    assert_eq!(server.send("GET", &query, &[("authorization", "Basic eDp5")], b"").status, 200);
    assert_eq!(server.get_as("phx_wrong", &query).status, 401, "the first place is final");
    let body = json!({"personal_api_key": KEY, "name": "By body"}).to_string();
    assert_eq!(server.send("POST", "/api/projects/", &[], body.as_bytes()).status, 201);
}

#[test]
fn g2_scopes_and_restrictions() {
    let server = server();
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json()["id"].as_i64().unwrap();
    let events = "/api/projects/1/events/";
    let person = key(&server, &["person:read"], &[]);
    assert_eq!(detail(&server, &person, events), (403, "API key missing required scope 'query:read'".to_owned()));
    assert_eq!(server.get_as(&person, "/api/projects/1/persons/").status, 200);
    for scope in ["query:write", "query:read", "*"] {
        assert_eq!(server.get_as(&key(&server, &[scope], &[]), events).status, 200, "{scope}");
    }
    let limited = key(&server, &["*"], &[other]);
    let refused = "API key does not have access to the requested project: ID 1.".to_owned();
    assert_eq!(detail(&server, &limited, events), (403, refused.clone()));
    assert_eq!(server.get_as(&limited, &format!("/api/projects/{other}/events/")).status, 200);
    assert_eq!(detail(&server, &limited, "/api/projects/@current/events/"), (403, refused));
    let listed = server.get_as(&limited, "/api/projects/").results();
    assert_eq!(listed.iter().map(|project| project["id"].as_i64().unwrap()).collect::<Vec<_>>(), [other]);
    let elsewhere = "API keys with scoped projects are only supported on project-based endpoints.".to_owned();
    assert_eq!(detail(&server, &limited, "/api/personal_api_keys/"), (403, elsewhere));
    assert_eq!(server.get_as(&limited, "/api/users/@me/").status, 200);
    let reader = key(&server, &["query:read"], &[]);
    let unsupported = "This action does not support personal API key access".to_owned();
    assert_eq!(detail(&server, &reader, "/api/personal_api_keys/"), (403, unsupported));
    assert_eq!(
        detail(&server, &reader, "/api/users/@me/"),
        (403, "API key missing required scope 'user:read'".to_owned())
    );
}

#[test]
fn g3_projects_by_number_alias_and_current() {
    let server = server();
    let body = |path: &str| server.get(path).json();
    assert_eq!(body("/api/projects/@current/events/"), body("/api/projects/1/events/"));
    assert_eq!(body("/api/environments/1/events/"), body("/api/projects/1/events/"));
    for project in ["999999", "abc", "1.5"] {
        let (status, text) = detail(&server, KEY, &format!("/api/projects/{project}/events/"));
        assert_eq!((status, text.as_str()), (404, "Project not found."), "{project}");
    }
}

#[test]
fn the_oldest_paths_lead_to_the_current_project() {
    let server = server();
    let events: Vec<Value> =
        (0..3).map(|n| crate::event("a", &format!("u{n}"), &format!("2026-01-01T11:00:0{n}Z"), json!({}))).collect();
    server.ingest(&events);
    let page = server.get("/api/event?limit=2").json();
    assert!(page["next"].as_str().unwrap().contains("/api/event?limit=2&before="), "{}", page["next"]);
    assert_eq!(server.get(page["next"].as_str().unwrap()).results().len(), 1);
    let id = page["results"][0]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/event/{id}/")).json()["id"], json!(id));
    assert_eq!(server.get("/api/event/values?key=custom_event").json(), json!([{"name": "a"}]));
    assert_eq!(server.get("/api/events/").status, 404);
}

#[test]
fn other_methods_formats_and_paths_are_refused_in_posthogs_words() {
    let server = server();
    let answer = server.post("/api/projects/1/events/", &json!({}));
    let expected = json!({"type": "invalid_request", "code": "method_not_allowed", "detail": "Method \"POST\" not allowed.", "attr": null});
    assert_eq!((answer.status, answer.json()), (405, expected));
    assert_eq!(server.project("events/?format=xml").json()["code"], json!("not_found"));
    let bearer = format!("Bearer {KEY}");
    let accept = |value: &str| {
        server.send("GET", "/api/projects/1/events/", &[("authorization", &bearer), ("accept", value)], b"")
    };
    assert_eq!(
        (accept("image/png").status, accept("image/png").json()["code"].clone()),
        (406, json!("not_acceptable"))
    );
    assert_eq!(accept("text/html, */*;q=0.1").status, 200);
    assert_eq!(accept("text/csv").status, 200);
    let projects = server.send("GET", "/api/projects/", &[("authorization", &bearer), ("accept", "text/csv")], b"");
    assert_eq!((projects.status, &projects.json()["code"]), (406, &json!("not_acceptable")));
    assert_eq!(server.get("/api/projects/?format=csv").json()["code"], json!("not_found"));
    assert_eq!(server.get("/api/nowhere/").json()["code"], json!("not_found"));
    let nowhere = server.send("GET", "/nowhere", &[], b"");
    assert_eq!((nowhere.status, nowhere.body.as_str()), (404, ""));
    let head = server.send("HEAD", "/api/projects/1/events/", &[("authorization", &bearer)], b"");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(server.send("OPTIONS", "/api/projects/1/events/", &[("authorization", &bearer)], b"").status, 200);
    let origin = [("authorization", bearer.as_str()), ("origin", "https://evil.example")];
    let answer = server.send("GET", "/api/projects/1/events/", &origin, b"");
    assert_eq!(answer.header("access-control-allow-origin"), None, "private routes are not for other origins");
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
}

#[test]
fn errors_have_four_keys() {
    let server = server();
    for path in ["events/?limit=abc", "events/?orderBy=x", "events/?person_id=x", "events/?after=x"] {
        let body = server.project(path).json();
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["attr", "code", "detail", "type"], "{path}");
        assert_ne!(body["attr"], Value::Null, "{path}");
    }
}

#[test]
fn requests_are_limited_by_key_and_class_once_limits_are_set() {
    let server = server_with(&[("HEDGEROW_RATE_LIMITS", "events=3/h,values=1/h,persons=2/h")]);
    let events = || server.project("events/?limit=1");
    assert_eq!([events().status, events().status, events().status], [200; 3]);
    let refused = events();
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&wait), "{wait}");
    let detail = format!("Request was throttled. Expected available in {wait} seconds.");
    let expected = json!({"type": "throttled_error", "code": "throttled", "detail": detail, "attr": null});
    assert_eq!((refused.status, refused.json()), (429, expected));
    // Other classes, other keys and capture have windows of their own, or none.
    assert_eq!(
        [server.project("events/values/?key=a").status, server.project("events/values/?key=a").status],
        [200, 429]
    );
    assert_eq!(
        [server.project("persons/").status, server.project("persons/").status, server.project("persons/").status],
        [200, 200, 429]
    );
    for _ in 0..5 {
        assert_eq!(server.get("/api/projects/1/").status, 200);
    }
    let other = key(&server, &["query:read"], &[]);
    assert_eq!(server.get_as(&other, "/api/projects/1/events/").status, 200);
    // What is refused for another reason is not counted.
    let reader = key(&server, &["person:read"], &[]);
    for _ in 0..4 {
        assert_eq!(server.get_as(&reader, "/api/projects/1/events/").status, 403);
    }
    server.ingest(&[crate::event("a", "u", "2026-01-01T11:00:00Z", json!({}))]);
}

#[test]
fn nobody_is_limited_by_default() {
    let server = server();
    for _ in 0..300 {
        assert_eq!(server.project("events/values/?key=a").status, 200);
    }
}

#[test]
fn answers_are_compressed_and_not_sent_twice() {
    let server = server();
    let events: Vec<Value> =
        (0..50).map(|n| crate::event("a", &format!("u{n}"), "2026-01-01T11:00:00Z", json!({"a": n}))).collect();
    server.ingest(&events);
    let bearer = format!("Bearer {KEY}");
    let get = |path: &str, name: &str, value: &str| {
        server.send("GET", path, &[("authorization", &bearer), (name, value)], b"")
    };
    for encoding in ["gzip", "zstd", "gzip, zstd;q=0.5"] {
        let head = raw_head(&server, "/api/projects/1/events/", encoding);
        let expected = format!("content-encoding: {}", encoding.split(',').next().unwrap());
        assert!(head.contains("200 OK") && head.contains(&expected), "{head}");
    }
    assert_eq!(get("/api/projects/1/events/", "accept-encoding", "identity").header("content-encoding"), None);
    let small = get("/api/users/@me/", "accept-encoding", "zstd");
    assert_eq!(small.header("content-encoding"), None);
    let tag = small.header("etag").unwrap();
    let again = get("/api/users/@me/", "if-none-match", tag);
    assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(tag)));
    assert_eq!(server.patch("/api/users/@me/", &json!({"first_name": "Ada"})).status, 200);
    assert_eq!(get("/api/users/@me/", "if-none-match", tag).status, 200);
    assert_eq!(get("/api/nowhere/", "if-none-match", "*").status, 404);
}

#[test]
fn g1_a_key_in_the_body_is_the_second_place() {
    let server = server();
    let send = |query: &str, body: &str| server.send("POST", &format!("/api/projects/{query}"), &[], body.as_bytes());
    let body = json!({"personal_api_key": KEY, "name": "By body"}).to_string();
    assert_eq!(send("?personal_api_key=phx_wrong", &body).status, 201, "the body comes before the query");
    let wrong =
        send(&format!("?personal_api_key={KEY}"), &json!({"personal_api_key": "phx_wrong", "name": "x"}).to_string());
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("found in request body is invalid"), "{}", wrong.body);
    let form =
        server.send("POST", "/api/projects/1/cohorts/", &[], format!("personal_api_key={KEY}&name=x").as_bytes());
    assert_eq!(
        (form.status, &form.json()["code"]),
        (400, &json!("parse_error")),
        "the key was found, the body is not JSON"
    );
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
    let bearer = format!("Bearer {KEY}");
    let refused = server.send("POST", "/api/projects/", &[("authorization", &bearer)], large.as_bytes());
    assert_eq!((refused.status, &refused.json()["code"]), (413, &json!("request_too_large")));
}

/// The head of an answer as it comes, for what the test client would take away.
fn raw_head(server: &Server, path: &str, encoding: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\naccept-encoding: {encoding}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split("\r\n\r\n").next().unwrap_or_default().to_lowercase().replace("200 ok", "200 OK")
}
