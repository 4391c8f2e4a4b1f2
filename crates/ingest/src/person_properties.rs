//! What events do to the properties of their person.

use std::borrow::Cow;

use model::Properties;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Device, app and web properties that are copied from events to persons. Changes of these alone are not worth a write.
const DEVICE: [&str; 19] = [
    "$app_build",
    "$app_name",
    "$app_namespace",
    "$app_version",
    "$browser",
    "$browser_version",
    "$device_type",
    "$current_url",
    "$pathname",
    "$os",
    "$os_name",
    "$os_version",
    "$referring_domain",
    "$referrer",
    "$screen_height",
    "$screen_width",
    "$viewport_height",
    "$viewport_width",
    "$raw_user_agent",
];

/// Campaign properties that are copied from events to persons.
const CAMPAIGN: [&str; 25] = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_name",
    "utm_term",
    "gclid",
    "gad_source",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "msclkid",
    "twclid",
    "li_fat_id",
    "mc_cid",
    "igshid",
    "ttclid",
    "rdt_cid",
    "irclid",
    "_kx",
    "epik",
    "qclid",
    "sccid",
];

/// What one event wants of its person.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes<'a> {
    pub(crate) set: Properties<'a>,
    pub(crate) set_once: Properties<'a>,
    pub(crate) unset: Vec<String>,
}

impl<'a> Wishes<'a> {
    /// Reads `$set`, `$set_once` and `$unset`, and lifts the automatic properties of the event into the first two.
    pub(crate) fn of(event: &str, properties: &Properties<'a>) -> Self {
        let mut wishes = Self {
            set: object(properties, "$set"),
            set_once: object(properties, "$set_once"),
            unset: keys(properties.get("$unset")),
        };
        if !matches!(event, "$snapshot" | "$performance_event") {
            wishes.lift(properties);
        }
        wishes
    }

    fn lift(&mut self, properties: &Properties<'a>) {
        let is_server = properties.get("$is_server").is_some_and(|value| value.get() == "true");
        for (key, value) in properties.iter() {
            if !is_lifted(key) || (is_server && matches!(key, "$os" | "$os_name" | "$os_version")) {
                continue;
            }
            // The name of the system went by two keys; persons know one.
            let key = if key == "$os_name" { "$os" } else { key };
            if key == "$os"
                && properties.contains("$os")
                && properties.get("$os").map(RawValue::get) != Some(value.get())
            {
                continue;
            }
            let initial = format!("$initial_{}", key.strip_prefix('$').unwrap_or(key));
            if !self.set.contains(key) {
                self.set.set(key.to_owned(), Cow::Owned(value.to_owned()));
            }
            if !self.set_once.contains(&initial) {
                self.set_once.set(initial, Cow::Owned(value.to_owned()));
            }
        }
        self.set.remove("$os_name");
        self.set_once.remove("$initial_os_name");
        self.set_once.remove("$os_name");
    }

    /// Properties of a person that this event creates.
    pub(crate) fn created(&self, creator: Uuid) -> Properties<'static> {
        let mut created = self.set_once.clone().into_owned();
        for (key, value) in self.set.iter() {
            created.set(key.to_owned(), Cow::Owned(value.to_owned()));
        }
        created.set_str("$creator_event_uuid", &creator.to_string());
        created
    }

    /// Applies the wishes to `person`; true if something changed that is worth keeping.
    ///
    /// A change of existing noisy properties alone is not, unless the event is there to change persons.
    pub(crate) fn apply(&self, event: &str, person: &mut Properties<'static>) -> bool {
        if matches!(event, "$exception" | "$$heatmap") {
            return false;
        }
        let mut changes: Vec<(&str, &RawValue)> = Vec::new();
        let mut worth_keeping = matches!(event, "$identify" | "$create_alias" | "$merge_dangerously" | "$set");
        for (key, value) in self.set_once.iter().filter(|(key, _)| !self.set.contains(key)) {
            let current = person.get(key);
            if current.is_none_or(|current| current.get() == "null" && value.get() != "null") {
                worth_keeping = true;
                changes.push((key, value));
            }
        }
        for (key, value) in self.set.iter() {
            let current = person.get(key);
            let is_object = value.get().starts_with(['{', '[']);
            if is_object || current.is_none_or(|current| current.get() != value.get()) {
                worth_keeping |= current.is_none() || !is_noisy(key);
                changes.push((key, value));
            }
        }
        let unset: Vec<&String> = self.unset.iter().filter(|key| person.contains(key)).collect();
        if (changes.is_empty() || !worth_keeping) && unset.is_empty() {
            return false;
        }
        if worth_keeping {
            for (key, value) in changes {
                person.set(key.to_owned(), Cow::Owned(value.to_owned()));
            }
        }
        for key in unset {
            person.remove(key);
        }
        true
    }
}

/// `source` overlaid by `target`: what the survivor of a merge starts with.
pub(crate) fn merged(source: &Properties<'_>, target: &Properties<'_>) -> Properties<'static> {
    let mut merged = source.clone().into_owned();
    for (key, value) in target.iter() {
        merged.set(key.to_owned(), Cow::Owned(value.to_owned()));
    }
    merged
}

fn is_lifted(key: &str) -> bool {
    DEVICE.contains(&key) || CAMPAIGN.contains(&key)
}

fn is_noisy(key: &str) -> bool {
    DEVICE.contains(&key) || (key.starts_with("$geoip_") && !matches!(key, "$geoip_country_name" | "$geoip_city_name"))
}

/// The object under `key`; anything else counts as empty.
fn object<'a>(properties: &Properties<'a>, key: &str) -> Properties<'a> {
    properties
        .get(key)
        .and_then(|raw| Properties::parse(raw.get()).ok())
        .map(Properties::into_owned)
        .unwrap_or_default()
}

/// The keys named by a list, or by an object.
fn keys(raw: Option<&RawValue>) -> Vec<String> {
    let Some(raw) = raw else { return Vec::new() };
    if let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(raw.get()) {
        return list.into_iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    }
    Properties::parse(raw.get())
        .map(|object| object.iter().map(|(key, _)| key.to_owned()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
