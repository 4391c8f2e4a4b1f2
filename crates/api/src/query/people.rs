//! What a query reads beside events, from metadata and in bounded pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use hogql::resolved::Table;
use meta::{Meta, Project};
use model::{PersonNumber, ProjectId};
use query::hogql::{GroupRow, Needs, Pages, PersonRow, Rows, RowsError, Tables};
use uuid::Uuid;

use crate::app::App;
use crate::cohorts;
use crate::error::ApiError;

/// The tables that `needs` names and metadata has.
pub(crate) fn tables(app: &App, project: ProjectId, needs: &Needs) -> Tables {
    let mut tables = Tables::new();
    for table in &needs.tables {
        let meta = Arc::clone(&app.meta);
        let rows = match table {
            Table::Persons => Rows::persons(move || persons(&meta, project)),
            Table::PersonDistinctIds => Rows::distinct_ids(move || persons(&meta, project)),
            Table::Groups => Rows::groups(move || groups(&meta, project)),
            // The engine says that it is not available.
            _ => continue,
        };
        tables.insert(*table, rows);
    }
    tables
}

fn persons(meta: &Arc<Meta>, project: ProjectId) -> Pages<PersonRow> {
    let meta = Arc::clone(meta);
    let mut after = None;
    let mut done = false;
    Box::new(std::iter::from_fn(move || {
        if done {
            return None;
        }
        match meta.person_page(project, after) {
            Ok(page) => {
                let last = page.last()?;
                after = Some((last.created_at, last.id));
                let rows = page.into_iter().map(|person| PersonRow {
                    id: person.uuid,
                    created_at: person.created_at.as_micros(),
                    properties: person.properties,
                    is_identified: person.is_identified,
                    distinct_ids: person.distinct_ids,
                });
                Some(Ok(rows.collect()))
            }
            Err(error) => {
                done = true;
                Some(Err(RowsError::from(error)))
            }
        }
    }))
}

/// Groups are few: they are read at once.
fn groups(meta: &Arc<Meta>, project: ProjectId) -> Pages<GroupRow> {
    let mut rows = Vec::new();
    let read = meta.scan_groups(project, None, |group| {
        rows.push(GroupRow {
            index: u8::try_from(group.index).unwrap_or(u8::MAX),
            key: group.key.clone(),
            created_at: group.created_at.as_micros(),
            properties: group.properties.clone(),
        });
        meta::Visit::More
    });
    Box::new(std::iter::once(read.map(|()| rows).map_err(RowsError::from)))
}

/// The persons in each cohort that `needs` names.
pub(crate) async fn cohorts(app: &App, project: &Project, needs: &Needs) -> Result<BTreeMap<i64, Vec<Uuid>>, ApiError> {
    let mut all = BTreeMap::new();
    for id in needs.cohorts.keys() {
        let members = cohorts::members(app, project, *id).await?.unwrap_or_default();
        let persons = app.meta.persons_by_numbers(project.id, members.iter().map(PersonNumber))?;
        all.insert(*id, persons.into_iter().map(|person| person.uuid).collect());
    }
    Ok(all)
}
