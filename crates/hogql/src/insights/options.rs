//! Which options insights know. What is not served is refused by its name: a chart that answers another question than the one
//! asked is worse than none.

use serde_json::Value;

use super::common::fault;
use crate::compile::CompileError;

/// Fields that every insight may have, and those of the app that say nothing about numbers.
const ANYWHERE: [&str; 12] = [
    "kind",
    "dateRange",
    "properties",
    "filterTestAccounts",
    "samplingFactor",
    "aggregation_group_type_index",
    "modifiers",
    "response",
    "tags",
    "version",
    "name",
    "dataColorTheme",
];

/// Options of how a chart looks: nothing of it changes the numbers.
const LOOKS: [&str; 37] = [
    "aggregationAxisFormat",
    "aggregationAxisPostfix",
    "aggregationAxisPrefix",
    "confidenceLevel",
    "dashboardDisplay",
    "decimalPlaces",
    "detailedResultsAggregationType",
    "funnelStepReference",
    "goalLines",
    "hiddenLegendBreakdowns",
    "hiddenLegendIndexes",
    "hidden_legend_breakdowns",
    "hidden_legend_indexes",
    "layout",
    "legendPosition",
    "meanRetentionCalculation",
    "minDecimalPlaces",
    "movingAverageIntervals",
    "resultCustomizationBy",
    "resultCustomizations",
    "retentionReference",
    "selectedInterval",
    "showAlertThresholdLines",
    "showAnnotations",
    "showConfidenceIntervals",
    "showLabelsOnSeries",
    "showLegend",
    "showMean",
    "showMovingAverage",
    "showMultipleYAxes",
    "showPercentStackView",
    "showTrendLines",
    "showValuesOnSeries",
    "stacked",
    "toggledLifecycles",
    "useUdf",
    "yAxisScaleType",
];

/// Fields of a series.
const SERIES: [&str; 19] = [
    "kind",
    "type",
    "event",
    "id",
    "uuid",
    "name",
    "custom_name",
    "order",
    "orderBy",
    "limit",
    "properties",
    "fixedProperties",
    "math",
    "math_property",
    "math_property_type",
    "math_hogql",
    "math_group_type_index",
    "optionalInFunnel",
    "response",
];

/// Refuses fields of `json` that are neither `known` nor common to insights.
pub(crate) fn only(what: &str, json: &Value, known: &[&str]) -> Result<(), CompileError> {
    match json.as_object().into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str()) && !is_anywhere(name))
    {
        Some((unknown, _)) => Err(unsupported(what, unknown)),
        None => Ok(()),
    }
}

fn is_anywhere(name: &str) -> bool {
    ANYWHERE.contains(&name)
}

fn unsupported(what: &str, option: &str) -> CompileError {
    fault(format!("The option '{option}' of {what} is not supported"))
}

/// Of the filter called `name`, which may have looks too.
fn of_filter(json: &Value, name: &str, known: &[&str]) -> Result<(), CompileError> {
    only(name, json.get(name).unwrap_or(&Value::Null), &[known, LOOKS.as_slice()].concat())
}

fn of_series(json: &Value) -> Result<(), CompileError> {
    let series = json.get("series").and_then(Value::as_array);
    series.into_iter().flatten().try_for_each(|series| only("a series", series, &SERIES))
}

pub(super) fn of_trends(json: &Value) -> Result<(), CompileError> {
    only("TrendsQuery", json, &["interval", "series", "trendsFilter", "breakdownFilter", "compareFilter"])?;
    of_filter(json, "trendsFilter", &["display", "formula", "formulas", "formulaNodes", "smoothingIntervals"])?;
    of_filter(json, "compareFilter", &["compare", "compare_to"])?;
    of_series(json)
}

pub(super) fn of_stickiness(json: &Value) -> Result<(), CompileError> {
    only("StickinessQuery", json, &["interval", "intervalCount", "series", "stickinessFilter", "compareFilter"])?;
    of_filter(json, "stickinessFilter", &["display", "computedAs", "stickinessCriteria"])?;
    if json.pointer("/compareFilter/compare") == Some(&Value::Bool(true)) {
        return Err(unsupported("StickinessQuery", "compareFilter"));
    }
    of_series(json)
}

pub(super) fn of_lifecycle(json: &Value) -> Result<(), CompileError> {
    only("LifecycleQuery", json, &["interval", "series", "lifecycleFilter"])?;
    of_filter(json, "lifecycleFilter", &[])?;
    of_series(json)
}

pub(super) fn of_retention(json: &Value) -> Result<(), CompileError> {
    only("RetentionQuery", json, &["retentionFilter", "breakdownFilter"])?;
    let known = [
        "display",
        "targetEntity",
        "returningEntity",
        "period",
        "totalIntervals",
        "retentionType",
        "minimumOccurrences",
        "cumulative",
    ];
    of_filter(json, "retentionFilter", &known)?;
    let entity = |name: &str| json.get("retentionFilter").and_then(|filter| filter.get(name));
    let entities = ["targetEntity", "returningEntity"];
    entities.into_iter().filter_map(entity).try_for_each(|entity| only("an entity", entity, &SERIES))
}

pub(super) fn of_funnels(json: &Value) -> Result<(), CompileError> {
    only("FunnelsQuery", json, &["interval", "series", "funnelsFilter", "breakdownFilter"])?;
    let known = [
        "funnelVizType",
        "funnelOrderType",
        "funnelWindowInterval",
        "funnelWindowIntervalUnit",
        "exclusions",
        "breakdownAttributionType",
        "breakdownAttributionValue",
        "funnelAggregateByHogQL",
        "binCount",
        "funnelFromStep",
        "funnelToStep",
    ];
    of_filter(json, "funnelsFilter", &known)?;
    of_series(json)
}
