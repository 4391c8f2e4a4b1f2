//! What events do to the properties of their person.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use foldhash::fast::FixedState;
use model::Properties;
use uuid::Uuid;

use crate::stored::{Change, StoredProperties};

/// Device, app and web properties that are copied from events to persons, and the names of their first values.
/// Changes of these alone are not worth a write.
const DEVICE: [(&str, &str); 19] = [
    ("$app_build", "$initial_app_build"),
    ("$app_name", "$initial_app_name"),
    ("$app_namespace", "$initial_app_namespace"),
    ("$app_version", "$initial_app_version"),
    ("$browser", "$initial_browser"),
    ("$browser_version", "$initial_browser_version"),
    ("$device_type", "$initial_device_type"),
    ("$current_url", "$initial_current_url"),
    ("$pathname", "$initial_pathname"),
    ("$os", "$initial_os"),
    ("$os_name", "$initial_os_name"),
    ("$os_version", "$initial_os_version"),
    ("$referring_domain", "$initial_referring_domain"),
    ("$referrer", "$initial_referrer"),
    ("$screen_height", "$initial_screen_height"),
    ("$screen_width", "$initial_screen_width"),
    ("$viewport_height", "$initial_viewport_height"),
    ("$viewport_width", "$initial_viewport_width"),
    ("$raw_user_agent", "$initial_raw_user_agent"),
];

/// Campaign properties that are copied from events to persons, and the names of their first values.
const CAMPAIGN: [(&str, &str); 25] = [
    ("utm_source", "$initial_utm_source"),
    ("utm_medium", "$initial_utm_medium"),
    ("utm_campaign", "$initial_utm_campaign"),
    ("utm_content", "$initial_utm_content"),
    ("utm_name", "$initial_utm_name"),
    ("utm_term", "$initial_utm_term"),
    ("gclid", "$initial_gclid"),
    ("gad_source", "$initial_gad_source"),
    ("gclsrc", "$initial_gclsrc"),
    ("dclid", "$initial_dclid"),
    ("gbraid", "$initial_gbraid"),
    ("wbraid", "$initial_wbraid"),
    ("fbclid", "$initial_fbclid"),
    ("msclkid", "$initial_msclkid"),
    ("twclid", "$initial_twclid"),
    ("li_fat_id", "$initial_li_fat_id"),
    ("mc_cid", "$initial_mc_cid"),
    ("igshid", "$initial_igshid"),
    ("ttclid", "$initial_ttclid"),
    ("rdt_cid", "$initial_rdt_cid"),
    ("irclid", "$initial_irclid"),
    ("_kx", "$initial__kx"),
    ("epik", "$initial_epik"),
    ("qclid", "$initial_qclid"),
    ("sccid", "$initial_sccid"),
];

/// The name of the system went by two keys; persons know one.
const OS: &str = "$os";
const OS_NAME: &str = "$os_name";

/// A property that is copied from events to persons.
#[derive(Clone, Copy)]
struct Lifted {
    key: &'static str,
    /// The key of its first value.
    initial: &'static str,
    is_device: bool,
}

static LIFTED: LazyLock<HashMap<&str, Lifted, FixedState>> = LazyLock::new(|| {
    let device = DEVICE.iter().map(|(key, initial)| (*key, Lifted { key, initial, is_device: true }));
    let campaign = CAMPAIGN.iter().map(|(key, initial)| (*key, Lifted { key, initial, is_device: false }));
    let mut lifted: HashMap<_, _, FixedState> = device.chain(campaign).collect();
    if let Some(os) = lifted.get(OS).copied() {
        lifted.insert(OS_NAME, os);
    }
    lifted
});

/// What one event wants of its person.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes<'a> {
    pub(crate) set: Properties<'a>,
    pub(crate) set_once: Properties<'a>,
    pub(crate) unset: Vec<String>,
    /// How many of `set` and of `set_once` the event asks for itself; the others, behind them, are lifted.
    own_set: usize,
    own_set_once: usize,
}

impl<'a> Wishes<'a> {
    /// Reads `$set`, `$set_once` and `$unset`, and lifts the automatic properties of the event into the first two.
    pub(crate) fn of(event: &str, properties: &Properties<'a>) -> Self {
        let mut wishes = Self {
            set: object(properties, "$set"),
            set_once: object(properties, "$set_once"),
            unset: keys(properties.get("$unset")),
            own_set: 0,
            own_set_once: 0,
        };
        let lifts = !matches!(event, "$snapshot" | "$performance_event");
        if lifts {
            wishes.set.remove(OS_NAME);
            wishes.set_once.remove("$initial_os_name");
            wishes.set_once.remove(OS_NAME);
        }
        (wishes.own_set, wishes.own_set_once) = (wishes.set.len(), wishes.set_once.len());
        if lifts {
            wishes.lift(properties);
        }
        wishes
    }

    fn lift(&mut self, properties: &Properties<'a>) {
        let is_server = properties.get("$is_server").is_some_and(|value| value == "true");
        let mut has_os = false;
        for (key, value) in properties.iter_kept() {
            let Some(lifted) = LIFTED.get(&**key) else { continue };
            if is_server && matches!(&**key, OS | OS_NAME | "$os_version") {
                continue;
            }
            if lifted.key == OS {
                let other = key == OS_NAME && properties.get(OS).is_some_and(|os| os != value);
                if other || has_os {
                    continue;
                }
                has_os = true;
            }
            // Keys of an event differ, so only what it asks for itself can be there already.
            if self.set.iter().take(self.own_set).all(|(own, _)| own != lifted.key) {
                self.set.push(lifted.key, value.clone());
            }
            if self.set_once.iter().take(self.own_set_once).all(|(own, _)| own != lifted.initial) {
                self.set_once.push(lifted.initial, value.clone());
            }
        }
    }

    /// What the event asks for itself, without what is lifted from its properties.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.iter().take(self.own_set).chain(self.set_once.iter().take(self.own_set_once))
    }

    /// What to set if it is not there, except what is to be set anyway.
    fn set_once_alone(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set_once.iter().enumerate().filter_map(|(at, (key, value))| {
            // First values are never lifted to be set, so only what the event asks for itself can be one.
            let rivals = if at < self.own_set_once { self.set.len() } else { self.own_set };
            self.set.iter().take(rivals).all(|(rival, _)| rival != key).then_some((key, value))
        })
    }

    /// Properties of a person that this event creates.
    pub(crate) fn created(&self, creator: Uuid) -> StoredProperties {
        let mut created = self.set_once.clone();
        for (key, value) in self.set.iter_kept() {
            created.set(key.clone(), value.clone());
        }
        created.set_str("$creator_event_uuid", &creator.to_string());
        StoredProperties::of(&created)
    }

    /// Whether the event may change a property.
    pub(crate) fn concern(&self, key: &str) -> bool {
        self.set.contains(key) || self.set_once.contains(key) || self.unset.iter().any(|unset| unset == key)
    }

    /// `person` with the wishes applied, if that changes something that is worth keeping.
    ///
    /// A change of existing noisy properties alone is not, unless the event is there to change persons.
    pub(crate) fn apply(&self, event: &str, person: &StoredProperties) -> Option<StoredProperties> {
        if matches!(event, "$exception" | "$$heatmap") {
            return None;
        }
        let mut changes: Vec<Change<'_>> = Vec::new();
        let mut worth_keeping = matches!(event, "$identify" | "$create_alias" | "$merge_dangerously" | "$set");
        let mut next = 0;
        for (key, value) in self.set_once_alone() {
            let (place, value) = (person.find(key, &mut next), value);
            if place.is_none_or(|place| person.value(place) == "null" && value != "null") {
                worth_keeping = true;
                changes.push(Change { place, key, value });
            }
        }
        for (key, value) in self.set.iter() {
            let (place, value) = (person.find(key, &mut next), value);
            if value.starts_with(['{', '[']) || place.is_none_or(|place| person.value(place) != value) {
                worth_keeping |= place.is_none() || !is_noisy(key);
                changes.push(Change { place, key, value });
            }
        }
        let unset: Vec<usize> = self.unset.iter().filter_map(|key| person.find(key, &mut next)).collect();
        if (changes.is_empty() || !worth_keeping) && unset.is_empty() {
            return None;
        }
        let changes = if worth_keeping { changes } else { Vec::new() };
        Some(person.changed(&changes, &unset))
    }

    /// The properties as of an event: the person's, overlaid by what the event itself sets.
    pub(crate) fn snapshot(&self, person: &StoredProperties) -> Arc<str> {
        let mut next = 0;
        let changes = self.set.iter().filter_map(|(key, value)| {
            let (place, value) = (person.find(key, &mut next), value);
            place.is_none_or(|place| person.value(place) != value).then_some(Change { place, key, value })
        });
        let changes: Vec<Change<'_>> = changes.collect();
        if changes.is_empty() { Arc::clone(person.text()) } else { person.overlaid(changes) }
    }
}

/// `source` overlaid by `target`: what the survivor of a merge starts with.
pub(crate) fn merged(source: &StoredProperties, target: &StoredProperties) -> StoredProperties {
    let (mut merged, target) = (source.to_properties(), target.to_properties());
    for (key, value) in target.iter_kept() {
        merged.set(key.clone(), value.clone());
    }
    StoredProperties::of(&merged)
}

fn is_noisy(key: &str) -> bool {
    LIFTED.get(key).is_some_and(|lifted| lifted.is_device)
        || (key.starts_with("$geoip_") && !matches!(key, "$geoip_country_name" | "$geoip_city_name"))
}

/// The object under `key`; anything else counts as empty.
fn object<'a>(properties: &Properties<'a>, key: &str) -> Properties<'a> {
    match properties.get_kept(key) {
        None => Properties::new(),
        Some(Cow::Borrowed(raw)) => Properties::parse(raw).unwrap_or_default(),
        Some(Cow::Owned(raw)) => Properties::parse(raw).map(Properties::into_owned).unwrap_or_default(),
    }
}

/// The keys named by a list, or by an object.
fn keys(raw: Option<&str>) -> Vec<String> {
    let Some(raw) = raw else { return Vec::new() };
    if let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(raw) {
        return list.into_iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    }
    Properties::parse(raw).map(|object| object.iter().map(|(key, _)| key.to_owned()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
