//! Hedgerow from outside: the real binary, spoken to over HTTP. Tests carry the id of the case they show.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "json!(…) reads best as an argument")]

mod access;
mod actors;
mod auth;
mod capture;
mod cohorts;
mod definitions;
mod deletion;
mod differential;
mod durability;
mod filters;
mod funnels;
mod identity;
mod insights;
mod leaks;
mod management;
mod objects;
mod paging;
mod paths;
mod persons;
mod process;
mod queries;
mod query;
mod query_cache;
mod query_downloads;
mod query_editor;
mod query_hostile;
mod query_limits;
mod recorded;
mod reference;
mod sdk;
mod select;
mod shapes;
mod tables;
mod time;
mod v1;

use serde_json::{Value, json};
use testkit::{Options, Server};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_hedgerow");

/// A server whose clock stands at 2026-01-01T12:00:00Z.
fn server() -> Server {
    Server::at(BINARY, "2026-01-01T12:00:00Z")
}

/// A server with the real clock and further variables.
fn server_with(variables: &[(&'static str, &str)]) -> Server {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Server::start(BINARY, Options { clock: None, variables })
}

/// An event as an SDK sends it.
fn event(name: &str, distinct_id: &str, timestamp: &str, properties: Value) -> Value {
    json!({"event": name, "distinct_id": distinct_id, "timestamp": timestamp, "properties": properties})
}

/// One field of each event.
fn fields<'a>(events: &'a [Value], name: &str) -> Vec<&'a str> {
    events.iter().map(|event| event[name].as_str().unwrap_or_else(|| panic!("{event} has no text {name}"))).collect()
}

/// An instant `micros` after 2020-11-10T12:03:03.829294Z, as RFC 3339.
fn instant(micros: i64) -> String {
    const BASE: i64 = 1_605_009_783_829_294;
    let at = BASE + micros;
    let (days, rest) = (at.div_euclid(86_400_000_000), at.rem_euclid(86_400_000_000));
    // Civil date from days since 1970-01-01, proleptic Gregorian calendar.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let seconds = rest / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        rest % 1_000_000
    )
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
