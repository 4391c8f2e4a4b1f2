//! `EventsQuery`: a list of events described by fields, as a syntax tree.
//!
//! The tree is compiled like any other. One row more than the page is asked for where the caller wants to know whether
//! there are more.

use serde_json::Value;

use crate::ast::{CompareOp, Expr, GroupBy, Query, SelectQuery, Span, Table, TableRef};
use crate::build::{and, call, compare, equal, field, or, string, tuple};
use crate::compile::CompileError;
use crate::context::Context;
use crate::fault::ResolveError;
use crate::filters::{self, Subject};
use crate::listing::{self, is_aggregate};
use crate::{actions, ast, dates};

/// What is asked for. Names are those of the request.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of the request")]
pub struct EventsQuery {
    pub select: Vec<String>,
    #[serde(rename = "where")]
    pub conditions: Vec<String>,
    pub properties: Value,
    pub fixed_properties: Value,
    pub event: Option<String>,
    pub events: Vec<String>,
    pub action_id: Option<i64>,
    pub person_id: Option<String>,
    pub after: Option<String>,
    pub before: Option<String>,
    pub order_by: Vec<String>,
    pub limit: Option<u32>,
    pub offset: Option<u32>,
    pub filter_test_accounts: bool,
}

/// What `*` is.
const WHOLE: [&str; 9] = [
    "uuid",
    "event",
    "properties",
    "timestamp",
    "team_id",
    "distinct_id",
    "elements_chain",
    "created_at",
    "person_mode",
];

impl EventsQuery {
    /// The query as a tree.
    ///
    /// # Errors
    ///
    /// If an expression does not parse, or a filter, action or date means nothing.
    pub fn to_query(&self, context: &Context) -> Result<Query, CompileError> {
        let star = [String::from("*")];
        let texts = if self.select.is_empty() { &star[..] } else { &self.select };
        let columns = texts.iter().map(|text| column(text)).collect::<Result<Vec<_>, _>>()?;
        let aggregated = columns.iter().any(is_aggregate);
        let conditions = self.conditions(context)?;
        let (having, filter): (Vec<_>, Vec<_>) = conditions.into_iter().partition(is_aggregate);
        let group: Vec<Expr> = columns.iter().filter(|column| aggregated && !is_aggregate(column)).cloned().collect();
        let order_by = listing::order(&self.order_by, &columns, "timestamp")?;
        let rows = listing::rows(self.limit, context);
        let optional = |conditions: Vec<Expr>| (!conditions.is_empty()).then(|| and(conditions));
        let select = SelectQuery {
            select: columns,
            from: Some(from_events()),
            filter: optional(filter),
            group_by: (!group.is_empty()).then_some(GroupBy::List(group)),
            having: optional(having),
            order_by,
            limit: Some(listing::page(rows, self.offset, context)),
            ..SelectQuery::default()
        };
        Ok(Query::Select(Box::new(select)))
    }

    fn conditions(&self, context: &Context) -> Result<Vec<Expr>, CompileError> {
        let mut conditions =
            self.conditions.iter().map(|text| crate::parse_expr(text)).collect::<Result<Vec<_>, _>>()?;
        let test_accounts = Value::Array(context.project.test_account_filters.clone());
        for list in [&self.properties, &self.fixed_properties, &test_accounts] {
            if std::ptr::eq(list, &raw const test_accounts) && !self.filter_test_accounts {
                continue;
            }
            conditions
                .push(filters::compile(list, Subject::Events, context).map_err(|error| fault(error.0))?.condition);
        }
        let names: Vec<Expr> =
            self.event.iter().chain(&self.events).map(|event| equal(field(["event"]), string(event))).collect();
        if !names.is_empty() {
            conditions.push(or(names));
        }
        if let Some(id) = self.action_id {
            let action = context.project.actions.iter().find(|action| action.id == id);
            let action = action.ok_or_else(|| fault("Action does not exist"))?;
            let mut compiler = filters::Compiler::new(context, Subject::Events);
            conditions.push(actions::condition(action, &mut compiler).map_err(|error| fault(error.0))?);
        }
        if let Some(person) = &self.person_id {
            conditions.push(equal(field(["person_id"]), string(person)));
        }
        let now = context.local_now();
        let bound = |op, text: &str| -> Result<Expr, CompileError> {
            let time = dates::resolve(text, &now).ok_or_else(|| fault(format!("'{text}' is not a date")))?;
            Ok(compare(op, field(["timestamp"]), string(time.timestamp().to_string())))
        };
        match self.before.as_deref() {
            Some(before) => conditions.push(bound(CompareOp::Less, before)?),
            None => {
                let soon = context.now.as_microsecond() + 5_000_000;
                let soon = jiff::Timestamp::from_microsecond(soon).map_err(|error| fault(error.to_string()))?;
                conditions.push(compare(CompareOp::Less, field(["timestamp"]), string(soon.to_string())));
            }
        }
        match self.after.as_deref() {
            Some("all") => {}
            after => conditions.push(bound(CompareOp::Greater, after.unwrap_or("-24h"))?),
        }
        Ok(conditions)
    }
}

/// `FROM events`.
pub(crate) fn from_events() -> ast::From {
    let events = ast::Ident::new("events", Span::default());
    let first = TableRef {
        span: Span::default(),
        table: Table::Name(vec![events]),
        alias: None,
        column_aliases: Vec::new(),
        final_span: None,
        sample: None,
    };
    ast::From { first, joins: Vec::new() }
}

/// One column: `*` and `person` are tuples, which the caller turns into objects.
fn column(text: &str) -> Result<Expr, CompileError> {
    let text = text.split(" -- ").next().unwrap_or(text).trim();
    Ok(match text {
        "*" => tuple(WHOLE.iter().map(|name| field([*name])).collect()),
        "person" => tuple(vec![
            field(["distinct_id"]),
            call("toString", vec![field(["person", "id"])]),
            field(["person", "created_at"]),
            field(["person", "properties"]),
        ]),
        _ => crate::parse_expr(text)?,
    })
}

pub(crate) fn fault(message: impl Into<String>) -> CompileError {
    CompileError::Resolve(ResolveError::input(message, Span::default()))
}
