//! Rate limits of the REST API: sliding windows per personal API key and class of endpoint. Off unless set.
//!
//! A request is let through when every window of its class has room, and only then counted in them. So what is refused
//! costs nothing, and a client that waits as long as it is told to is let through.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use env::Clock;
use parking_lot::Mutex;

/// Keys that are remembered at once; those that have not asked for longest are forgotten first.
const KEYS_MAX: usize = 10_000;

/// Endpoints that share limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitClass {
    /// Lists of events and single ones.
    Events,
    /// Values of properties.
    Values,
    /// Persons.
    Persons,
    /// The query endpoint.
    Query,
    /// Everything else.
    Other,
}

impl LimitClass {
    const ALL: [(&'static str, Self); 5] = [
        ("events", Self::Events),
        ("values", Self::Values),
        ("persons", Self::Persons),
        ("query", Self::Query),
        ("other", Self::Other),
    ];
}

/// So many requests in any span of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Requests at most.
    pub requests: usize,
    /// Length of the span.
    pub span: Duration,
}

/// The windows of each class; a class without any is not limited. The default limits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimits(HashMap<LimitClass, Vec<Window>>);

/// The setting cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a rate limit: use off, posthog, or class=requests/min+requests/h with the classes events, values, persons, query, other"
)]
pub struct InvalidLimits(String);

impl RateLimits {
    /// Reads `off`, `posthog` (the limits of PostHog's cloud), or a list such as `events=240/min+1200/h,values=60/min`. A
    /// list may begin with `posthog` and change some of its classes; `class=off` lifts the limits of one.
    ///
    /// # Errors
    ///
    /// When a class or a window is none.
    pub fn parse(text: &str) -> Result<Self, InvalidLimits> {
        let mut limits = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.split_once('=') {
                None if entry == "off" => limits = Self::default(),
                None if entry == "posthog" => limits = Self::posthog(),
                None => return Err(InvalidLimits(entry.to_owned())),
                Some((class, windows)) => {
                    let (_, class) = LimitClass::ALL
                        .into_iter()
                        .find(|(name, _)| *name == class.trim())
                        .ok_or_else(|| InvalidLimits(entry.to_owned()))?;
                    let windows = match windows.trim() {
                        "off" => Some(Vec::new()),
                        windows => windows.split('+').map(|window| read_window(window.trim())).collect(),
                    };
                    limits.0.insert(class, windows.ok_or_else(|| InvalidLimits(entry.to_owned()))?);
                }
            }
        }
        Ok(limits)
    }

    fn posthog() -> Self {
        let minute = |requests| Window { requests, span: Duration::from_secs(60) };
        let hour = |requests| Window { requests, span: Duration::from_secs(3_600) };
        Self(HashMap::from([
            (LimitClass::Events, vec![minute(240), hour(1_200)]),
            (LimitClass::Values, vec![minute(60), hour(300)]),
            (LimitClass::Persons, vec![minute(240), minute(180), hour(1_200)]),
            (LimitClass::Query, vec![minute(240), hour(2_400)]),
            (LimitClass::Other, vec![minute(480), hour(4_800)]),
        ]))
    }
}

fn read_window(text: &str) -> Option<Window> {
    let (requests, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" | "sec" => 1,
        "min" => 60,
        "h" | "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    let requests = requests.trim().parse().ok().filter(|requests| *requests > 0)?;
    Some(Window { requests, span: Duration::from_secs(seconds) })
}

/// Counts requests against [`RateLimits`].
#[derive(Debug)]
pub(crate) struct Throttle {
    limits: RateLimits,
    clock: Clock,
    /// When each key's requests of a class were let through, oldest first.
    passed: Mutex<HashMap<(LimitClass, String), VecDeque<Instant>>>,
}

impl Throttle {
    pub(crate) fn new(limits: RateLimits, clock: Clock) -> Self {
        Self { limits, clock, passed: Mutex::default() }
    }

    /// Lets a request of `key` through and counts it, or tells how long to wait.
    pub(crate) fn pass(&self, class: LimitClass, key: &str) -> Result<(), Duration> {
        let Some(windows) = self.limits.0.get(&class).filter(|windows| !windows.is_empty()) else { return Ok(()) };
        let now = self.clock.instant();
        let mut passed = self.passed.lock();
        if passed.len() >= KEYS_MAX {
            forget_idle(&mut passed, windows.len());
        }
        let times = passed.entry((class, key.to_owned())).or_default();
        let longest = windows.iter().map(|window| window.span).max().unwrap_or_default();
        while times.front().is_some_and(|time| now.saturating_duration_since(*time) >= longest) {
            times.pop_front();
        }
        let wait = windows.iter().filter_map(|window| wait_for(*window, times, now)).max();
        match wait {
            Some(wait) => Err(wait),
            None => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

/// How long until `window` has room again; none when it has.
fn wait_for(window: Window, times: &VecDeque<Instant>, now: Instant) -> Option<Duration> {
    let first = times.partition_point(|time| now.saturating_duration_since(*time) >= window.span);
    let inside = times.len() - first;
    // The one that has to leave so that one more fits.
    let leaving = times.get(first + inside.checked_sub(window.requests)?)?;
    Some(window.span.saturating_sub(now.saturating_duration_since(*leaving)))
}

fn forget_idle(passed: &mut HashMap<(LimitClass, String), VecDeque<Instant>>, keep_at_least: usize) {
    let mut last: Vec<Instant> = passed.values().filter_map(|times| times.back().copied()).collect();
    last.sort_unstable();
    let Some(median) = last.get(last.len() / 2).copied() else { return };
    if passed.len() > keep_at_least {
        passed.retain(|_, times| times.back().is_some_and(|time| *time > median));
    }
}

#[cfg(test)]
mod tests;
