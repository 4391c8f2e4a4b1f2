//! `TrendsQuery`: numbers over time, one query for each series and each period.
//!
//! Every query gives rows `bucket, breakdown_value, total`. Buckets without rows are 0; which breakdown values are
//! shown, and which make up the rest, is decided here, over all series and periods together.

mod actors;
mod formula;
mod math;
mod respond;

use serde_json::Value;

use super::breakdown::{self, Breakdown, BreakdownFilter, Cut, NONE};
use super::common::{Common, Interval, Range, Series, fault, read};
use super::options;
use crate::ast::Query;
use crate::build::and;
use crate::compile::CompileError;
use crate::context::Context;
use crate::dates;
pub(super) use actors::actors;
pub(super) use formula::Formula;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    #[serde(flatten)]
    common: Common,
    trends_filter: TrendsFilter,
    breakdown_filter: BreakdownFilter,
    compare_filter: CompareFilter,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrendsFilter {
    display: Option<String>,
    formula: Option<String>,
    formulas: Vec<String>,
    formula_nodes: Vec<FormulaNode>,
    smoothing_intervals: Option<usize>,
}

#[derive(Debug, serde::Deserialize)]
struct FormulaNode {
    formula: String,
    custom_name: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct CompareFilter {
    compare: bool,
    compare_to: Option<String>,
}

/// How numbers are put together over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Display {
    Line,
    Cumulative,
    /// One number for the whole range.
    Total,
}

/// What the rows of the queries mean.
#[derive(Debug)]
pub(super) struct Plan {
    series: Vec<Series>,
    /// The current range, and the one compared with.
    periods: Vec<Range>,
    /// The period and the series of each query.
    parts: Vec<(usize, usize)>,
    display: Display,
    breakdown: Option<Breakdown>,
    formulas: Vec<Formula>,
    smoothing: usize,
}

pub(super) fn plan(json: &Value, context: &Context) -> Result<(Vec<Query>, Plan), CompileError> {
    options::of_trends(json)?;
    let request: Request = read(json)?;
    let periods = periods(&request, context)?;
    let Request { common, trends_filter, breakdown_filter, .. } = request;
    if common.series.is_empty() {
        return Err(fault("TrendsQuery needs at least one series"));
    }
    let display = display(trends_filter.display.as_deref())?;
    let breakdown = breakdown_filter.read()?;
    let nodes = trends_filter.formula_nodes.iter().map(|node| (node.formula.as_str(), node.custom_name.clone()));
    let texts = trends_filter.formulas.iter().chain(&trends_filter.formula).map(|text| (text.as_str(), None));
    let mut formulas = Vec::new();
    for (text, name) in nodes.chain(texts).filter(|(text, _)| !text.trim().is_empty()) {
        formulas.push(Formula::parse(text, name, common.series.len())?);
    }
    let (mut queries, mut parts) = (Vec::new(), Vec::new());
    for (period, range) in periods.iter().enumerate() {
        for (order, series) in common.series.iter().enumerate() {
            for Cut { value, condition } in breakdown::cuts(breakdown.as_ref(), NONE, context)? {
                let filter = and(vec![common.condition(context)?, condition]);
                let part = math::Part { series, range, display, actor: common.actor(), value, filter };
                queries.push(part.query(context)?);
                parts.push((period, order));
            }
        }
    }
    let smoothing = trends_filter.smoothing_intervals.unwrap_or(1).max(1);
    Ok((queries, Plan { series: common.series, periods, parts, display, breakdown, formulas, smoothing }))
}

/// The range that is asked for, and the one it is compared with, if any.
fn periods(request: &Request, context: &Context) -> Result<Vec<Range>, CompileError> {
    let mut periods = vec![request.common.range(context)?];
    if request.compare_filter.compare {
        let earlier = previous(&periods, request.compare_filter.compare_to.as_deref(), context)?;
        periods.push(earlier);
    }
    Ok(periods)
}

fn display(name: Option<&str>) -> Result<Display, CompileError> {
    Ok(match name {
        None | Some("ActionsLineGraph" | "ActionsBar" | "ActionsAreaGraph" | "ActionsUnstackedBar" | "Auto") => {
            Display::Line
        }
        Some("ActionsLineGraphCumulative") => Display::Cumulative,
        Some("BoldNumber" | "ActionsPie" | "ActionsBarValue" | "ActionsTable" | "WorldMap") => Display::Total,
        Some(other) => return Err(fault(format!("Unknown display '{other}'"))),
    })
}

/// The range compared with: as long and just before, or as far back as `to` says.
fn previous(periods: &[Range], to: Option<&str>, context: &Context) -> Result<Range, CompileError> {
    let beyond = || fault("The date range is beyond the calendar");
    let range = periods.first().ok_or_else(beyond)?;
    let interval = range.interval;
    if let Some(back) = to.filter(|back| !back.is_empty()) {
        let moved = |time| dates::is_relative(back).then(|| dates::resolve(back, time)).flatten();
        let unknown = || fault(format!("'{back}' is not a relative date"));
        let (from, to) = (moved(&range.from).ok_or_else(unknown)?, moved(&range.to).ok_or_else(unknown)?);
        return Range::between(from, to, interval, context);
    }
    let unit = if interval.is_short() { Interval::Minute } else { Interval::Day };
    let seconds = range.to.timestamp().as_second() - range.from.timestamp().as_second();
    let length = if unit == Interval::Day { seconds / 86_400 + 1 } else { seconds / 60 + 1 };
    let from = unit.moved(&range.from, -length).ok_or_else(beyond)?;
    let to = unit.moved(&range.to, -length).ok_or_else(beyond)?;
    Range::between(from, to, interval, context)
}
