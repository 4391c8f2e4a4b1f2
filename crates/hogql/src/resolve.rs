//! Names get meanings: a syntax tree becomes a resolved tree.
//!
//! One scope per SELECT. A name is looked up among the arguments of lambdas, the aliases of the select list, the fields of the
//! tables, and the expressions of WITH, in this order. Whatever is found is put in the place of the name, so that the
//! result has no names to look up; how much it may grow that way is bounded by [`NODES`], and how deep by
//! [`crate::MAX_DEPTH`].

mod aggregate;
mod arithmetic;
mod call;
mod channels;
mod compare;
mod constant;
mod expr;
mod field;
mod higher;
mod lower;
mod order;
mod query;
mod select;
mod sessions;
mod source;
mod time;
mod window;

pub(crate) use time::{instant, zone};

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::MAX_DEPTH;
use crate::Notice;
use crate::ast::{self, Span};
use crate::context::Context;
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{ArrayJoin, Expr, Kind, Query, RelationId, Source};
use crate::schema::{Owner, TableSchema};
use crate::types::{Name, Type};
use crate::typing::{Fault, call_type};

/// How many nodes a resolved tree may have: aliases that use aliases can grow without bound.
pub(crate) const NODES: usize = 500_000;
/// Columns of all its SELECTs together: planning takes time with their square, and cannot be interrupted.
const COLUMNS: usize = 4_096;
/// How many notices are kept.
const NOTICES: usize = 1_000;

/// Resolves `query`, in which placeholders have been replaced.
///
/// # Errors
///
/// If a name cannot be resolved, if types do not fit, or if the query is one that we do not run.
pub fn resolve(query: &ast::Query, context: &Context) -> std::result::Result<Query, Box<ResolveError>> {
    resolve_and_tell(query, context).map(|(query, _)| query)
}

/// What was found in a text while its names were looked up.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What names and literals were taken for.
    pub(crate) notices: Vec<Notice>,
    /// The tables that it names.
    pub(crate) tables: BTreeSet<&'static str>,
}

/// As [`resolve`], and tells what was found.
pub(crate) fn resolve_and_tell(query: &ast::Query, context: &Context) -> Result<(Query, Findings)> {
    let mut resolver = Resolver {
        context,
        relations: 0,
        nodes: 0,
        columns: 0,
        depth: 0,
        variables: 0,
        findings: Findings::default(),
        quiet: 0,
    };
    let query = resolver.query(query, &Env::Root, true)?.query;
    Ok((query, resolver.findings))
}

/// What is counted over one whole query.
struct Resolver<'c> {
    context: &'c Context,
    relations: u32,
    nodes: usize,
    columns: usize,
    depth: u32,
    variables: u32,
    findings: Findings,
    /// How many texts of our own enclose what is resolved: their places are not those of the query.
    quiet: u32,
}

/// The names that WITH has introduced, innermost first.
#[derive(Clone, Copy)]
enum Env<'q> {
    Root,
    Cte { parent: &'q Env<'q>, cte: &'q ast::Cte },
}

/// A query and what is known of its columns beyond their types.
struct Output {
    query: Query,
    /// Which columns are JSON documents.
    documents: Vec<Option<Owner>>,
}

/// One SELECT while it is resolved.
struct Scope<'q> {
    env: &'q Env<'q>,
    relations: Vec<Relation>,
    aliases: Vec<Alias<'q>>,
    /// Where in `aliases` a name is.
    alias_places: HashMap<&'q str, usize>,
    windows: &'q [ast::NamedWindow],
    lambdas: Vec<(String, Name, Type)>,
    /// The column of the select list that is being resolved: it sees aliases before it first.
    item: Option<usize>,
    /// The aggregate whose arguments are being resolved.
    aggregate: Option<String>,
    /// Comparisons keep ClickHouse's treatment of NULL: inside ON.
    plain: bool,
    /// Typed properties are read as text: directly inside a function that converts text.
    untyped: bool,
    /// Columns of USING: either side will do.
    using: Vec<String>,
    /// `arrayJoin` calls found so far.
    unfolded: Vec<ArrayJoin>,
}

/// An alias of the select list.
struct Alias<'q> {
    name: &'q str,
    expr: &'q ast::Expr,
    item: usize,
    state: Cell<AliasState>,
    resolved: Option<Expr>,
    owner: Option<Owner>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AliasState {
    Untouched,
    Underway,
    Done,
}

/// Something in FROM.
struct Relation {
    id: RelationId,
    name: Option<String>,
    rows: Rows,
    /// Tables joined because a field was used, by the field.
    joined: Vec<Joined>,
    /// The columns may be left out if they are not used.
    prune: bool,
    /// The columns of ARRAY JOIN: they hide fields of the same name.
    over: bool,
}

enum Rows {
    Table { schema: &'static TableSchema, group: Option<u8> },
    Columns(Vec<(Name, Type, Option<Owner>)>),
}

struct Joined {
    field: &'static str,
    relation: Relation,
    source: Source,
    on: (Expr, Expr),
}

impl<'q> Scope<'q> {
    fn new(env: &'q Env<'q>, windows: &'q [ast::NamedWindow]) -> Self {
        Self {
            env,
            relations: Vec::new(),
            aliases: Vec::new(),
            alias_places: HashMap::new(),
            windows,
            lambdas: Vec::new(),
            item: None,
            aggregate: None,
            plain: false,
            untyped: false,
            using: Vec::new(),
            unfolded: Vec::new(),
        }
    }
}

impl Resolver<'_> {
    fn relation(&mut self) -> RelationId {
        self.relations += 1;
        RelationId(self.relations)
    }

    fn zone(&self) -> &Name {
        &self.context.project.timezone
    }

    /// Goes one level deeper for as long as `inner` runs, on as much stack as that takes.
    fn deeper<T>(&mut self, span: Span, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(ResolveError::input("Query is nested too deeply", span));
        }
        self.depth += 1;
        let result = stacker::maybe_grow(256 * 1024, 2 * 1024 * 1024, || inner(self));
        self.depth -= 1;
        result
    }

    /// Resolves a text of our own that stands for something at `span`: nobody wants to read notices about it, and what is
    /// wrong with it is wrong there.
    fn quietly<T>(&mut self, span: Span, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.quiet += 1;
        let result = inner(self);
        self.quiet -= 1;
        result.map_err(|error| error.at(span))
    }

    /// Notes what something in the text was taken for.
    fn note(&mut self, span: Span, message: impl FnOnce() -> String) {
        let notices = &mut self.findings.notices;
        let is_new = || !notices.iter().rev().take(8).any(|notice| notice.span == span);
        if self.quiet == 0 && span.end > span.start && notices.len() < NOTICES && is_new() {
            notices.push(Notice { message: message(), span });
        }
    }

    /// Notes that the text names a table.
    fn note_table(&mut self, table: &'static str) {
        if self.quiet == 0 {
            self.findings.tables.insert(table);
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > NODES {
            return Err(ResolveError::input("Query is too large once its aliases are replaced", span));
        }
        Ok(())
    }

    /// Counts the columns of one more SELECT.
    fn count_columns(&mut self, columns: usize, span: Span) -> Result<()> {
        self.columns += columns;
        if self.columns > COLUMNS {
            let message = format!("The SELECTs of a query have at most {COLUMNS} columns together");
            return Err(ResolveError::input(message, span));
        }
        Ok(())
    }

    /// `function(arguments)`, by ClickHouse's name, with its type.
    fn call(&mut self, function: &'static str, arguments: Vec<Expr>, span: Span) -> Result<Expr> {
        self.count(1, span)?;
        let ty = call_type(function, &arguments, self.zone()).map_err(|fault| {
            describe(&fault, function, &arguments.iter().map(|argument| &argument.ty).collect::<Vec<_>>(), span)
        })?;
        if ty.is_null() {
            return Ok(Expr { span, ..Expr::null() });
        }
        Ok(Expr { kind: Kind::Call { function, arguments }, ty, span })
    }
}

/// Says what is wrong with a call.
fn describe(fault: &Fault, function: &str, types: &[&Type], span: Span) -> Box<ResolveError> {
    let list = |types: &[&Type]| types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ");
    match fault {
        Fault::Unknown => {
            ResolveError::new(Code::UnknownFunction, format!("Function '{function}' is not supported yet"), span)
        }
        Fault::Argument(at) => {
            let ty = types.get(*at).map_or_else(String::new, |ty| format!("{ty} "));
            let message = format!("Illegal type {ty}of argument {} of function {function}", at + 1);
            ResolveError::new(Code::IllegalTypeOfArgument, message, span)
        }
        Fault::NoCommonType => {
            let message = format!("There is no common type for {} in function {function}", list(types));
            ResolveError::new(Code::NoCommonType, message, span)
        }
    }
}

impl Resolver<'_> {
    /// `matchesAction(id)` or `matchesAction('name')`: the condition that the action stands for.
    fn matches_action(&mut self, arguments: &[ast::Expr], span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let actions = &self.context.project.actions;
        let action = match arguments.first().and_then(ast::Expr::as_constant) {
            Some(ast::Constant::Int(id)) => actions.iter().find(|action| action.id == *id),
            Some(ast::Constant::String(name)) => actions.iter().find(|action| action.name == *name),
            _ => return Err(ResolveError::input("matchesAction() takes only constant arguments", span)),
        };
        let action = action.ok_or_else(|| ResolveError::input("Could not find the action of matchesAction()", span))?;
        let subject = crate::filters::Subject::Events;
        let mut compiler = crate::filters::Compiler::new(self.context, subject);
        let condition =
            crate::actions::condition(action, &mut compiler).map_err(|error| ResolveError::input(error.0, span))?;
        self.quietly(span, |this| this.expr(&condition, scope))
    }
}

fn name(text: &str) -> Name {
    Arc::from(text)
}
