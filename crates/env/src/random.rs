//! Random bits for keys and ids.

use std::sync::Arc;

use parking_lot::Mutex;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws random bits: from the operating system, or reproducibly from a seed in tests.
#[derive(Debug, Clone)]
pub struct Random(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<ChaCha12Rng>>),
}

impl Random {
    /// Bits from the operating system's generator, fit for secrets.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same bits for the same seed. For tests only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(ChaCha12Rng::seed_from_u64(seed)))))
    }

    /// Fills `bytes`.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness to give, because nothing safe can follow.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => getrandom::fill(bytes).expect("the operating system provides random bytes"),
            Source::Seeded(rng) => rng.lock().fill_bytes(bytes),
        }
    }

    /// 128 random bits.
    #[must_use]
    pub fn u128(&self) -> u128 {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }
}
