//! What makes two events the same one: project, distinct id, event name and uuid.
//!
//! Identities are compared by a 128-bit hash alone. Among a hundred billion events of one project, the chance that any
//! two of them collide is below one in 10^16.

use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

/// Hash of an identity within its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity(pub(crate) u128);

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

    /// The first 64 bits of the hash.
    pub(crate) fn leading_bits(self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or(u64::MAX)
    }
}
