//! Who a person is, before any database is asked.

use uuid::Uuid;

use crate::ProjectId;

/// Namespace of deterministic person ids: fixed by PostHog, so that ids agree with an existing installation.
pub const PERSON_NAMESPACE: Uuid = Uuid::from_u128(0x932979b4_65c3_4424_8467_0b66ec27bc22);

/// The id a person gets when `distinct_id` is the first of its distinct ids in `project`.
///
/// UUID version 5 over `<project>:<distinct id>` in [`PERSON_NAMESPACE`].
#[must_use]
pub fn person_uuid(project: ProjectId, distinct_id: &str) -> Uuid {
    Uuid::new_v5(&PERSON_NAMESPACE, format!("{project}:{distinct_id}").as_bytes())
}

/// A person's dense number within its project, from 1: what rows are counted, grouped and joined by.
///
/// Every person id that an event can carry has one, stored persons and derived ids alike, and keeps it for ever.
/// Numbers are given out in order and never reused, so a set of persons is a small bitmap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PersonNumber(pub u32);

/// Counts merges over all projects, from 1. Never reused, so "every merge up to here" stays meaningful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MergeId(pub u64);

/// One person id that must read as another from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonMerge {
    /// Its place among all merges.
    pub id: MergeId,
    /// The project both belong to.
    pub project: ProjectId,
    /// The id stored on older rows.
    pub from: Uuid,
    /// The number of that id.
    pub from_number: PersonNumber,
    /// The surviving person.
    pub into: Uuid,
    /// Its number.
    pub into_number: PersonNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_ids_are_those_of_posthog() {
        let of = |project, id| person_uuid(ProjectId(project), id).to_string();
        assert_eq!(of(1, "user-1"), "6931a681-6e90-500d-8294-14582dcc2e3f");
        assert_eq!(of(1, "anon-1"), "cfa956a0-5af4-51c6-9ef5-cb3c80e09b69");
        assert_eq!(of(2, "user-1"), "1e7731c8-945c-520d-96b9-e7f088242010");
    }
}
