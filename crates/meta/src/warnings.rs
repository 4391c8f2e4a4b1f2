//! Ingestion warnings: why events were refused, dropped or changed, by kind and hour, with the last few of each kind.
//!
//! All of it is bounded. Kinds are a fixed set of words; counts are kept for [`KEPT_DAYS`]; of each kind the last
//! [`SAMPLES_MAX`] samples stay. Ingestion writes its warnings in the transaction of their batch. What capture refuses
//! gathers in memory and is written every few seconds, when somebody asks, and at the end; a kill may lose those.

use std::collections::HashMap;

use model::{ProjectId, Timestamp};
use parking_lot::Mutex;
use rusqlite::{Transaction, params};

use crate::connection::Meta;
use crate::error::MetaError;
use crate::ingestion::IngestTx;

/// For how long counts are kept, and how far back a list goes.
const KEPT_DAYS: i64 = 30;
const HOUR_MICROS: i64 = 3_600_000_000;
const SAMPLES_MAX: usize = 50;
/// More samples of one kind than this are not taken at a time; all are counted.
const SAMPLES_AT_ONCE_MAX: usize = 5;
/// Longest details of a sample.
const DETAILS_BYTES_MAX: usize = 4_096;
/// How long warnings of capture may wait to be written.
const FLUSH_AFTER_MICROS: i64 = 5_000_000;

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    project: ProjectId,
    kind: &'static str,
    at: Timestamp,
    count: u64,
    details: String,
}

impl Warning {
    /// A warning of a kind, with details as a JSON object. Details that are too long are left out.
    #[must_use]
    pub fn new(project: ProjectId, kind: &'static str, at: Timestamp, details: String) -> Self {
        let details = if details.len() > DETAILS_BYTES_MAX { "{}".to_owned() } else { details };
        Self { project, kind, at, count: 1, details }
    }

    /// The same, for so many of them.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

/// The warnings of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningGroup {
    /// Which.
    pub kind: String,
    /// How many there were.
    pub count: u64,
    /// How many in each hour that had any, by the hour's begin, oldest first.
    pub hours: Vec<(Timestamp, u64)>,
    /// The last few with their details (a JSON object), newest first.
    pub samples: Vec<(Timestamp, String)>,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    groups: HashMap<(ProjectId, &'static str, i64), Group>,
    /// When something was written last, by the time of warnings.
    flushed: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Group {
    count: u64,
    samples: Vec<(Timestamp, String)>,
}

fn gather(groups: &mut HashMap<(ProjectId, &'static str, i64), Group>, warning: Warning) {
    let hour = warning.at.as_micros().div_euclid(HOUR_MICROS);
    let group = groups.entry((warning.project, warning.kind, hour)).or_default();
    group.count += warning.count;
    if group.samples.len() < SAMPLES_AT_ONCE_MAX {
        group.samples.push((warning.at, warning.details));
    }
}

impl Meta {
    /// Takes note of a warning in memory. Whether it is time for [`Meta::flush_warnings`].
    pub fn note_warning(&self, warning: Warning) -> bool {
        let mut pending = self.pending_warnings.lock();
        let at = warning.at;
        gather(&mut pending.groups, warning);
        let due =
            pending.flushed.is_none_or(|then| at.as_micros().saturating_sub(then.as_micros()) > FLUSH_AFTER_MICROS);
        if due {
            pending.flushed = Some(at);
        }
        due
    }

    /// Writes what [`Meta::note_warning`] took note of. What cannot be written is lost.
    pub fn flush_warnings(&self) -> Result<(), MetaError> {
        let groups = std::mem::take(&mut self.pending_warnings.lock().groups);
        if groups.is_empty() {
            return Ok(());
        }
        self.write(|tx| save(tx, groups))
    }

    /// The warnings of a project since some time, the kind with the latest one first.
    pub fn warnings(&self, project: ProjectId, since: Timestamp) -> Result<Vec<WarningGroup>, MetaError> {
        self.flush_warnings()?;
        self.read(|c| {
            let mut groups: Vec<WarningGroup> = Vec::new();
            let mut counts = c.prepare_cached(
                "SELECT kind, hour, count FROM ingestion_warnings WHERE project = $1 AND hour >= $2 ORDER BY kind, hour",
            )?;
            let mut rows = counts.query(params![project.0, since.as_micros().div_euclid(HOUR_MICROS)])?;
            while let Some(row) = rows.next()? {
                let (kind, hour, count): (String, i64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if groups.last().is_none_or(|group| group.kind != kind) {
                    groups.push(WarningGroup { kind, count: 0, hours: Vec::new(), samples: Vec::new() });
                }
                if let Some(group) = groups.last_mut() {
                    group.count += count;
                    group.hours.push((Timestamp::from_micros(hour * HOUR_MICROS), count));
                }
            }
            let mut samples = c.prepare_cached(
                "SELECT at, details FROM ingestion_warning_samples WHERE project = $1 AND kind = $2 AND at >= $3
                 ORDER BY id DESC",
            )?;
            for group in &mut groups {
                let since = since.as_micros().div_euclid(HOUR_MICROS) * HOUR_MICROS;
                let rows = samples.query_map(params![project.0, group.kind, since], |row| {
                    Ok((Timestamp::from_micros(row.get(0)?), row.get(1)?))
                })?;
                group.samples = rows.collect::<Result<_, _>>()?;
            }
            groups.sort_by_key(|group| {
                std::cmp::Reverse((group.samples.first().map(|(at, _)| *at), group.hours.last().map(|(hour, _)| *hour)))
            });
            Ok(groups)
        })
    }
}

impl IngestTx<'_> {
    /// Keeps the warnings of a batch.
    pub fn record_warnings(&mut self, warnings: Vec<Warning>) -> Result<(), MetaError> {
        let mut groups = HashMap::new();
        for warning in warnings {
            gather(&mut groups, warning);
        }
        save(self.transaction(), groups)
    }
}

fn save(tx: &Transaction<'_>, groups: HashMap<(ProjectId, &'static str, i64), Group>) -> Result<(), MetaError> {
    for ((project, kind, hour), group) in groups {
        let (kept, known) = tx
            .prepare_cached(
                "INSERT INTO ingestion_warnings (project, kind, hour, count) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (project, kind, hour) DO UPDATE SET count = count + excluded.count
                 RETURNING $3 - 24 * $5, count > $4",
            )?
            .query_row(params![project.0, kind, hour, group.count, KEPT_DAYS], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
            })?;
        if !known {
            // Once an hour is often enough.
            tx.prepare_cached("DELETE FROM ingestion_warnings WHERE project = $1 AND kind = $2 AND hour < $3")?
                .execute(params![project.0, kind, kept])?;
        }
        for (at, details) in group.samples {
            tx.prepare_cached(
                "INSERT INTO ingestion_warning_samples (project, kind, at, details) VALUES ($1, $2, $3, $4)",
            )?
            .execute(params![project.0, kind, at.as_micros(), details])?;
        }
        tx.prepare_cached(
            "DELETE FROM ingestion_warning_samples WHERE project = $1 AND kind = $2 AND id <=
             (SELECT id FROM ingestion_warning_samples WHERE project = $1 AND kind = $2 ORDER BY id DESC LIMIT 1 OFFSET $3)",
        )?
        .execute(params![project.0, kind, SAMPLES_MAX])?;
    }
    Ok(())
}

/// What waits belongs to the database: see [`Meta::note_warning`].
pub(crate) type PendingWarnings = Mutex<Pending>;

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: ProjectId = ProjectId(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn warning(kind: &'static str, seconds: i64) -> Warning {
        Warning::new(PROJECT, kind, at(seconds), format!(r#"{{"n":{seconds}}}"#))
    }

    fn open() -> (tempfile::TempDir, Meta) {
        let directory = tempfile::tempdir().unwrap();
        let meta = Meta::open(&directory.path().join("meta.sqlite")).unwrap();
        (directory, meta)
    }

    #[test]
    fn warnings_are_counted_by_kind_and_hour_and_the_last_ones_stay() {
        let (_directory, meta) = open();
        for second in 0..8_000 {
            if meta.note_warning(warning("a", second)) {
                meta.flush_warnings().unwrap();
            }
        }
        meta.ingest(|tx| tx.record_warnings(vec![warning("b", 9_000), warning("b", 9_001)])).unwrap();
        let groups = meta.warnings(PROJECT, at(0)).unwrap();
        assert_eq!(
            groups.iter().map(|group| (&*group.kind, group.count)).collect::<Vec<_>>(),
            [("b", 2), ("a", 8_000)]
        );
        assert_eq!(groups[1].hours, [(at(0), 3_600), (at(3_600), 3_600), (at(7_200), 800)]);
        assert_eq!(groups[1].samples.len(), SAMPLES_MAX);
        assert_eq!(groups[0].samples[0], (at(9_001), r#"{"n":9001}"#.to_owned()));
        assert_eq!(meta.warnings(PROJECT, at(7_300)).unwrap()[1].count, 800);
        assert_eq!(meta.warnings(ProjectId(2), at(0)).unwrap(), []);
    }

    #[test]
    fn counts_older_than_a_month_go() {
        let (_directory, meta) = open();
        let day = 86_400;
        for n in [0, 1, 40] {
            meta.note_warning(warning("a", n * day));
            meta.flush_warnings().unwrap();
        }
        assert_eq!(meta.warnings(PROJECT, at(0)).unwrap()[0].hours, [(at(40 * day), 1)]);
    }

    #[test]
    fn long_details_are_left_out() {
        let long = Warning::new(PROJECT, "a", at(0), "x".repeat(5_000));
        assert_eq!(long.details, "{}");
    }
}
