//! What a `FunnelsQuery` asks for, read and checked.

use serde_json::Value;

use crate::compile::CompileError;
use crate::insights::breakdown::{Breakdown, BreakdownFilter};
use crate::insights::common::{Common, Series, fault, read};
use crate::insights::options;

/// Steps of a funnel at most: they are bits of a number.
const STEPS_MAX: usize = 32;
/// Bins of a histogram at most.
const BINS_MAX: u64 = 90;
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    #[serde(flatten)]
    common: Common,
    funnels_filter: Filter,
    breakdown_filter: BreakdownFilter,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    funnel_viz_type: Viz,
    funnel_order_type: Order,
    funnel_window_interval: Option<i64>,
    funnel_window_interval_unit: WindowUnit,
    exclusions: Vec<ExclusionBody>,
    breakdown_attribution_type: AttributionType,
    breakdown_attribution_value: Option<usize>,
    #[serde(rename = "funnelAggregateByHogQL")]
    aggregate_by: Option<String>,
    bin_count: Option<u64>,
    funnel_from_step: Option<usize>,
    funnel_to_step: Option<usize>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExclusionBody {
    #[serde(flatten)]
    series: Series,
    funnel_from_step: usize,
    funnel_to_step: usize,
}

/// What is made of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Viz {
    #[default]
    Steps,
    TimeToConvert,
    Trends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    #[default]
    Ordered,
    Strict,
    Unordered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum AttributionType {
    #[default]
    FirstTouch,
    LastTouch,
    AllEvents,
    Step,
}

/// Which value of a breakdown an actor counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribution {
    FirstTouch,
    LastTouch,
    AllEvents,
    /// That of the event of this step, from 0.
    Step(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum WindowUnit {
    Second,
    Minute,
    Hour,
    #[default]
    Day,
    Week,
    Month,
}

/// An event that ends runs between two steps, counted from 0.
#[derive(Debug)]
pub(super) struct Exclusion {
    pub(super) series: Series,
    pub(super) from: usize,
    pub(super) to: usize,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) common: Common,
    pub(super) viz: Viz,
    pub(super) order: Order,
    /// From the first step to any other at most, in microseconds.
    pub(super) window: i64,
    pub(super) exclusions: Vec<Exclusion>,
    pub(super) attribution: Attribution,
    pub(super) breakdown: Option<Breakdown>,
    /// Whom the funnel counts, if not persons or groups.
    pub(super) aggregate_by: Option<String>,
    pub(super) bins: Option<u64>,
    /// The part of the funnel that is looked at, steps from 0.
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Request {
    pub(super) fn read(json: &Value) -> Result<Self, CompileError> {
        options::of_funnels(json)?;
        let Body { common, funnels_filter: filter, breakdown_filter } = read(json)?;
        let steps = common.series.len();
        if !(2..=STEPS_MAX).contains(&steps) {
            return Err(fault(format!("FunnelsQuery needs 2 to {STEPS_MAX} series")));
        }
        for series in &common.series {
            if let Some(math) = series.math.as_deref().filter(|math| !matches!(*math, "total" | "dau")) {
                return Err(fault(format!("FunnelsQuery with math '{math}' is not supported")));
            }
        }
        if common.series.first().is_some_and(|series| series.optional) {
            return Err(fault("The first step of a funnel cannot be optional"));
        }
        let from = filter.funnel_from_step.unwrap_or(0);
        let to = filter.funnel_to_step.unwrap_or(steps - 1);
        if from >= to || to >= steps {
            return Err(fault(
                "funnelFromStep and funnelToStep must be steps of the funnel, the first before the other",
            ));
        }
        if let Some(bins) = filter.bin_count.filter(|bins| !(1..=BINS_MAX).contains(bins)) {
            return Err(fault(format!("binCount {bins} is not between 1 and {BINS_MAX}")));
        }
        let breakdown = breakdown_filter.read()?;
        if breakdown.is_some() && filter.funnel_viz_type == Viz::TimeToConvert {
            return Err(fault("breakdownFilter is not supported with funnelVizType 'time_to_convert'"));
        }
        Ok(Self {
            viz: filter.funnel_viz_type,
            order: filter.funnel_order_type,
            window: window(filter.funnel_window_interval.unwrap_or(14), filter.funnel_window_interval_unit)?,
            attribution: attribution(&filter, steps)?,
            exclusions: exclusions(filter.exclusions, filter.funnel_order_type, &common.series)?,
            breakdown,
            aggregate_by: filter.aggregate_by.filter(|text| !text.trim().is_empty()),
            bins: filter.bin_count,
            common,
            from,
            to,
        })
    }
}

fn window(count: i64, unit: WindowUnit) -> Result<i64, CompileError> {
    let seconds = match unit {
        WindowUnit::Second => 1,
        WindowUnit::Minute => 60,
        WindowUnit::Hour => 3_600,
        WindowUnit::Day => 86_400,
        WindowUnit::Week => 7 * 86_400,
        WindowUnit::Month => 30 * 86_400,
    };
    let window = (count > 0).then(|| count.checked_mul(seconds * 1_000_000)).flatten();
    window.ok_or_else(|| fault(format!("funnelWindowInterval {count} is no length of time")))
}

fn attribution(filter: &Filter, steps: usize) -> Result<Attribution, CompileError> {
    Ok(match filter.breakdown_attribution_type {
        AttributionType::FirstTouch => Attribution::FirstTouch,
        AttributionType::LastTouch => Attribution::LastTouch,
        AttributionType::AllEvents => Attribution::AllEvents,
        AttributionType::Step => {
            let step = filter.breakdown_attribution_value.unwrap_or(0);
            if step >= steps {
                return Err(fault(format!("breakdownAttributionValue {step} is no step of the funnel")));
            }
            if filter.funnel_order_type == Order::Unordered && step > 0 {
                return Err(fault("Unordered funnels attribute to step 0 only"));
            }
            Attribution::Step(step)
        }
    })
}

fn exclusions(given: Vec<ExclusionBody>, order: Order, steps: &[Series]) -> Result<Vec<Exclusion>, CompileError> {
    let mut exclusions = Vec::with_capacity(given.len());
    for ExclusionBody { mut series, funnel_from_step: from, funnel_to_step: to } in given {
        if from >= to || to >= steps.len() {
            return Err(fault("An exclusion must lie between two steps of the funnel"));
        }
        if order == Order::Unordered && (from, to) != (0, steps.len() - 1) {
            return Err(fault("Partial Exclusions not allowed in unordered funnels"));
        }
        series.kind = series.kind.replace("FunnelExclusion", "");
        if steps.get(from..=to).unwrap_or_default().iter().any(|step| step.is_wider_than(&series)) {
            return Err(fault("Exclusion steps cannot contain an event that's part of funnel steps"));
        }
        exclusions.push(Exclusion { series, from, to });
    }
    Ok(exclusions)
}
