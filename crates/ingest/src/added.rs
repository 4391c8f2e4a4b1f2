//! What is added to an event from outside of its request, before any rule looks at it: the place of its address, and who a
//! visitor without cookies is.
//!
//! Neither can be found again later: databases are replaced, salts are thrown away. So it is found once, kept with what was
//! resolved for the event, and only ever applied from there.

use std::borrow::Cow;
use std::sync::Arc;

use model::{CapturedEvent, Properties, json};

use crate::geoip::{GeoIp, KEYS};

/// What is added to one event; usually nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// A JSON object of properties that describe the place of its address.
    pub(crate) place: Option<Arc<str>>,
    pub(crate) visitor: Option<Visitor>,
}

/// A visitor without cookies, for one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) distinct_id: String,
    pub(crate) session_id: String,
}

/// What browsers without cookies send as everybody's distinct id.
pub(crate) const SENTINEL: &str = "$posthog_cookieless";
pub(crate) const EXTRA: &str = "$cookieless_extra";
const DISTINCT_ID: &str = "distinct_id";

/// The place of an event's address, unless the event does not want it to be known.
pub(crate) fn place_of(event: &CapturedEvent<'_>, geoip: &GeoIp) -> Option<Arc<str>> {
    if event.properties.get("$geoip_disable").is_some_and(|flag| !json::is_falsy(flag)) {
        return None;
    }
    geoip.place(&event.properties.get_str("$ip")?)
}

impl Added {
    pub(crate) fn apply(&self, event: &mut CapturedEvent<'_>) {
        if let Some(place) = &self.place {
            add_place(&mut event.properties, place);
        }
        if let Some(visitor) = &self.visitor {
            visitor.replace(event);
        }
    }
}

fn add_place(properties: &mut Properties<'_>, place: &str) {
    let place = Properties::parse(place).map(Properties::into_owned).unwrap_or_default();
    for (name, is_first) in [("$set", false), ("$set_once", true)] {
        // What is no object counts as empty, as it does for every other rule.
        let own = properties.get(name).and_then(|raw| Properties::parse(raw).ok()).map(Properties::into_owned);
        let mut wish = own.unwrap_or_default();
        for (key, initial) in KEYS {
            wish.set(
                if is_first { initial } else { key },
                place.get_kept(key).cloned().unwrap_or(Cow::Borrowed("null")),
            );
        }
        properties.set(name, wish.to_json());
    }
    for (key, value) in place.iter_kept() {
        properties.set(key.clone(), value.clone());
    }
}

impl Visitor {
    fn replace(&self, event: &mut CapturedEvent<'_>) {
        let properties = &mut event.properties;
        for key in ["$ip", "$raw_user_agent", EXTRA] {
            properties.remove(key);
        }
        if event.distinct_id == SENTINEL {
            event.distinct_id.clone_from(&self.distinct_id);
            properties.set_str("$device_id", &self.distinct_id);
            properties.set_str("$session_id", &self.session_id);
        }
        if properties.get_str(DISTINCT_ID).is_some_and(|id| id == SENTINEL) {
            properties.set_str(DISTINCT_ID, &self.distinct_id);
        }
    }
}

#[cfg(test)]
mod tests;
