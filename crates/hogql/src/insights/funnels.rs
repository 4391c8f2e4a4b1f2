//! `FunnelsQuery`: how many actors did one thing, then another in time, and so on.
//!
//! The tree gathers the funnel's events of each actor, `_funnel` finds the run that got furthest, and groups count runs. What
//! a run is, is written where `_funnel` is: in `functions`.

mod request;
mod respond;
mod tree;

use serde_json::Value;

use super::breakdown::{Breakdown, cuts, value_text};
use super::common::{Range, Series, fault};
use super::template;
use crate::ast::{CompareOp, Constant, Expr, Query};
use crate::build::{and, compare, field, index, int, string, subquery};
use crate::compile::CompileError;
use crate::context::Context;
use request::{Order, Request, Viz};
use tree::Tree;

/// What stands for values beyond the largest.
const OTHER: &str = "Other";

/// What the rows of the queries mean.
#[derive(Debug)]
pub(super) struct Plan {
    steps: Vec<Series>,
    order: Order,
    viz: Viz,
    breakdown: Option<Breakdown>,
    range: Range,
    /// How many bins a histogram has, if the request says so.
    bins: Option<u64>,
}

pub(super) fn plan(json: &Value, context: &Context) -> Result<(Vec<Query>, Plan), CompileError> {
    let request = Request::read(json)?;
    let range = request.common.range(context)?;
    let mut queries = Vec::new();
    for cut in cuts(request.breakdown.as_ref(), "", context)? {
        let tree = Tree { request: &request, range: &range, cut: &cut, context };
        queries.push(match request.viz {
            Viz::Steps => tree.steps()?,
            Viz::TimeToConvert => tree.times()?,
            Viz::Trends => tree.trends()?,
        });
    }
    let Request { common, order, viz, breakdown, bins, .. } = request;
    Ok((queries, Plan { steps: common.series, order, viz, breakdown, range, bins }))
}

/// Whom an actors query about a funnel asks for.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Actors {
    /// Those who got to this step, from 1; negative: those who got to the one before and no further.
    pub(super) funnel_step: Option<i64>,
    pub(super) funnel_step_breakdown: Value,
    /// In a chart over time: whether those who did not convert are meant, and in which interval they entered.
    pub(super) funnel_trends_drop_off: Option<bool>,
    pub(super) funnel_trends_entrance_period_start: Option<String>,
}

/// The actors of a funnel: rows `actor_id`.
pub(super) fn actors(json: &Value, asked: &Actors, context: &Context) -> Result<Query, CompileError> {
    let request = Request::read(json)?;
    if request.aggregate_by.is_some() {
        return Err(fault("The actors of a funnel with funnelAggregateByHogQL are not supported"));
    }
    let range = request.common.range(context)?;
    let wanted = value_text(&asked.funnel_step_breakdown);
    if wanted.as_deref() == Some(OTHER) {
        return Err(fault("funnelStepBreakdown 'Other' is not supported"));
    }
    let cuts = cuts(request.breakdown.as_ref(), "", context)?;
    let is_wanted = |value: &Expr| match (&wanted, value.as_constant()) {
        (Some(wanted), Some(Constant::String(value))) => value == wanted,
        _ => true,
    };
    let cut = cuts.into_iter().find(|cut| request.breakdown.is_none() || is_wanted(&cut.value));
    let cut = cut.ok_or_else(|| fault("funnelStepBreakdown is no value of the breakdown"))?;
    let tree = Tree { request: &request, range: &range, cut: &cut, context };
    let mut conditions: Vec<Expr> =
        wanted.iter().map(|value| compare(CompareOp::Eq, field(["value"]), string(value.clone()))).collect();
    let runs = match (request.viz, asked.funnel_trends_drop_off) {
        (Viz::Trends, drop_off) => {
            let start = asked.funnel_trends_entrance_period_start.as_deref();
            let start = start.ok_or_else(|| fault("funnelTrendsEntrancePeriodStart is required"))?;
            let interval = range.position_at(start, context);
            let interval = interval.ok_or_else(|| fault(format!("'{start}' is no interval of the funnel")))?;
            let number = i64::try_from(interval).unwrap_or(i64::MAX);
            conditions.push(template::expr("bucket = {at}", &[("at", int(number))])?);
            let converted = i64::from(drop_off != Some(true));
            conditions.push(template::expr("converted = {converted}", &[("converted", int(converted))])?);
            tree.conversions()?
        }
        _ => {
            let steps = i64::try_from(request.common.series.len()).unwrap_or(i64::MAX);
            let step = asked.funnel_step.unwrap_or(1);
            if step == 0 || step == -1 || step.abs() > steps {
                return Err(fault(format!("funnelStep {step} is no step of the funnel")));
            }
            let second = |step: i64| index(field(["seconds"]), int(step));
            let taken = |step: i64| compare(CompareOp::GreaterEq, second(step), int(0));
            if step > 0 {
                conditions.push(taken(step));
            } else {
                conditions.push(taken(-step - 1));
                conditions.push(compare(CompareOp::Less, second(-step), int(0)));
            }
            tree.runs()?
        }
    };
    template::query(
        "select actor as actor_id, count() as event_count from {runs} where {filter} group by actor",
        &[("runs", subquery(runs)), ("filter", and(conditions))],
    )
}
