//! Reads the `properties` parameter of the API.
//!
//! Accepted are a list of leaves (and groups), a group `{"type": "AND" | "OR", "values": […]}`, and the legacy
//! dictionary `{"key": value, "key__operator": value}`. What upstream ignores is ignored here too, but never silently:
//! each such part leaves a warning, and strict parsing refuses it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use store::Document;

use super::leaf::{self, Leaf, Place, Test};
use super::value::{EqualSet, Number, Operand, PropertyValue};
use super::{Filter, FilterError, Node};
use model::json::{self, Elements, Members};

/// Leaves in one filter.
const LEAVES_MAX: usize = 500;
/// Groups within groups.
const DEPTH_MAX: usize = 32;
/// Regular expressions in one filter.
const PATTERNS_MAX: usize = 64;

/// Keys a leaf may have; the last four only tell a web page how to show it.
const LEAF_KEYS: [&str; 10] = [
    "key",
    "value",
    "operator",
    "type",
    "group_type_index",
    "negation",
    "label",
    "property_type",
    "property_type_format",
    "cohort_name",
];

/// Filter types that mean something for events, but that this engine cannot answer yet.
const TYPES_UNSUPPORTED: [&str; 9] = [
    "event_metadata",
    "group",
    "cohort",
    "static-cohort",
    "precalculated-cohort",
    "dynamic-cohort",
    "element",
    "session",
    "hogql",
];

/// Filter types of other products: known, never about events.
const TYPES_FOREIGN: [&str; 12] = [
    "recording",
    "log",
    "log_entry",
    "log_attribute",
    "log_resource_attribute",
    "behavioral",
    "data_warehouse",
    "data_warehouse_person_property",
    "error_tracking_issue",
    "revenue_analytics",
    "workflow_variable",
    "span",
];

const OPERATORS_UNSUPPORTED: [&str; 14] = [
    "is_date_exact",
    "is_date_before",
    "is_date_after",
    "is_cleaned_path_exact",
    "semver_eq",
    "semver_neq",
    "semver_gt",
    "semver_gte",
    "semver_lt",
    "semver_lte",
    "semver_tilde",
    "semver_caret",
    "semver_wildcard",
    "flag_evaluates_to",
];

/// Event keys that do not read a plain property.
const KEYS_UNSUPPORTED: [&str; 5] =
    ["$elements_chain", "$exception_types", "$exception_values", "$exception_sources", "$exception_functions"];

/// A filter, and what the caller should know about how it was read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The condition.
    pub filter: Filter,
    /// One sentence for each part that was ignored or can never match.
    pub warnings: Vec<String>,
}

/// What to make of a leaf that lacks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incomplete {
    IsTrue,
    IsError,
}

pub(super) fn parse(properties: &str, incomplete: Incomplete) -> Result<Parsed, FilterError> {
    let text = properties.trim_ascii();
    let mut parser = Parser { incomplete, leaves: 0, patterns: 0, warnings: Vec::new() };
    if text.is_empty() {
        return Ok(Parsed { filter: Filter::default(), warnings: parser.warnings });
    }
    if !json::is_valid(text) {
        return Err(FilterError::Unparsable);
    }
    let node = parser.top(text)?;
    Ok(Parsed { filter: Filter(node), warnings: parser.warnings })
}

struct Parser {
    incomplete: Incomplete,
    leaves: usize,
    patterns: usize,
    warnings: Vec<String>,
}

/// The members of a JSON object by key, raw; of duplicate keys the last.
type Object<'a> = BTreeMap<Cow<'a, str>, &'a str>;

#[derive(Debug, Clone, Copy)]
enum Operator {
    Equals { negated: bool },
    Search { place: Place, negated: bool },
    Regex { negated: bool },
    Ordered(fn(Ordering) -> bool),
    Between { negated: bool },
    IsSet,
    IsNotSet,
}

impl Operator {
    fn of(name: &str) -> Result<Self, FilterError> {
        Ok(match name {
            "" | "exact" | "in" => Self::Equals { negated: false },
            "is_not" | "not_in" => Self::Equals { negated: true },
            "icontains" | "icontains_multi" => Self::Search { place: Place::Anywhere, negated: false },
            "not_icontains" | "not_icontains_multi" => Self::Search { place: Place::Anywhere, negated: true },
            "starts_with" => Self::Search { place: Place::Start, negated: false },
            "not_starts_with" => Self::Search { place: Place::Start, negated: true },
            "ends_with" => Self::Search { place: Place::End, negated: false },
            "not_ends_with" => Self::Search { place: Place::End, negated: true },
            "regex" => Self::Regex { negated: false },
            "not_regex" => Self::Regex { negated: true },
            "gt" => Self::Ordered(Ordering::is_gt),
            "gte" | "min" => Self::Ordered(Ordering::is_ge),
            "lt" => Self::Ordered(Ordering::is_lt),
            "lte" | "max" => Self::Ordered(Ordering::is_le),
            "between" => Self::Between { negated: false },
            "not_between" => Self::Between { negated: true },
            "is_set" => Self::IsSet,
            "is_not_set" => Self::IsNotSet,
            _ if OPERATORS_UNSUPPORTED.contains(&name) => {
                return Err(FilterError::Unsupported(format!("operator '{name}'")));
            }
            _ => return Err(FilterError::Unknown { what: "operator", name: name.to_owned() }),
        })
    }

    fn needs_value(self) -> bool {
        !matches!(self, Self::IsSet | Self::IsNotSet)
    }
}

impl Parser {
    fn top(&mut self, text: &str) -> Result<Node, FilterError> {
        match text.as_bytes().first() {
            Some(b'[') => self.list(text, 0).map(Node::and),
            Some(b'{') => {
                let object = object(text);
                if object.is_empty() {
                    Ok(Node::True)
                } else if is_group(&object) {
                    self.group(&object, 0)
                } else {
                    self.legacy(&object)
                }
            }
            _ => self.neutral("properties is neither a list nor an object, so it filters nothing"),
        }
    }

    fn list(&mut self, text: &str, depth: usize) -> Result<Vec<Node>, FilterError> {
        Elements::of(text).map(|element| self.node(element, depth + 1)).collect()
    }

    fn node(&mut self, text: &str, depth: usize) -> Result<Node, FilterError> {
        if depth > DEPTH_MAX {
            return Err(FilterError::Invalid(format!("property filters nest deeper than {DEPTH_MAX} levels")));
        }
        if !text.starts_with('{') {
            return Err(FilterError::Invalid("each property filter must be an object".to_owned()));
        }
        let object = object(text);
        if is_group(&object) { self.group(&object, depth) } else { self.leaf(&object) }
    }

    fn group(&mut self, object: &Object<'_>, depth: usize) -> Result<Node, FilterError> {
        let values = object.get("values").copied().filter(|values| values.starts_with('['));
        let Some(values) = values else {
            return self.neutral("a group of property filters without a list of values filters nothing");
        };
        match string(object, "type")?.as_deref() {
            None | Some("" | "AND") => self.list(values, depth).map(Node::and),
            Some("OR") => self.list(values, depth).map(Node::or),
            Some(other) => {
                Err(FilterError::Invalid(format!("the type of a property group must be AND or OR, not '{other}'")))
            }
        }
    }

    /// `{"key": value, "key__operator": value}`. The text after the last `__` counts as an operator only if it is one.
    fn legacy(&mut self, object: &Object<'_>) -> Result<Node, FilterError> {
        if object.contains_key("key") && object.contains_key("value") {
            self.warn("properties was read as a dictionary of event properties; put a filter with a key in a list");
        }
        let mut leaves = Vec::with_capacity(object.len());
        for (name, value) in object {
            let (key, operator) = match name.rsplit_once("__") {
                Some((key, operator)) if !operator.is_empty() => match Operator::of(operator) {
                    Ok(_) | Err(FilterError::Unsupported(_)) => (key, operator),
                    Err(_) => (name.as_ref(), "exact"),
                },
                _ => (name.as_ref(), "exact"),
            };
            leaves.push(self.comparison(Document::Event, key, operator, Some(value))?);
        }
        Ok(Node::and(leaves))
    }

    fn leaf(&mut self, object: &Object<'_>) -> Result<Node, FilterError> {
        if object.is_empty() {
            return self.neutral("an empty property filter is ignored");
        }
        for unknown in object.keys().filter(|key| !LEAF_KEYS.contains(&key.as_ref())) {
            self.warn(&format!("unknown key '{unknown}' in a property filter is ignored"));
        }
        let key = string(object, "key")?.unwrap_or_default();
        let operator = string(object, "operator")?.unwrap_or_default();
        let value = object.get("value").copied();
        let source = match string(object, "type")?.as_deref() {
            None | Some("" | "event" | "feature") => Document::Event,
            Some("person") => Document::Person,
            Some("flag") => {
                self.warn("property filters on flags are ignored");
                return Ok(Node::True);
            }
            Some(other) => return self.other_type(other, object),
        };
        if key.is_empty() {
            return self.neutral("a property filter without a key is ignored");
        }
        self.comparison(source, &key, &operator, value)
    }

    /// A leaf of a type that is not compared here: still ignored when it is incomplete.
    fn other_type(&mut self, name: &str, object: &Object<'_>) -> Result<Node, FilterError> {
        let is_missing = |key| object.get(key).is_none_or(|raw| is_blank(raw));
        let unsupported = || FilterError::Unsupported(format!("filter type '{name}'"));
        if TYPES_FOREIGN.contains(&name) || name.starts_with("span") {
            return Err(unsupported());
        }
        if !TYPES_UNSUPPORTED.contains(&name) {
            return Err(FilterError::Unknown { what: "filter type", name: name.to_owned() });
        }
        if name == "group" && is_missing("group_type_index") {
            return self.neutral("a group property filter without group_type_index is ignored");
        }
        let needs_value = !matches!(string(object, "operator")?.as_deref(), Some("is_set" | "is_not_set"));
        if name != "hogql" && needs_value && is_missing("value") {
            return self.neutral(&format!("a property filter of type '{name}' without a value is ignored"));
        }
        Err(unsupported())
    }

    fn comparison(
        &mut self,
        document: Document,
        key: &str,
        operator: &str,
        value: Option<&str>,
    ) -> Result<Node, FilterError> {
        self.leaves += 1;
        if self.leaves > LEAVES_MAX {
            return Err(FilterError::Invalid(format!("more than {LEAVES_MAX} property filters")));
        }
        let asked = Operator::of(operator)?;
        if (document == Document::Event && KEYS_UNSUPPORTED.contains(&key))
            || (document == Document::Person && key == "distinct_id")
        {
            return Err(FilterError::Unsupported(format!("property '{key}'")));
        }
        let values = if asked.needs_value() { values(value.unwrap_or("null")) } else { Vec::new() };
        if asked.needs_value() && values.is_empty() {
            return self.neutral(&format!("the filter on property '{key}' has no value and is ignored"));
        }
        let name = if operator.is_empty() { "exact" } else { operator };
        let is_list = value.is_some_and(|value| value.starts_with('['));
        let test = match asked {
            Operator::IsSet => Test::IsSet,
            Operator::IsNotSet => Test::IsNotSet,
            Operator::Equals { negated } => {
                let mut any = EqualSet::default();
                values.iter().for_each(|value| any.insert(value));
                Test::Equals { any, negated }
            }
            Operator::Search { place, negated } => search(key, &values, place, negated)?,
            Operator::Regex { negated } => self.regex(key, &values, negated)?,
            Operator::Ordered(accepts) => Test::Ordered { any: values.iter().map(Operand::new).collect(), accepts },
            Operator::Between { negated } if is_list => between(name, &values, negated)?,
            Operator::Between { .. } => return Err(not_a_range(name)),
        };
        Ok(Node::Leaf(Arc::new(Leaf::new(document, key, test))))
    }

    /// An expression that does not compile matches nothing, even negated.
    fn regex(&mut self, key: &str, patterns: &[PropertyValue<'_>], negated: bool) -> Result<Test, FilterError> {
        self.patterns += patterns.len();
        if self.patterns > PATTERNS_MAX {
            return Err(FilterError::Invalid(format!("more than {PATTERNS_MAX} regular expressions")));
        }
        match patterns.iter().map(|pattern| leaf::compile(&pattern.text)).collect() {
            Ok(any) => Ok(Test::Matches { any, negated }),
            Err(error) => {
                let reason = match error {
                    regex::Error::CompiledTooBig(_) => "is too large",
                    _ => "is invalid",
                };
                self.warn(&format!("the regular expression for property '{key}' {reason}, so no event matches it"));
                Ok(Test::Never)
            }
        }
    }

    fn neutral(&mut self, why: &str) -> Result<Node, FilterError> {
        if self.incomplete == Incomplete::IsError {
            return Err(FilterError::Incomplete(why.to_owned()));
        }
        self.warn(why);
        Ok(Node::True)
    }

    fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }
}

fn object(text: &str) -> Object<'_> {
    Members::of(text).map(|(key, value)| (json::unescape(key), value)).collect()
}

/// Groups have `values`; something that calls itself AND or OR is meant as one even without.
fn is_group(object: &Object<'_>) -> bool {
    object.get("values").is_some_and(|values| values.starts_with('['))
        || matches!(object.get("type").copied(), Some(r#""AND""# | r#""OR""#))
}

/// The string at `key`; `None` when missing or `null`.
fn string<'a>(object: &Object<'a>, key: &str) -> Result<Option<Cow<'a, str>>, FilterError> {
    match object.get(key).copied() {
        None | Some("null") => Ok(None),
        Some(raw) if raw.starts_with('"') => Ok(PropertyValue::of(raw).map(|value| value.text)),
        Some(_) => Err(FilterError::Invalid(format!("'{key}' of a property filter must be a string"))),
    }
}

/// The values of a leaf; `null` is none, wherever it stands.
fn values(raw: &str) -> Vec<PropertyValue<'_>> {
    if raw.starts_with('[') {
        Elements::of(raw).filter_map(PropertyValue::of).collect()
    } else {
        PropertyValue::of(raw).into_iter().collect()
    }
}

fn is_blank(raw: &str) -> bool {
    values(raw).is_empty()
}

fn search(key: &str, needles: &[PropertyValue<'_>], place: Place, negated: bool) -> Result<Test, FilterError> {
    Test::search(needles, place, negated).map_err(|_too_large| {
        let limit = leaf::NEEDLE_BYTES_MAX;
        FilterError::Invalid(format!("the filter on property '{key}' searches for more than {limit} bytes of text"))
    })
}

fn between(name: &str, values: &[PropertyValue<'_>], negated: bool) -> Result<Test, FilterError> {
    let [low, high] = values else { return Err(not_a_range(name)) };
    let (Some(from), Some(to)) = (Number::of(&low.text), Number::of(&high.text)) else {
        return Err(FilterError::Invalid(format!("{name} operator requires numeric values")));
    };
    if from.compare(to).is_gt() {
        let message = format!("{name} operator requires min value to be less than or equal to max value");
        return Err(FilterError::Invalid(message));
    }
    Ok(Test::Between { low: Operand::new(low), high: Operand::new(high), negated })
}

fn not_a_range(name: &str) -> FilterError {
    FilterError::Invalid(format!("{name} operator requires a two-element array [min, max]"))
}
