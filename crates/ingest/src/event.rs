//! One event on its way from capture to a row: the parts that are pure functions of what was captured.
//!
//! `prepare` decides everything that needs no database; `row` builds the stored row once the rest is resolved. Both run
//! again when rows are rebuilt after a restart, so neither may look at anything but its arguments.

use std::borrow::Cow;
use std::sync::Arc;

use model::{
    CapturedEvent, EventRow, GROUP_TYPES_MAX, PersonMode, PersonNumber, ProjectId, Properties, TimeDoubt, Timestamp,
    write_json_string,
};
use uuid::Uuid;

use crate::added::Added;
use crate::elements::take_chain;
use crate::identity::malformed_merge_field;
use crate::person_properties::Wishes;
use crate::stats::Warning;
use crate::stored::StoredProperties;

/// Longest stored event name, in UTF-16 units.
const NAME_UNITS_MAX: usize = 200;
/// Longest group key, in characters.
const GROUP_KEY_CHARS_MAX: usize = 400;
const PROCESS_PROFILE: &str = "$process_person_profile";
/// For what may come to an event's properties besides what it wants of its person.
const ROOM_BYTES: usize = 64;
const GROUP_COLUMNS: [&str; GROUP_TYPES_MAX] = ["$group_0", "$group_1", "$group_2", "$group_3", "$group_4"];

/// An event that will be stored, before its person is known.
pub(crate) struct Prepared<'a> {
    pub(crate) event: CapturedEvent<'a>,
    pub(crate) profile: Profile,
    /// What the event wants of its person; nothing for a personless one.
    pub(crate) wishes: Wishes<'a>,
    /// What is odd about the event, though it is stored.
    pub(crate) warnings: Vec<Warning>,
}

/// Whether an event may touch a person profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Full,
    Personless,
    /// Full if the person exists already: flag calls alone should not create persons.
    IfExists,
}

/// What the database knew about an event: with this, its row can be built again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolution {
    pub(crate) person_id: Uuid,
    pub(crate) person_number: PersonNumber,
    pub(crate) mode: PersonMode,
    /// The person's properties after the event has changed them, without what the event alone sees.
    pub(crate) person: Arc<StoredProperties>,
    pub(crate) groups: [Option<String>; GROUP_TYPES_MAX],
    pub(crate) anonymize_ip: bool,
    /// What was added to the event before all else.
    pub(crate) added: Added,
}

/// Why an event is dropped, if it is.
pub(crate) fn refusal(event: &CapturedEvent<'_>) -> Option<Warning> {
    let name = event.name.as_ref();
    match name {
        "$$client_ingestion_warning" => return Some(Warning::ClientIngestionWarning),
        "$$heatmap" => return Some(Warning::HeatmapNotStored),
        _ => {}
    }
    if name == "$groupidentify"
        && text(&event.properties, "$group_key").is_some_and(|key| key.chars().count() > GROUP_KEY_CHARS_MAX)
    {
        return Some(Warning::GroupKeyTooLong);
    }
    match malformed_merge_field(name, &event.properties) {
        Some("alias") => return Some(Warning::InvalidAlias),
        Some(_) => return Some(Warning::InvalidAnonDistinctId),
        None => {}
    }
    let needs_profile = matches!(name, "$identify" | "$create_alias" | "$merge_dangerously" | "$groupidentify");
    let is_personless = needs_profile && profile_of(name, &event.properties).0 == Profile::Personless;
    is_personless.then_some(Warning::PersonlessIdentify)
}

/// Decides how `event`, which is not refused, is stored.
pub(crate) fn prepare(mut event: CapturedEvent<'_>) -> Prepared<'_> {
    let name = event.name.as_ref();
    let (profile, warning) = profile_of(name, &event.properties);
    let mut warnings: Vec<Warning> = warning.into_iter().collect();
    warnings.extend(event.time_doubt.map(|doubt| match doubt {
        TimeDoubt::Unreadable => Warning::UnreadableTimestamp,
        TimeDoubt::Future => Warning::FutureTimestamp,
    }));
    if event.uuid.get_version_num() != 7 && !is_own_library(&event.properties) {
        warnings.push(Warning::UuidNotV7);
    }
    let wishes = if name == "$groupidentify" {
        event.properties.remove("$set");
        event.properties.remove("$set_once");
        if event.properties.get("$group_set").is_some_and(|set| !set.starts_with('{')) {
            warnings.push(Warning::InvalidGroupSet);
        }
        Wishes::default()
    } else if profile == Profile::Personless {
        Wishes::default()
    } else {
        Wishes::of(name, &event.properties)
    };
    Prepared { event, profile, wishes, warnings }
}

/// Whether an event is from one of PostHog's libraries, some of which make uuids of version 4.
fn is_own_library(properties: &Properties<'_>) -> bool {
    text(properties, "$lib").is_some_and(|name| name == "web" || name == "js" || name.starts_with("posthog-"))
}

fn profile_of(name: &str, properties: &Properties<'_>) -> (Profile, Option<Warning>) {
    match properties.get(PROCESS_PROFILE) {
        Some("false") => (Profile::Personless, None),
        Some("true") => (Profile::Full, None),
        None if name == "$feature_flag_called"
            && properties.get("$groups").is_none_or(|groups| matches!(groups, "{}" | "null")) =>
        {
            (Profile::IfExists, None)
        }
        None => (Profile::Full, None),
        Some(_) => (Profile::Full, Some(Warning::InvalidProcessPersonProfile)),
    }
}

/// The row of a prepared event.
pub(crate) fn row(
    project: ProjectId,
    received: Timestamp,
    prepared: Prepared<'_>,
    resolution: &Resolution,
) -> EventRow {
    let Prepared { event, wishes, .. } = prepared;
    let mut properties = event.properties;
    let elements_chain = take_chain(&mut properties);
    EventRow {
        project,
        uuid: event.uuid,
        event: cut_name(event.name),
        distinct_id: event.distinct_id,
        timestamp: event.timestamp,
        created_at: received,
        person_id: resolution.person_id,
        person_number: resolution.person_number,
        person_mode: resolution.mode,
        properties: stored_properties(&properties, &wishes, resolution),
        person_properties: match resolution.mode {
            PersonMode::Full => wishes.snapshot(&resolution.person),
            PersonMode::Propertyless | PersonMode::ForceUpgrade => Arc::clone(resolution.person.text()),
        },
        elements_chain,
        groups: resolution.groups.clone(),
    }
}

/// The properties of an event as they are stored.
fn stored_properties(properties: &Properties<'_>, wishes: &Wishes<'_>, resolution: &Resolution) -> String {
    let personless = resolution.mode != PersonMode::Full;
    let room = properties.json_bytes() + wishes.set.json_bytes() + wishes.set_once.json_bytes() + ROOM_BYTES;
    let mut object = Object::new(room);
    let [mut set, mut set_once] =
        [&wishes.set, &wishes.set_once].map(|wish| Some(wish).filter(|wish| !wish.is_empty()));
    let mut groups: [Option<&str>; GROUP_TYPES_MAX] = resolution.groups.each_ref().map(Option::as_deref);
    for (key, value) in properties.iter() {
        match key {
            PROCESS_PROFILE if personless => object.entry(key).push_str("false"),
            PROCESS_PROFILE => {}
            "$set" | "$set_once" | "$unset" if personless => {}
            "$set" => object.wish(key, set.take(), value),
            "$set_once" => object.wish(key, set_once.take(), value),
            "$ip" if resolution.anonymize_ip => {}
            // Some clients send these and nobody reads them, or they belong elsewhere.
            "ph_product_tours" | "$product_tours_activated" | "$override_feature_flag_payloads" | "$heatmap_data" => {}
            _ => match group_column(key) {
                Some(_) if personless => {}
                Some(at) => match groups.get_mut(at).and_then(Option::take) {
                    Some(group) => write_json_string(object.entry(key), group),
                    None => object.entry(key).push_str(value),
                },
                None => object.entry(key).push_str(value),
            },
        }
    }
    if personless {
        if !properties.contains(PROCESS_PROFILE) {
            object.entry(PROCESS_PROFILE).push_str("false");
        }
        return object.finish();
    }
    for (key, wish) in [("$set", set), ("$set_once", set_once)] {
        if let Some(wish) = wish {
            wish.write_json(object.entry(key));
        }
    }
    for (column, group) in GROUP_COLUMNS.iter().zip(groups) {
        if let Some(group) = group {
            write_json_string(object.entry(column), group);
        }
    }
    object.finish()
}

/// The group type whose key stands in the property `key`.
fn group_column(key: &str) -> Option<usize> {
    if key.len() != GROUP_COLUMNS[0].len() {
        return None;
    }
    GROUP_COLUMNS.iter().position(|column| *column == key)
}

/// A JSON object while it is written.
struct Object(String);

impl Object {
    fn new(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self(text)
    }

    /// Writes a key; the value is to be appended to the result.
    fn entry(&mut self, key: &str) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_json_string(&mut self.0, key);
        self.0.push(':');
        &mut self.0
    }

    /// Writes a key with what the event wants under it, or else with the value it came with.
    fn wish(&mut self, key: &str, wish: Option<&Properties<'_>>, value: &str) {
        let text = self.entry(key);
        match wish {
            Some(wish) => wish.write_json(text),
            None => text.push_str(value),
        }
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// The group memberships that an event states: type and key.
pub(crate) fn groups_of(properties: &Properties<'_>) -> Vec<(String, String)> {
    let Some(groups) = properties.get("$groups").and_then(|raw| Properties::parse(raw).ok()) else {
        return Vec::new();
    };
    groups.iter().filter_map(|(kind, key)| Some((scrubbed(kind), scrubbed(&as_text(key)?)))).collect()
}

/// Group type, key and new properties of a `$groupidentify`, when it names a group.
pub(crate) fn group_change(event: &CapturedEvent<'_>) -> Option<(String, String, Option<Properties<'static>>)> {
    if event.name != "$groupidentify" {
        return None;
    }
    let kind = as_text(event.properties.get("$group_type")?)?;
    let key = as_text(event.properties.get("$group_key")?)?;
    let set = match event.properties.get("$group_set") {
        None => Some(Properties::new()),
        Some(raw) => Properties::parse(raw).ok().map(Properties::into_owned),
    };
    Some((scrubbed(&kind), scrubbed(&key), set))
}

/// A string, or a number or boolean as it is written; nothing for null, lists and objects.
fn as_text(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

fn text<'a>(properties: &'a Properties<'_>, key: &str) -> Option<Cow<'a, str>> {
    properties.get_str(key)
}

fn scrubbed(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// At most 200 UTF-16 units of `name`, cut between characters.
fn cut_name(name: Cow<'_, str>) -> String {
    // No text has more units than bytes.
    if name.len() <= NAME_UNITS_MAX {
        return name.into_owned();
    }
    let mut units = 0;
    name.chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= NAME_UNITS_MAX
        })
        .collect()
}

#[cfg(test)]
mod tests;
