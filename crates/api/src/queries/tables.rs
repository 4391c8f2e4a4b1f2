//! The tables that queries read beside events: persons, distinct ids, groups and cohorts, out of metadata, in pages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hogql::resolved::Table;
use meta::{Meta, Person, PersonQuery, Visit};
use model::{PersonNumber, ProjectId};
use query::hogql::{Cell, Pages, Rows, RowsError, Tables};
use uuid::Uuid;

use crate::call::Call;
use crate::cohorts;
use crate::error::ApiError;

/// Persons read at once.
const PAGE: usize = 2_000;

/// The tables of `wanted`.
pub(super) fn of(call: &Call, wanted: &BTreeSet<Table>) -> Tables {
    let Ok(project) = call.project_id() else { return Tables::new() };
    wanted.iter().map(|table| (*table, rows(*table, Arc::clone(&call.app.meta), project))).collect()
}

fn rows(table: Table, meta: Arc<Meta>, project: ProjectId) -> Rows {
    Rows::of_cells(table, move || match table {
        Table::Persons | Table::RawPersons => {
            persons(Arc::clone(&meta), project, move |person| vec![person_cells(person, table == Table::RawPersons)])
        }
        Table::PersonDistinctIds | Table::RawPersonDistinctIds => {
            let is_raw = table == Table::RawPersonDistinctIds;
            persons(Arc::clone(&meta), project, move |person| distinct_id_cells(person, is_raw))
        }
        Table::Groups | Table::RawGroups => Box::new(std::iter::once(groups(&meta, project))),
        // Events carry the surviving person already, and cohorts are asked about by their number.
        _ => Box::new(std::iter::empty()),
    })
}

/// All persons, page by page.
fn persons(meta: Arc<Meta>, project: ProjectId, cells: impl Fn(&Person) -> Vec<Vec<Cell>> + Send + 'static) -> Pages {
    let mut next = Some(0);
    Box::new(std::iter::from_fn(move || {
        let offset = next.take()?;
        let query = PersonQuery { limit: PAGE, offset, ..PersonQuery::default() };
        Some(match meta.list_persons(project, &query) {
            Ok((page, more)) => {
                next = more.then_some(offset + PAGE);
                Ok(page.iter().flat_map(&cells).collect())
            }
            Err(error) => Err(Box::new(error) as RowsError),
        })
    }))
}

fn person_cells(person: &Person, is_raw: bool) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Uuid(person.uuid),
        Cell::Instant(person.created_at.as_micros()),
        Cell::Text(person.properties.clone()),
        Cell::Bool(person.is_identified),
    ];
    if is_raw {
        cells.extend([Cell::Bool(false), Cell::Integer(0)]);
    }
    cells
}

fn distinct_id_cells(person: &Person, is_raw: bool) -> Vec<Vec<Cell>> {
    let of = |id: &String| {
        let mut cells = vec![Cell::Text(id.clone()), Cell::Uuid(person.uuid)];
        if is_raw {
            cells.extend([Cell::Bool(false), Cell::Integer(0)]);
        }
        cells
    };
    person.distinct_ids.iter().map(of).collect()
}

fn groups(meta: &Meta, project: ProjectId) -> Result<Vec<Vec<Cell>>, RowsError> {
    let mut rows = Vec::new();
    meta.scan_groups(project, None, |group| {
        let created = Cell::Instant(group.created_at.as_micros());
        rows.push(vec![
            Cell::Integer(i64::try_from(group.index).unwrap_or_default()),
            Cell::Text(group.key.clone()),
            created.clone(),
            created,
            Cell::Text(group.properties.clone()),
        ]);
        Visit::More
    })?;
    Ok(rows)
}

/// The persons of the cohorts that are asked about.
pub(super) async fn cohorts(call: &Call, wanted: &BTreeMap<i64, bool>) -> Result<BTreeMap<i64, Vec<Uuid>>, ApiError> {
    let project = call.project()?;
    let mut members = BTreeMap::new();
    for id in wanted.keys() {
        let numbers = cohorts::members(&call.app, project, *id).await?.unwrap_or_default();
        let persons = call.app.meta.persons_by_numbers(project.id, numbers.iter().map(PersonNumber))?;
        members.insert(*id, persons.into_iter().map(|person| person.uuid).collect());
    }
    Ok(members)
}
