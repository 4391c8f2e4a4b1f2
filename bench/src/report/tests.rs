//! The report of figures that were made up.

use std::collections::BTreeMap;

use super::*;

fn measured(rate: f64, cpu_seconds: f64) -> Measured {
    Measured {
        events: 1_000_000,
        rates: vec![rate; 3],
        latencies_us: (1..=1_000).collect(),
        acknowledging: BTreeMap::from([("http", cpu_seconds), ("log", 1.0), ("other", 0.0)]),
        background: BTreeMap::from([("ingest", 30.0), ("seal", 5.0)]),
        caught_up: vec![0.5; 3],
        ..Measured::default()
    }
}

fn compared(batch: usize, rate: f64, cpu_seconds: f64) -> Compared {
    let case = Case { encoding: Encoding::Gzip, batch, connections: 32 };
    Compared { case, floor: measured(100_000.0, 2.0), hedgerow: measured(rate, cpu_seconds) }
}

fn row(text: &str, start: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.starts_with(start)).unwrap();
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn throughput_is_judged_at_the_batch_size_of_the_goal_only() {
    let text = throughput(&[compared(1, 10_000.0, 1.0), compared(100, 50_000.0, 1.0)]);
    assert_eq!(row(&text, "| gzip, batch 1,")[1..5], ["100,000", "10,000", "10 % (10–10)", "–"]);
    assert_eq!(row(&text, "| gzip, batch 100,")[1..6], ["100,000", "50,000", "50 % (50–50)", "met", "0.5 / 1.0"]);
    let text = throughput(&[compared(100, 49_000.0, 1.0)]);
    assert_eq!(row(&text, "| gzip, batch 100,")[3..5], ["49 % (49–49)", "**not met**"]);
}

#[test]
fn a_ratio_is_that_of_rounds_that_ran_one_after_the_other() {
    let mut slowing = compared(100, 1.0, 1.0);
    slowing.floor.rates = vec![100.0, 50.0, 10.0];
    slowing.hedgerow.rates = vec![60.0, 30.0, 5.0];
    assert_eq!(row(&throughput(&[slowing]), "| gzip, batch 100,")[3], "60 % (50–60)");
}

#[test]
fn only_the_way_to_the_acknowledgement_is_compared_with_posthog() {
    let text = cpu(&[compared(100, 1.0, 19.0), compared(1, 1.0, 112.0)]);
    let cells = row(&text, "| gzip, batch 100,");
    assert_eq!(cells[1..10], ["3.0", "**20.0**", "19.0", "1.0", "21", "met", "30.0", "5.0", "55.0"]);
    assert_eq!(row(&text, "| gzip, batch 1,")[6], "**not met**");
}

#[test]
fn the_pipeline_is_compared_with_the_acknowledgements_of_its_own_round() {
    let mut slow = compared(100, 1.0, 1.0);
    slow.hedgerow.rates = vec![100.0, 50.0, 10.0];
    slow.hedgerow.listed_rates = vec![59.0, 29.0, 10.0];
    assert_eq!(row(&afterwards(&[slow]), "| gzip, batch 100,")[4..6], ["59 %", "**not met**"]);
    let mut fast = compared(100, 1.0, 1.0);
    fast.hedgerow.listed_rates = vec![0.6; 3];
    assert_eq!(row(&afterwards(&[fast]), "| gzip, batch 100,")[4..6], ["60 %", "met"]);
}

#[test]
fn a_lag_is_judged_by_its_99th_percentile() {
    let of = |late: u32| Lag {
        events_per_second: 5_000,
        events: 300_000,
        elapsed: Duration::from_secs(60),
        lags_us: (0..100).map(|number| if number < 99 - late { 5_000 } else { 1_500_000 }).collect(),
    };
    let cells = row(&lag(&of(0)), "| 5,000");
    assert_eq!(cells, ["5,000", "5,000", "60", "5.0", "5.0", "1500.0", "met"]);
    assert_eq!(row(&lag(&of(1)), "| 5,000")[4..], ["1500.0", "1500.0", "**not met**"]);
}

#[test]
fn thousands_stand_apart() {
    for (number, text) in [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")] {
        assert_eq!(count(number), text);
    }
}
