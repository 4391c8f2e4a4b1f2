//! From rows to the items of the response.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Display, Plan};
use crate::insights::Rows;
use crate::insights::breakdown::{Breakdown, NONE, OTHER, SEPARATOR};
use crate::insights::common::{Range, number, numeral};

/// The numbers of one series in one period, by breakdown value.
type Lines = BTreeMap<String, Vec<f64>>;

impl Plan {
    pub(crate) fn respond(&self, results: &[Rows]) -> Value {
        let mut lines = self.lines(results);
        let more = self.breakdown.as_ref().is_some_and(|breakdown| keep_largest(&mut lines, breakdown));
        let mut items = Vec::new();
        for (period, (range, lines)) in self.periods.iter().zip(&mut lines).enumerate() {
            for lines in lines.iter_mut() {
                lines.values_mut().for_each(|data| self.over_time(data));
            }
            if self.formulas.is_empty() {
                for (order, lines) in lines.iter().enumerate() {
                    items.extend(self.ordered(lines).map(|(value, data)| {
                        let name = self.series.get(order).map(super::Series::label).unwrap_or_default();
                        let several = self.series.len() > 1;
                        let action = self.series.get(order).map(|series| series.action(order));
                        self.item(period, range, data, Named { name, several, value, action, order })
                    }));
                }
            }
            for (order, formula) in self.formulas.iter().enumerate() {
                let all: BTreeSet<&String> = lines.iter().flat_map(Lines::keys).collect();
                let length = if self.display == Display::Total { 1 } else { range.len() };
                let at = |series: usize, value: &str, bucket: usize| {
                    lines.get(series).and_then(|lines| lines.get(value)?.get(bucket)).copied().unwrap_or(0.0)
                };
                let line = |value: &&String| -> Vec<f64> {
                    (0..length).map(|bucket| formula.evaluate(|series| at(series, value, bucket))).collect()
                };
                let results: Lines = all.iter().map(|value| ((*value).clone(), line(value))).collect();
                let label = formula.name.clone().unwrap_or_else(|| format!("Formula ({})", formula.text));
                let several = self.formulas.len() > 1;
                items.extend(self.ordered(&results).map(|(value, data)| {
                    let named = Named { name: label.clone(), several, value, action: None, order };
                    self.item(period, range, data, named)
                }));
            }
        }
        json!({"results": items, "hasMore": more})
    }

    /// Rows by period and series, with 0 where there are none.
    fn lines(&self, results: &[Rows]) -> Vec<Vec<Lines>> {
        let mut all = vec![vec![Lines::new(); self.series.len()]; self.periods.len()];
        for ((period, series), rows) in self.parts.iter().zip(results) {
            let (Some(range), Some(lines)) =
                (self.periods.get(*period), all.get_mut(*period).and_then(|lines| lines.get_mut(*series)))
            else {
                continue;
            };
            let total = self.display == Display::Total;
            let length = if total { 1 } else { range.len() };
            if self.breakdown.is_none() {
                lines.insert(String::new(), vec![0.0; length]);
            }
            for row in rows {
                let at = if total { Some(0) } else { range.position_of(row.first()) };
                let (Some(at), Some(value)) = (at, row.get(1).and_then(Value::as_str)) else { continue };
                let data = lines.entry(value.to_owned()).or_insert_with(|| vec![0.0; length]);
                if let Some(count) = data.get_mut(at) {
                    *count += number(row.get(2));
                }
            }
        }
        all
    }

    fn over_time(&self, data: &mut [f64]) {
        if self.display == Display::Cumulative {
            let mut sum = 0.0;
            for count in data.iter_mut() {
                sum += *count;
                *count = sum;
            }
        }
        if self.smoothing > 1 && self.display != Display::Total {
            let plain = data.to_vec();
            for (at, count) in data.iter_mut().enumerate() {
                let first = (at + 1).saturating_sub(self.smoothing);
                let window = plain.get(first..=at).unwrap_or_default();
                let length = u32::try_from(window.len()).unwrap_or(u32::MAX);
                *count = window.iter().sum::<f64>() / f64::from(length.max(1));
            }
        }
    }

    /// Values by total, the largest first; what has no value and the rest come last.
    fn ordered<'l>(&self, lines: &'l Lines) -> impl Iterator<Item = (&'l str, &'l [f64])> {
        let mut ordered: Vec<(&str, &[f64])> =
            lines.iter().map(|(value, data)| (value.as_str(), data.as_slice())).collect();
        let total = |data: &[f64]| match self.display {
            Display::Cumulative => data.last().copied().unwrap_or(0.0),
            _ => data.iter().sum(),
        };
        if self.breakdown.as_ref().is_none_or(|breakdown| breakdown.cohorts.is_none()) {
            ordered.sort_by(|left, right| {
                place(left.0).cmp(&place(right.0)).then_with(|| total(right.1).total_cmp(&total(left.1)))
            });
        }
        ordered.into_iter()
    }

    fn item(&self, period: usize, range: &Range, data: &[f64], named: Named<'_>) -> Value {
        let mut item = Map::new();
        let mut put = |name: &str, value: Value| item.insert(name.to_owned(), value);
        let numbers: Vec<Value> = data.iter().map(|count| numeral(*count)).collect();
        let mut label = named.name;
        if let Some(breakdown) = &self.breakdown {
            let (value, shown) = breakdown.shown(named.value);
            label = if named.several { format!("{label} - {shown}") } else { shown };
            put("breakdown_value", value);
        }
        put("label", json!(label));
        put("days", json!(range.days()));
        put("labels", json!(range.labels()));
        if self.display == Display::Total {
            put("data", json!([]));
            put("count", json!(0));
            put("aggregated_value", numbers.first().cloned().unwrap_or_else(|| json!(0)));
        } else {
            let last = data.last().copied().unwrap_or(0.0);
            let count = if self.display == Display::Cumulative { last } else { data.iter().sum() };
            put("data", Value::Array(numbers));
            put("count", json!(count));
        }
        match named.action {
            Some(mut action) => {
                if let Some(action) = action.as_object_mut() {
                    action.insert("days".to_owned(), json!(range.days()));
                }
                put("action", action);
            }
            None => {
                put("action", Value::Null);
                put("order", json!(named.order));
            }
        }
        if self.periods.len() > 1 {
            put("compare", json!(true));
            put("compare_label", json!(if period == 0 { "current" } else { "previous" }));
        }
        let bound = |time: &jiff::ZonedDateTime| json!(time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
        put("filter", json!({"date_from": bound(&range.from), "date_to": bound(&range.to)}));
        Value::Object(item)
    }
}

/// What an item is called.
struct Named<'n> {
    name: String,
    /// Whether there are others with the same breakdown value.
    several: bool,
    value: &'n str,
    action: Option<Value>,
    order: usize,
}

/// 0 for ordinary values, then what has none, then the rest.
fn place(value: &str) -> u8 {
    match value {
        OTHER => 2,
        _ if value.split(SEPARATOR).all(|part| part == NONE) => 1,
        _ => 0,
    }
}

/// Keeps the largest values over all series and periods and merges the others; whether there were others.
fn keep_largest(periods: &mut [Vec<Lines>], breakdown: &Breakdown) -> bool {
    if breakdown.cohorts.is_some() {
        return false;
    }
    let mut totals: BTreeMap<String, f64> = BTreeMap::new();
    for (value, data) in periods.iter().flatten().flatten() {
        *totals.entry(value.clone()).or_default() += data.iter().sum::<f64>();
    }
    let mut ranked: Vec<(String, f64)> = totals.into_iter().filter(|(value, _)| place(value) != 1).collect();
    ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let rest: BTreeSet<String> = ranked.into_iter().skip(breakdown.limit).map(|(value, _)| value).collect();
    for lines in periods.iter_mut().flatten() {
        let mut other: Option<Vec<f64>> = None;
        for value in &rest {
            let Some(data) = lines.remove(value) else { continue };
            let sums = other.get_or_insert_with(|| vec![0.0; data.len()]);
            sums.iter_mut().zip(data).for_each(|(sum, count)| *sum += count);
        }
        if let Some(other) = other.filter(|_| !breakdown.hide_other) {
            lines.insert(OTHER.to_owned(), other);
        }
    }
    !rest.is_empty()
}
