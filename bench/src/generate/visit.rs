//! A visit: a dozen events or so by one person, page after page, among other people's.

use super::person::{Campaign, Person};
use super::random::{Random, mix, whole};
use super::world::{REFERRERS, World};

/// Events of a visit on average, less one.
const EVENTS_MEAN: f64 = 11.0;
/// Takes the order out of people's numbers: the most frequent visitors are anywhere.
const VISITOR_SALT: u64 = 11;

pub(super) const PROJECTS: u64 = 5_000;
pub(super) const INSIGHTS: u64 = 200_000;

/// Somebody's visit as far as it has come.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) person: Person,
    pub(super) session_id: String,
    pub(super) window_id: String,
    /// Events still to come.
    pub(super) left: u64,
    /// Places in [`World::paths`].
    pub(super) path: usize,
    pub(super) previous_path: usize,
    /// The id of the page view; empty before the first.
    pub(super) page_view_id: String,
    pub(super) referrer: usize,
    pub(super) campaign: Option<Campaign>,
    /// Ids that stand in the addresses of some pages.
    pub(super) project: u64,
    pub(super) insight: u64,
}

impl Visit {
    /// Somebody comes at `unix_ms`.
    pub(super) fn new(world: &World, seed: u64, random: &mut Random, unix_ms: i64) -> Self {
        let visitor = world.visitors.sample(random) as u64;
        let person = Person::new(world, seed, mix(VISITOR_SALT, visitor) % world.persons as u64);
        let session_id = random.uuid_v7(unix_ms).text();
        let window_id = random.uuid_v7(unix_ms).text();
        let left = 1 + whole(random.exponential() * EVENTS_MEAN) as u64;
        let path = world.path_weights.sample(random);
        let referrer = if random.chance(0.5) { person.referrer } else { random.index(REFERRERS.len()) };
        let campaign = if random.chance(0.5) { person.campaign } else { None };
        Self {
            person,
            session_id,
            window_id,
            left,
            path,
            previous_path: path,
            page_view_id: String::new(),
            referrer,
            campaign,
            project: random.below(PROJECTS),
            insight: random.below(INSIGHTS),
        }
    }

    /// Whether nothing was seen yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.page_view_id.is_empty()
    }

    /// Goes to another page at `unix_ms`.
    pub(super) fn turn_page(&mut self, world: &World, random: &mut Random, unix_ms: i64) {
        self.previous_path = self.path;
        self.path = world.path_weights.sample(random);
        random.uuid_v7(unix_ms).write_to(&mut self.page_view_id);
        if random.chance(0.3) {
            self.insight = random.below(INSIGHTS);
        }
    }
}
