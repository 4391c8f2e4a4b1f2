//! Positions in the log and the catalog of sealed segments.

use model::{DeletedRows, PersonMerge, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp};
use rusqlite::params;

use crate::connection::Meta;
use crate::error::MetaError;

/// How far the log has been read and sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// Person changes are committed through here.
    pub applied: Sequence,
    /// Rows are sealed through here.
    pub flushed: Sequence,
}

/// What was resolved for the records `first..=last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedBatch {
    /// First record of the batch.
    pub first: Sequence,
    /// Last record of the batch.
    pub last: Sequence,
    /// As ingestion encoded it.
    pub blob: Vec<u8>,
}

/// Everything the store needs to start.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Every sealed segment.
    pub segments: Vec<SegmentEntry>,
    /// Rows of them that are gone.
    pub deleted: Vec<DeletedRows>,
    /// Person ids that read as others.
    pub merges: Vec<PersonMerge>,
}

impl Meta {
    /// Current positions.
    pub fn positions(&self) -> Result<Positions, MetaError> {
        self.read(|c| {
            let of = |name: &str| -> Result<Sequence, MetaError> {
                Ok(Sequence(
                    c.prepare_cached("SELECT value FROM positions WHERE name = $1")?
                        .query_row(params![name], |row| row.get(0))?,
                ))
            };
            Ok(Positions { applied: of("applied")?, flushed: of("flushed")? })
        })
    }

    /// The batch after `flushed`, to be rebuilt at start; none when there is no further one.
    pub fn resolved_after(&self, after: Sequence) -> Result<Option<ResolvedBatch>, MetaError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT first, last, blob FROM resolved WHERE first > $1 ORDER BY first LIMIT 1")?;
            let mut rows = statement.query(params![after.0])?;
            Ok(match rows.next()? {
                None => None,
                Some(row) => {
                    Some(ResolvedBatch { first: Sequence(row.get(0)?), last: Sequence(row.get(1)?), blob: row.get(2)? })
                }
            })
        })
    }

    /// Makes a seal visible: its segments, deletions and flushed position, or nothing of them.
    pub fn commit_seal(
        &self,
        added: &[SegmentEntry],
        deleted: &[DeletedRows],
        flushed: Sequence,
    ) -> Result<(), MetaError> {
        self.write(|tx| {
            for segment in added {
                tx.prepare_cached(
                    "INSERT INTO segments (id, project, rows, file_bytes, min_timestamp, max_timestamp, checksum)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )?
                .execute(params![
                    segment.id.0,
                    segment.project.0,
                    segment.rows,
                    segment.file_bytes,
                    segment.min_timestamp.as_micros(),
                    segment.max_timestamp.as_micros(),
                    segment.checksum.cast_signed()
                ])?;
            }
            for rows in deleted {
                tx.prepare_cached("UPDATE segments SET deleted = $1 WHERE id = $2")?
                    .execute(params![rows.bitmap, rows.segment.0])?;
            }
            tx.prepare_cached("UPDATE positions SET value = $1 WHERE name = 'flushed'")?.execute(params![flushed.0])?;
            tx.prepare_cached("DELETE FROM resolved WHERE last <= $1")?.execute(params![flushed.0])?;
            Ok::<_, MetaError>(())
        })
    }

    /// Takes `count` segment ids, never to be given again, and returns the first.
    pub fn reserve_segment_ids(&self, count: u64) -> Result<SegmentId, MetaError> {
        self.write(|tx| {
            let next: u64 = tx
                .prepare_cached("UPDATE positions SET value = value + $1 WHERE name = 'next_segment' RETURNING value")?
                .query_row(params![count], |row| row.get(0))?;
            Ok::<_, MetaError>(SegmentId(next - count))
        })
    }

    /// The catalog as committed.
    pub fn catalog(&self) -> Result<Catalog, MetaError> {
        self.read(|c| {
            let mut catalog = Catalog::default();
            let mut statement = c.prepare(
                "SELECT id, project, rows, file_bytes, min_timestamp, max_timestamp, checksum, deleted FROM segments ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id = SegmentId(row.get(0)?);
                catalog.segments.push(SegmentEntry {
                    id,
                    project: ProjectId(row.get(1)?),
                    rows: row.get(2)?,
                    file_bytes: row.get(3)?,
                    min_timestamp: Timestamp::from_micros(row.get(4)?),
                    max_timestamp: Timestamp::from_micros(row.get(5)?),
                    checksum: row.get::<_, i64>(6)?.cast_unsigned(),
                });
                if let Some(bitmap) = row.get(7)? {
                    catalog.deleted.push(DeletedRows { segment: id, bitmap });
                }
            }
            let mut statement = c.prepare("SELECT project, from_uuid, into_uuid FROM person_overrides")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                catalog.merges.push(PersonMerge { project: ProjectId(row.get(0)?), from: row.get(1)?, into: row.get(2)? });
            }
            Ok(catalog)
        })
    }
}
