//! What the kernel knows about a process and the machine: processor time, memory, idleness.
//!
//! Times are read per thread and added up by thread name, because names tell what the time was spent on. Threads that
//! ended are in the process's own total only; their share is called `ended`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The name under which threads that are no more are counted.
pub(crate) const ENDED: &str = "ended";
/// The unit of `/proc`, fixed by the kernel's interface whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds used so far, by thread name.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuTimes(BTreeMap<String, f64>);

impl CpuTimes {
    /// Reads the times of the process `pid`.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let mut times = BTreeMap::new();
        for thread in list(&process.join("task"))? {
            // A thread may end between being listed and being read: it then counts as ended.
            let Ok(stat) = read(&thread.join("stat")) else { continue };
            let Some((name, ticks)) = parse_stat(&stat) else { continue };
            let precise = read(&thread.join("schedstat")).ok().and_then(|text| parse_schedstat(&text));
            *times.entry(name.to_owned()).or_insert(0.0) += precise.unwrap_or_else(|| seconds(ticks));
        }
        let stat = read(&process.join("stat"))?;
        let (_, ticks) = parse_stat(&stat).context("the process's stat line is not understood")?;
        let ended = seconds(ticks) - times.values().sum::<f64>();
        times.insert(ENDED.to_owned(), ended.max(0.0));
        Ok(Self(times))
    }

    /// What was used between `earlier` and this.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |name: &str| earlier.0.get(name).copied().unwrap_or(0.0);
        Self(self.0.iter().map(|(name, seconds)| (name.clone(), (seconds - before(name)).max(0.0))).collect())
    }

    /// Seconds of all threads whose name `wanted` picks.
    pub(crate) fn sum(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        // Not `sum()`: that of nothing is minus zero.
        self.0.iter().filter(|(name, _)| wanted(name)).fold(0.0, |sum, (_, seconds)| sum + seconds)
    }

    /// Seconds of all threads.
    pub(crate) fn total(&self) -> f64 {
        self.sum(|_| true)
    }
}

/// A process's memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: u64,
    /// Of that, memory of its own: neither program text nor files.
    pub(crate) anonymous: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

impl Memory {
    /// Reads the memory of the process `pid`.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let status = read(Path::new(&format!("/proc/{pid}/status")))?;
        let field = |name| status_bytes(&status, name).unwrap_or(0);
        Ok(Self { resident: field("VmRSS:"), anonymous: field("RssAnon:"), peak: field("VmHWM:") })
    }
}

/// Seconds all processors of the machine have spent, and of those doing nothing, disk waits included.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Machine {
    total: f64,
    idle: f64,
}

impl Machine {
    /// Reads the machine's times.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell.
    pub(crate) fn now() -> anyhow::Result<Self> {
        parse_machine(&read(Path::new("/proc/stat"))?).context("the machine's stat line is not understood")
    }

    /// Share of the time between `earlier` and this in which processors had nothing to do, 0 to 1.
    pub(crate) fn idle_since(&self, earlier: &Self) -> f64 {
        (self.idle - earlier.idle) / (self.total - earlier.total).max(f64::MIN_POSITIVE)
    }
}

fn list(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    #[expect(clippy::disallowed_methods, reason = "the kernel's tables are not files of the product")]
    let entries = std::fs::read_dir(dir).with_context(|| format!("{} cannot be listed", dir.display()))?;
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

/// Name, and ticks in user and kernel mode, of a `stat` line. The name is in parentheses and may contain some itself.
fn parse_stat(stat: &str) -> Option<(&str, u64)> {
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some((name, user + kernel))
}

/// Seconds on a processor, to the nanosecond, where the kernel keeps them.
fn parse_schedstat(text: &str) -> Option<f64> {
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
}

fn parse_machine(stat: &str) -> Option<Machine> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time, which follows, is part of user.
    let counted = ticks.get(..8)?;
    Some(Machine { total: seconds(counted.iter().sum()), idle: seconds(counted[3] + counted[4]) })
}
