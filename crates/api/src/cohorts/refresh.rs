//! Keeps members up to date.

use meta::{Cohort, CohortMembers, Positions, Project};
use roaring::RoaringBitmap;

use super::{definition, evaluate, is_old};
use crate::app::App;
use crate::error::ApiError;

/// Cohorts that lead to cohorts.
const DEPTH_MAX: usize = 16;

/// Members of a cohort as of now; none when there is no such cohort.
pub(crate) async fn members(app: &App, project: &Project, id: i64) -> Result<Option<RoaringBitmap>, ApiError> {
    members_at(app, project, id, 0).await
}

/// Members for a page behind the first one: those that the page before was made of, if that was lately.
pub(super) async fn members_again(
    app: &App,
    project: &Project,
    cohort: &Cohort,
) -> Result<Option<RoaringBitmap>, ApiError> {
    let is_sound = cohort.calculated_version == Some(cohort.version)
        && cohort.calculated_changes == app.meta.positions()?.person_changes
        && !is_old(cohort.calculated_at, app.now());
    if !cohort.is_static && is_sound {
        return stored(app, cohort).map(Some);
    }
    members(app, project, cohort.id).await
}

pub(super) async fn members_at(
    app: &App,
    project: &Project,
    id: i64,
    depth: usize,
) -> Result<Option<RoaringBitmap>, ApiError> {
    if depth > DEPTH_MAX {
        return Err(ApiError::bad_request("Cohorts reference each other too deeply."));
    }
    let Some(cohort) = app.meta.cohort(project.id, id)?.filter(|cohort| !cohort.deleted) else { return Ok(None) };
    if cohort.is_static {
        return current(app, &cohort).map(Some);
    }
    let now = app.meta.positions()?;
    if cohort.calculated_version == Some(cohort.version)
        && (cohort.calculated_through, cohort.calculated_changes) == (now.applied, now.person_changes)
        && !is_old(cohort.calculated_at, app.now())
    {
        return stored(app, &cohort).map(Some);
    }
    calculate_at(app, project, &cohort, depth).await.map(Some)
}

/// Calculates and keeps the members of a cohort with a definition. A failure is noted with the cohort.
pub(super) async fn calculate(app: &App, project: &Project, cohort: &Cohort) -> Result<RoaringBitmap, ApiError> {
    calculate_at(app, project, cohort, 0).await
}

async fn calculate_at(app: &App, project: &Project, cohort: &Cohort, depth: usize) -> Result<RoaringBitmap, ApiError> {
    // Before anything is read: what comes later may be missing.
    let seen = app.meta.positions()?;
    let evaluated = match definition::parse(app, project, &cohort.filters) {
        Ok(definition) => evaluate::evaluate(app, project, &definition, depth).await,
        Err(error) => Err(error),
    };
    match evaluated {
        Ok(members) => {
            save(app, cohort, &members, seen)?;
            Ok(members)
        }
        Err(error) => {
            app.meta.note_cohort_error(project.id, cohort.id, &error.to_string())?;
            Err(error)
        }
    }
}

/// Members of a static cohort, as the persons that they are now: some may have been merged or deleted.
fn current(app: &App, cohort: &Cohort) -> Result<RoaringBitmap, ApiError> {
    let members = stored(app, cohort)?;
    let numbers: Vec<u32> = members.iter().collect();
    let surviving = tokio::task::block_in_place(|| app.meta.surviving_numbers(cohort.project, &numbers))?;
    Ok(surviving.into_iter().collect())
}

fn stored(app: &App, cohort: &Cohort) -> Result<RoaringBitmap, ApiError> {
    let bitmap = app.meta.cohort_members(cohort.project, cohort.id)?;
    bitmap.as_deref().map_or_else(|| Ok(RoaringBitmap::new()), decode)
}

fn save(app: &App, cohort: &Cohort, members: &RoaringBitmap, seen: Positions) -> Result<(), ApiError> {
    let calculated = CohortMembers {
        bitmap: encode(members),
        count: members.len(),
        version: cohort.version,
        through: seen.applied,
        changes: seen.person_changes,
    };
    Ok(app.meta.save_cohort_members(cohort.project, cohort.id, &calculated, app.now())?)
}

pub(super) fn decode(bytes: &[u8]) -> Result<RoaringBitmap, ApiError> {
    RoaringBitmap::deserialize_from(bytes).map_err(|error| ApiError::Internal(Box::new(error)))
}

pub(super) fn encode(members: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(members.serialized_size());
    members.serialize_into(&mut bytes).expect("writing to memory cannot fail");
    bytes
}

/// Brings the members of every cohort up to date, one after the other. Failures are noted with their cohort and logged.
pub(crate) async fn refresh_all(app: &App) {
    let cohorts = match app.meta.all_cohorts() {
        Ok(cohorts) => cohorts,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "cohorts cannot be read");
            return;
        }
    };
    for cohort in cohorts {
        let project = match app.meta.project(cohort.project) {
            Ok(Some(project)) => project,
            _ => continue,
        };
        let refreshed = if cohort.is_static {
            current(app, &cohort).and_then(|members| match cohort.count {
                Some(count) if count == members.len() => Ok(()),
                _ => replace(app, &cohort),
            })
        } else {
            members(app, &project, cohort.id).await.map(drop)
        };
        if let Err(error) = refreshed {
            tracing::warn!(project = cohort.project.0, cohort = cohort.id, %error, "cohort not calculated");
        }
    }
}

/// Writes the members of a static cohort as the persons that they are now.
fn replace(app: &App, cohort: &Cohort) -> Result<(), ApiError> {
    let members = current(app, cohort)?;
    // Whoever was added meanwhile stays.
    let seen = stored(app, cohort)?;
    app.meta.change_cohort_members(cohort.project, cohort.id, app.now(), |before| {
        let now = before.as_deref().map_or_else(|| Ok(RoaringBitmap::new()), decode)?;
        let kept = (&now - &seen) | &members;
        Ok::<_, ApiError>((encode(&kept), kept.len()))
    })
}
