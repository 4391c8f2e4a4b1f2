//! Positions in the log and the catalog of sealed segments.

use model::{
    DeletedRows, Level, MergeId, PersonMerge, PersonNumber, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp,
};
use rusqlite::{Row, Transaction, params};

use crate::connection::Meta;
use crate::error::MetaError;

/// How far the log has been read and sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// Person changes are committed through here.
    pub applied: Sequence,
    /// Rows are sealed through here.
    pub flushed: Sequence,
    /// Counts changes of persons other than by ingestion.
    pub person_changes: u64,
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
    /// Person ids that read as others, except where no row can carry them any more, oldest merge first.
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
            Ok(Positions { applied: of("applied")?, flushed: of("flushed")?, person_changes: of("person_changes")?.0 })
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
            insert(tx, added)?;
            for rows in deleted {
                tx.prepare_cached("UPDATE segments SET deleted = $1 WHERE id = $2")?
                    .execute(params![rows.bitmap, rows.segment.0])?;
            }
            tx.prepare_cached("UPDATE positions SET value = $1 WHERE name = 'flushed'")?.execute(params![flushed.0])?;
            tx.prepare_cached("DELETE FROM resolved WHERE last <= $1")?.execute(params![flushed.0])?;
            Ok::<_, MetaError>(())
        })
    }

    /// Makes a compaction visible, or nothing of it: `removed` segments go, `added` ones come, and the `deleted` rows of
    /// segments, added or older ones, are what they say.
    ///
    /// # Errors
    ///
    /// [`MetaError::MissingSegment`] when a segment to be removed or changed is not in the catalog.
    pub fn commit_compaction(
        &self,
        removed: &[SegmentId],
        added: &[SegmentEntry],
        deleted: &[DeletedRows],
    ) -> Result<(), MetaError> {
        self.write(|tx| {
            for segment in removed {
                let gone = tx.prepare_cached("DELETE FROM segments WHERE id = $1")?.execute(params![segment.0])?;
                if gone == 0 {
                    return Err(MetaError::MissingSegment(*segment));
                }
            }
            insert(tx, added)?;
            for rows in deleted {
                let changed = tx
                    .prepare_cached("UPDATE segments SET deleted = $1 WHERE id = $2")?
                    .execute(params![rows.bitmap, rows.segment.0])?;
                if changed == 0 {
                    return Err(MetaError::MissingSegment(rows.segment));
                }
            }
            Ok(())
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
                "SELECT id, project, level, rows, file_bytes, min_timestamp, max_timestamp, checksum, merges_through, deleted
                 FROM segments ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let segment = segment(row)?;
                if let Some(bitmap) = row.get(9)? {
                    catalog.deleted.push(DeletedRows { segment: segment.id, bitmap });
                }
                catalog.segments.push(segment);
            }
            let sql = format!("SELECT {MERGE_COLUMNS} FROM person_overrides WHERE NOT retired ORDER BY id, from_number");
            catalog.merges = c.prepare(&sql)?.query_map([], merge)?.collect::<Result<_, _>>()?;
            Ok(catalog)
        })
    }
}

fn insert(tx: &Transaction<'_>, segments: &[SegmentEntry]) -> Result<(), MetaError> {
    for segment in segments {
        tx.prepare_cached(
            "INSERT INTO segments
             (id, project, level, rows, file_bytes, min_timestamp, max_timestamp, checksum, merges_through)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )?
        .execute(params![
            segment.id.0,
            segment.project.0,
            segment.level.code(),
            segment.rows,
            segment.file_bytes,
            segment.min_timestamp.as_micros(),
            segment.max_timestamp.as_micros(),
            segment.checksum.cast_signed(),
            segment.merges_through.0
        ])?;
    }
    Ok(())
}

fn segment(row: &Row<'_>) -> Result<SegmentEntry, MetaError> {
    Ok(SegmentEntry {
        id: SegmentId(row.get(0)?),
        project: ProjectId(row.get(1)?),
        level: Level::from_code(row.get(2)?).ok_or(MetaError::Unreadable("segment level"))?,
        rows: row.get(3)?,
        file_bytes: row.get(4)?,
        min_timestamp: Timestamp::from_micros(row.get(5)?),
        max_timestamp: Timestamp::from_micros(row.get(6)?),
        checksum: row.get::<_, i64>(7)?.cast_unsigned(),
        merges_through: MergeId(row.get(8)?),
    })
}

/// Applies to person_overrides: the fields of [`PersonMerge`], in order.
pub(crate) const MERGE_COLUMNS: &str = "id, project, from_uuid, from_number, into_uuid, into_number";

pub(crate) fn merge(row: &Row<'_>) -> rusqlite::Result<PersonMerge> {
    Ok(PersonMerge {
        id: MergeId(row.get(0)?),
        project: ProjectId(row.get(1)?),
        from: row.get(2)?,
        from_number: PersonNumber(row.get(3)?),
        into: row.get(4)?,
        into_number: PersonNumber(row.get(5)?),
    })
}
