//! Brings a log back after a restart, a kill or a power cut.
//!
//! First everything is read and nothing is changed. A crash can only tear the end of the last segment that has
//! records: what it holds past the last record known to be durable was never acknowledged and is cut off, together
//! with any valid frame after the tear, which belongs to the same group. Anything else that cannot be read is damage,
//! and reported (rule R4).
//!
//! Then what was read is made durable before anybody sees it (rule R5): a record that survived in the page cache only
//! must not be served and lost later. A sync is not enough, because after a failed sync the cache may hold pages that
//! the device never got and that count as clean; so the records that nothing vouches for are written again, then
//! synced. They are at most one group.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use env::{File, Files};

use crate::error::{Damage, OpenError};
use crate::frame::Key;
use crate::scan::{Scan, Window, scan, watermark_from};
use crate::segment::{self, DATA_START, Found, Segment, file_name, first_of};
use crate::shared::Catalog;

/// Bytes per write when the end of the log is written again.
const REWRITE_BYTES: usize = 1 << 20;

/// What recovery found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// The oldest record; the next one to come when there is none.
    pub first: u64,
    /// The newest record, 0 when there never was one.
    pub durable: u64,
    /// Records that can be read.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of unacknowledged records that a crash had torn, now cut off.
    pub torn_bytes: u64,
    /// Counts the times the log was opened (rule R9).
    pub epoch: u64,
}

/// A log as found on disk.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) catalog: Catalog,
    pub(crate) recovery: Recovery,
}

/// The end of the last segment, and what has to be done about it.
struct LastSegment {
    file: Arc<dyn File>,
    scan: Scan,
    len: u64,
    torn: bool,
}

/// Verifies the log in `dir`, which is created if needed, trims what a crash has torn, and makes the rest durable.
pub(crate) fn recover(files: &dyn Files, dir: &Path) -> Result<Recovered, OpenError> {
    files.create_dir_all(dir).map_err(|source| failed(dir, source))?;
    let names = files.list(dir).map_err(|source| failed(dir, source))?;
    let firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    let mut segments = VecDeque::new();
    let mut recovery = Recovery::default();
    let mut end = None;
    for (index, first) in firsts.iter().copied().enumerate() {
        let path = dir.join(file_name(first));
        let file = files.open(&path).map_err(|source| failed(&path, source))?;
        let mut window = Window::new(file.as_ref()).map_err(|source| failed(&path, source))?;
        let len = window.len();
        recovery.bytes += len;
        let key = read_key(&path, file.as_ref(), &mut window, first)?;
        let scan = match firsts.get(index + 1) {
            Some(limit) => sealed(&path, &mut window, first, *limit, key)?,
            None => {
                let last = last(&path, Arc::clone(&file), &mut window, first, key)?;
                let scan = last.scan.clone();
                end = Some(last);
                scan
            }
        };
        let key = key.unwrap_or_default();
        recovery.epoch = recovery.epoch.max(key.epoch);
        recovery.records += scan.next - first;
        segments.push_back(Segment { first, next: scan.next, end: scan.end, file_bytes: len, key });
    }
    if let (Some(end), Some(last)) = (end, segments.back_mut()) {
        recovery.torn_bytes = if end.torn { end.len - end.scan.end } else { 0 };
        let path = dir.join(file_name(last.first));
        last.file_bytes = settle(&end, last.is_empty()).map_err(|source| failed(&path, source))?;
        files.sync_dir(dir).map_err(|source| failed(dir, source))?;
    }
    let next = segments.back().map_or(1, |last| last.next);
    let catalog = Catalog { segments, next, ended: false };
    recovery.first = catalog.first();
    recovery.durable = next - 1;
    recovery.epoch += 1;
    Ok(Recovered { catalog, recovery })
}

/// The key in a segment's header. None when the header was never synced, so that nothing can have been written behind.
fn read_key(path: &Path, file: &dyn File, window: &mut Window<'_>, first: u64) -> Result<Option<Key>, OpenError> {
    match segment::read_header(file, first).map_err(|source| failed(path, source))? {
        Found::Key(key) => Ok(Some(key)),
        Found::Newer(version) => {
            Err(OpenError::NewerFormat { segment: path.into(), version, supported: segment::VERSION })
        }
        Found::Nothing if window.is_zero_from(DATA_START).map_err(|source| failed(path, source))? => Ok(None),
        Found::Nothing => Err(damaged(path, 0, first, Damage::Header)),
    }
}

/// A segment that has another behind it: all records up to there were durable before that one was created.
fn sealed(path: &Path, window: &mut Window<'_>, first: u64, limit: u64, key: Option<Key>) -> Result<Scan, OpenError> {
    let key = key.ok_or_else(|| damaged(path, 0, first, Damage::Header))?;
    let scan = scan(window, first, limit, key).map_err(|source| failed(path, source))?;
    if scan.next == limit {
        return Ok(scan);
    }
    let ends = window.is_zero_from(scan.end).map_err(|source| failed(path, source))?;
    let damage = if ends { Damage::Missing { last: limit - 1 } } else { Damage::Record };
    Err(damaged(path, scan.end, scan.next, damage))
}

/// The segment that the crash, if there was one, may have torn.
fn last(
    path: &Path,
    file: Arc<dyn File>,
    window: &mut Window<'_>,
    first: u64,
    key: Option<Key>,
) -> Result<LastSegment, OpenError> {
    let len = window.len();
    let Some(key) = key else {
        let scan = Scan { next: first, end: DATA_START, unvouched: DATA_START };
        return Ok(LastSegment { file, scan, len, torn: false });
    };
    let scan = scan(window, first, u64::MAX, key).map_err(|source| failed(path, source))?;
    let torn = !window.is_zero_from(scan.end).map_err(|source| failed(path, source))?;
    if torn && watermark_from(window, scan.end, key).map_err(|source| failed(path, source))? >= scan.next {
        return Err(damaged(path, scan.end, scan.next, Damage::Record));
    }
    Ok(LastSegment { file, scan, len, torn })
}

/// Makes the end of the log durable as it was read, and returns the file's length then. A segment with records is left
/// without a tail and never written again; an empty one keeps its preallocated zeroes.
fn settle(last: &LastSegment, is_empty: bool) -> io::Result<u64> {
    let LastSegment { file, scan, len, torn } = last;
    if is_empty && !torn {
        return Ok(*len);
    }
    if *len > scan.end {
        file.set_len(scan.end)?;
    }
    let mut at = scan.unvouched;
    let mut buffer = Vec::new();
    while at < scan.end {
        let bytes = usize::try_from(scan.end - at).unwrap_or(usize::MAX).min(REWRITE_BYTES);
        buffer.resize(bytes, 0);
        file.read_exact_at(&mut buffer, at)?;
        file.write_all_at(&buffer, at)?;
        at += bytes as u64;
    }
    file.sync_data()?;
    Ok(scan.end)
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.into(), source }
}

fn damaged(path: &Path, offset: u64, sequence: u64, damage: Damage) -> OpenError {
    OpenError::Damaged { segment: path.into(), offset, sequence, damage }
}

#[cfg(test)]
mod tests;
