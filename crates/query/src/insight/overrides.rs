//! Merged persons: events keep the number they were stored with, and are counted for the person who survived.
//!
//! A merge rewrites no stored event. Instead a query replaces, chunk by chunk before counting, every number by that of
//! the surviving person: one array lookup per row, and nothing at all in a project without merges.

/// Which person each number stands for. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Number → surviving number. Numbers past the end stand for themselves.
    survivors: Vec<u32>,
}

impl Overrides {
    /// From merges in the order they happened: the first number of each was merged into the second.
    ///
    /// Chains are followed to their end, so applying the result once is enough. A merge of two numbers that stand for
    /// the same person already changes nothing. Takes 4 bytes for each number up to the highest one mentioned.
    pub fn from_merges(merges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut survivors = Vec::new();
        for (merged, into) in merges {
            for number in survivors.len()..=merged.max(into) as usize {
                survivors.push(u32::try_from(number).unwrap_or(u32::MAX));
            }
            let merged = survivor(&mut survivors, merged);
            survivors[merged as usize] = survivor(&mut survivors, into);
        }
        for number in 0..survivors.len() {
            let next = survivors[number];
            survivors[number] = survivor(&mut survivors, next);
        }
        Self { survivors }
    }

    /// Whether applying this changes nothing, for sure.
    pub fn is_empty(&self) -> bool {
        self.survivors.is_empty()
    }

    /// The person `number` stands for.
    #[inline]
    pub fn survivor(&self, number: u32) -> u32 {
        self.survivors.get(number as usize).copied().unwrap_or(number)
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.survivors.capacity() * size_of::<u32>()
    }
}

/// Replaces each number by that of the person it stands for.
pub fn remap(persons: &mut [u32], overrides: &Overrides) {
    if overrides.is_empty() {
        return;
    }
    for person in persons {
        *person = overrides.survivor(*person);
    }
}

/// Follows a chain to its end, halving it on the way.
fn survivor(survivors: &mut [u32], mut number: u32) -> u32 {
    loop {
        let next = survivors[number as usize];
        if next == number {
            return number;
        }
        survivors[number as usize] = survivors[next as usize];
        number = next;
    }
}

#[cfg(test)]
mod tests;
