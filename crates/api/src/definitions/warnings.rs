//! `ingestion_warnings`: why events were refused, dropped or changed, by kind, with the last few of each in full.

use std::collections::BTreeMap;

use axum::response::Response;
use meta::WarningGroup;
use model::Day;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::wire::{Json, timestamp_text_z, write_json};

/// For how long warnings are listed.
const DAYS: i64 = 30;

/// The warnings of one kind on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningKind {
    #[serde(rename = "type")]
    kind: String,
    category: &'static str,
    severity: &'static str,
    #[serde(rename = "lastSeen")]
    last_seen: Option<String>,
    /// How many on each day that had any.
    sparkline: Vec<(u64, String)>,
    warnings: Vec<WarningSample>,
    count: u64,
}

/// One of the last warnings of a kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningSample {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    #[schema(value_type = Object)]
    details: Json,
}

/// All warnings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningList {
    results: Vec<WarningKind>,
}

/// Lists the kinds that came within a month, the latest first. `q` asks for a part of the kind or of what it tells.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let since = call.app.now().plus_micros(-DAYS * Day::MICROS);
    let wanted = call.params.non_empty("q").or_else(|| call.params.non_empty("search")).unwrap_or_default();
    let wanted = wanted.to_lowercase();
    let groups = call.app.meta.warnings(project, since)?;
    let results = groups.into_iter().filter_map(|group| shape(group, &wanted)).collect();
    Ok(write_json(&WarningList { results }))
}

/// A kind with those of its samples that hold `wanted`; none if neither it nor any of them does.
fn shape(mut group: WarningGroup, wanted: &str) -> Option<WarningKind> {
    if !group.kind.contains(wanted) {
        group.samples.retain(|(_, details)| details.to_lowercase().contains(wanted));
        if group.samples.is_empty() {
            return None;
        }
    }
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, count) in &group.hours {
        *days.entry(hour.day().0).or_default() += count;
    }
    let date = |day| timestamp_text_z(Day(day).start()).chars().take(10).collect();
    let last = group.samples.first().map(|(at, _)| *at).or_else(|| group.hours.last().map(|(hour, _)| *hour));
    let samples = group.samples.iter().map(|(at, details)| WarningSample {
        kind: group.kind.clone(),
        timestamp: timestamp_text_z(*at),
        details: Json::of(details),
    });
    let (category, severity) = class(&group.kind);
    Some(WarningKind {
        category,
        severity,
        last_seen: last.map(timestamp_text_z),
        sparkline: days.into_iter().map(|(day, count)| (count, date(day))).collect(),
        warnings: samples.collect(),
        count: group.count,
        kind: group.kind,
    })
}

/// What a kind is about, and what became of the event: dropped (`error`), changed or stored in part (`warning`), or nothing
/// (`info`).
fn class(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "message_size_too_large" | "event_too_big" => ("size", "error"),
        "person_properties_size_violation" | "definitions_limit_reached" => ("size", "warning"),
        "group_key_too_long" => ("size", "error"),
        "cannot_merge_already_identified" | "cannot_merge_with_illegal_distinct_id" => ("merge", "warning"),
        "invalid_anon_distinct_id" | "invalid_alias" => ("merge", "error"),
        "event_uuid_not_v7" | "client_ingestion_warning" => ("event", "info"),
        "ignored_invalid_timestamp"
        | "event_timestamp_in_future"
        | "invalid_group_set"
        | "invalid_process_person_profile"
        | "person_processing_disabled" => ("event", "warning"),
        _ => ("event", "error"),
    }
}
