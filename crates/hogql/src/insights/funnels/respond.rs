//! From rows to the documented responses.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::request::{Order, Viz};
use super::{OTHER, Plan};
use crate::insights::Rows;
use crate::insights::breakdown::OTHER as REST;
use crate::insights::common::{number, numeral};

impl Plan {
    pub(in crate::insights) fn respond(&self, results: &[Rows]) -> Value {
        match self.viz {
            Viz::Steps => json!({"results": self.steps(results)}),
            Viz::TimeToConvert => json!({"results": self.times(results)}),
            Viz::Trends => json!({"results": self.trends(results)}),
        }
    }

    fn steps(&self, results: &[Rows]) -> Value {
        if self.breakdown.is_none() {
            let row = results.iter().flatten().next().map_or(&[][..], Vec::as_slice);
            return Value::Array(self.items(row));
        }
        let mut rows: Vec<&[Value]> = results.iter().flatten().map(Vec::as_slice).collect();
        let counts = |row: &[Value]| -> Vec<u64> {
            // The deepest step first.
            (1..=self.steps.len()).rev().map(|at| row.get(at).and_then(Value::as_u64).unwrap_or(0)).collect()
        };
        let is_rest = |row: &[Value]| value_of(row) == REST;
        rows.retain(|row| !(is_rest(row) && self.breakdown.as_ref().is_some_and(|breakdown| breakdown.hide_other)));
        if self.breakdown.as_ref().is_some_and(|breakdown| breakdown.cohorts.is_none()) {
            rows.sort_by(|left, right| {
                let by_count = || counts(right).cmp(&counts(left));
                is_rest(left).cmp(&is_rest(right)).then_with(by_count).then_with(|| value_of(left).cmp(value_of(right)))
            });
        }
        Value::Array(rows.into_iter().map(|row| Value::Array(self.items(row))).collect())
    }

    /// The steps of one row.
    fn items(&self, row: &[Value]) -> Vec<Value> {
        let steps = self.steps.len();
        let cell = |at: usize| row.get(at).filter(|cell| cell.is_number()).cloned().unwrap_or_default();
        let step = |(order, series): (usize, &super::Series)| {
            let mut item = Map::new();
            let mut put = |name: &str, value: Value| item.insert(name.to_owned(), value);
            if self.order == Order::Unordered {
                let plural = if order == 0 { "" } else { "s" };
                put("action_id", Value::Null);
                put("name", json!(format!("Completed {} step{plural}", order + 1)));
                put("custom_name", Value::Null);
            } else {
                put("action_id", series.id());
                put("name", json!(series.label()));
                put("custom_name", json!(series.custom_name));
            }
            put("order", json!(order));
            put("people", json!([]));
            put("count", numeral(number(row.get(order + 1))));
            put("type", json!(if series.is_action() { "actions" } else { "events" }));
            // The first step has no time.
            let time = |first: usize| if order == 0 { Value::Null } else { cell(first + order) };
            put("average_conversion_time", time(steps));
            put("median_conversion_time", time(2 * steps - 1));
            if self.breakdown.is_some() {
                let value = self.shown(value_of(row));
                put("breakdown", value.clone());
                put("breakdown_value", value);
            }
            Value::Object(item)
        };
        self.steps.iter().enumerate().map(step).collect()
    }

    /// A value as responses show it: properties in a list.
    fn shown(&self, value: &str) -> Value {
        let Some(breakdown) = &self.breakdown else { return Value::Null };
        let value = if value == REST { OTHER } else { value };
        let (value, _) = breakdown.shown(value);
        if breakdown.cohorts.is_some() || breakdown.is_by_group() || value.is_array() { value } else { json!([value]) }
    }

    /// A histogram: bins begin at whole seconds and are whole seconds wide.
    fn times(&self, results: &[Rows]) -> Value {
        let rows: Vec<&[Value]> = results.iter().flatten().map(Vec::as_slice).collect();
        let Some(first) = rows.iter().map(|row| whole(number(row.first()))).min() else {
            return json!({"bins": [], "average_conversion_time": null});
        };
        let last = rows.iter().map(|row| whole(number(row.get(3)).ceil())).max().unwrap_or(first);
        let actors: f64 = rows.iter().map(|row| number(row.get(1))).sum();
        let seconds: f64 = rows.iter().map(|row| number(row.get(2))).sum();
        let bins = self.bins.unwrap_or_else(|| cube_root(actors));
        let width = if last == first { 60 } else { (last - first).div_ceil(bins) };
        let mut counts: BTreeMap<u64, f64> = (0..=bins).map(|bin| (bin, 0.0)).collect();
        for row in rows {
            *counts.entry((whole(number(row.first())) - first) / width).or_default() += number(row.get(1));
        }
        let bins: Vec<Value> =
            counts.into_iter().map(|(bin, count)| json!([first + bin * width, numeral(count)])).collect();
        json!({"bins": bins, "average_conversion_time": numeral(rounded(seconds / actors))})
    }

    fn trends(&self, results: &[Rows]) -> Value {
        let mut lines: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        let empty = || vec![(0.0, 0.0); self.range.len()];
        if self.breakdown.is_none() {
            lines.insert("", empty());
        }
        for row in results.iter().flatten() {
            let at = row.get(1).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
            let line = lines.entry(value_of(row)).or_insert_with(empty);
            if let Some((entered, converted)) = at.and_then(|at| line.get_mut(at)) {
                *entered += number(row.get(2));
                *converted += number(row.get(3));
            }
        }
        let total = |line: &[(f64, f64)]| -> f64 { line.iter().map(|(entered, _)| entered).sum() };
        let mut lines: Vec<(&str, Vec<(f64, f64)>)> = lines.into_iter().collect();
        if let Some(breakdown) = self.breakdown.as_ref().filter(|breakdown| breakdown.cohorts.is_none()) {
            lines.sort_by(|left, right| total(&right.1).total_cmp(&total(&left.1)));
            let rest = lines.split_off(breakdown.limit.min(lines.len()));
            if !rest.is_empty() && !breakdown.hide_other {
                let mut sums = empty();
                for (_, line) in &rest {
                    for (sum, one) in sums.iter_mut().zip(line) {
                        *sum = (sum.0 + one.0, sum.1 + one.1);
                    }
                }
                lines.push((REST, sums));
            }
        }
        lines.into_iter().map(|(value, line)| self.line(value, &line)).collect()
    }

    fn line(&self, value: &str, line: &[(f64, f64)]) -> Value {
        let rate = |(entered, converted): &(f64, f64)| {
            if *entered > 0.0 { numeral(rounded(100.0 * converted / entered)) } else { json!(0) }
        };
        let mut item = json!({
            "count": numeral(line.iter().map(|(_, converted)| converted).sum()),
            "data": line.iter().map(rate).collect::<Vec<_>>(),
            "days": self.range.days(), "labels": self.range.labels(),
        });
        if let (Some(item), true) = (item.as_object_mut(), self.breakdown.is_some()) {
            item.insert("breakdown_value".to_owned(), self.shown(value));
        }
        item
    }
}

fn value_of(row: &[Value]) -> &str {
    row.first().and_then(Value::as_str).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds of a window")]
fn whole(seconds: f64) -> u64 {
    seconds.max(0.0) as u64
}

/// The cube root of a count, rounded up, at most 60.
fn cube_root(count: f64) -> u64 {
    u64::from((1..60_u32).find(|root| f64::from(root.pow(3)) >= count).unwrap_or(60))
}

/// To two decimals.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
