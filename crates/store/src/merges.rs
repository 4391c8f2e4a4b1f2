//! Persons that read as others since they were merged.

use std::collections::HashMap;
use std::sync::OnceLock;

use model::{MergeId, PersonMerge};
use roaring::RoaringBitmap;
use uuid::Uuid;

/// The merges of one project that segments or memory may still need. Changing it makes a new version.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    by_id: HashMap<Uuid, Uuid>,
    by_number: HashMap<u32, u32>,
    /// By the merged person's number: which merge it was.
    merged_at: HashMap<u32, (MergeId, Uuid)>,
    pub(crate) through: MergeId,
    /// `by_number` as an array, made when first asked for.
    dense: OnceLock<Vec<u32>>,
}

impl Clone for Merges {
    fn clone(&self) -> Self {
        Self {
            by_id: self.by_id.clone(),
            by_number: self.by_number.clone(),
            merged_at: self.merged_at.clone(),
            through: self.through,
            dense: OnceLock::new(),
        }
    }
}

impl Merges {
    /// Makes `from` read as `into`, without chains: whatever read as `from` reads as `into` as well.
    pub(crate) fn add(&mut self, merge: &PersonMerge) {
        self.dense = OnceLock::new();
        self.through = self.through.max(merge.id);
        self.by_id.values_mut().filter(|target| **target == merge.from).for_each(|target| *target = merge.into);
        self.by_id.remove(&merge.into);
        self.by_id.insert(merge.from, merge.into);
        let (from, into) = (merge.from_number.0, merge.into_number.0);
        for (source, target) in self.by_number.iter_mut().filter(|(_, target)| **target == from) {
            *target = into;
            if let Some((id, _)) = self.merged_at.get_mut(source) {
                *id = merge.id;
            }
        }
        self.by_number.remove(&into);
        self.merged_at.remove(&into);
        self.by_number.insert(from, into);
        self.merged_at.insert(from, (merge.id, merge.from));
    }

    /// Forgets merges that no stored row needs any more.
    pub(crate) fn retire(&mut self, gone: &[PersonMerge]) {
        self.dense = OnceLock::new();
        for merge in gone {
            if self.merged_at.get(&merge.from_number.0).is_some_and(|(id, _)| *id == merge.id) {
                self.merged_at.remove(&merge.from_number.0);
                self.by_number.remove(&merge.from_number.0);
                self.by_id.remove(&merge.from);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Who `id` reads as, if not as itself.
    pub(crate) fn target(&self, id: Uuid) -> Option<Uuid> {
        self.by_id.get(&id).copied()
    }

    /// Numbers that were merged away, each with its merge.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (u32, MergeId)> + '_ {
        self.merged_at.iter().map(|(number, (id, _))| (*number, *id))
    }

    /// Every number that reads as `number`, itself included.
    pub(crate) fn numbers_of(&self, number: u32) -> RoaringBitmap {
        let sources = self.by_number.iter().filter(|(_, target)| **target == number).map(|(source, _)| *source);
        sources.chain([number]).collect()
    }

    /// Every number that reads as one of `numbers`, these included.
    pub(crate) fn all_numbers_of(&self, numbers: &RoaringBitmap) -> RoaringBitmap {
        let sources = self.by_number.iter().filter(|(_, target)| numbers.contains(**target)).map(|(source, _)| *source);
        let mut all: RoaringBitmap = sources.collect();
        all |= numbers;
        all
    }

    /// Who each number reads as; a number beyond the end reads as itself.
    pub(crate) fn dense(&self) -> &[u32] {
        self.dense.get_or_init(|| {
            let last = self.by_number.keys().copied().max().map_or(0, |last| last + 1);
            let mut dense: Vec<u32> = (0..last).collect();
            for (from, into) in &self.by_number {
                dense[*from as usize] = *into;
            }
            dense
        })
    }
}

#[cfg(test)]
mod tests {
    use model::{PersonNumber, ProjectId};

    use super::*;

    fn merge(id: u64, from: u32, into: u32) -> PersonMerge {
        let uuid = |number: u32| Uuid::from_u128(number.into());
        PersonMerge {
            id: MergeId(id),
            project: ProjectId(1),
            from: uuid(from),
            from_number: PersonNumber(from),
            into: uuid(into),
            into_number: PersonNumber(into),
        }
    }

    /// Who each of the numbers 1 to 5 reads as; by id and by number alike.
    fn readings(merges: &Merges) -> [u32; 5] {
        [1, 2, 3, 4, 5].map(|number: u32| {
            let by_number = merges.dense().get(number as usize).copied().unwrap_or(number);
            let id = Uuid::from_u128(number.into());
            assert_eq!(merges.target(id).unwrap_or(id), Uuid::from_u128(by_number.into()));
            assert!(merges.numbers_of(by_number).contains(number));
            by_number
        })
    }

    #[test]
    fn merges_leave_no_chains_and_can_be_turned_round() {
        let mut merges = Merges::default();
        assert_eq!((merges.is_empty(), readings(&merges)), (true, [1, 2, 3, 4, 5]));
        merges.add(&merge(1, 1, 2));
        merges.add(&merge(2, 3, 4));
        merges.add(&merge(3, 2, 4));
        assert_eq!(readings(&merges), [4, 4, 4, 4, 5]);
        assert_eq!((merges.len(), merges.through), (3, MergeId(3)));
        merges.add(&merge(4, 4, 1));
        assert_eq!(readings(&merges), [1, 1, 1, 1, 5]);
        assert_eq!(merges.numbers_of(1).iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn only_the_merge_that_was_meant_is_retired() {
        let mut merges = Merges::default();
        let (first, second) = (merge(1, 1, 2), merge(2, 3, 2));
        merges.add(&first);
        merges.add(&second);
        merges.retire(&[first]);
        assert_eq!(readings(&merges), [1, 2, 2, 4, 5]);
        // What read as the merged person counts as merged anew.
        merges.add(&merge(3, 2, 4));
        merges.retire(&[second]);
        assert_eq!(readings(&merges), [1, 4, 4, 4, 5]);
        let sources: std::collections::BTreeMap<u32, MergeId> = merges.sources().collect();
        assert_eq!(sources, [(2, MergeId(3)), (3, MergeId(3))].into());
    }
}
