//! What a list of events is filtered by: property filters, and perhaps an action.

use serde_json::Value;

use crate::ast::{Query, SelectQuery};
use crate::build::{and, field, truth};
use crate::compile::{CompileError, compile_tree};
use crate::context::Context;
use crate::events_query::{fault, from_events};
use crate::filters::{self, Subject};
use crate::{actions, resolved};

/// For which events a condition holds.
#[derive(Debug, Clone)]
pub enum Holds {
    /// For all.
    Always,
    /// For none.
    Never,
    /// For those that this SELECT from events keeps. What it selects of them does not matter.
    Where(Box<resolved::Query>),
}

/// A condition on events, and what there is to say about it.
#[derive(Debug, Clone)]
pub struct Condition {
    /// For which events it holds.
    pub holds: Holds,
    /// What was left out or can never hold, in words.
    pub notices: Vec<String>,
    /// The first filter that does not say enough and therefore holds for every event, in words.
    pub incomplete: Option<String>,
}

/// The condition that an event passes `filters`, and matches the action with the number `action` if there is one. An action
/// that does not exist, or has no steps, matches nothing.
///
/// # Errors
///
/// If a filter cannot mean anything, or refers to what is not there.
pub fn events_where(filters: &Value, action: Option<i64>, context: &Context) -> Result<Condition, CompileError> {
    let filters::Compiled { mut condition, mut notices, incomplete } =
        filters::compile(filters, Subject::Events, context).map_err(|error| fault(error.0))?;
    if let Some(id) = action {
        let known = context.project.actions.iter().find(|action| action.id == id);
        let mut compiler = filters::Compiler::new(context, Subject::Events);
        let matches = known.map(|action| actions::condition(action, &mut compiler));
        let matches = matches.transpose().map_err(|error| fault(error.0))?.unwrap_or_else(|| truth(false));
        let compiled = compiler.finish(matches);
        notices.extend(compiled.notices);
        condition =
            if compiled.condition == truth(false) { truth(false) } else { and(vec![condition, compiled.condition]) };
    }
    let holds = if condition == truth(true) {
        Holds::Always
    } else if condition == truth(false) {
        Holds::Never
    } else {
        let select = SelectQuery {
            select: vec![field(["uuid"])],
            from: Some(from_events()),
            filter: Some(condition),
            ..SelectQuery::default()
        };
        Holds::Where(Box::new(compile_tree(Query::Select(Box::new(select)), context)?.query))
    };
    Ok(Condition { holds, notices, incomplete })
}
