//! What makes a person a member: a tree of conditions on the person and on what the person did.
//!
//! Everything that does not depend on persons is settled when the tree is read, so that a definition which is stored can be
//! evaluated.

use meta::Project;
use query::Filter;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;

/// Groups within groups.
const DEPTH_MAX: usize = 16;
/// Conditions on behaviour in one definition: each of them reads events.
const BEHAVIORS_MAX: usize = 20;

/// A condition on persons.
#[derive(Debug, Clone)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// The person's properties.
    Person(Box<Filter>),
    /// The condition with this place in [`Definition::behaviors`].
    Behaved(usize),
    /// Membership of another cohort.
    Cohort(i64),
}

/// A definition as it is evaluated.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) root: Node,
    pub(super) behaviors: Vec<Behavior>,
}

/// What a person did.
#[derive(Debug, Clone)]
pub(super) struct Behavior {
    /// Alternatives.
    pub(super) events: Vec<Meant>,
    pub(super) what: What,
}

/// How often, and when.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// In the span before now, so often.
    Performed { span: Span, count: Count },
    /// In the span before now for the first time.
    FirstTime { span: Span },
    /// In the span, but not in the last part of it.
    Stopped { span: Span, pause: Span },
    /// So often in each of so many of the last periods, the shortest span first.
    Regularly { periods: Vec<Span>, least: usize, count: Count },
    /// In the last part of the span after a pause that filled the rest, and before that as well.
    Restarted { span: Span, pause: Span },
    /// In the span, and after it something else, with at most so much time between the two.
    Followed { span: Span, within: Within, next: Vec<Meant> },
}

/// Events that are meant: those of this name, if one is given, for which the filter holds.
pub(super) type Meant = (Option<String>, Filter);

/// A length of time on the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) amount: i64,
    pub(super) unit: char,
}

/// A span of time that ends now, as a date of the API: `-30d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span(pub(super) String);

/// How many events are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) least: u32,
    pub(super) most: u32,
}

/// Checks the definition `filters` of the cohort `own`, if it has an id yet.
pub(super) fn check(app: &App, project: &Project, filters: &str, own: Option<i64>) -> Result<(), ApiError> {
    let definition = parse(app, project, filters)?;
    if let Some(own) = own
        && reaches(app, project, &definition.root, own, 0)?
    {
        return Err(invalid("Cohorts cannot reference themselves, directly or through others."));
    }
    Ok(())
}

/// Whether `node` leads to the cohort `wanted`.
fn reaches(app: &App, project: &Project, node: &Node, wanted: i64, depth: usize) -> Result<bool, ApiError> {
    match node {
        Node::And(nodes) | Node::Or(nodes) => {
            for node in nodes {
                if reaches(app, project, node, wanted, depth)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Node::Not(node) => reaches(app, project, node, wanted, depth),
        Node::Person(_) | Node::Behaved(_) => Ok(false),
        Node::Cohort(id) if *id == wanted => Ok(true),
        Node::Cohort(_) if depth >= DEPTH_MAX => Err(invalid("Cohorts reference each other too deeply.")),
        Node::Cohort(id) => match app.meta.cohort(project.id, *id)?.filter(|cohort| !cohort.is_static) {
            None => Ok(false),
            Some(cohort) => reaches(app, project, &parse(app, project, &cohort.filters)?.root, wanted, depth + 1),
        },
    }
}

/// Reads `{"properties": {"type", "values"}}`.
pub(super) fn parse(app: &App, project: &Project, filters: &str) -> Result<Definition, ApiError> {
    let filters: Value = serde_json::from_str(filters).map_err(|error| invalid(error.to_string()))?;
    let mut parser = Parser { app, project, behaviors: Vec::new() };
    let Some(root) = filters.get("properties").filter(|root| root.is_object()) else {
        return Err(invalid("A cohort needs filters with properties, or groups."));
    };
    let root = parser.node(root, 0)?;
    if matches!(&root, Node::And(nodes) | Node::Or(nodes) if nodes.is_empty()) {
        return Err(invalid("A cohort needs at least one condition."));
    }
    Ok(Definition { root, behaviors: parser.behaviors })
}

fn invalid(detail: impl Into<String>) -> ApiError {
    ApiError::invalid("filters", detail)
}

struct Parser<'a> {
    app: &'a App,
    project: &'a Project,
    behaviors: Vec<Behavior>,
}

impl Parser<'_> {
    fn node(&mut self, value: &Value, depth: usize) -> Result<Node, ApiError> {
        if depth > DEPTH_MAX {
            return Err(invalid(format!("Filters nest deeper than {DEPTH_MAX} levels.")));
        }
        if let Some(values) = value.get("values") {
            let Some(values) = values.as_array() else { return Err(invalid("The values of a group must be a list.")) };
            let nodes = values.iter().map(|value| self.node(value, depth + 1)).collect::<Result<Vec<_>, _>>()?;
            return match value.get("type").and_then(Value::as_str) {
                None | Some("AND") => Ok(Node::And(nodes)),
                Some("OR") => Ok(Node::Or(nodes)),
                Some(other) => Err(invalid(format!("The type of a group must be AND or OR, not '{other}'."))),
            };
        }
        let leaf = match value.get("type").and_then(Value::as_str) {
            None | Some("person") => self.person(value)?,
            Some("behavioral") => self.behavior(value)?,
            Some("cohort" | "static-cohort" | "dynamic-cohort" | "precalculated-cohort") => self.cohort(value)?,
            Some(other) => return Err(invalid(format!("Filters of type '{other}' cannot define a cohort."))),
        };
        let negated = value.get("negation").and_then(Value::as_bool).unwrap_or(false);
        Ok(if negated { Node::Not(Box::new(leaf)) } else { leaf })
    }

    fn person(&self, value: &Value) -> Result<Node, ApiError> {
        let mut leaf = value.clone();
        leaf["type"] = json!("person");
        if let Some(leaf) = leaf.as_object_mut() {
            leaf.remove("negation");
        }
        Ok(Node::Person(Box::new(filter(&json!([leaf]))?)))
    }

    fn cohort(&self, value: &Value) -> Result<Node, ApiError> {
        let id = match value.get("value") {
            Some(Value::Array(ids)) if ids.len() == 1 => ids.first(),
            other => other,
        };
        let id = id.and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()));
        let Some(id) = id else { return Err(invalid("The value of a cohort filter must be a cohort's id.")) };
        let known = self.app.meta.cohort(self.project.id, id)?.filter(|cohort| !cohort.deleted);
        if known.is_none() {
            return Err(invalid(format!("Cohort {id} does not exist.")));
        }
        let node = Node::Cohort(id);
        let negated = value.get("operator").and_then(Value::as_str) == Some("not_in");
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn behavior(&mut self, value: &Value) -> Result<Node, ApiError> {
        if self.behaviors.len() >= BEHAVIORS_MAX {
            return Err(invalid(format!("A cohort can have at most {BEHAVIORS_MAX} conditions on behaviour.")));
        }
        let kind = value.get("value").and_then(Value::as_str).unwrap_or_default();
        let what = match kind {
            "performed_event" => What::Performed { span: span(value, "time")?, count: Count::ANY },
            "performed_event_multiple" => What::Performed { span: span(value, "time")?, count: count(value)? },
            "performed_event_first_time" => What::FirstTime { span: span(value, "time")? },
            "stopped_performing_event" => What::Stopped { span: span(value, "time")?, pause: span(value, "seq_time")? },
            "restarted_performing_event" => {
                What::Restarted { span: span(value, "time")?, pause: span(value, "seq_time")? }
            }
            "performed_event_regularly" => regularly(value)?,
            "performed_event_sequence" => self.sequence(value)?,
            other => return Err(invalid(format!("'{other}' is not a behaviour."))),
        };
        let events = self.events(value)?;
        self.behaviors.push(Behavior { events, what });
        Ok(Node::Behaved(self.behaviors.len() - 1))
    }

    /// `seq_event` after the event that is the key.
    fn sequence(&self, value: &Value) -> Result<What, ApiError> {
        let (amount, unit) = amount(value, "seq_time")?;
        let within = Within { amount: i64::try_from(amount).unwrap_or(i64::MAX), unit };
        let next = self.meant(value, "seq_event", "seq_event_type", &Filter::default())?;
        Ok(What::Followed { span: span(value, "time")?, within, next })
    }

    fn events(&self, value: &Value) -> Result<Vec<Meant>, ApiError> {
        let extra = match value.get("event_filters") {
            None | Some(Value::Null) => Filter::default(),
            Some(filters) => filter(filters)?,
        };
        self.meant(value, "key", "event_type", &extra)
    }

    /// The events that the fields `key` and `kind` mean and for which `extra` holds.
    fn meant(&self, value: &Value, key: &str, kind: &str, extra: &Filter) -> Result<Vec<Meant>, ApiError> {
        match value.get(kind).and_then(Value::as_str) {
            None | Some("events") => {
                let name = value.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
                let Some(name) = name else {
                    return Err(invalid(format!("A condition on behaviour needs an event as its {key}.")));
                };
                Ok(vec![(Some(name.to_owned()), extra.clone())])
            }
            Some("actions") => {
                let id = value.get(key).and_then(|key| key.as_i64().or_else(|| key.as_str()?.parse().ok()));
                let Some(id) = id else { return Err(invalid(format!("The {key} must be an action's id."))) };
                let action = self.app.meta.action(self.project.id, id)?.filter(|action| !action.content.deleted);
                let Some(action) = action else { return Err(invalid(format!("Action {id} does not exist."))) };
                let steps: Vec<Value> = serde_json::from_str(&action.content.steps).unwrap_or_default();
                steps.iter().map(|step| of_step(step, extra)).collect()
            }
            Some(other) => Err(invalid(format!("'{other}' is not a type of event."))),
        }
    }
}

/// The events that a step of an action means.
fn of_step(step: &Value, extra: &Filter) -> Result<Meant, ApiError> {
    let has = |name: &str| step.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if let Some(name) = ["selector", "tag_name", "text", "href"].into_iter().find(|name| has(name)) {
        return Err(invalid(format!("Actions with a condition on '{name}' cannot define a cohort yet.")));
    }
    let mut all = vec![extra.clone()];
    if let Some(properties) = step.get("properties").filter(|properties| !properties.is_null()) {
        all.push(filter(properties)?);
    }
    if has("url") {
        let operator = match step.get("url_matching").and_then(Value::as_str) {
            Some("exact") => "exact",
            Some("regex") => "regex",
            // Case counts here, which the operator for text within text ignores.
            _ => "regex",
        };
        let url = step.get("url").and_then(Value::as_str).unwrap_or_default();
        let contains = !matches!(step.get("url_matching").and_then(Value::as_str), Some("exact" | "regex"));
        let value = if contains { regex::escape(url) } else { url.to_owned() };
        all.push(filter(&json!([{"key": "$current_url", "value": value, "operator": operator}]))?);
    }
    let name = step.get("event").and_then(Value::as_str).filter(|name| !name.is_empty());
    Ok((name.map(str::to_owned), Filter::all(all)))
}

fn filter(leaves: &Value) -> Result<Filter, ApiError> {
    let parsed = Filter::parse_strict(&leaves.to_string()).map_err(|error| invalid(error.to_string()))?;
    Ok(parsed.filter)
}

/// `{time}_value` and `{time}_interval`, or for the main one an explicit date.
fn span(value: &Value, time: &'static str) -> Result<Span, ApiError> {
    if time == "time"
        && let Some(date) = value.get("explicit_datetime").and_then(Value::as_str)
    {
        return Ok(Span(date.to_owned()));
    }
    let (amount, unit) = amount(value, time)?;
    Ok(Span(format!("-{amount}{unit}")))
}

/// How many of which unit of dates.
fn amount(value: &Value, time: &'static str) -> Result<(u64, char), ApiError> {
    let amount = value.get(format!("{time}_value"));
    let amount = amount.and_then(|amount| amount.as_u64().or_else(|| amount.as_str()?.parse().ok()));
    let Some(amount) = amount.filter(|amount| *amount > 0 && *amount <= 10_000) else {
        return Err(invalid(format!("{time}_value must be a number from 1 to 10000.")));
    };
    let unit = match value.get(format!("{time}_interval")).and_then(Value::as_str) {
        Some("hour") => 'h',
        None | Some("day") => 'd',
        Some("week") => 'w',
        Some("month") => 'm',
        Some("year") => 'y',
        Some(other) => return Err(invalid(format!("'{other}' is not an interval of time."))),
    };
    Ok((amount, unit))
}

/// `min_periods` of `total_periods`, each as long as `time_value` and `time_interval` say.
fn regularly(value: &Value) -> Result<What, ApiError> {
    /// Each period reads events.
    const PERIODS_MAX: u64 = 24;
    let number =
        |name: &str| value.get(name).and_then(Value::as_u64).filter(|number| (1..=PERIODS_MAX).contains(number));
    let (Some(least), Some(total)) = (number("min_periods"), number("total_periods")) else {
        return Err(invalid(format!("min_periods and total_periods must be numbers from 1 to {PERIODS_MAX}.")));
    };
    let (amount, unit) = amount(value, "time")?;
    let periods = (1..=total).map(|period| Span(format!("-{}{unit}", amount * period))).collect();
    let least = usize::try_from(least).unwrap_or(usize::MAX);
    Ok(What::Regularly { periods, least, count: count(value)? })
}

impl Count {
    const ANY: Self = Self { least: 1, most: u32::MAX };

    pub(super) fn holds(self, events: u32) -> bool {
        (self.least..=self.most).contains(&events)
    }
}

/// `operator` and `operator_value`. Who did it at most so often did it at least once; who did it `eq` 0 times never.
fn count(value: &Value) -> Result<Count, ApiError> {
    let number = value.get("operator_value");
    let number = number.and_then(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()));
    let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
        return Err(invalid("operator_value must be a whole number."));
    };
    let nothing = Count { least: 1, most: 0 };
    Ok(match value.get("operator").and_then(Value::as_str) {
        Some("gte") => Count { least: number.max(1), most: u32::MAX },
        Some("gt") => Count { least: number.saturating_add(1), most: u32::MAX },
        Some("lte") => Count { least: 1, most: number },
        Some("lt") if number == 0 => nothing,
        Some("lt") => Count { least: 1, most: number - 1 },
        None | Some("eq" | "exact") => Count { least: number, most: number },
        Some(other) => return Err(invalid(format!("'{other}' does not compare numbers of events."))),
    })
}
