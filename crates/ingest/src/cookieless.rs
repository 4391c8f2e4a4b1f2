//! Who a visitor without cookies is: the same one for a day, and nobody after it.
//!
//! The id is a hash of what a request shows of its sender, under a salt that is drawn at random for each calendar day and
//! thrown away when no event of that day can come any more. Then nothing is left from which the hash could be made again. This is the
//! stateless variant: a session lasts for the day too, and nobody is identified.

use std::collections::HashMap;

use env::Random;
use jiff::tz::TimeZone;
use meta::{IngestTx, MetaError};
use model::{CapturedEvent, ProjectId, Properties, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::added::{EXTRA, SENTINEL, Visitor};
use crate::stats::Warning;

/// A calendar day begins at most so long before and ends so long after it does in UTC.
const ZONES_MICROS: i64 = 14 * 3_600 * 1_000_000;
/// An event may be on its way for so long.
const LAG_MICROS: i64 = 72 * 3_600 * 1_000_000;
/// How much of `$cookieless_extra` counts, in characters.
const EXTRA_CHARS_MAX: usize = 100;
/// Days after which no event can ask for a salt any more: lag, zones, and the day itself, rounded up.
const SALT_DAYS: i64 = 5;

/// The salts that were needed lately.
#[derive(Debug)]
pub(crate) struct Cookieless {
    random: Random,
    salts: HashMap<i64, [u8; 16]>,
}

/// Whether an event is to be treated as one of a visitor without cookies.
pub(crate) fn concerns(event: &CapturedEvent<'_>) -> bool {
    event.distinct_id == SENTINEL || event.properties.get("$cookieless_mode").is_some_and(|mode| mode == "true")
}

impl Cookieless {
    pub(crate) fn new(random: Random) -> Self {
        Self { random, salts: HashMap::new() }
    }

    /// To be called when a transaction did not commit: its salts are not kept.
    pub(crate) fn forget(&mut self) {
        self.salts.clear();
    }

    /// The visitor of an event; the inner error says why it is dropped.
    pub(crate) fn visitor(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        zone: &str,
        event: &CapturedEvent<'_>,
        received: Timestamp,
    ) -> Result<Result<Visitor, Warning>, MetaError> {
        let sender = match Sender::of(event) {
            Ok(sender) => sender,
            Err(warning) => return Ok(Err(warning)),
        };
        let age = received.as_micros().saturating_sub(event.timestamp.as_micros());
        if !(-ZONES_MICROS..=LAG_MICROS + ZONES_MICROS).contains(&age) {
            return Ok(Err(Warning::CookielessOutOfRange));
        }
        let Some((day, start_millis)) = day(&event.properties, zone, event.timestamp) else {
            return Ok(Err(Warning::CookielessOutOfRange));
        };
        let salt = self.salt(tx, day, received)?;
        let hash = sender.hash(&salt, project);
        let (id, session) = hash.split_at(16);
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let random = session.first_chunk().copied().unwrap_or_default();
        let session = uuid::Builder::from_unix_timestamp_millis(start_millis, &random).into_uuid();
        Ok(Ok(Visitor { distinct_id: format!("cookieless_{hex}"), session_id: session.to_string() }))
    }

    fn salt(&mut self, tx: &mut IngestTx<'_>, day: i64, received: Timestamp) -> Result<[u8; 16], MetaError> {
        if let Some(salt) = self.salts.get(&day) {
            return Ok(*salt);
        }
        let forgotten = received.day().0 - SALT_DAYS;
        self.salts.retain(|known, _| *known > forgotten);
        let salt = tx.cookieless_salt(day, forgotten, || self.random.u128().to_le_bytes())?;
        self.salts.insert(day, salt);
        Ok(salt)
    }
}

/// What a request shows of its sender.
struct Sender {
    address: String,
    agent: String,
    host: String,
    extra: String,
}

impl Sender {
    fn of(event: &CapturedEvent<'_>) -> Result<Self, Warning> {
        if matches!(&*event.name, "$identify" | "$create_alias" | "$merge_dangerously") {
            return Err(Warning::CookielessIdentity);
        }
        let text = |key: &str| event.properties.get_str(key).filter(|text| !text.is_empty()).map(String::from);
        Ok(Self {
            agent: text("$raw_user_agent").ok_or(Warning::CookielessMissingUserAgent)?,
            address: text("$ip").ok_or(Warning::CookielessMissingIp)?,
            host: root(&text("$host").ok_or(Warning::CookielessMissingHost)?),
            extra: text(EXTRA).unwrap_or_default().chars().take(EXTRA_CHARS_MAX).collect(),
        })
    }

    fn hash(&self, salt: &[u8; 16], project: ProjectId) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(salt);
        hash.update(project.0.to_le_bytes());
        for part in [&self.address, &self.agent, &self.host, &self.extra] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

/// The part of a host name that its sub-domains share: two labels, or three where the last but one is a short one of a country.
/// Sites below one such name share visitors, within one project.
fn root(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => &host,
    };
    if name.parse::<std::net::Ipv4Addr>().is_ok() || name.contains(':') {
        return name.to_owned();
    }
    let labels: Vec<&str> = name.trim_matches('.').split('.').collect();
    let kept = match labels.as_slice() {
        [.., second, last] if last.len() == 2 && second.len() <= 3 => 3,
        _ => 2,
    };
    labels.get(labels.len().saturating_sub(kept)..).unwrap_or(&labels).join(".")
}

/// The calendar day of an instant where the event says it happened, else in the project's zone, and the instant it began, in
/// milliseconds.
fn day(properties: &Properties<'_>, zone: &str, at: Timestamp) -> Option<(i64, u64)> {
    let named = |name: &str| TimeZone::get(name).ok();
    let zone = properties.get_str("$timezone").and_then(|name| named(&name)).or_else(|| named(zone));
    let instant = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?;
    let zone = zone.unwrap_or(TimeZone::UTC);
    let date = zone.to_datetime(instant).date();
    let start = zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()?.as_millisecond();
    let day = i64::from(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days());
    Some((day, u64::try_from(start).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
