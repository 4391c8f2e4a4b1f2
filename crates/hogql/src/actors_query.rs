//! `ActorsQuery`: a list of persons or groups described by fields, perhaps those behind a chart, as syntax trees.
//!
//! With a source, its `actor_id` is joined with persons, or with groups of its type. Actors that are no more, or never were
//! persons, have no row: a second tree counts them.

use serde_json::Value;

use crate::ast::{CompareOp, Direction, Expr, ExprKind, GroupBy, Query, SelectQuery};
use crate::build::{and, call, compare, equal, field, int, or, string, subquery, tuple};
use crate::compile::CompileError;
use crate::context::Context;
use crate::filters::{self, Subject, escape_like};
use crate::insights::{self, fault, only, read, template, without_nulls};
use crate::listing::{self, is_aggregate};

/// What is asked for, ready to be run.
#[derive(Debug)]
pub struct ActorsQuery {
    /// The page, with one row more where the caller wants to know whether there are more.
    pub query: Query,
    /// How many actors of the source have no row, if there is a source.
    pub missing: Option<Query>,
    /// What is selected, in the words of the request.
    pub columns: Vec<String>,
    /// Rows of a page.
    pub limit: u64,
    /// Rows left out before it.
    pub offset: u64,
    /// The type of the groups that are listed; persons if there is none.
    pub group: Option<u8>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    select: Option<Vec<String>>,
    search: Option<String>,
    properties: Value,
    fixed_properties: Value,
    order_by: Option<Vec<String>>,
    limit: Option<u32>,
    offset: Option<u32>,
    source: Option<Value>,
}

const KNOWN: [&str; 8] = ["select", "search", "properties", "fixedProperties", "orderBy", "limit", "offset", "source"];

impl ActorsQuery {
    /// Plans what `json` describes.
    ///
    /// # Errors
    ///
    /// If a field of the request means nothing, or its source is of a kind that has no actors.
    pub fn plan(json: &Value, context: &Context) -> Result<Self, CompileError> {
        let json = without_nulls(json);
        only("ActorsQuery", &json, &KNOWN)?;
        let request: Request = read(&json)?;
        let source = request.source.as_ref().map(|source| insights::actors(source, context)).transpose()?;
        let group = source.as_ref().and_then(|source| source.group);
        let list = List { request: &request, group, context };
        let (mut query, missing) = match &source {
            Some(source) => (list.joined(&source.query)?, Some(list.missing(&source.query)?)),
            None => (template::query("select 1 from persons", &[])?, None),
        };
        let columns = list.columns();
        let rows = listing::rows(request.limit, context);
        if let Query::Select(select) = &mut query {
            list.fill(select, &columns, rows)?;
        }
        Ok(Self { query, missing, columns, limit: rows, offset: request.offset.map_or(0, u64::from), group })
    }
}

/// A list of persons, or of groups of one type.
struct List<'l> {
    request: &'l Request,
    group: Option<u8>,
    context: &'l Context,
}

impl List<'_> {
    fn columns(&self) -> Vec<String> {
        let default = || {
            let names: &[&str] = match self.group {
                Some(_) => &["group", "id", "created_at"],
                None => &["person", "id", "created_at", "person.$delete"],
            };
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        self.request.select.clone().filter(|select| !select.is_empty()).unwrap_or_else(default)
    }

    /// Actors of the source that have a row.
    fn joined(&self, source: &Query) -> Result<Query, CompileError> {
        let text = match self.group {
            Some(_) => "select 1 from groups inner join {source} as source on source.actor_id = groups.key",
            None => "select 1 from persons inner join {source} as source on source.actor_id = persons.id",
        };
        template::query(text, &[("source", subquery(source.clone()))])
    }

    /// How many have none.
    fn missing(&self, source: &Query) -> Result<Query, CompileError> {
        let source = ("source", subquery(source.clone()));
        match self.group {
            Some(index) => template::query(
                "select count() from {source} where actor_id not in (select key from groups where index = {index})",
                &[source, ("index", int(i64::from(index)))],
            ),
            None => template::query(
                "select count() from {source} where actor_id not in (select id from persons)",
                &[source],
            ),
        }
    }

    fn fill(&self, select: &mut SelectQuery, names: &[String], rows: u64) -> Result<(), CompileError> {
        let columns = names.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let aggregated = columns.iter().any(is_aggregate);
        if aggregated {
            let keys: Vec<Expr> = columns.iter().filter(|column| !is_aggregate(column)).cloned().collect();
            select.group_by = (!keys.is_empty()).then_some(GroupBy::List(keys));
        }
        let given = self.request.order_by.as_deref().unwrap_or_default();
        // An object has no order of its own: its id has.
        let ordered: Vec<Expr> = names
            .iter()
            .zip(&columns)
            .map(|(name, column)| if is_object(name) && !aggregated { self.id() } else { column.clone() })
            .collect();
        select.order_by = listing::order(given, &ordered, "created_at")?;
        if !aggregated {
            // Pages of rows that are alike otherwise must not overlap.
            select.order_by.push(listing::by(self.id(), Direction::Asc));
        }
        select.select = columns;
        select.filter = Some(self.condition()?);
        select.limit = Some(listing::page(rows, self.request.offset, self.context));
        Ok(())
    }

    fn id(&self) -> Expr {
        field([if self.group.is_some() { "key" } else { "id" }])
    }

    /// One column: the actor itself is a tuple, which the caller turns into an object.
    fn column(&self, text: &str) -> Result<Expr, CompileError> {
        let text = text.split(" -- ").next().unwrap_or(text).trim();
        Ok(match text {
            "person" | "actor" if self.group.is_none() => tuple(vec![
                call("toString", vec![field(["id"])]),
                field(["created_at"]),
                field(["properties"]),
                field(["is_identified"]),
            ]),
            "group" | "actor" if self.group.is_some() => {
                tuple(vec![field(["key"]), field(["created_at"]), field(["properties"])])
            }
            "id" => self.id(),
            "person.$delete" => int(1),
            _ => crate::parse_expr(text)?,
        })
    }

    fn condition(&self) -> Result<Expr, CompileError> {
        let subject = self.group.map_or(Subject::Persons, Subject::Groups);
        let mut conditions = Vec::new();
        for filters in [&self.request.properties, &self.request.fixed_properties] {
            conditions
                .push(filters::compile(filters, subject, self.context).map_err(|error| fault(error.0))?.condition);
        }
        conditions.extend(self.group.map(|index| equal(field(["index"]), int(i64::from(index)))));
        if let Some(search) = self.request.search.as_deref().map(str::trim).filter(|search| !search.is_empty()) {
            conditions.push(self.found(search)?);
        }
        Ok(and(conditions))
    }

    /// That a name of the actor has `search` in it.
    fn found(&self, search: &str) -> Result<Expr, CompileError> {
        let pattern = string(format!("%{}%", escape_like(search)));
        let has = |value: Expr| compare(CompareOp::ILike, call("toString", vec![value]), pattern.clone());
        let named = has(field(["properties", "name"]));
        if self.group.is_some() {
            return Ok(or(vec![named, has(field(["key"]))]));
        }
        let by_id = template::expr(
            "id in (select person_id from person_distinct_ids where {has})",
            &[("has", has(field(["distinct_id"])))],
        )?;
        Ok(or(vec![named, has(field(["properties", "email"])), has(field(["id"])), by_id]))
    }
}

/// Whether a column is an actor as an object.
fn is_object(name: &str) -> bool {
    matches!(name.split(" -- ").next().unwrap_or(name).trim(), "person" | "actor" | "group")
}

/// The source written as HogQL: the column that identifies actors becomes `actor_id`.
pub(crate) fn written(text: &str) -> Result<Query, CompileError> {
    let query = crate::parse_select(text)?;
    let Query::Select(select) = &query else { return Err(fault("A source in HogQL must be a single SELECT")) };
    let names: Vec<&str> = select.select.iter().filter_map(output_name).collect();
    let id = ["actor_id", "person_id", "id"].into_iter().find(|name| names.contains(name));
    let id = id.ok_or_else(|| fault("A source in HogQL must have a column actor_id, person_id or id"))?;
    let id = ("id", field([id]));
    template::query("select {id} as actor_id from {query} group by {id}", &[id, ("query", subquery(query))])
}

/// What a column of a SELECT is called, as far as its text says.
fn output_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Alias(alias) => Some(&alias.alias.name),
        ExprKind::Field(chain) => chain.last().map(|ident| ident.name.as_str()),
        _ => None,
    }
}
