//! Insights: charts described by fields become queries, and the rows of the queries become the documented response.
//!
//! A kind is two pure functions: one from the request to syntax trees, one from rows to JSON. What runs the queries
//! is somewhere else. Trees are filled from constant templates, so text from a request is never parsed as a template.
//!
//! `samplingFactor` is accepted and not used: every answer is exact.

mod actors;
mod breakdown;
mod common;
mod funnels;
mod lifecycle;
mod options;
mod paths;
mod retention;
mod stickiness;
pub(crate) mod template;
mod trends;

use serde_json::Value;

use crate::ast::Query;
use crate::compile::{CompileError, Compiled, compile_tree};
use crate::context::{Context, Limits};
pub(crate) use actors::actors;
pub(crate) use common::{fault, read, without_nulls};
pub(crate) use options::only;

/// The rows of one query, in the encoding of the query endpoint.
pub type Rows = Vec<Vec<Value>>;

/// An insight that waits for its rows.
#[derive(Debug)]
pub struct Insight {
    /// What to run, in this order.
    pub queries: Vec<Query>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Trends(Box<trends::Plan>),
    Lifecycle(Box<lifecycle::Plan>),
    Stickiness(stickiness::Plan),
    Retention(retention::Plan),
    Funnels(Box<funnels::Plan>),
    Paths,
}

/// Plans the insight `kind` that `json` describes.
///
/// # Errors
///
/// If the kind is unknown, or a field of the request means nothing.
pub fn plan(kind: &str, json: &Value, context: &Context) -> Result<Insight, CompileError> {
    let json = without_nulls(json);
    let (queries, shape) = match kind {
        "TrendsQuery" => {
            trends::plan(&json, context).map(|(queries, plan)| (queries, Shape::Trends(Box::new(plan))))?
        }
        "LifecycleQuery" => {
            lifecycle::plan(&json, context).map(|(queries, plan)| (queries, Shape::Lifecycle(Box::new(plan))))?
        }
        "StickinessQuery" => {
            stickiness::plan(&json, context).map(|(queries, plan)| (queries, Shape::Stickiness(plan)))?
        }
        "RetentionQuery" => retention::plan(&json, context).map(|(queries, plan)| (queries, Shape::Retention(plan)))?,
        "FunnelsQuery" => {
            funnels::plan(&json, context).map(|(queries, plan)| (queries, Shape::Funnels(Box::new(plan))))?
        }
        "PathsQuery" => (vec![paths::plan(&json, context)?], Shape::Paths),
        _ => return Err(fault(format!("Unsupported query kind: {kind}"))),
    };
    Ok(Insight { queries, shape })
}

impl Insight {
    /// The queries, compiled without limits on rows: a chart needs all of them.
    ///
    /// # Errors
    ///
    /// If an expression of the request refers to what is not there.
    pub fn compile(&self, context: &Context) -> Result<Vec<Compiled>, CompileError> {
        let context = Context { limits: Limits::NONE, ..context.clone() };
        self.queries.iter().map(|query| compile_tree(query.clone(), &context)).collect()
    }

    /// The response, without what the endpoint adds to every response. `results` are the rows of each query in order.
    #[must_use]
    pub fn respond(&self, results: &[Rows]) -> Value {
        match &self.shape {
            Shape::Trends(plan) => plan.respond(results),
            Shape::Lifecycle(plan) => plan.respond(results),
            Shape::Stickiness(plan) => plan.respond(results),
            Shape::Retention(plan) => plan.respond(results),
            Shape::Funnels(plan) => plan.respond(results),
            Shape::Paths => paths::respond(results),
        }
    }
}

#[cfg(test)]
mod tests;
