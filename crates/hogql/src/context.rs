//! What a query needs to know about its project and its request: one plain value, made by the caller.
//!
//! Nothing here is looked up while a query is resolved, so resolving is a pure function of the text and this value.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::types::Name;

/// A project and a request, as far as queries depend on them.
#[derive(Debug, Clone)]
pub struct Context {
    /// The project.
    pub project: Project,
    /// How persons and properties are read.
    pub modifiers: Modifiers,
    /// The instant of the request, the same throughout a query.
    pub now: jiff::Timestamp,
    /// What `{name}` stands for.
    pub values: BTreeMap<String, Value>,
    /// What `{filters}` stands for.
    pub filters: Option<Filters>,
    /// What `{variables.code}` stands for, by code name: the request's value, or the stored default.
    pub variables: BTreeMap<String, Variable>,
    /// How many rows, by default and at most.
    pub limits: Limits,
    /// What this user may not read.
    pub restrictions: Restrictions,
}

/// The settings and definitions of a project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its number, reported as `team_id`.
    pub id: u64,
    /// The name of its time zone.
    pub timezone: Name,
    /// The first day of its weeks.
    pub week_start: WeekStart,
    /// Types of properties, where defined.
    pub property_types: PropertyTypes,
    /// Names of the group types, by index 0..4.
    pub group_types: BTreeMap<u8, String>,
    /// Its cohorts.
    pub cohorts: Vec<Cohort>,
    /// Its actions.
    pub actions: Vec<Action>,
    /// Property filters that leave its own people out.
    pub test_account_filters: Vec<Value>,
    /// Rules that tidy paths, in order.
    pub path_cleaning: Vec<PathCleaning>,
    /// The earliest event, where known: what `all` means in a date range.
    pub earliest_event: Option<jiff::Timestamp>,
}

/// On which day weeks start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeekStart {
    /// Mode 0.
    #[default]
    Sunday,
    /// Mode 3.
    Monday,
}

/// Types of properties by where they live and what they are called.
#[derive(Debug, Clone, Default)]
pub struct PropertyTypes {
    /// Of events.
    pub event: BTreeMap<String, PropertyType>,
    /// Of persons.
    pub person: BTreeMap<String, PropertyType>,
    /// Of groups, by group type index.
    pub group: BTreeMap<(u8, String), PropertyType>,
}

/// What the values of a property are, by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyType {
    /// Text.
    String,
    /// Numbers.
    Numeric,
    /// Truth values.
    Boolean,
    /// Points in time.
    DateTime,
}

impl PropertyType {
    /// As it is shown.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Numeric => "Float",
            Self::Boolean => "Boolean",
            Self::DateTime => "DateTime",
        }
    }
}

/// A cohort.
#[derive(Debug, Clone)]
pub struct Cohort {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether members are listed, not calculated.
    pub is_static: bool,
}

/// An action: an event matches it if it matches any step.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its steps.
    pub steps: Vec<ActionStep>,
}

/// A step of an action: every condition that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct ActionStep {
    /// The event.
    pub event: Option<String>,
    /// A CSS selector that some element matches.
    pub selector: Option<String>,
    /// The tag of some element.
    pub tag_name: Option<String>,
    /// The link, and how it is compared.
    pub href: Option<(String, Matching)>,
    /// The text of some element, and how it is compared.
    pub text: Option<(String, Matching)>,
    /// `$current_url`, and how it is compared.
    pub url: Option<(String, Matching)>,
    /// Property filters.
    pub properties: Vec<Value>,
}

/// How a step compares text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// The whole text.
    Exact,
    /// A part of it.
    Contains,
    /// A regular expression.
    Regex,
}

/// A rule that tidies paths.
#[derive(Debug, Clone)]
pub struct PathCleaning {
    /// What to look for.
    pub regex: String,
    /// What to put there.
    pub alias: String,
}

/// Which person an event belongs to, and which of its properties are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PersonsOnEvents {
    /// Today's person of the distinct id, with today's properties.
    Disabled,
    /// The person stored on the event, with the properties stored there.
    NoOverridePropertiesOnEvents,
    /// The surviving person, with the properties stored on the event.
    #[default]
    OverridePropertiesOnEvents,
    /// The surviving person, with today's properties.
    OverridePropertiesJoined,
}

impl PersonsOnEvents {
    /// Reads the name used in requests.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "disabled" => Self::Disabled,
            "person_id_no_override_properties_on_events" => Self::NoOverridePropertiesOnEvents,
            "person_id_override_properties_on_events" => Self::OverridePropertiesOnEvents,
            "person_id_override_properties_joined" => Self::OverridePropertiesJoined,
            _ => return None,
        })
    }
}

/// Settings of one request that change what a query means.
#[derive(Debug, Clone)]
pub struct Modifiers {
    /// Persons on events.
    pub persons_on_events: PersonsOnEvents,
    /// Leave escapes in untyped properties as they are in JSON, as upstream does.
    pub legacy_property_escapes: bool,
    /// How many seconds make a session no bounce.
    pub bounce_seconds: u32,
}

impl Default for Modifiers {
    fn default() -> Self {
        Self { persons_on_events: PersonsOnEvents::default(), legacy_property_escapes: false, bounce_seconds: 10 }
    }
}

/// What `{filters}` stands for.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filters {
    /// A range of time.
    pub date_range: Option<DateRange>,
    /// Property filters, a list or a group.
    pub properties: Value,
    /// Whether the project's own people are left out.
    pub filter_test_accounts: Option<bool>,
}

/// A range of time as requests give it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct DateRange {
    /// The first instant, absolute or relative.
    pub date_from: Option<String>,
    /// The last.
    pub date_to: Option<String>,
    /// Take both as they are, without widening to whole days.
    #[serde(rename = "explicitDate")]
    pub explicit_date: Option<bool>,
}

/// A variable that a query may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its value; JSON null gives NULL.
    pub value: Value,
}

/// Limits on rows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows of a SELECT without LIMIT; `None` is all.
    pub default_rows: Option<u64>,
    /// Rows at most; `None` is without bound.
    pub max_rows: Option<u64>,
    /// Ask for one row more than the default, to learn whether there are more.
    pub probe_more: bool,
    /// Whether OFFSET may be used.
    pub allow_offset: bool,
}

impl Limits {
    /// A query asked over the API: 100 rows by default, 50,000 at most.
    pub const QUERY: Self =
        Self { default_rows: Some(100), max_rows: Some(50_000), probe_more: true, allow_offset: true };
    /// An export: 300,000 rows.
    pub const EXPORT: Self =
        Self { default_rows: Some(300_000), max_rows: Some(300_000), probe_more: false, allow_offset: true };
    /// Everything.
    pub const NONE: Self = Self { default_rows: None, max_rows: None, probe_more: false, allow_offset: true };
}

/// What a user may not read.
#[derive(Debug, Clone, Default)]
pub struct Restrictions {
    /// Tables.
    pub tables: Vec<String>,
    /// Event properties, which read as NULL.
    pub event_properties: Vec<String>,
    /// Person properties, which read as NULL.
    pub person_properties: Vec<String>,
}

impl Context {
    /// The instant of the request, in the zone of the project.
    #[must_use]
    pub fn local_now(&self) -> jiff::ZonedDateTime {
        self.now.to_zoned_datetime(crate::resolve::zone(&self.project.timezone))
    }

    /// A project with nothing defined, in `timezone`, asked at `now`.
    pub fn new(id: u64, timezone: &str, now: jiff::Timestamp) -> Self {
        Self {
            project: Project {
                id,
                timezone: Arc::from(timezone),
                week_start: WeekStart::default(),
                property_types: PropertyTypes::default(),
                group_types: BTreeMap::new(),
                cohorts: Vec::new(),
                actions: Vec::new(),
                test_account_filters: Vec::new(),
                path_cleaning: Vec::new(),
                earliest_event: None,
            },
            modifiers: Modifiers::default(),
            now,
            values: BTreeMap::new(),
            filters: None,
            variables: BTreeMap::new(),
            limits: Limits::QUERY,
            restrictions: Restrictions::default(),
        }
    }
}
