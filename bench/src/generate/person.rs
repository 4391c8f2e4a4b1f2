//! One visitor: what stays the same over all of their visits.

use super::random::{Random, Uuid, mix};
use super::world::{BROWSERS, COUNTRIES, LANGUAGES, MAIL_DOMAINS, PLANS, REFERRERS, SCREENS, SYSTEMS, World};
use super::world::{UTM_MEDIUMS, UTM_SOURCES};
use super::{END_MS, START_MS};

/// Keeps the numbers of people apart from those of slices.
const PERSON_SALT: u64 = 0x5045_5253;
/// Account numbers tell nothing about when somebody came.
const ACCOUNT_SALT: u64 = 7;
/// Campaigns that bring people in.
const CAMPAIGNS: u64 = 60;

/// Somebody. Fields that are numbers are places in the tables of [`super::world`].
#[derive(Debug)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) distinct_id: String,
    pub(super) device_id: String,
    pub(super) is_identified: bool,
    pub(super) email: String,
    pub(super) browser: usize,
    pub(super) system: usize,
    pub(super) country: usize,
    pub(super) screen: usize,
    pub(super) language: usize,
    pub(super) referrer: usize,
    pub(super) plan: usize,
    pub(super) campaign: Option<Campaign>,
    pub(super) user_agent: String,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

/// What brought somebody in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Campaign {
    pub(super) source: usize,
    pub(super) medium: usize,
    pub(super) number: u64,
}

impl Person {
    /// The person with this number, the same for the same `seed`. The order of draws is part of who they are.
    pub(super) fn new(world: &World, seed: u64, number: u64) -> Self {
        let random = &mut Random::new(mix(seed ^ PERSON_SALT, number));
        let browser = world.browsers.sample(random);
        let system = world.systems.sample(random);
        let country = random.early_index(COUNTRIES.len());
        let high = (random.bits() & !0xf000) | 0x5000;
        let id = Uuid { high, low: (random.bits() >> 2) | (1 << 63) };
        let is_identified = random.chance(0.45);
        let first_seen = START_MS + random.below((END_MS - START_MS).unsigned_abs()).cast_signed();
        let device_id = random.uuid_v7(first_seen).text();
        let email = format!("user{number}@{}.com", random.pick(MAIL_DOMAINS));
        let distinct_id = if !is_identified {
            device_id.clone()
        } else if random.chance(0.5) {
            email.clone()
        } else {
            format!("usr_{:012x}", mix(ACCOUNT_SALT, number) & 0xffff_ffff_ffff)
        };
        Self {
            number,
            id: id.text(),
            distinct_id,
            device_id,
            is_identified,
            email,
            browser,
            system,
            country,
            screen: random.index(SCREENS.len()),
            language: random.index(LANGUAGES.len()),
            referrer: random.early_index(REFERRERS.len()),
            plan: random.early_index(PLANS.len()),
            campaign: random.chance(0.22).then(|| Campaign {
                source: random.index(UTM_SOURCES.len()),
                medium: random.index(UTM_MEDIUMS.len()),
                number: random.below(CAMPAIGNS),
            }),
            user_agent: user_agent(SYSTEMS[system].0, BROWSERS[browser].2),
            latitude: random.unit() * 100.0 - 30.0,
            longitude: random.unit() * 300.0 - 150.0,
        }
    }
}

fn user_agent(system: &str, version: &str) -> String {
    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
    match system {
        "Windows" => format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/{version}.0.0 Safari/537.36"),
        "iOS" => format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Version/{version} Mobile/15E148 Safari/604.1"
        ),
        "Android" => {
            format!("Mozilla/5.0 (Linux; Android 15; Pixel 9) {WEBKIT} Chrome/{version}.0.0 Mobile Safari/537.36")
        }
        _ => {
            format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/{version}.0.0 Safari/537.36")
        }
    }
}
