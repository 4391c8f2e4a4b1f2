//! Merges followed to their end.

use super::*;

fn remapped(merges: &[(u32, u32)]) -> Vec<u32> {
    let mut persons: Vec<_> = (0..8).collect();
    remap(&mut persons, &Overrides::from_merges(merges.iter().copied()));
    persons
}

#[test]
fn numbers_become_those_of_survivors() {
    let cases: [(&[(u32, u32)], _); 7] = [
        (&[], [0, 1, 2, 3, 4, 5, 6, 7]),
        (&[(1, 2)], [0, 2, 2, 3, 4, 5, 6, 7]),
        (&[(1, 2), (2, 3)], [0, 3, 3, 3, 4, 5, 6, 7]),
        (&[(2, 3), (1, 2)], [0, 3, 3, 3, 4, 5, 6, 7]),
        // Who was merged already is merged again with everybody they stand for.
        (&[(1, 2), (1, 5)], [0, 5, 5, 3, 4, 5, 6, 7]),
        // There and back again changes nothing more.
        (&[(1, 2), (2, 1)], [0, 2, 2, 3, 4, 5, 6, 7]),
        (&[(5, 1), (6, 5), (7, 6), (3, 3)], [0, 1, 2, 3, 4, 1, 1, 1]),
    ];
    for (merges, expected) in cases {
        assert_eq!(remapped(merges), expected, "{merges:?}");
    }
}

#[test]
fn numbers_past_the_end_stand_for_themselves() {
    let overrides = Overrides::from_merges([(1, 2)]);
    assert_eq!((overrides.survivor(1), overrides.survivor(u32::MAX)), (2, u32::MAX));
    assert!(!overrides.is_empty() && Overrides::default().is_empty());
}
