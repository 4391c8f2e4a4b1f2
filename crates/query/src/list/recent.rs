//! Events that were listed lately, whole.
//!
//! A list is asked again and again: by dashboards, by somebody who pages back and forth. Putting an event together costs a
//! page of each of its columns, which is most of what a small list costs. Rows of segments never change, so an event that
//! was put together once is right for as long as its segment exists; only its person may have been merged since, which the
//! reader looks up.

use std::sync::Arc;

use model::SegmentId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Event;

/// Bytes of events kept.
const BYTES_MAX: u64 = 16 << 20;
/// What an event takes, about: only an estimate to start with.
const EVENT_BYTES: u64 = 2_048;
/// Larger fetches neither use nor fill the cache: they are read once, and would push out everything else.
pub(super) const ROWS_MAX: usize = 1_000;

/// Events by segment and row.
#[derive(Debug)]
pub(crate) struct Recent(Cache<Place, Arc<Event>, ByBytes>);

/// A row for ever: segment ids are not reused.
pub(super) type Place = (SegmentId, u32);

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Place, Arc<Event>> for ByBytes {
    fn weight(&self, _place: &Place, event: &Arc<Event>) -> u64 {
        event.bytes() as u64
    }
}

impl Default for Recent {
    fn default() -> Self {
        let events = usize::try_from(BYTES_MAX / EVENT_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(events, BYTES_MAX, ByBytes))
    }
}

impl Recent {
    pub(super) fn get(&self, place: Place) -> Option<Arc<Event>> {
        self.0.get(&place)
    }

    pub(super) fn put(&self, place: Place, event: &Event) {
        self.0.insert(place, Arc::new(event.clone()));
    }
}
