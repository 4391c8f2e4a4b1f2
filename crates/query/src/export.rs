//! Writes events out, all of those asked for, one JSON object a line.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use model::{ProjectId, write_json_string};
use parking_lot::Mutex;
use store::{Chunk, Column, Document, Part, Selection, Snapshot};
use uuid::Uuid;

use crate::QueryError;
use crate::engine::{Core, Engine};
use crate::scan::{self, Cancelled, Conditions, Narrowed};

/// Which events to write.
#[derive(Debug, Clone)]
pub struct ExportQuery {
    /// Whose events.
    pub project: ProjectId,
    /// Which events.
    pub conditions: Conditions,
}

/// Where lines go.
pub type Output = Arc<Mutex<dyn io::Write + Send>>;

/// Rows read at once at most. Many, because each time every column's dictionary is read again.
const ROWS_AT_ONCE_MAX: usize = 32_768;
/// Bytes of rows to have in memory at once, about, per thread.
const BYTES_AT_ONCE: usize = 48 << 20;

/// What a line has besides the properties.
const COLUMNS: [Column; 7] = [
    Column::Uuid,
    Column::Event,
    Column::DistinctId,
    Column::Timestamp,
    Column::CreatedAt,
    Column::PersonId,
    Column::ElementsChain,
];

impl Engine {
    /// Writes every event asked for as a line of JSON, in no particular order, and returns how many. From one snapshot of
    /// the store, without a limit on rows. Memory: about 100 MiB per thread.
    ///
    /// # Errors
    ///
    /// [`QueryError::Output`] when a line cannot be written, and see [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = query.project.0))]
    pub async fn export(&self, query: ExportQuery, output: Output) -> Result<u64, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move { export(&core, &store.snapshot(query.project), query, output).await }).await
    }
}

async fn export(core: &Core, snapshot: &Snapshot, query: ExportQuery, output: Output) -> Result<u64, QueryError> {
    let asked = Narrowed::new(query.conditions, snapshot);
    let parts = snapshot.parts().to_vec();
    let states = scan::each(
        core.settings.threads,
        parts,
        Cancelled::default(),
        move |state: &mut (u64, String), part: &Part| {
            let (rows_written, lines) = state;
            if !asked.may_be_in(part)? {
                return Ok(());
            }
            for chunk in part.chunks()? {
                let rows_at_once = (BYTES_AT_ONCE / chunk.row_bytes().max(1)).clamp(1, ROWS_AT_ONCE_MAX);
                for rows in scan::narrow(&chunk, &asked)?.chunks(rows_at_once) {
                    lines.clear();
                    write_lines(lines, &chunk, &rows)?;
                    output.lock().write_all(lines.as_bytes()).map_err(QueryError::Output)?;
                    *rows_written += rows.len() as u64;
                }
            }
            Ok(())
        },
    );
    Ok(states.await?.into_iter().map(|(rows, _)| rows).sum())
}

fn write_lines(out: &mut String, chunk: &Chunk, rows: &Selection) -> Result<(), QueryError> {
    let columns = chunk.read(&COLUMNS, rows)?;
    let properties = chunk.properties(Document::Event, rows)?;
    let person_properties = chunk.properties(Document::Person, rows)?;
    let [uuids, events, distinct_ids, timestamps, created, persons, chains] = columns.as_slice() else {
        return Err(QueryError::Internal("columns are missing".into()));
    };
    let (uuids, persons) = (uuids.as_fixed_size_binary(), persons.as_fixed_size_binary());
    let instants = |array: &ArrayRef| array.as_primitive::<TimestampMicrosecondType>().values().clone();
    let (timestamps, created) = (instants(timestamps), instants(created));
    let (events, distinct_ids) = (Quoted::new(events), Quoted::new(distinct_ids));
    let chains = Quoted::new(chains);
    let mut buffer = Uuid::encode_buffer();
    for row in 0..rows.len() {
        let mut id = |bytes: &[u8], out: &mut String| {
            let id = Uuid::from_slice(bytes).unwrap_or_default();
            out.push_str(id.hyphenated().encode_lower(&mut buffer));
        };
        out.push_str(r#"{"uuid":""#);
        id(uuids.value(row), out);
        out.push_str(r#"","event":"#);
        events.write(row, out);
        out.push_str(r#","properties":"#);
        out.push_str(properties.value(row));
        out.push_str(r#","timestamp":"#);
        write_instant(out, timestamps[row]);
        out.push_str(r#","distinct_id":"#);
        distinct_ids.write(row, out);
        out.push_str(r#","elements_chain":"#);
        chains.write(row, out);
        out.push_str(r#","created_at":"#);
        write_instant(out, created[row]);
        out.push_str(r#","person_id":""#);
        id(persons.value(row), out);
        out.push_str(r#"","person_properties":"#);
        out.push_str(person_properties.value(row));
        out.push_str("}\n");
    }
    Ok(())
}

/// Texts by dictionary, quoted when first written.
struct Quoted<'a>(&'a arrow::array::DictionaryArray<Int32Type>);

impl<'a> Quoted<'a> {
    fn new(array: &'a ArrayRef) -> Self {
        Self(array.as_dictionary::<Int32Type>())
    }

    fn write(&self, row: usize, out: &mut String) {
        let text = self.0.key(row).map(|key| self.0.values().as_string::<i32>().value(key));
        write_json_string(out, text.unwrap_or_default());
    }
}

/// RFC 3339 in UTC with microseconds, quoted.
fn write_instant(out: &mut String, micros: i64) {
    let instant = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    write!(out, "\"{instant:.6}\"").expect("writing to memory cannot fail");
}
