//! Lists against a second opinion: the filters of the specification once more, evaluated event by event in the plainest way,
//! and asked of random events with random trees of filters.

use serde_json::{Map, Value, json};
use testkit::{Server, encode};

use crate::{BINARY, event, fields};

/// A clicked element: tag, classes, text, link.
type Element = (&'static str, Vec<&'static str>, Option<&'static str>, Option<&'static str>);

/// An event as it was sent, with what belongs to it.
struct Known {
    sent: Value,
    /// Innermost first.
    elements: Vec<Element>,
    person: Option<usize>,
}

/// Persons: their distinct ids and properties. Whoever has none of these ids has no person.
const PERSONS: [(&[&str], &str); 3] = [
    (&["d0", "d1"], r#"{"plan":"pro","age":31}"#),
    (&["d2"], r#"{"plan":"free","age":"40"}"#),
    (&["d3"], r#"{"since":"2026-01-01T08:00:00Z"}"#),
];
/// Groups; events name two more that nobody has described.
const GROUPS: [(&str, &str); 2] = [("acme", r#"{"tier":"gold","seats":10}"#), ("beta", r#"{"tier":"tin"}"#)];
/// Members are the persons whose plan is `pro`.
const COHORT: &str = r#"{"properties":{"type":"OR","values":[{"type":"AND","values":[{"key":"plan","value":"pro","type":"person","operator":"exact"}]}]}}"#;

/// Operators that take any value.
const ANY: [&str; 22] = [
    "exact",
    "exact",
    "is_not",
    "is_not",
    "in",
    "not_in",
    "icontains",
    "not_icontains",
    "icontains_multi",
    "not_icontains_multi",
    "starts_with",
    "not_starts_with",
    "ends_with",
    "not_ends_with",
    "gt",
    "gte",
    "lt",
    "lte",
    "min",
    "max",
    "is_set",
    "is_not_set",
];
const VERSIONS: [&str; 8] =
    ["semver_eq", "semver_neq", "semver_gt", "semver_gte", "semver_lt", "semver_lte", "semver_tilde", "semver_caret"];

struct World {
    events: Vec<Known>,
    cohort: i64,
}

impl Known {
    /// The group; events without a person have none.
    fn company(&self) -> Value {
        let properties = &self.sent["properties"];
        let is_personless = properties["$process_person_profile"] == false;
        if is_personless { Value::Null } else { properties["$groups"]["company"].clone() }
    }
}

impl World {
    /// The value a filter is about; null where there is none.
    fn value(&self, event: &Known, filter: &Value) -> Value {
        let key = filter["key"].as_str().unwrap();
        let properties = &event.sent["properties"];
        let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
        match filter["type"].as_str().unwrap_or("event") {
            "event" | "feature" => properties[key].clone(),
            "person" => event.person.map_or(Value::Null, |person| parsed(PERSONS[person].1)[key].clone()),
            "group" => {
                let group = event.company();
                let known = GROUPS.iter().find(|(name, _)| group == *name);
                known.map_or(Value::Null, |(_, properties)| parsed(properties)[key].clone())
            }
            "session" => self.session(event, key),
            "event_metadata" if key == "$group_0" => event.company(),
            "event_metadata" => event.sent[key].clone(),
            "element" => text(event.elements.iter().find_map(|element| element.3)),
            other => panic!("no rule for {other}"),
        }
    }

    fn session(&self, event: &Known, key: &str) -> Value {
        let id = &event.sent["properties"]["$session_id"];
        if id.is_null() {
            return Value::Null;
        }
        let of_session = || self.events.iter().filter(|other| other.sent["properties"]["$session_id"] == *id);
        let times = of_session().filter_map(|event| instant(event.sent["timestamp"].as_str()?));
        let count = |name: &str| of_session().filter(|event| event.sent["event"] == name).count().into();
        match key {
            "$session_duration" => (times.clone().fold(0.0, f64::max) - times.fold(f64::INFINITY, f64::min)).into(),
            "$pageview_count" => count("$pageview"),
            "$autocapture_count" => count("$autocapture"),
            other => panic!("no rule for {other}"),
        }
    }

    fn holds(&self, event: &Known, filter: &Value) -> bool {
        if let Some(nodes) = filter.get("values").and_then(Value::as_array) {
            let mut answers = nodes.iter().map(|node| self.holds(event, node));
            return if filter["type"] == "OR" {
                nodes.is_empty() || answers.any(|yes| yes)
            } else {
                answers.all(|yes| yes)
            };
        }
        let operator = filter["operator"].as_str().unwrap_or("exact");
        let given = match &filter["value"] {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        let negative = operator.starts_with("not_") || matches!(operator, "is_not" | "semver_neq" | "is_not_set");
        match (filter["type"].as_str().unwrap_or("event"), filter["key"].as_str().unwrap_or_default()) {
            ("cohort", _) => (event.person == Some(0)) != (operator == "not_in"),
            ("hogql", text) => match text {
                "event = '$pageview'" => event.sent["event"] == "$pageview",
                "properties.a = 'abc' or distinct_id in ('d0', 'x')" => {
                    event.sent["properties"]["a"] == "abc" || event.sent["distinct_id"] == "d0"
                }
                "group_0.properties.tier != 'gold'" => event.company() != "acme",
                other => panic!("no rule for {other}"),
            },
            ("person", "distinct_id") => {
                let ids = event.person.map_or(&[][..], |person| PERSONS[person].0);
                let any = ids.iter().any(|id| given.iter().any(|value| compare("exact", &json!(id), value)));
                any != negative
            }
            ("element", "tag_name") => {
                event.elements.iter().any(|element| given.iter().any(|tag| tag == element.0)) != negative
            }
            ("element", "selector") => {
                given.iter().any(|selector| selected(event, selector.as_str().unwrap())) != negative
            }
            ("element", "text") => {
                let mut texts = event.elements.iter().filter_map(|element| element.2);
                texts.any(|text| any(operator, &json!(text), &given, negative))
            }
            (_, "$exception_types") if !operator.ends_with("set") => {
                let list = event.sent["properties"]["$exception_types"].as_array().cloned().unwrap_or_default();
                list.iter().any(|element| any(operator, element, &given, negative))
            }
            _ => any(operator, &self.value(event, filter), &given, negative),
        }
    }
}

/// Positive operators need one value that fits, negative ones none; without a property only the negative ones hold.
fn any(operator: &str, property: &Value, given: &[Value], negative: bool) -> bool {
    match operator {
        "is_set" | "is_not_set" => return property.is_null() == negative,
        "between" | "not_between" => {
            let (low, high) = (number(&text(&given[0])).unwrap(), number(&text(&given[1])).unwrap());
            let within = number(&text(property)).map(|number| (low..=high).contains(&number));
            return within.is_some_and(|within| within != negative);
        }
        _ if property.is_null() => return negative,
        _ => {}
    }
    let positive = match operator {
        "is_not" | "not_in" => "exact",
        "semver_neq" => "semver_eq",
        other => other.strip_prefix("not_").unwrap_or(other),
    };
    given.iter().any(|value| compare(positive, property, value)) != negative
}

fn compare(operator: &str, property: &Value, value: &Value) -> bool {
    let (ours, theirs) = (text(property), text(value));
    let ordered = |accepts: fn(std::cmp::Ordering) -> bool| match (number(&ours), number(&theirs)) {
        (Some(ours), Some(theirs)) => accepts(ours.partial_cmp(&theirs).unwrap()),
        (None, None) => accepts(ours.cmp(&theirs)),
        _ => false,
    };
    let (lower, part) = (ours.to_lowercase(), theirs.to_lowercase());
    match operator {
        "exact" | "in" => {
            let numbers = property.is_number() || value.is_number();
            ours == theirs || numbers && number(&ours).is_some() && number(&ours) == number(&theirs)
        }
        "icontains" | "icontains_multi" => lower.contains(&part),
        "starts_with" => lower.starts_with(&part),
        "ends_with" => lower.ends_with(&part),
        // The patterns asked for are a text in one place.
        "regex" => match (theirs.strip_prefix('^'), theirs.strip_suffix('$')) {
            (Some(start), _) => ours.starts_with(start),
            (_, Some(end)) => ours.ends_with(end),
            _ => ours.contains(&theirs),
        },
        "gt" => ordered(std::cmp::Ordering::is_gt),
        "gte" | "min" => ordered(std::cmp::Ordering::is_ge),
        "lt" => ordered(std::cmp::Ordering::is_lt),
        "lte" | "max" => ordered(std::cmp::Ordering::is_le),
        "is_cleaned_path_exact" => cleaned(&ours) == cleaned(&theirs),
        "is_date_exact" | "is_date_before" | "is_date_after" => {
            let (Some(ours), Some(theirs_at)) = (instant(&ours), instant(&theirs)) else { return false };
            let is_day = theirs.len() == 10;
            match operator {
                "is_date_before" => ours < theirs_at,
                "is_date_after" if is_day => ours >= theirs_at + 86_400.0,
                "is_date_after" => ours > theirs_at,
                _ if is_day => (theirs_at..theirs_at + 86_400.0).contains(&ours),
                _ => ours.floor() == theirs_at.floor(),
            }
        }
        _ => {
            semver(operator.strip_prefix("semver_").unwrap_or_else(|| panic!("no rule for {operator}")), &ours, &theirs)
        }
    }
}

fn semver(kind: &str, ours: &str, theirs: &str) -> bool {
    let parts =
        |text: &str| -> Option<Vec<i64>> { text.split('-').next()?.split('.').map(|part| part.parse().ok()).collect() };
    let triple = |parts: Vec<i64>| -> [i64; 3] { std::array::from_fn(|at| parts.get(at).copied().unwrap_or(0)) };
    let Some(ours) = parts(ours).map(triple) else { return false };
    let given = parts(theirs.trim_end_matches(".*")).unwrap();
    let low = triple(given.clone());
    let high = match kind {
        "tilde" if given.len() > 1 => [low[0], low[1] + 1, 0],
        "tilde" => [low[0] + 1, 0, 0],
        "wildcard" if given.len() == 1 => [low[0] + 1, 0, 0],
        "wildcard" => [low[0], low[1] + 1, 0],
        _ if low[0] > 0 => [low[0] + 1, 0, 0],
        _ if low[1] > 0 => [0, low[1] + 1, 0],
        _ => [0, 0, low[2] + 1],
    };
    match kind {
        "eq" => ours == low,
        "gt" => ours > low,
        "gte" => ours >= low,
        "lt" => ours < low,
        "lte" => ours <= low,
        _ => ours >= low && ours < high,
    }
}

/// A selector of tags and classes, joined by nothing or `>`.
fn selected(event: &Known, selector: &str) -> bool {
    let parts: Vec<&str> = selector.split(' ').filter(|part| *part != ">").collect();
    let fits = |element: &Element, part: &str| {
        let (tag, class) = part.split_once('.').unwrap_or((part, ""));
        (tag.is_empty() || tag == element.0) && (class.is_empty() || element.1.contains(&class))
    };
    let elements = &event.elements;
    (0..elements.len()).any(|at| match parts.as_slice() {
        [only] => fits(&elements[at], only),
        [outer, inner] if selector.contains('>') => {
            fits(&elements[at], inner) && elements.get(at + 1).is_some_and(|element| fits(element, outer))
        }
        [outer, inner] => {
            fits(&elements[at], inner) && elements.iter().skip(at + 1).any(|element| fits(element, outer))
        }
        _ => panic!("no rule for {selector}"),
    })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The canonical text of a value.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // JSON 1.0 and 1 are one number.
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap().to_string(),
        other => other.to_string(),
    }
}

fn number(text: &str) -> Option<f64> {
    let is_decimal = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    text.parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
}

fn cleaned(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.parse::<u32>().is_ok() { ":id" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Seconds of a date, a date and time, or a Unix time; all of January 2026.
fn instant(text: &str) -> Option<f64> {
    const JANUARY: f64 = 1_767_225_600.0;
    match number(text) {
        Some(unix) if (1e9..1e10).contains(&unix) => return Some(unix),
        Some(millis) if (1e12..1e13).contains(&millis) => return Some(millis / 1e3),
        _ => {}
    }
    let rest = text.strip_prefix("2026-01-")?;
    let two = |from: usize| rest.get(from..from + 2).and_then(|digits| digits.parse::<f64>().ok());
    let time = if rest.len() > 2 { two(3)? * 3_600.0 + two(6)? * 60.0 + two(9)? } else { 0.0 };
    Some(JANUARY + (two(0)? - 1.0) * 86_400.0 + time)
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    fn value(&mut self) -> Value {
        let values = [
            json!(1),
            json!(5),
            json!(10),
            json!(-2),
            json!(1.5),
            json!(1.0),
            json!(3_000_000_000_000_i64),
            json!("1"),
            json!("1.0"),
            json!("10"),
            json!("abc"),
            json!("ABC"),
            json!("ab%c"),
            json!(""),
            json!("é\"\\"),
            json!("true"),
            json!(true),
            json!(false),
            json!(["x", 1]),
            json!({"k": "x"}),
            json!("2026-01-01"),
            json!("2026-01-05T10:30:00Z"),
            json!("2026-01-05 10:30:00"),
            json!(1_767_609_000),
            json!("1767225600.5"),
            json!("1.2.3"),
            json!("1.10.0-beta"),
            json!("0.2.5"),
            json!("2.0.0"),
            json!("/a/1"),
            json!("/a/22/b"),
            json!("/b"),
        ];
        self.pick(&values).clone()
    }

    fn event(&mut self) -> Known {
        let mut properties = Map::new();
        for key in ["a", "b", "c"] {
            if self.roll(3) > 0 {
                properties.insert(key.to_owned(), if self.roll(12) == 0 { Value::Null } else { self.value() });
            }
        }
        if self.roll(2) == 0 {
            let session = format!("019b7a00-0000-7000-8000-00000000000{}", self.roll(4));
            properties.insert("$session_id".to_owned(), session.into());
        }
        if self.roll(2) == 0 {
            let group = *self.pick(&["acme", "beta", "gamma"]);
            properties.insert("$groups".to_owned(), json!({"company": group}));
        }
        if self.roll(5) == 0 {
            properties.insert("$exception_types".to_owned(), json!([self.pick(&["A", "B"]), "TypeError"]));
        }
        let name = *self.pick(&["$pageview", "click", "$autocapture"]);
        let mut elements = Vec::new();
        if name == "$autocapture" {
            for _ in 0..=self.roll(3) {
                let classes = [vec![], vec!["x"], vec!["x", "y"]];
                let link = *self.pick(&[None, None, Some("/buy"), Some("https://a.io/")]);
                let label = *self.pick(&[None, Some("Buy now"), Some("10"), Some("abc")]);
                elements.push((*self.pick(&["a", "div", "button"]), self.pick(&classes).clone(), label, link));
            }
            properties.insert("$elements_chain".to_owned(), chain(&elements).into());
        }
        let id = self.roll(5);
        if id == 4 {
            properties.insert("$process_person_profile".to_owned(), false.into());
        }
        let time = format!("2026-01-05T{:02}:{:02}:{:02}Z", 8 + self.roll(4), self.roll(60), self.roll(60));
        let distinct_id = format!("d{id}");
        let person = PERSONS.iter().position(|(ids, _)| ids.contains(&distinct_id.as_str()));
        Known { sent: event(name, &distinct_id, &time, properties.into()), elements, person }
    }

    fn leaf(&mut self, cohort: i64) -> Value {
        let (kind, keys): (&str, &[&str]) = *self.pick(&[
            ("event", &["a", "b", "c", "a", "b", "c", "$exception_types"][..]),
            ("event", &["a", "b", "c"]),
            ("feature", &["a", "b"]),
            ("person", &["plan", "age", "since", "distinct_id"]),
            ("group", &["tier", "seats"]),
            ("session", &["$session_duration", "$pageview_count", "$autocapture_count"]),
            ("event_metadata", &["event", "distinct_id", "$group_0"]),
            ("element", &["tag_name", "selector", "text", "href"]),
            ("cohort", &["id"]),
            ("hogql", &[""]),
        ]);
        let key = *self.pick(keys);
        if kind == "cohort" {
            return json!({"type": kind, "key": key, "value": cohort, "operator": *self.pick(&["in", "not_in"])});
        }
        if kind == "hogql" {
            let texts = [
                "event = '$pageview'",
                "properties.a = 'abc' or distinct_id in ('d0', 'x')",
                "group_0.properties.tier != 'gold'",
            ];
            return json!({"type": kind, "key": *self.pick(&texts)});
        }
        let (operator, value) = match (kind, key) {
            ("event" | "feature", "a" | "b" | "c") => self.about_property(),
            ("person", "distinct_id") => (self.equality(), json!(format!("d{}", self.roll(5)))),
            ("element", "tag_name") => (self.equality(), json!(*self.pick(&["a", "div", "p"]))),
            ("element", "selector") => {
                (self.equality(), json!(*self.pick(&["a", ".x", "div.y", "div a", "div > button", "a > .x"])))
            }
            ("session", _) => {
                let operators = ["exact", "is_not", "gt", "gte", "lt", "lte", "is_set", "is_not_set"];
                (*self.pick(&operators), json!(*self.pick(&[0, 1, 2, 5, 100, 3_600])))
            }
            _ => (*self.pick(&ANY), self.likely(kind, key)),
        };
        let is_list = !matches!(operator, "between" | "not_between" | "is_set" | "is_not_set") && self.roll(4) == 0;
        let is_free = ANY.contains(&operator) && kind != "session" && !matches!(key, "distinct_id" | "selector");
        let value = match (is_list, is_free) {
            (true, true) => json!([value, self.value()]),
            (true, false) => json!([value, value]),
            (false, _) => value,
        };
        json!({"type": kind, "key": key, "operator": operator, "value": value, "group_type_index": 0})
    }

    fn equality(&mut self) -> &'static str {
        let operators = ["exact", "is_not"];
        operators[self.roll(operators.len())]
    }

    /// A value that some event has at this key, mostly.
    fn likely(&mut self, kind: &str, key: &str) -> Value {
        let values = match (kind, key) {
            ("group", _) => vec![json!("gold"), json!("tin"), json!(10), json!("10")],
            ("person", _) => vec![json!("pro"), json!("PR"), json!(31), json!("40")],
            ("event_metadata", "$group_0") => vec![json!("acme"), json!("A")],
            ("event_metadata", _) => vec![json!("click"), json!("d1"), json!("PAGE")],
            ("element", "text") => vec![json!("Buy now"), json!("buy"), json!(10)],
            ("element", _) => vec![json!("/buy"), json!("A.IO")],
            _ => vec![json!("A"), json!("error")],
        };
        if self.roll(4) > 0 { self.pick(&values).clone() } else { self.value() }
    }

    /// An operator and a value for the properties that hold all sorts of things.
    fn about_property(&mut self) -> (&'static str, Value) {
        match self.roll(7) {
            0 => {
                let dates = ["2026-01-01", "2026-01-05", "2026-01-05T10:30:00Z", "2026-01-05 10:30:00"];
                (*self.pick(&["is_date_exact", "is_date_before", "is_date_after"]), json!(*self.pick(&dates)))
            }
            1 => (*self.pick(&VERSIONS), json!(*self.pick(&["1.2.3", "1.2", "1", "0.2.3", "1.10.0-rc"]))),
            2 => ("semver_wildcard", json!(*self.pick(&["1.*", "1.2.*", "0.2.*"]))),
            3 => (*self.pick(&["regex", "not_regex"]), json!(*self.pick(&["^a", "c$", "b", "^1", "AB"]))),
            4 => ("is_cleaned_path_exact", json!(*self.pick(&["/a/7", "/a/:id/b", "/b"]))),
            5 => {
                let ranges = [json!([1, 5]), json!([-3, "1.5"]), json!([10, 10])];
                (*self.pick(&["between", "not_between"]), self.pick(&ranges).clone())
            }
            _ => (*self.pick(&ANY), self.value()),
        }
    }

    fn tree(&mut self, cohort: i64, depth: usize) -> Value {
        if depth == 0 || self.roll(3) == 0 {
            return self.leaf(cohort);
        }
        let nodes: Vec<Value> = (0..=self.roll(3)).map(|_| self.tree(cohort, depth - 1)).collect();
        json!({"type": *self.pick(&["AND", "OR"]), "values": nodes})
    }
}

/// The chain as SDKs write it.
fn chain(elements: &[Element]) -> String {
    let one = |(tag, classes, text, link): &Element| {
        let mut out = (*tag).to_owned();
        classes.iter().for_each(|class| out.push_str(&format!(".{class}")));
        out.push(':');
        link.iter().for_each(|link| out.push_str(&format!("href=\"{link}\"")));
        out.push_str("nth-child=\"1\"nth-of-type=\"1\"");
        text.iter().for_each(|text| out.push_str(&format!("text=\"{text}\"")));
        out
    };
    elements.iter().map(one).collect::<Vec<_>>().join(";")
}

/// A server with persons, groups, a cohort and random events, some in memory and some in segments.
fn filled(dice: &mut Dice) -> (Server, World) {
    let server = Server::at(BINARY, "2026-01-20T00:00:00Z");
    let mut first = Vec::new();
    for (ids, properties) in PERSONS {
        first.push(event("$set", ids[0], "2026-01-01T00:00:00Z", json!({"$set": parsed(properties)})));
        for id in &ids[1..] {
            first.push(event("$identify", id, "2026-01-01T00:00:01Z", json!({"$anon_distinct_id": ids[0]})));
        }
    }
    for (key, properties) in GROUPS {
        let set = json!({"$group_type": "company", "$group_key": key, "$group_set": parsed(properties)});
        first.push(event("$groupidentify", "d2", "2026-01-01T00:00:02Z", set));
    }
    server.ingest(&first);
    let rules = json!({"path_cleaning_filters": [{"regex": "/[0-9]+(/|$)", "alias": "/:id\\1"}]});
    assert_eq!(server.patch("/api/projects/1/", &rules).status, 200);
    let cohort = server.post("/api/projects/1/cohorts/", &json!({"name": "pros", "filters": parsed(COHORT)}));
    let cohort = cohort.json()["id"].as_i64().unwrap();
    let mut events: Vec<Known> = (0..150).map(|_| dice.event()).collect();
    for (at, known) in events.iter_mut().enumerate() {
        known.sent["uuid"] = format!("0190a000-0000-7000-8000-{at:012}").into();
    }
    for batch in events.chunks(50) {
        server.ingest(&batch.iter().map(|known| known.sent.clone()).collect::<Vec<_>>());
    }
    (server, World { events, cohort })
}

fn agree(seed: u64, trees: usize) {
    let mut dice = Dice(seed);
    let (server, world) = filled(&mut dice);
    for tree in 0..trees {
        let filter = match dice.tree(world.cohort, 3) {
            group if group.get("values").is_some() => group,
            leaf => json!([leaf]),
        };
        let tree_of = if let Value::Array(nodes) = &filter { &nodes[0] } else { &filter };
        let mut expected: Vec<(&str, &str)> = world
            .events
            .iter()
            .filter(|known| world.holds(known, tree_of))
            .map(|known| (known.sent["timestamp"].as_str().unwrap(), known.sent["uuid"].as_str().unwrap()))
            .collect();
        expected.sort_unstable();
        let (order, limit) =
            *dice.pick(&[("-timestamp", 1_000), ("timestamp", 1_000), ("timestamp", 40), ("-timestamp", 40)]);
        let path = format!(
            "/api/projects/1/events/?after=2026-01-02&before=2026-02-01&include_person=false&orderBy={order}&limit={limit}&properties={}",
            encode(&filter.to_string())
        );
        let listed = server.follow(&path);
        let mut ids = fields(&listed, "id");
        if order == "-timestamp" {
            ids.reverse();
        }
        let wanted: Vec<&str> = expected.iter().map(|(_, id)| *id).collect();
        if ids != wanted {
            let wrong = differing(&server, &world, tree_of);
            panic!(
                "tree {tree} of seed {seed}: {filter}\n found {ids:?}\nwanted {wanted:?}\nleaves that differ alone: {wrong:#?}"
            );
        }
    }
}

/// The leaves of a tree that list other events than they should.
fn differing(server: &Server, world: &World, tree: &Value) -> Vec<String> {
    if let Some(parts) = tree.get("values").and_then(Value::as_array) {
        return parts.iter().flat_map(|part| differing(server, world, part)).collect();
    }
    let properties = encode(&json!([tree]).to_string());
    let path = format!("/api/projects/1/events/?after=2026-01-02&before=2026-02-01&limit=1000&properties={properties}");
    let listed = server.follow(&path);
    let found: std::collections::BTreeSet<&str> = fields(&listed, "id").into_iter().collect();
    let is_right = |known: &&Known| found.contains(known.sent["uuid"].as_str().unwrap()) == world.holds(known, tree);
    world
        .events
        .iter()
        .find(|known| !is_right(known))
        .map(|known| format!("{tree} for {}", known.sent))
        .into_iter()
        .collect()
}

/// Whatever is asked, the rows are those of the plain evaluation: 3,200 trees over four sets of events.
#[test]
fn lists_are_those_of_the_specification() {
    std::thread::scope(|scope| {
        for seeds in [[1, 2], [3, 4]] {
            scope.spawn(move || seeds.map(|seed| agree(seed * 7_919, 800)));
        }
    });
}
