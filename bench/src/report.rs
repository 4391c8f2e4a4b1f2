//! The report: Markdown tables, the goals beside them, and whether they are met.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use crate::capture::{Case, Compared, Findings, Footprint, Lag, Measured};
use crate::events::Encoding;
use crate::stats;

/// Share of the floor's throughput to reach with batches of [`GOAL_BATCH`].
const GOAL_RATIO: f64 = 0.5;
const GOAL_BATCH: usize = 100;
/// Share of the rate of acknowledgements at which events go through persons and into the lists.
const GOAL_PIPELINE: f64 = 0.6;
/// Longest lag from acknowledged to listed for 99 of 100 events, at a steady rate, in seconds.
const GOAL_LAG: f64 = 1.0;
/// Processor seconds per million events that PostHog's own capture service spends before its broker, by batch size.
const REFERENCE_CPU: [(usize, f64); 2] = [(1, 112.0), (100, 21.0)];

/// Writes `text` to standard output.
///
/// # Errors
///
/// When nobody takes it.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Tells on standard error how far the bench has come; a closed one is no reason to stop.
pub(crate) fn progress(line: &str) {
    writeln!(io::stderr(), "bench: {line}").ok();
}

/// The whole report.
pub(crate) fn page(findings: &Findings) -> String {
    let mut page = String::from("# Hedgerow bench\n\n");
    page.push_str(&conditions(findings));
    page.push_str(&throughput(&findings.cases));
    page.push_str(&cpu(&findings.cases));
    page.push_str(&afterwards(&findings.cases));
    page.push_str(&lag(&findings.lag));
    page.push_str(&footprint(&findings.footprint));
    page
}

fn conditions(findings: &Findings) -> String {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut text = format!(
        "{processors} processors, shared by client and server. Making 4 KiB durable takes {} ms here. {} rounds of about \
         {} s per server and case, in turns with the floor; medians, \
         and for ratios the least and the most.\n\n",
        milliseconds(findings.sync),
        findings.rounds,
        findings.round.as_secs_f64(),
    );
    if findings.in_memory {
        text.push_str(
            "**The data directory lies in memory, where nothing is durable: these figures mean nothing.**\n\n",
        );
    }
    text.push_str(
        "The *floor* is a bare axum handler that appends the body's raw bytes to the same log with the same group \
         commit. Events have 30 properties and about 1.1 KB; every one is new.\n\n",
    );
    text
}

fn throughput(cases: &[Compared]) -> String {
    let rows = cases.iter().map(|compared| {
        let Compared { case, floor, hedgerow } = compared;
        let ratio = compared.ratio();
        let (least, most) = compared.ratios().fold((f64::MAX, 0.0_f64), |(a, b), ratio| (a.min(ratio), b.max(ratio)));
        vec![
            name(*case),
            count(floor.rate()),
            count(hedgerow.rate()),
            format!("{:.0} % ({:.0}–{:.0})", 100.0 * ratio, 100.0 * least, 100.0 * most),
            if case.batch == GOAL_BATCH { verdict(ratio >= GOAL_RATIO) } else { "–".to_owned() },
            latencies(floor),
            latencies(hedgerow),
        ]
    });
    let table = table(
        &[
            "case",
            "floor events/s",
            "Hedgerow events/s",
            "ratio",
            "goal: ≥ 50 %",
            "floor p50 / p99 ms",
            "Hedgerow p50 / p99 ms",
        ],
        rows,
    );
    let refused: usize = cases.iter().map(|compared| compared.hedgerow.refused + compared.floor.refused).sum();
    let note = if refused > 0 {
        format!("{refused} requests were answered 503 and are not counted.\n\n")
    } else {
        String::new()
    };
    format!("## Events acknowledged, durably\n\n{table}{note}")
}

fn cpu(cases: &[Compared]) -> String {
    let rows = cases.iter().map(|compared| {
        let Compared { case, floor, hedgerow } = compared;
        let of = |measured: &Measured, part| measured.per_million(part_of(measured, part));
        let acknowledging = hedgerow.per_million(hedgerow.acknowledging.values().sum());
        let floor_seconds = floor.per_million(floor.acknowledging.values().sum());
        let background = hedgerow.per_million(hedgerow.background.values().sum());
        let reference =
            REFERENCE_CPU.iter().find(|(batch, _)| *batch == case.batch).map_or(0.0, |(_, seconds)| *seconds);
        vec![
            name(*case),
            format!("{floor_seconds:.1}"),
            format!("**{acknowledging:.1}**"),
            format!("{:.1}", of(hedgerow, "http")),
            format!("{:.1}", of(hedgerow, "log")),
            format!("{reference:.0}"),
            cpu_verdict(acknowledging, floor_seconds, reference),
            format!("{:.1}", of(hedgerow, "ingest")),
            format!("{:.1}", of(hedgerow, "seal")),
            format!("{:.1}", acknowledging + background),
            format!("{:.1}", hedgerow.per_million(hedgerow.client)),
        ]
    });
    let table = table(
        &[
            "case",
            "floor",
            "Hedgerow to the 200",
            "of it http",
            "of it log",
            "PostHog capture",
            "goal: less",
            "ingest",
            "seal",
            "Hedgerow in all",
            "the client",
        ],
        rows,
    );
    format!(
        "## Where the processor's time goes\n\nCPU seconds per million events. *To the 200* is everything before the \
         acknowledgement; *ingest* (decoding again, persons, memory table) and *seal* (Parquet) come after it. PostHog's \
         capture service is its figure before the broker, measured once on such a machine.\n\n{table}"
    )
}

fn part_of(measured: &Measured, part: &str) -> f64 {
    measured.acknowledging.get(part).or_else(|| measured.background.get(part)).copied().unwrap_or(0.0)
}

fn afterwards(cases: &[Compared]) -> String {
    let rows = cases.iter().map(|Compared { case, hedgerow, .. }| {
        let requests = hedgerow.events as f64 / case.batch as f64;
        vec![
            name(*case),
            count(stats::median(hedgerow.behind.iter().copied())),
            format!("{:.2}", stats::median(hedgerow.caught_up.iter().copied())),
            count(stats::median(hedgerow.listed_rates.iter().copied())),
            format!("{:.0} %", 100.0 * hedgerow.pipeline()),
            if case.batch == GOAL_BATCH { verdict(hedgerow.pipeline() >= GOAL_PIPELINE) } else { "–".to_owned() },
            if hedgerow.syncs > 0.0 { format!("{:.1}", requests / hedgerow.syncs) } else { "–".to_owned() },
            format!("{:.0} %", 100.0 * stats::median(hedgerow.idle.iter().copied())),
            mib(hedgerow.peak_bytes),
        ]
    });
    let table = table(
        &[
            "case",
            "events behind",
            "s until all are listed",
            "events/s listed",
            "of acknowledged",
            "goal: ≥ 60 %",
            "requests per sync",
            "processors idle",
            "peak memory",
        ],
        rows,
    );
    format!(
        "## From acknowledged to listed\n\nHow far listing was behind when a round ended, how long it took to catch up, \
         and the rate at which events can arrive for ever.\n\n{table}"
    )
}

/// The lag from acknowledged to listed.
pub(crate) fn lag(lag: &Lag) -> String {
    let milliseconds = |percent| f64::from(stats::percentile(&lag.lags_us, percent)) / 1e3;
    let rate = lag.events as f64 / lag.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    let table = table(
        &[
            "aimed at, events/s",
            "acknowledged, events/s",
            "seconds",
            "lag p50 ms",
            "lag p99 ms",
            "most ms",
            "goal: p99 ≤ 1 s",
        ],
        std::iter::once(vec![
            count(lag.events_per_second as f64),
            count(rate),
            format!("{:.0}", lag.elapsed.as_secs_f64()),
            format!("{:.1}", milliseconds(50)),
            format!("{:.1}", milliseconds(99)),
            format!("{:.1}", milliseconds(100)),
            verdict(milliseconds(99) <= 1e3 * GOAL_LAG),
        ]),
    );
    format!(
        "## Lag\n\nAt a steady rate, in batches of {GOAL_BATCH}: from the acknowledgement of a request to the answer that \
         shows an event of it. {} requests were followed.\n\n{table}",
        lag.lags_us.len(),
    )
}

fn footprint(footprint: &Footprint) -> String {
    let events = count(footprint.replayed_events as f64);
    let data = mib(footprint.data_bytes);
    let memory = |memory: &crate::system::Memory| {
        format!("{} resident, {} of it its own", mib(memory.resident), mib(memory.anonymous))
    };
    let rows = [
        ("binary".to_owned(), mib(footprint.binary_bytes)),
        ("idle memory, no data".to_owned(), memory(&footprint.idle)),
        (format!("idle memory, {data} of data"), memory(&footprint.idle_with_data)),
        ("start, no data".to_owned(), format!("{} ms", milliseconds(footprint.start_empty))),
        (format!("start, {data} of data"), format!("{} ms", milliseconds(footprint.start_with_data))),
        (
            format!("start after a kill, {events} events to replay"),
            format!("{} ms", milliseconds(footprint.start_killed)),
        ),
    ];
    let table = table(&["", "Hedgerow"], rows.map(|(what, value)| vec![what, value]).into_iter());
    format!("## Size and start\n\nA start ends with the first healthy answer; medians of five.\n\n{table}")
}

/// What a case is called in tables.
pub(crate) fn name(case: Case) -> String {
    let encoding = match case.encoding {
        Encoding::Plain => "plain",
        Encoding::Gzip => "gzip",
    };
    format!("{encoding}, batch {}, {} conn.", case.batch, case.connections)
}

fn verdict(met: bool) -> String {
    if met { "met" } else { "**not met**" }.to_owned()
}

/// One connection that waits for the disk after every event is not what the reference was measured with: there, the floor
/// may be above it as well.
fn cpu_verdict(seconds: f64, floor_seconds: f64, reference: f64) -> String {
    if seconds >= reference && floor_seconds >= reference {
        return "not met, nor by the floor".to_owned();
    }
    verdict(seconds < reference)
}

fn latencies(measured: &Measured) -> String {
    let ms = |percent| f64::from(stats::percentile(&measured.latencies_us, percent)) / 1e3;
    format!("{:.1} / {:.1}", ms(50), ms(99))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A number without decimals, its thousands apart.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A Markdown table; all columns but the first are figures.
fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n| --- |{}\n", columns.join(" | "), " ---: |".repeat(columns.len() - 1));
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).expect("writing to a string cannot fail");
    }
    text.push('\n');
    text
}
