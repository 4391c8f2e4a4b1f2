//! Every figure ever measured refers to these rows, so they must never change unnoticed.

use super::*;

/// Length and FNV-1a hash of a slice's frames.
fn digest(extent: Extent) -> (usize, u64) {
    let mut frames = Vec::new();
    write(extent, &mut frames, None).unwrap();
    let hash = frames
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (frames.len(), hash)
}

/// Digests of version 1. When they change on purpose, so does the version.
#[test]
fn rows_are_those_of_this_version() {
    assert_eq!(VERSION, 1);
    let few = |file| Extent { rows: 3_000, persons: 500, files: 3, file, seed: 42 };
    assert_eq!(digest(few(0)), (1_968_046, 0xd9b1_6324_dcbb_8517));
    assert_eq!(digest(few(2)), (1_923_176, 0x53a7_3b59_297e_f7bc));
    let more = Extent { rows: 20_000, persons: 300_000, files: 4, file: 1, seed: 7 };
    assert_eq!(digest(more), (9_701_299, 0x9906_0c6c_cad0_6bd0));
}

#[test]
fn slices_share_all_rows_among_them() {
    let rows = |file| Extent { rows: 11, persons: 1, files: 4, file, seed: 42 }.rows_here();
    assert_eq!([rows(0), rows(1), rows(2), rows(3)], [3, 3, 3, 2]);
}
