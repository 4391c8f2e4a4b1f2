//! One batch: records in, rows and person merges out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;
use capture::{Envelope, Limits};
use meta::{GroupRecord, IngestTx, IngestionRules, MetaError};
use model::{
    CapturedEvent, EventRow, GROUP_TYPES_MAX, PersonMerge, PersonMode, ProjectId, Properties, Sequence, Timestamp,
};

use crate::added::{Added, place_of};
use crate::cookieless::{self, Cookieless};
use crate::definitions::{Definitions, Noted};
use crate::event::{Prepared, Resolution, group_change, groups_of, prepare, refusal, row};
use crate::geoip::GeoIp;
use crate::memory::Memory;
use crate::people::People;
use crate::report::{Reports, details};
use crate::resolved::Resolved;
use crate::stats::Warning;

/// What a batch comes to.
#[derive(Default)]
pub(crate) struct Applied {
    pub(crate) rows: Vec<EventRow>,
    pub(crate) merges: Vec<PersonMerge>,
    pub(crate) resolved: Vec<Resolved>,
    pub(crate) reports: Reports,
    pub(crate) dropped: u64,
    pub(crate) undecodable: u64,
}

/// Resolves every event of `records`, in order, inside the transaction.
///
/// When the transaction does not commit, `memory` must forget everything.
pub(crate) fn apply(
    tx: &mut IngestTx<'_>,
    memory: &mut Memory,
    records: &[(u64, Bytes)],
) -> Result<Applied, MetaError> {
    let mut applied = Applied::default();
    let Memory { persons, definitions, cookieless, geoip } = memory;
    definitions.begin(tx.foreign_changes());
    let people = People::new(tx, persons);
    let mut batch =
        Resolver { tx, people, groups: Groups::default(), definitions, cookieless, geoip: geoip.as_deref() };
    for (sequence, record) in records {
        let mut resolved = Resolved::new();
        let decoded: Option<Result<(), MetaError>> = with_events(record, |project, received, events| {
            for event in events {
                resolved.push(batch.event(project, received, event, &mut applied)?);
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
    let Resolver { tx, people, .. } = batch;
    applied.merges = people.finish(tx)?;
    tx.record_warnings(applied.reports.to_keep())?;
    Ok(applied)
}

/// Everything that resolving an event asks.
struct Resolver<'r, 't> {
    tx: &'r mut IngestTx<'t>,
    people: People<'r>,
    groups: Groups,
    definitions: &'r mut Definitions,
    cookieless: &'r mut Cookieless,
    geoip: Option<&'r GeoIp>,
}

impl Resolver<'_, '_> {
    /// Makes an event a row of `applied`, or drops it; what was resolved for it is what comes back.
    fn event(
        &mut self,
        project: ProjectId,
        received: Timestamp,
        mut event: CapturedEvent<'_>,
        applied: &mut Applied,
    ) -> Result<Option<Resolution>, MetaError> {
        let added = match self.added(project, received, &event)? {
            Ok(added) => added,
            Err(warning) => {
                applied.drop(project, received, warning, &event);
                return Ok(None);
            }
        };
        added.apply(&mut event);
        if let Some(warning) = refusal(&event) {
            applied.drop(project, received, warning, &event);
            return Ok(None);
        }
        let prepared = prepare(event);
        let (resolution, group) = self.resolve(project, &prepared, added)?;
        let noted = self.definitions.note(self.tx, project, received, &prepared, group)?;
        let full = (noted == Noted::Full).then_some(Warning::DefinitionsFull);
        for warning in prepared.warnings.iter().copied().chain(full) {
            applied.reports.add(project, warning, received, || details(&prepared.event, &[]));
        }
        for (warning, details) in self.people.take_warnings() {
            applied.reports.add(project, warning, received, || details);
        }
        applied.rows.push(row(project, received, prepared, &resolution));
        Ok(Some(resolution))
    }

    /// What is added to an event from outside; the inner error says why it is dropped instead.
    fn added(
        &mut self,
        project: ProjectId,
        received: Timestamp,
        event: &CapturedEvent<'_>,
    ) -> Result<Result<Added, Warning>, MetaError> {
        let rules = self.groups.rules(self.tx, project)?;
        let age = received.as_micros().saturating_sub(event.timestamp.as_micros());
        if rules.drop_older_than_seconds.is_some_and(|seconds| seconds > 0 && age / 1_000_000 > seconds) {
            return Ok(Err(Warning::TooOld));
        }
        let place = self.geoip.and_then(|geoip| place_of(event, geoip));
        if !cookieless::concerns(event) {
            return Ok(Ok(Added { place, visitor: None }));
        }
        if !rules.takes_cookieless {
            return Ok(Err(Warning::CookielessDisabled));
        }
        let visitor = self.cookieless.visitor(self.tx, project, &rules.timezone, event, received)?;
        Ok(visitor.map(|visitor| Added { place, visitor: Some(visitor) }))
    }

    /// Whose event it is and in which groups, and the group type that a `$groupidentify` is about.
    fn resolve(
        &mut self,
        project: ProjectId,
        prepared: &Prepared<'_>,
        added: Added,
    ) -> Result<(Resolution, Option<usize>), MetaError> {
        let Self { tx, people, groups, .. } = self;
        let owner = people.resolve(tx, project, prepared)?;
        let changed = groups.change(tx, project, &prepared.event)?;
        // Groups are part of a profile: an event without one is in none.
        let keys = match owner.mode {
            PersonMode::Full => groups.keys_of(tx, project, &prepared.event)?,
            PersonMode::Propertyless | PersonMode::ForceUpgrade => Default::default(),
        };
        let resolution = Resolution {
            person_id: owner.person_id,
            person_number: owner.person_number,
            mode: owner.mode,
            person: owner.person,
            groups: keys,
            anonymize_ip: groups.rules(tx, project)?.anonymize_ips,
            added,
        };
        Ok((resolution, changed))
    }
}

impl Applied {
    fn drop(&mut self, project: ProjectId, received: Timestamp, warning: Warning, event: &CapturedEvent<'_>) {
        self.dropped += 1;
        self.reports.add(project, warning, received, || {
            const MESSAGE: &str = "$$client_ingestion_warning_message";
            match event.properties.get_str(MESSAGE).filter(|_| warning == Warning::ClientIngestionWarning) {
                Some(message) => details(event, &[("message", &message)]),
                None => details(event, &[]),
            }
        });
    }
}

/// Builds the rows of `records` again from what was resolved for them. None if the two do not fit together.
pub(crate) fn rebuild(records: &[(u64, Bytes)], resolved: Vec<Resolved>) -> Option<Vec<EventRow>> {
    let mut rows = Vec::new();
    for ((_, record), resolved) in records.iter().zip(resolved) {
        let fits = with_events(record, |project, received, events| {
            if events.len() != resolved.len() {
                return None;
            }
            for (mut event, resolution) in events.into_iter().zip(&resolved) {
                if let Some(resolution) = resolution {
                    resolution.added.apply(&mut event);
                    rows.push(row(project, received, prepare(event), resolution));
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
    let limits = Limits { body_bytes: unlimited, payload_bytes: unlimited, event_bytes: unlimited, ..Limits::DEFAULT };
    let payload = capture::payload(&envelope.request, limits).ok()?;
    let batch = capture::parse(&payload, &envelope.request, &envelope.received, limits).ok()?;
    Some(work(envelope.project, envelope.received.at, batch.events))
}

/// Group types and project settings, read once per batch.
#[derive(Default)]
struct Groups {
    indexes: HashMap<(ProjectId, String), Option<usize>>,
    rules: HashMap<ProjectId, IngestionRules>,
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

    /// Applies a `$groupidentify` to its group, and tells its type.
    fn change(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        event: &CapturedEvent<'_>,
    ) -> Result<Option<usize>, MetaError> {
        let Some((kind, key, Some(set))) = group_change(event) else { return Ok(None) };
        let Some(index) = self.index(tx, project, &kind, event.timestamp)? else { return Ok(None) };
        let stored = tx.group(project, index, &key)?;
        let created_at = stored.as_ref().map_or(event.timestamp, |group| group.created_at);
        let mut properties = match &stored {
            None => Properties::new(),
            Some(group) => Properties::parse(&group.properties).map_err(|_| MetaError::Unreadable("group"))?,
        };
        for (name, value) in set.iter() {
            properties.set(name.to_owned(), std::borrow::Cow::Owned(value.to_owned()));
        }
        tx.save_group(project, index, &key, &GroupRecord { properties: properties.to_json(), created_at })?;
        Ok(Some(index))
    }

    fn rules(&mut self, tx: &mut IngestTx<'_>, project: ProjectId) -> Result<&IngestionRules, MetaError> {
        Ok(match self.rules.entry(project) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(tx.rules(project)?),
        })
    }
}

/// The range of sequences that `records` cover.
pub(crate) fn range_of(records: &[(u64, Bytes)]) -> Option<(Sequence, Sequence)> {
    Some((Sequence(records.first()?.0), Sequence(records.last()?.0)))
}
