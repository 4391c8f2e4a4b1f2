//! Quantiles against sorting, and against answers written down from ClickHouse 26.9.

use proptest::prelude::*;

use super::*;

fn collected(values: &[f64]) -> Quantiles {
    let (first, second) = values.split_at(values.len() / 3);
    let mut quantiles = Quantiles::default();
    quantiles.push(first);
    let mut other = Quantiles::default();
    other.push(second);
    quantiles.merge(other);
    quantiles
}

#[test]
fn quantiles_are_those_of_click_house() {
    let values = [8.398, 68.414, f64::NAN, 90.748, 99.17, -89.336, -10.008, 85.888];
    let expected = [
        (0.0, -89.336),
        (0.1, -41.73919999999999),
        (0.25, -0.8049999999999997),
        (0.5, 68.414),
        (0.77, 88.9012),
        (0.95, 96.6434),
        (1.0, 99.17),
    ];
    for (p, quantile) in expected {
        assert_eq!(collected(&values).quantile(p), Some(quantile), "{p}");
    }
}

#[test]
fn no_numbers_have_no_quantile() {
    assert_eq!(collected(&[]).quantile(0.5), None);
    assert_eq!(collected(&[f64::NAN]).quantile(0.5), None);
    assert_eq!(collected(&[f64::NAN, 3.0]).count(), 1);
}

proptest! {
    /// Asked in any order, each answer lies where the definition says.
    #[test]
    fn quantiles_are_those_of_sorting(
        mut values in prop::collection::vec(-1_000_i32..1_000, 1..100),
        ps in prop::collection::vec(0.0_f64..=1.0, 1..5),
    ) {
        let mut quantiles = collected(&values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
        values.sort_unstable();
        for p in ps {
            let place = p * f64::from(u32::try_from(values.len() - 1).unwrap());
            let near = |place: f64| f64::from(values[format!("{place}").parse::<usize>().unwrap()]);
            let (below, above) = (near(place.floor()), near(place.ceil()));
            let expected = below + place.fract() * (above - below);
            prop_assert!((quantiles.quantile(p).unwrap() - expected).abs() < 1e-6);
        }
    }
}
