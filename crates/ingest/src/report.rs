//! The warnings of one batch, gathered so that a flood of them costs little: all are counted, a few are told in full.

use std::collections::HashMap;

use model::{CapturedEvent, ProjectId, Timestamp, write_json_string};

use crate::stats::Warning;

/// Of one kind and project, so many are told in full.
const TOLD_MAX: u32 = 5;
/// Longest text in a report, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// A warning, or several that are told as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) project: ProjectId,
    pub(crate) warning: Warning,
    pub(crate) at: Timestamp,
    pub(crate) count: u64,
    /// A JSON object.
    pub(crate) details: String,
}

#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(crate) all: Vec<Report>,
    /// How many of a kind were told, and the place of the last one.
    told: HashMap<(ProjectId, Warning), (u32, usize)>,
}

impl Reports {
    /// Adds a warning; its details are made only if they are told.
    pub(crate) fn add(
        &mut self,
        project: ProjectId,
        warning: Warning,
        at: Timestamp,
        details: impl FnOnce() -> String,
    ) {
        let (told, place) = self.told.entry((project, warning)).or_default();
        if *told >= TOLD_MAX
            && let Some(last) = self.all.get_mut(*place)
        {
            last.count += 1;
            return;
        }
        (*told, *place) = (*told + 1, self.all.len());
        self.all.push(Report { project, warning, at, count: 1, details: details() });
    }

    /// As the database keeps them.
    pub(crate) fn to_keep(&self) -> Vec<meta::Warning> {
        let kept = |report: &Report| {
            meta::Warning::new(report.project, report.warning.as_str(), report.at, report.details.clone())
                .times(report.count)
        };
        self.all.iter().map(kept).collect()
    }
}

/// What an event's warning tells: which event, whose, and what else.
pub(crate) fn details(event: &CapturedEvent<'_>, more: &[(&str, &str)]) -> String {
    let uuid = event.uuid.to_string();
    let own = [("eventUuid", uuid.as_str()), ("event", &*event.name), ("distinctId", event.distinct_id.as_str())];
    let mut out = String::from("{");
    for (key, value) in own.iter().chain(more) {
        if out.len() > 1 {
            out.push(',');
        }
        write_json_string(&mut out, key);
        out.push(':');
        let end = value.char_indices().nth(TEXT_CHARS_MAX).map_or(value.len(), |(end, _)| end);
        write_json_string(&mut out, value.get(..end).unwrap_or_default());
    }
    out.push('}');
    out
}
