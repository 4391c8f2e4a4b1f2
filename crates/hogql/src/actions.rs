//! Actions stand for the condition that an event matches one of their steps.

use crate::ast::{CompareOp, Expr};
use crate::build::{and, compare, equal, field, or, string, truth};
use crate::context::{Action, ActionStep, Matching};
use crate::filters::{self, Compiler, FilterError};

/// The condition that an event matches `action`. An action without steps matches nothing.
pub(crate) fn condition(action: &Action, compiler: &mut Compiler<'_>) -> Result<Expr, FilterError> {
    let steps = action.steps.iter().map(|step| step_condition(step, compiler)).collect::<Result<Vec<_>, _>>()?;
    Ok(or(steps))
}

fn step_condition(step: &ActionStep, compiler: &mut Compiler<'_>) -> Result<Expr, FilterError> {
    let mut conditions = Vec::new();
    if let Some(event) = &step.event {
        conditions.push(equal(field(["event"]), string(event)));
    }
    if step.event.as_deref() == Some("$autocapture") {
        if let Some(selector) = &step.selector {
            conditions.push(filters::selector(selector)?);
        }
        if let Some(tag) = &step.tag_name {
            conditions.push(filters::tag_name(tag));
        }
        if let Some((href, matching)) = &step.href {
            conditions.push(matched(field(["elements_chain_href"]), href, *matching, true));
        }
        if let Some((text, matching)) = &step.text {
            let value = matched(field(["t"]), text, *matching, true);
            conditions.push(filters::some_element("t", value, "elements_chain_texts"));
        }
    }
    if let Some((url, matching)) = &step.url {
        conditions.push(matched(field(["properties", "$current_url"]), url, *matching, false));
    }
    for filter in &step.properties {
        conditions.push(compiler.node(filter)?);
    }
    Ok(if conditions.is_empty() { truth(true) } else { and(conditions) })
}

/// One text compared as a step says.
fn matched(value: Expr, text: &str, matching: Matching, any_case: bool) -> Expr {
    match matching {
        Matching::Exact => equal(value, string(text)),
        Matching::Contains => {
            let op = if any_case { CompareOp::ILike } else { CompareOp::Like };
            compare(op, value, string(format!("%{}%", filters::escape_like(text))))
        }
        Matching::Regex => compare(CompareOp::Regex, value, string(text)),
    }
}
