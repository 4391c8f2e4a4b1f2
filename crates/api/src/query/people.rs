//! What a query reads beside events, from metadata and in bounded pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use hogql::resolved::Table;
use meta::{Meta, Project};
use model::{PersonNumber, ProjectId};
use query::hogql::{GroupRow, MemberRow, Needs, Pages, PersonRow, Rows, RowsError, Tables};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::app::App;
use crate::cohorts;
use crate::error::ApiError;

/// The tables that `needs` names.
pub(crate) async fn tables(app: &App, project: &Project, needs: &Needs) -> Result<Tables, ApiError> {
    let mut tables = Tables::new();
    let id = project.id;
    for table in needs.tables.iter().copied() {
        let meta = Arc::clone(&app.meta);
        let rows = match table {
            Table::Events => continue,
            Table::Persons | Table::RawPersons => Rows::persons(table, move || persons(&meta, id)),
            Table::PersonDistinctIds | Table::RawPersonDistinctIds => {
                Rows::distinct_ids(table, move || persons(&meta, id))
            }
            Table::PersonDistinctIdOverrides | Table::RawPersonDistinctIdOverrides => {
                Rows::distinct_ids(table, move || moved(&meta, id))
            }
            Table::Groups | Table::RawGroups => Rows::groups(table, move || groups(&meta, id)),
            Table::CohortPeople | Table::RawCohortPeople | Table::StaticCohortPeople => {
                let cohorts = listed(app, project, table == Table::StaticCohortPeople).await?;
                Rows::members(table, move || members(&meta, id, &cohorts))
            }
        };
        tables.insert(table, rows);
    }
    Ok(tables)
}

/// The persons of distinct ids that belong to another person than the one they would make.
fn moved(meta: &Arc<Meta>, project: ProjectId) -> Pages<PersonRow> {
    Box::new(persons(meta, project).map(move |page| {
        let mut page = page?;
        for person in &mut page {
            person.distinct_ids.retain(|distinct_id| model::person_uuid(project, distinct_id) != person.id);
        }
        Ok(page)
    }))
}

/// Cohorts with their members.
type Cohorts = Arc<Vec<(i64, RoaringBitmap)>>;

/// The cohorts whose members are given, or those whose members are calculated.
async fn listed(app: &App, project: &Project, given: bool) -> Result<Cohorts, ApiError> {
    let mut all = Vec::new();
    for cohort in app.meta.cohorts(project.id)?.into_iter().filter(|cohort| cohort.is_static == given) {
        let members = cohorts::members(app, project, cohort.id).await?;
        all.extend(members.map(|members| (cohort.id, members)));
    }
    Ok(Arc::new(all))
}

/// Members that are looked up at once.
const MEMBERS_PAGE: usize = 1_000;

fn members(meta: &Arc<Meta>, project: ProjectId, cohorts: &Cohorts) -> Pages<MemberRow> {
    let (meta, cohorts) = (Arc::clone(meta), Arc::clone(cohorts));
    let mut at = 0;
    let mut done = 0;
    Box::new(std::iter::from_fn(move || {
        loop {
            let (cohort, members) = cohorts.get(at)?;
            let page: Vec<PersonNumber> = members.iter().skip(done).take(MEMBERS_PAGE).map(PersonNumber).collect();
            if page.is_empty() {
                (at, done) = (at + 1, 0);
                continue;
            }
            done += page.len();
            let found = meta.persons_by_numbers(project, page).map_err(RowsError::from);
            let rows = found.map(|persons| {
                persons.into_iter().map(|person| MemberRow { person: person.uuid, cohort: *cohort }).collect()
            });
            if rows.is_err() {
                at = cohorts.len();
            }
            return Some(rows);
        }
    }))
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
