//! The `next` link: the same request, moved behind the last row.

use model::Timestamp;
use uuid::Uuid;

use crate::params::Params;
use crate::wire::timestamp_text;

/// Where a page ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageEnd {
    /// Timestamp of the last row returned.
    pub(super) timestamp: Timestamp,
    /// Its id, when the row after it has the same timestamp.
    pub(super) tie: Option<Uuid>,
}

/// The two bounds a link can move, by the direction of the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct MovingBound {
    pub(super) name: &'static str,
    pub(super) id_name: &'static str,
}

impl MovingBound {
    pub(super) const BEFORE: Self = Self { name: "before", id_name: "before_id" };
    pub(super) const AFTER: Self = Self { name: "after", id_name: "after_id" };
}

/// The absolute URL of the following page.
///
/// All parameters stay as they were sent, except that the moving bound now names the last row and `offset`, which has
/// been used up, is gone. Rows that share the last timestamp are told apart by id, only when there are such rows.
pub(super) fn next_link(base_url: &str, path: &str, params: &Params, bound: MovingBound, end: PageEnd) -> String {
    let mut params = params.clone();
    params.remove("offset");
    params.remove(bound.id_name);
    params.set(bound.name, timestamp_text(end.timestamp));
    if let Some(id) = end.tie {
        params.set(bound.id_name, id.to_string());
    }
    format!("{base_url}{path}?{}", params.encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(query: &str, bound: MovingBound, tie: Option<Uuid>) -> String {
        let end = PageEnd { timestamp: Timestamp::from_micros(1_609_329_833_829_294), tie };
        next_link("http://h:1", "/api/projects/1/events/", &Params::parse(query), bound, end)
    }

    #[test]
    fn a1_the_bound_is_appended_or_replaced_in_place() {
        assert_eq!(
            link("distinct_id=1", MovingBound::BEFORE, None),
            "http://h:1/api/projects/1/events/?distinct_id=1&before=2020-12-30T12%3A03%3A53.829294%2B00%3A00"
        );
        assert_eq!(
            link("before=x&limit=2&after=y", MovingBound::BEFORE, None),
            "http://h:1/api/projects/1/events/?before=2020-12-30T12%3A03%3A53.829294%2B00%3A00&limit=2&after=y"
        );
    }

    #[test]
    fn a7_offset_is_dropped() {
        assert!(!link("offset=1&limit=2", MovingBound::AFTER, None).contains("offset"));
    }

    #[test]
    fn a4_ties_are_continued_by_id_and_only_they() {
        let id = Uuid::from_u128(7);
        assert!(link("", MovingBound::AFTER, Some(id)).ends_with("&after_id=00000000-0000-0000-0000-000000000007"));
        assert!(
            !link("before_id=00000000-0000-0000-0000-000000000007", MovingBound::BEFORE, None).contains("before_id")
        );
    }
}
