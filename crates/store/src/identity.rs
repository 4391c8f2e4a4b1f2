//! What makes two events the same one: project, distinct id, event name and uuid.
//!
//! In memory identities are compared by a 128-bit hash alone. Among a hundred billion events of one project, the chance
//! that any two of them collide is below one in 10^16. Segments are asked in two steps: by a hash of the uuid, which
//! says no to nearly everything, and then by the rows themselves.

use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Hash of an identity within its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity(pub(crate) u128);

/// What a segment is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) uuid: Uuid,
    pub(crate) uuid_hash: u64,
    /// A few bits of the identity: tells apart most events that share a uuid.
    pub(crate) check: u16,
}

impl Identity {
    pub(crate) fn of(distinct_id: &str, event: &str, uuid: Uuid) -> Self {
        let mut hash = Xxh3::new();
        hash.update(uuid.as_bytes());
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update(&(distinct_id.len() as u64).to_le_bytes());
        hash.update(distinct_id.as_bytes());
        hash.update(event.as_bytes());
        Self(hash.digest128())
    }

    pub(crate) fn probe(self, uuid: Uuid) -> Probe {
        let check = u16::try_from(self.0 & 0xffff).unwrap_or_default();
        Probe { uuid, uuid_hash: uuid_hash(uuid), check }
    }
}

/// Hash of a uuid alone.
pub(crate) fn uuid_hash(uuid: Uuid) -> u64 {
    xxh3_64(uuid.as_bytes())
}
