//! Exact quantiles of numbers, as ClickHouse's `quantileExactInclusive` computes them.
//!
//! The quantile at `p` of `n` numbers in order is the one at place `p * (n - 1)`, counted from 0; between two places
//! it lies on the straight line between their numbers. NaN is not a number and is left out. Floating-point operations
//! are done in ClickHouse's order, so that results are the same to the last bit.
//!
//! Memory: 8 bytes a number, up to twice that while growing.

/// Collects numbers. One per thread; [`merge`](Self::merge) them, then ask.
#[derive(Debug, Clone, Default)]
pub struct Quantiles {
    values: Vec<f64>,
}

impl Quantiles {
    /// Adds one chunk of numbers, in any order.
    pub fn push(&mut self, values: &[f64]) {
        if values.iter().fold(false, |any, value| any | value.is_nan()) {
            self.values.extend(values.iter().filter(|value| !value.is_nan()));
        } else {
            self.values.extend_from_slice(values);
        }
    }

    /// Takes over what another one collected.
    pub fn merge(&mut self, mut other: Self) {
        if self.values.len() < other.values.len() {
            std::mem::swap(self, &mut other);
        }
        self.values.extend_from_slice(&other.values);
    }

    /// How many numbers were collected, NaN not counted.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>()
    }

    /// The quantile at `p` between 0 and 1, in time linear in the count; none of no numbers.
    ///
    /// Reorders the numbers, so that asking for several in ascending order costs little more than asking for one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the whole part of a place in the array, which is never negative"
    )]
    pub fn quantile(&mut self, p: f64) -> Option<f64> {
        let count = self.values.len();
        if count == 0 {
            return None;
        }
        let place = p.clamp(0.0, 1.0) * (count - 1) as f64 + 1.0;
        let whole = (place as usize).clamp(1, count);
        let (_, &mut below, above) = self.values.select_nth_unstable_by(whole - 1, f64::total_cmp);
        let next = above.iter().copied().reduce(f64::min);
        Some(next.map_or(below, |next| below + (place - whole as f64) * (next - below)))
    }
}

#[cfg(test)]
mod tests;
