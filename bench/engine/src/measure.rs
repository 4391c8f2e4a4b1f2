//! What an answer costs: wall time, processor time, peak memory.

use std::path::{Path, PathBuf};

use env::Clock;

/// Of the kernel's interface, whatever its own clock does.
const MS_PER_TICK: f64 = 10.0;

/// The cost of one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) ms: f64,
    /// Of all threads of this process.
    pub(crate) cpu_ms: f64,
    /// The most memory the process had meanwhile; since it started where the kernel does not forget earlier peaks.
    pub(crate) peak_mib: u64,
}

/// Does `work` and tells what it cost.
///
/// # Errors
///
/// That of `work`.
pub(crate) fn measured<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Cost)> {
    forget_peak();
    let clock = Clock::System;
    let (start, cpu_start) = (clock.instant(), cpu_ms());
    let result = work()?;
    let ms = clock.elapsed(start).as_secs_f64() * 1e3;
    Ok((result, Cost { ms, cpu_ms: cpu_ms() - cpu_start, peak_mib: peak_mib() }))
}

/// Processor time of this process so far. To the nanosecond while threads live; the time of those that ended is in the
/// process's total alone, which counts in ticks.
fn cpu_ms() -> f64 {
    let live: f64 = threads().iter().filter_map(|thread| thread_ms(thread)).sum();
    live.max(process_ms().unwrap_or(0.0))
}

fn threads() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the kernel's tables are not files of the product")]
    let entries = std::fs::read_dir("/proc/self/task");
    entries.map_or_else(|_| Vec::new(), |entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
}

fn thread_ms(thread: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e6)
}

fn process_ms() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some((user + kernel) as f64 * MS_PER_TICK)
}

/// Makes the peak of memory what is in use now.
fn forget_peak() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the kernel is not a file of the product")]
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) / 1_024
}
