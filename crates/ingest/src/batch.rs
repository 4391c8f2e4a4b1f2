//! One batch: records in, rows and person merges out.

use std::collections::HashMap;

use bytes::Bytes;
use capture::{Envelope, Limits};
use meta::{GroupRecord, IngestTx, MetaError};
use model::{
    CapturedEvent, EventRow, GROUP_TYPES_MAX, PersonMerge, PersonMode, ProjectId, Properties, Sequence, Timestamp,
};

use crate::cache::Cache;
use crate::event::{Prepared, Resolution, group_change, groups_of, prepare, row};
use crate::people::People;
use crate::resolved::Resolved;
use crate::stats::Warning;

/// What a batch comes to.
#[derive(Default)]
pub(crate) struct Applied {
    pub(crate) rows: Vec<EventRow>,
    pub(crate) merges: Vec<PersonMerge>,
    pub(crate) resolved: Vec<Resolved>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) dropped: u64,
    pub(crate) undecodable: u64,
}

/// Resolves every event of `records`, in order, inside the transaction.
///
/// When the transaction does not commit, `cache` must forget everything.
pub(crate) fn apply(tx: &mut IngestTx<'_>, cache: &mut Cache, records: &[(u64, Bytes)]) -> Result<Applied, MetaError> {
    let mut applied = Applied::default();
    let mut people = People::new(tx, cache);
    let mut groups = Groups::default();
    for (sequence, record) in records {
        let mut resolved = Resolved::new();
        let decoded: Option<Result<(), MetaError>> = with_events(record, |project, received, events| {
            for event in events {
                let resolution = match prepare(event) {
                    Err(warning) => {
                        applied.warnings.push(warning);
                        applied.dropped += 1;
                        None
                    }
                    Ok(prepared) => {
                        applied.warnings.extend(prepared.warning);
                        let resolution = resolve(tx, &mut people, &mut groups, project, &prepared)?;
                        applied.rows.push(row(project, received, prepared, &resolution));
                        Some(resolution)
                    }
                };
                resolved.push(resolution);
            }
            Ok(())
        });
        if let Some(result) = decoded {
            result?;
        } else {
            applied.undecodable += 1;
            tracing::error!(sequence, "a log record cannot be decoded; it is skipped and stays counted");
        }
        applied.resolved.push(resolved);
    }
    let (merges, warnings) = people.finish(tx)?;
    applied.merges = merges;
    applied.warnings.extend(warnings);
    Ok(applied)
}

/// Builds the rows of `records` again from what was resolved for them. None if the two do not fit together.
pub(crate) fn rebuild(records: &[(u64, Bytes)], resolved: Vec<Resolved>) -> Option<Vec<EventRow>> {
    let mut rows = Vec::new();
    for ((_, record), resolved) in records.iter().zip(resolved) {
        let fits = with_events(record, |project, received, events| {
            if events.len() != resolved.len() {
                return None;
            }
            for (event, resolution) in events.into_iter().zip(&resolved) {
                if let Some(resolution) = resolution {
                    rows.push(row(project, received, prepare(event).ok()?, resolution));
                }
            }
            Some(())
        });
        match fits {
            Some(fits) => fits?,
            None if resolved.is_empty() => {}
            None => return None,
        }
    }
    Some(rows)
}

/// Runs `work` on the events of a record; none when it cannot be decoded.
fn with_events<T>(record: &Bytes, work: impl FnOnce(ProjectId, Timestamp, Vec<CapturedEvent<'_>>) -> T) -> Option<T> {
    let envelope = Envelope::decode(record).ok()?;
    // What was accepted once is accepted again, whatever the limits are by now.
    let unlimited = usize::MAX / 2;
    let limits =
        Limits { body_bytes: unlimited, payload_bytes: unlimited, event_bytes: unlimited, ..Limits::DEFAULT };
    let payload = capture::payload(&envelope.request, limits).ok()?;
    let batch = capture::parse(&payload, &envelope.request, &envelope.received, limits).ok()?;
    Some(work(envelope.project, envelope.received.at, batch.events))
}

fn resolve(
    tx: &mut IngestTx<'_>,
    people: &mut People<'_>,
    groups: &mut Groups,
    project: ProjectId,
    prepared: &Prepared<'_>,
) -> Result<Resolution, MetaError> {
    let owner = people.resolve(tx, project, prepared)?;
    groups.change(tx, project, &prepared.event)?;
    // Groups are part of a profile: an event without one is in none.
    let keys = match owner.mode {
        PersonMode::Full => groups.keys_of(tx, project, &prepared.event)?,
        PersonMode::Propertyless | PersonMode::ForceUpgrade => Default::default(),
    };
    Ok(Resolution {
        person_id: owner.person_id,
        person_number: owner.person_number,
        mode: owner.mode,
        person_properties: owner.properties,
        groups: keys,
        anonymize_ip: groups.anonymizes_ips(tx, project)?,
    })
}

/// Group types and project settings, read once per batch.
#[derive(Default)]
struct Groups {
    indexes: HashMap<(ProjectId, String), Option<usize>>,
    anonymize_ips: HashMap<ProjectId, bool>,
}

impl Groups {
    fn index(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        kind: &str,
        now: Timestamp,
    ) -> Result<Option<usize>, MetaError> {
        let key = (project, kind.to_owned());
        if let Some(index) = self.indexes.get(&key) {
            return Ok(*index);
        }
        let index = tx.group_type_index(project, kind, now)?;
        self.indexes.insert(key, index);
        Ok(index)
    }

    fn keys_of(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        event: &CapturedEvent<'_>,
    ) -> Result<[Option<String>; GROUP_TYPES_MAX], MetaError> {
        let mut keys: [Option<String>; GROUP_TYPES_MAX] = Default::default();
        for (kind, key) in groups_of(&event.properties) {
            if let Some(place) = self.index(tx, project, &kind, event.timestamp)?.and_then(|index| keys.get_mut(index))
            {
                *place = Some(key);
            }
        }
        Ok(keys)
    }

    /// Applies a `$groupidentify` to its group.
    fn change(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        event: &CapturedEvent<'_>,
    ) -> Result<(), MetaError> {
        let Some((kind, key, Some(set))) = group_change(event) else { return Ok(()) };
        let Some(index) = self.index(tx, project, &kind, event.timestamp)? else { return Ok(()) };
        let stored = tx.group(project, index, &key)?;
        let created_at = stored.as_ref().map_or(event.timestamp, |group| group.created_at);
        let mut properties = match &stored {
            None => Properties::new(),
            Some(group) => Properties::parse(&group.properties).map_err(|_| MetaError::Unreadable("group"))?,
        };
        for (name, value) in set.iter() {
            properties.set(name.to_owned(), std::borrow::Cow::Owned(value.to_owned()));
        }
        tx.save_group(project, index, &key, &GroupRecord { properties: properties.to_json(), created_at })
    }

    fn anonymizes_ips(&mut self, tx: &mut IngestTx<'_>, project: ProjectId) -> Result<bool, MetaError> {
        if let Some(answer) = self.anonymize_ips.get(&project) {
            return Ok(*answer);
        }
        let answer = tx.anonymizes_ips(project)?;
        self.anonymize_ips.insert(project, answer);
        Ok(answer)
    }
}

/// The range of sequences that `records` cover.
pub(crate) fn range_of(records: &[(u64, Bytes)]) -> Option<(Sequence, Sequence)> {
    Some((Sequence(records.first()?.0), Sequence(records.last()?.0)))
}
