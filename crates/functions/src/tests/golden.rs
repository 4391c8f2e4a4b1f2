//! Every golden call, with its arguments as they are, as dictionaries, as constants and as columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use serde_json::Value as Json;

use super::types::{Type, same, shown};
use crate::{FunctionError, HigherOrderCall, Kind, Lists, Value, higher_order, scalar};

/// The year in which the golden files were made, which ClickHouse takes for dates without one.
const NOW_MICROS: i64 = 1_795_694_400_000_000;

struct Golden {
    function: String,
    arguments: Vec<Value>,
    types: Vec<Type>,
    body: Option<(Type, Vec<Json>)>,
    returns: DataType,
    /// The values, or `None` for an error.
    answer: Option<ArrayRef>,
    rows: usize,
    differs: Option<String>,
}

const FILES: &[(&str, &str)] = &[
    ("arithmetic", include_str!("../../../../compat/functions/golden/arithmetic.jsonl")),
    ("arrays", include_str!("../../../../compat/functions/golden/arrays.jsonl")),
    ("bits", include_str!("../../../../compat/functions/golden/bits.jsonl")),
    ("compare", include_str!("../../../../compat/functions/golden/compare.jsonl")),
    ("condition", include_str!("../../../../compat/functions/golden/condition.jsonl")),
    ("convert", include_str!("../../../../compat/functions/golden/convert.jsonl")),
    ("dates", include_str!("../../../../compat/functions/golden/dates.jsonl")),
    ("encode", include_str!("../../../../compat/functions/golden/encode.jsonl")),
    ("hash", include_str!("../../../../compat/functions/golden/hash.jsonl")),
    ("json", include_str!("../../../../compat/functions/golden/json.jsonl")),
    ("lambdas", include_str!("../../../../compat/functions/golden/lambdas.jsonl")),
    ("maps", include_str!("../../../../compat/functions/golden/maps.jsonl")),
    ("maths", include_str!("../../../../compat/functions/golden/maths.jsonl")),
    ("patterns", include_str!("../../../../compat/functions/golden/patterns.jsonl")),
    ("search", include_str!("../../../../compat/functions/golden/search.jsonl")),
    ("show", include_str!("../../../../compat/functions/golden/show.jsonl")),
    ("strings", include_str!("../../../../compat/functions/golden/strings.jsonl")),
    ("url", include_str!("../../../../compat/functions/golden/url.jsonl")),
];

impl Golden {
    fn parse(line: &str) -> Self {
        let json: Json = serde_json::from_str(line).unwrap();
        let constants: Vec<bool> = json["c"].as_str().unwrap().chars().map(|c| c == 'k').collect();
        let given = json["a"].as_array().unwrap();
        let function = json["f"].as_str().unwrap().to_owned();
        let (mut arguments, mut types, mut rows) = (Vec::new(), Vec::new(), 1);
        for (argument, constant) in given.iter().zip(&constants) {
            let ty = Type::parse(argument[0].as_str().unwrap());
            let values = &argument[1];
            if *constant {
                arguments.push(Value::Constant(ty.array(std::slice::from_ref(values))));
            } else {
                let values = values.as_array().unwrap();
                rows = values.len();
                arguments.push(Value::Column(ty.array(values)));
            }
            if let Some(unit) = &ty.interval {
                arguments.push(Value::Constant(Type::parse("String").array(&[Json::from(unit.as_str())])));
                types.push(ty.clone());
            }
            types.push(ty);
        }
        // What is not there is NULL, not the default, where elements may be NULL.
        let elements_nullable = types.first().and_then(|ty| ty.inner.first()).filter(|item| item.nullable);
        if let Some(item) = elements_nullable
            .filter(|_| arguments.len() == 2 && ["arrayElement", "arrayResize"].contains(&function.as_str()))
        {
            arguments.push(Value::Constant(item.array(&[Json::Null])));
        }
        let returns = Type::parse(json["r"].as_str().unwrap_or("String"));
        let answer = json["v"].as_array().map(|values| returns.array(values));
        let body = json["l"]
            .as_array()
            .map(|body| (Type::parse(body[0].as_str().unwrap()), body[1].as_array().unwrap().clone()));
        let differs = json["d"].as_str().map(str::to_owned);
        Self { function, arguments, types, body, returns: returns.arrow, answer, rows, differs }
    }

    /// What we answer to `arguments`, in the type of the golden answer.
    fn ours(&self, arguments: &[Value], rows: usize) -> Result<ArrayRef, FunctionError> {
        let returns = self.returns.clone();
        let function = scalar(&self.function).unwrap_or_else(|| panic!("no function {}", self.function));
        let answer = function.call(arguments, rows, &returns, NOW_MICROS)?;
        let array = match &answer {
            Value::Column(array) => Arc::clone(array),
            Value::Constant(array) => Value::Constant(Arc::clone(array)).array().slice(0, 1),
        };
        Ok(if function.kind == Kind::Predicate { cast(&array, &returns).unwrap_or(array) } else { array })
    }

    fn with_lambda(&self) -> Result<ArrayRef, FunctionError> {
        let (ty, values) = self.body.as_ref().unwrap();
        let lists = Lists::align(&self.arguments, self.rows)?;
        let flat: Vec<Json> = values.iter().flat_map(|value| value.as_array().unwrap().clone()).collect();
        let body = ty.inner[0].array(&flat);
        let item = self.types.first().and_then(|ty| ty.inner.first()).unwrap();
        let missing = item.nullable.then(|| item.array(&[Json::Null]));
        let function = higher_order(&self.function).unwrap_or_else(|| panic!("no function {}", self.function));
        let call = HigherOrderCall { lists: &lists, body: &body, returns: &self.returns, missing: missing.as_ref() };
        let array = function.call(&call)?;
        Ok(if array.data_type() == &DataType::Boolean { cast(&array, &self.returns).unwrap() } else { array })
    }

    /// The arguments in the ways that a planner may give them.
    fn variants(&self) -> Vec<(&'static str, Vec<Value>)> {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut all = vec![("as given", self.arguments.clone())];
        if self
            .arguments
            .iter()
            .any(|value| matches!(value, Value::Column(array) if array.data_type() == &DataType::Utf8))
        {
            let encoded = self.arguments.iter().map(|value| match value {
                Value::Column(array) if array.data_type() == &DataType::Utf8 => {
                    Value::Column(cast(array, &dictionary).unwrap())
                }
                value => value.clone(),
            });
            all.push(("as dictionaries", encoded.collect()));
        }
        if self.arguments.iter().any(|value| matches!(value, Value::Constant(_))) {
            let columns =
                self.arguments.iter().map(|value| Value::Column(crate::condition::expand(value, self.rows).unwrap()));
            all.push(("as columns", columns.collect()));
        }
        all
    }

    fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.body.is_some() {
            self.compare("with a lambda", &self.with_lambda(), 0, self.rows, &mut wrong);
            return wrong;
        }
        for (way, arguments) in self.variants() {
            self.compare(way, &self.ours(&arguments, self.rows), 0, self.rows, &mut wrong);
        }
        for row in 0..self.rows {
            let constants: Vec<Value> =
                self.arguments.iter().map(|value| Value::Constant(value.array().slice(value.index(row), 1))).collect();
            self.compare("as constants", &self.ours(&constants, 1), row, 1, &mut wrong);
        }
        wrong
    }

    fn compare(
        &self,
        way: &str,
        ours: &Result<ArrayRef, FunctionError>,
        start: usize,
        rows: usize,
        wrong: &mut Vec<String>,
    ) {
        let name = &self.function;
        match (ours, &self.answer) {
            (Err(_), None) => {}
            (Ok(array), None) => wrong.push(format!("{name} {way}: {} instead of an error", shown(array, 0))),
            (Err(error), Some(_)) => {
                let arguments: Vec<_> = self.arguments.iter().map(|value| shown(value.array(), 0)).collect();
                wrong.push(format!("{name}({}, …) {way}: {error}", arguments.join(", ")));
            }
            (Ok(array), Some(golden)) => {
                for row in 0..rows {
                    if array.len() != rows || !same(array, row, golden, start + row) {
                        let arguments: Vec<_> =
                            self.arguments.iter().map(|value| shown(value.array(), value.index(start + row))).collect();
                        let (ours, theirs) = (shown(array, row), shown(golden, start + row));
                        wrong.push(format!("{name}({}) {way}: {ours} instead of {theirs}", arguments.join(", ")));
                    }
                }
            }
        }
    }
}

#[test]
fn functions_answer_what_clickhouse_answers() {
    let only = option_env!("FUNCTIONS_GOLDEN").unwrap_or_default();
    let (mut passed, mut answers, mut differences) = (0, 0, Vec::new());
    let mut failures: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (family, text) in FILES {
        for line in text.lines() {
            let golden = Golden::parse(line);
            if !golden.function.starts_with(only) {
                continue;
            }
            let wrong = golden.check();
            match &golden.differs {
                Some(reason) if wrong.is_empty() => {
                    failures
                        .entry(family)
                        .or_default()
                        .push(format!("{}: no longer differs: {reason}", golden.function));
                }
                Some(reason) => differences.push(format!("{}: {reason}", golden.function)),
                None if wrong.is_empty() => {
                    passed += 1;
                    answers += golden.rows;
                }
                None => failures.entry(family).or_default().extend(wrong.into_iter().take(3)),
            }
        }
    }
    println!("{passed} calls with {answers} answers; {} deliberate differences", differences.len());
    for (family, wrong) in &failures {
        println!("== {family}: {}", wrong.len());
        for line in wrong {
            println!("{}", line.chars().take(260).collect::<String>());
        }
    }
    assert!(failures.is_empty(), "{} families differ", failures.len());
}

#[test]
fn every_function_has_golden_answers() {
    let mut seen = std::collections::BTreeSet::new();
    for (_, text) in FILES {
        for line in text.lines() {
            seen.insert(Golden::parse(line).function);
        }
    }
    // The clock of the query is not ClickHouse's; `sortableSemver` is HogQL's, and funnels are ours. Two are other names of the
    // same kernels.
    let clock = ["now", "now64", "today", "yesterday"];
    let ours = ["sortableSemver", "_funnel", "_funnelTrends", "_CAST", "widthBucket"];
    let exempt = [&clock[..], &ours[..]].concat();
    let missing: Vec<_> = crate::scalars()
        .map(|scalar| scalar.name)
        .filter(|name| !seen.contains(*name) && !exempt.contains(name))
        .collect();
    assert!(missing.is_empty(), "without golden answers: {missing:?}");
}
