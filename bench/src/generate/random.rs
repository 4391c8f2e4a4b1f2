//! Reproducible chance: a generator, and the two distributions that visitors follow.
//!
//! The rows depend on every number drawn and on the order in which they are drawn.

/// The golden ratio in 64 bits: SplitMix64's step.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64: quick, and good enough to make up visitors.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(seed ^ STEP);
        random.bits();
        random.bits();
        random
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, and without, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to, and without, `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        // The upper half of the product is less than `limit`, so nothing is cut off.
        u64::try_from((u128::from(self.bits()) * u128::from(limit)) >> 64).unwrap_or(0)
    }

    /// A place in something of length `len`.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A place in something of length `len`, earlier ones more often.
    pub(super) fn early_index(&mut self, len: usize) -> usize {
        whole(self.unit() * self.unit() * len as f64)
    }

    pub(super) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.index(values.len())]
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponentially distributed around a mean of 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Bits of a version 7 id made at `unix_ms`.
    pub(super) fn uuid_v7(&mut self, unix_ms: i64) -> Uuid {
        let high = (unix_ms.unsigned_abs() << 16) | 0x7000 | (self.bits() & 0xfff);
        let low = (self.bits() >> 2) | (1 << 63);
        Uuid { high, low }
    }
}

/// A number that two others always give, and that tells nothing about them.
pub(super) fn mix(one: u64, other: u64) -> u64 {
    let mut random = Random(one.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ other.rotate_left(17));
    random.bits();
    random.bits()
}

/// `value` without its fraction.
pub(super) fn whole(value: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the fraction is to go, nothing is negative"
    )]
    let whole = value as usize;
    whole
}

/// An id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uuid {
    pub(super) high: u64,
    pub(super) low: u64,
}

impl Uuid {
    /// Replaces `text` by the id in its usual spelling.
    pub(super) fn write_to(self, text: &mut String) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bits = (u128::from(self.high) << 64) | u128::from(self.low);
        text.clear();
        for (index, byte) in bits.to_be_bytes().into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }

    pub(super) fn text(self) -> String {
        let mut text = String::with_capacity(36);
        self.write_to(&mut text);
        text
    }
}

/// Picks places by their weight.
#[derive(Debug)]
pub(super) struct Weighted(Vec<f64>);

impl Weighted {
    pub(super) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let add = |weight: &f64| {
            sum += weight / total;
            sum
        };
        Self(weights.iter().map(add).collect())
    }

    /// `len` places, where the n-th has the weight 1 / n to the power of `exponent`.
    pub(super) fn zipf(len: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut sums = Vec::with_capacity(len);
        for place in 1..=len {
            sum += 1.0 / (place as f64).powf(exponent);
            sums.push(sum);
        }
        // Divided at the end: adding up quotients, as above, gives other last bits.
        sums.iter_mut().for_each(|share| *share /= sum);
        Self(sums)
    }

    pub(super) fn sample(&self, random: &mut Random) -> usize {
        let wanted = random.unit();
        self.0.partition_point(|&sum| sum < wanted).min(self.0.len() - 1)
    }
}
