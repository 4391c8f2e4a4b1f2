//! The actors behind one point of a chart: a query with rows `actor_id, event_count`.

use serde_json::Value;

use super::common::{Common, fault, read};
use super::options::only;
use super::{funnels, lifecycle, paths, retention, stickiness, trends};
use crate::actors_query::written;
use crate::ast::Query;
use crate::compile::CompileError;
use crate::context::Context;

/// Actors, and what they are.
#[derive(Debug)]
pub(crate) struct Actors {
    pub(crate) query: Query,
    /// Groups of this type; persons if there is none.
    pub(crate) group: Option<u8>,
}

/// Which point of the chart is meant. Names are those of the request.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Point {
    source: Value,
    /// A date, or a number of intervals.
    pub(super) day: Value,
    pub(super) status: Option<String>,
    pub(super) series: usize,
    pub(super) interval: usize,
    pub(super) breakdown: Value,
    pub(super) compare: Option<String>,
    include_recordings: bool,
}

/// The actors that `source` describes.
pub(crate) fn actors(source: &Value, context: &Context) -> Result<Actors, CompileError> {
    let kind = source.get("kind").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "InsightActorsQuery" => {
            let known = ["source", "day", "status", "series", "interval", "breakdown", "compare", "includeRecordings"];
            only(kind, source, &known)?;
            let point: Point = read(source)?;
            refuse_recordings(point.include_recordings)?;
            behind(&point, context)
        }
        "FunnelsActorsQuery" => {
            let known = [
                "source",
                "funnelStep",
                "funnelStepBreakdown",
                "funnelTrendsDropOff",
                "funnelTrendsEntrancePeriodStart",
                "includeRecordings",
            ];
            only(kind, source, &known)?;
            refuse_recordings(source.get("includeRecordings").and_then(Value::as_bool) == Some(true))?;
            let insight = source.get("source").cloned().unwrap_or_default();
            if insight.get("kind").and_then(Value::as_str) != Some("FunnelsQuery") {
                return Err(fault("The source of a FunnelsActorsQuery must be a FunnelsQuery"));
            }
            let common: Common = read(&insight)?;
            Ok(Actors { query: funnels::actors(&insight, &read(source)?, context)?, group: common.group_type })
        }
        "HogQLQuery" => {
            let text = source.get("query").and_then(Value::as_str).unwrap_or_default();
            Ok(Actors { query: written(text)?, group: None })
        }
        other => Err(fault(format!("A source of kind '{other}' is not supported"))),
    }
}

fn refuse_recordings(asked: bool) -> Result<(), CompileError> {
    if asked { Err(fault("The option 'includeRecordings' is not supported: there are no recordings")) } else { Ok(()) }
}

fn behind(point: &Point, context: &Context) -> Result<Actors, CompileError> {
    let insight = &point.source;
    let kind = insight.get("kind").and_then(Value::as_str).unwrap_or_default();
    let common: Common = read(insight)?;
    let mut group = common.group_type;
    let query = match kind {
        "TrendsQuery" => {
            let (query, own) = trends::actors(insight, point, context)?;
            group = own;
            query
        }
        "LifecycleQuery" => lifecycle::actors(insight, point, context)?,
        "StickinessQuery" => stickiness::actors(insight, point, context)?,
        "RetentionQuery" => retention::actors(insight, point, context)?,
        "PathsQuery" => paths::actors(insight, context)?,
        "FunnelsQuery" => return Err(fault("The actors of a FunnelsQuery are asked for by a FunnelsActorsQuery")),
        other => return Err(fault(format!("The actors of a '{other}' are not supported"))),
    };
    Ok(Actors { query, group })
}

impl Point {
    /// The date that is meant.
    pub(super) fn date(&self) -> Result<&str, CompileError> {
        self.day.as_str().filter(|day| !day.is_empty()).ok_or_else(|| fault("day is required"))
    }

    /// The number of intervals that is meant.
    pub(super) fn count(&self) -> Result<i64, CompileError> {
        let count = self.day.as_i64().or_else(|| self.day.as_str()?.parse().ok());
        count.ok_or_else(|| fault("day must be a number of intervals"))
    }

    /// The value of the breakdown that is meant, as queries have it.
    pub(super) fn value(&self) -> Option<String> {
        super::breakdown::value_text(&self.breakdown)
    }
}
