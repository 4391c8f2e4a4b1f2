//! FROM: tables, subqueries and joins.

use std::sync::Arc;

use super::{Env, Output, Relation, Resolver, Rows, Scope, name};
use crate::ast::{self, ExprKind, Ident, JoinConstraint, Span, TableRef};
use crate::catalogue;
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Expr, Float, Join, JoinKind, Kind, Literal, RelationId, Sample, Source, Strictness, Table};
use crate::schema;
use crate::types::{Base, Name, Type};
use crate::typing::common;

/// What FROM says, before it is known which tables have to be joined on top.
pub(super) struct Joins {
    first: Option<Source>,
    rest: Vec<Step>,
}

/// Equal pairs, left and right.
type Pairs = Vec<(Expr, Expr)>;

struct Step {
    source: Source,
    kind: JoinKind,
    strictness: Strictness,
    equal: Pairs,
    residual: Option<Expr>,
}

impl Resolver<'_> {
    pub(super) fn from<'q>(&mut self, from: Option<&'q ast::From>, scope: &mut Scope<'q>) -> Result<Joins> {
        let Some(from) = from else { return Ok(Joins { first: None, rest: Vec::new() }) };
        let first = self.table(&from.first, scope)?;
        let mut rest = Vec::with_capacity(from.joins.len());
        for join in &from.joins {
            let source = self.table(&join.table, scope)?;
            let (equal, residual) = self.constraint(join, scope)?;
            let lazy = scope.relations.last().is_some_and(|relation| !relation.joined.is_empty());
            if lazy {
                let message = "ON cannot use fields that are themselves joined from another table";
                return Err(ResolveError::new(Code::InvalidJoinOnExpression, message, join.table.span));
            }
            let kind = match join.kind {
                ast::JoinKind::Inner => JoinKind::Inner,
                ast::JoinKind::Left => JoinKind::Left,
                ast::JoinKind::Right => JoinKind::Right,
                ast::JoinKind::Full => JoinKind::Full,
                ast::JoinKind::Cross => JoinKind::Cross,
            };
            let strictness = match join.strictness {
                None | Some(ast::JoinStrictness::All) => Strictness::All,
                Some(ast::JoinStrictness::Any) => Strictness::Any,
                Some(ast::JoinStrictness::Asof) => Strictness::Asof,
                Some(ast::JoinStrictness::Semi) => Strictness::Semi,
                Some(ast::JoinStrictness::Anti) => Strictness::Anti,
            };
            rest.push(Step { source, kind, strictness, equal, residual });
        }
        Ok(Joins { first: Some(first), rest })
    }

    fn table<'q>(&mut self, table: &'q TableRef, scope: &mut Scope<'q>) -> Result<Source> {
        if let Some(span) = table.final_span {
            let message = "The FINAL keyword is not supported in HogQL as it causes slow queries";
            return Err(ResolveError::input(message, span));
        }
        let sample = table.sample.as_ref().map(sample).transpose()?.flatten();
        let (source, mut relation) = match &table.table {
            ast::Table::Name(path) => self.named_table(path, table.span, sample, scope.env)?,
            ast::Table::Function { name, args } => self.table_function(name, args, table.span, scope)?,
            ast::Table::Query(query) => {
                let output = self.query(query, scope.env, false)?;
                self.subquery(output)
            }
            ast::Table::Values(rows) => self.values(rows, table, scope)?,
            ast::Table::Value(expr) => {
                let text = crate::print_expr(expr, crate::Style::Functions);
                return Err(ResolveError::input(format!("A table was expected, found {text}"), table.span));
            }
            ast::Table::Pivot(_) => return Err(ResolveError::input("PIVOT is not supported yet", table.span)),
            ast::Table::Unpivot(_) => return Err(ResolveError::input("UNPIVOT is not supported yet", table.span)),
        };
        if sample.is_some() && !matches!(source, Source::Table { table: Table::Events, .. }) {
            return Err(ResolveError::input("SAMPLE applies to events only", table.span));
        }
        let source = rename(source, &mut relation, &table.column_aliases, table.span)?;
        if let Some(alias) = &table.alias {
            relation.name = Some(alias.name.clone());
        }
        if let Some(taken) = &relation.name
            && scope.relations.iter().any(|known| known.name.as_ref() == Some(taken))
        {
            let message = format!("Already have joined a table called \"{taken}\". Can't redefine.");
            return Err(ResolveError::input(message, table.span));
        }
        scope.relations.push(relation);
        Ok(source)
    }

    fn named_table<'q>(
        &mut self,
        path: &[Ident],
        span: Span,
        sample: Option<Sample>,
        env: &'q Env<'q>,
    ) -> Result<(Source, Relation)> {
        let full: Vec<&str> = path.iter().map(|ident| ident.name.as_str()).collect();
        let unknown = || {
            let similar = catalogue::closest(full.first().copied().unwrap_or_default(), schema::names());
            let fault = ResolveError::input(format!("Unknown table \"{}\".", full.join(".")), span);
            fault.fixed_by(similar.map(str::to_owned))
        };
        let [wanted] = full.as_slice() else { return Err(unknown()) };
        if let Some((cte, inner)) = env.find(wanted) {
            let ast::CteBody::Query { query, columns, .. } = &cte.body else { return Err(unknown()) };
            let output = self.query(query, inner, false)?;
            let (source, mut relation) = self.subquery(output);
            let source = rename(source, &mut relation, columns, cte.span)?;
            relation.name = Some((*wanted).to_owned());
            return Ok((source, relation));
        }
        let restricted = self.context.restrictions.tables.iter().any(|table| table == wanted);
        if restricted && schema::names().any(|known| known == *wanted) && !matches!(*wanted, "events" | "persons") {
            return Err(ResolveError::input(format!("You don't have access to table `{wanted}`."), span));
        }
        if *wanted == "sessions" {
            self.note_table("sessions");
            return self.sessions(Some("sessions"), span);
        }
        let schema = schema::find(wanted).ok_or_else(unknown)?;
        self.note_table(schema.table.name());
        let id = self.relation();
        let rows = Rows::Table { schema, group: None };
        let relation =
            Relation { id, name: Some((*wanted).to_owned()), rows, joined: Vec::new(), prune: false, over: false };
        Ok((Source::Table { id, table: schema.table, sample }, relation))
    }

    pub(super) fn subquery(&mut self, output: Output) -> (Source, Relation) {
        let id = self.relation();
        let columns = output
            .query
            .columns
            .iter()
            .zip(output.documents)
            .map(|((name, ty), owner)| (Arc::clone(name), ty.clone(), owner));
        let rows = Rows::Columns(columns.collect());
        let source = Source::Query { id, query: Box::new(output.query) };
        (source, Relation { id, name: None, rows, joined: Vec::new(), prune: false, over: false })
    }

    fn table_function(
        &mut self,
        path: &[Ident],
        args: &[ast::Expr],
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<(Source, Relation)> {
        let called = path.iter().map(|ident| ident.name.as_str()).collect::<Vec<_>>().join(".");
        if called != "numbers" {
            return Err(ResolveError::input(format!("Unknown table function \"{called}\"."), span));
        }
        let mut constants = Vec::new();
        for argument in args {
            let value = self.expr(argument, scope)?;
            match self.convert(&value, &Base::UInt64)? {
                Some(value) if matches!(value.as_literal(), Some(Literal::UInt(_))) => constants.push(value),
                _ => return Err(ResolveError::input("numbers() takes constant whole numbers", argument.span)),
            }
        }
        let zero = Expr::literal(Literal::UInt(0), Base::UInt64.into());
        let (start, count) = match constants.as_slice() {
            [count] => (zero, count.clone()),
            [start, count] => (start.clone(), count.clone()),
            _ => return Err(ResolveError::input("Function 'numbers' expects 1 or 2 arguments", span)),
        };
        let id = self.relation();
        let rows = Rows::Columns(vec![(name("number"), Base::UInt64.into(), None)]);
        let relation = Relation { id, name: Some(called), rows, joined: Vec::new(), prune: false, over: false };
        Ok((Source::Numbers { id, start, count }, relation))
    }

    fn values(
        &mut self,
        rows: &[Vec<ast::Expr>],
        table: &TableRef,
        scope: &mut Scope<'_>,
    ) -> Result<(Source, Relation)> {
        let mut resolved: Vec<Vec<Expr>> = Vec::with_capacity(rows.len());
        for row in rows {
            resolved.push(self.exprs(row, scope)?);
        }
        let width = resolved.first().map_or(0, Vec::len);
        if resolved.iter().any(|row| row.len() != width) {
            return Err(ResolveError::input("All rows of VALUES must have the same number of values", table.span));
        }
        let mut columns = Vec::with_capacity(width);
        for at in 0..width {
            let ty = common(resolved.iter().filter_map(|row| row.get(at)).map(|value| &value.ty));
            let ty = ty.ok_or_else(|| {
                ResolveError::new(Code::NoCommonType, "A column of VALUES has no common type", table.span)
            })?;
            columns.push((name(&format!("c{}", at + 1)), ty));
        }
        let id = self.relation();
        let shown = columns.iter().map(|(name, ty): &(Name, Type)| (Arc::clone(name), ty.clone(), None)).collect();
        let relation =
            Relation { id, name: None, rows: Rows::Columns(shown), joined: Vec::new(), prune: false, over: false };
        Ok((Source::Values { id, columns, rows: resolved }, relation))
    }

    /// The equal pairs of a join, and what else it asks for.
    fn constraint<'q>(&mut self, join: &'q ast::Join, scope: &mut Scope<'q>) -> Result<(Pairs, Option<Expr>)> {
        let conditions = match &join.constraint {
            None if join.kind == ast::JoinKind::Cross => return Ok((Vec::new(), None)),
            None => return Err(ResolveError::input("A JOIN needs ON or USING", join.table.span)),
            Some(JoinConstraint::On(condition)) => {
                scope.plain = true;
                let condition = self.expr(condition, scope);
                scope.plain = false;
                vec![condition?]
            }
            Some(JoinConstraint::Using(columns)) => {
                columns.iter().map(|column| self.using(column, scope)).collect::<Result<_>>()?
            }
        };
        let (right, left) = match scope.relations.split_last() {
            Some((right, left)) => (ids(std::slice::from_ref(right)), ids(left)),
            None => (Vec::new(), Vec::new()),
        };
        let mut pairs = Vec::new();
        let mut others = Vec::new();
        for condition in conditions.into_iter().flat_map(conjuncts) {
            match pair(condition, &left, &right) {
                Ok(pair) => pairs.push(pair),
                Err(other) => others.push(other),
            }
        }
        let residual = match others.len() {
            0 => None,
            _ => Some(self.combine("and", others, join.table.span)?),
        };
        Ok((pairs, residual))
    }

    fn using(&mut self, column: &ast::Expr, scope: &mut Scope<'_>) -> Result<Expr> {
        let ExprKind::Field(chain) = &column.kind else {
            return Err(ResolveError::input("USING takes names of columns", column.span));
        };
        let Some(last) = scope.relations.len().checked_sub(1) else {
            return Err(ResolveError::input("USING needs a join", column.span));
        };
        let mut sides = Vec::new();
        for at in (0..=last).rev() {
            let Some(relation) = scope.relations.get_mut(at) else { continue };
            if let Some(place) = self.in_relation(relation, chain, column.span)? {
                sides.push(self.finish(place, false, column.span)?);
            }
            if sides.len() == 2 {
                break;
            }
        }
        let (Some(left), Some(right)) = (sides.pop(), sides.pop()) else {
            let shown = chain.first().map_or("", |ident| ident.name.as_str());
            return Err(ResolveError::input(format!("Unable to resolve field: {shown}"), column.span));
        };
        scope.using.extend(chain.first().map(|ident| ident.name.clone()));
        self.compare(ast::CompareOp::Eq, left, right, true, column.span)
    }

    /// The groups of one type.
    pub(super) fn groups_of(&mut self, index: u8) -> Result<crate::resolved::Query> {
        let text = format!("select key, created_at, updated_at, properties from groups where index = {index}");
        let query =
            crate::parse_select(&text).map_err(|error| ResolveError::input(error.to_string(), Span::default()))?;
        Ok(self.quietly(Span::default(), |this| this.query(&query, &Env::Root, false))?.query)
    }
}

impl Joins {
    /// The whole tree: each table, then what was joined to it because a field was used, then the next table.
    pub(super) fn build(self, scope: &mut Scope<'_>) -> Result<Option<Source>> {
        let Some(mut tree) = self.first else { return Ok(None) };
        let mut relations = scope.relations.iter_mut();
        tree = with_lazy(tree, relations.next());
        for step in self.rest {
            let join = Join {
                left: tree,
                right: step.source,
                kind: step.kind,
                strictness: step.strictness,
                equal: step.equal,
                residual: step.residual,
            };
            tree = with_lazy(Source::Join(Box::new(join)), relations.next());
        }
        Ok(Some(tree))
    }
}

/// `tree` with the tables joined to `relation` on top; theirs too.
fn with_lazy(mut tree: Source, relation: Option<&mut Relation>) -> Source {
    let Some(relation) = relation else { return tree };
    for joined in &mut relation.joined {
        let join = Join {
            left: tree,
            right: joined.source.clone(),
            kind: JoinKind::Left,
            strictness: Strictness::Any,
            equal: vec![joined.on.clone()],
            residual: None,
        };
        tree = with_lazy(Source::Join(Box::new(join)), Some(&mut joined.relation));
    }
    tree
}

/// The relations whose columns are `relations`' own or joined to them.
fn ids(relations: &[Relation]) -> Vec<RelationId> {
    let mut found = Vec::new();
    for relation in relations {
        found.push(relation.id);
        for joined in &relation.joined {
            found.extend(ids(std::slice::from_ref(&joined.relation)));
        }
    }
    found
}

fn conjuncts(condition: Expr) -> Vec<Expr> {
    match condition.kind {
        Kind::Call { function: "and", arguments } => arguments.into_iter().flat_map(conjuncts).collect(),
        _ => vec![condition],
    }
}

/// An equality of the two sides, or the condition back.
fn pair(condition: Expr, left: &[RelationId], right: &[RelationId]) -> std::result::Result<(Expr, Expr), Expr> {
    let Kind::Call { function: "equals", arguments } = &condition.kind else { return Err(condition) };
    let [one, other] = arguments.as_slice() else { return Err(condition) };
    let within = |expr: &Expr, side: &[RelationId]| {
        let mut used = false;
        let outside = expr.any(&|expr| matches!(&expr.kind, Kind::Column { relation, .. } if !side.contains(relation)));
        used |= expr.any(&|expr| matches!(&expr.kind, Kind::Column { .. }));
        used && !outside
    };
    if within(one, left) && within(other, right) {
        return Ok((one.clone(), other.clone()));
    }
    if within(other, left) && within(one, right) {
        return Ok((other.clone(), one.clone()));
    }
    Err(condition)
}

/// Renames the columns of a subquery.
fn rename(source: Source, relation: &mut Relation, aliases: &[Ident], span: Span) -> Result<Source> {
    if aliases.is_empty() {
        return Ok(source);
    }
    let fault = || ResolveError::input("Column aliases apply to subqueries, one for each column", span);
    let Rows::Columns(columns) = &mut relation.rows else { return Err(fault()) };
    if columns.len() != aliases.len() {
        return Err(fault());
    }
    for (column, alias) in columns.iter_mut().zip(aliases) {
        column.0 = name(&alias.name);
    }
    let names: Vec<Name> = columns.iter().map(|(name, ..)| Arc::clone(name)).collect();
    match source {
        Source::Query { id, mut query } => {
            for (column, name) in query.columns.iter_mut().zip(&names) {
                column.0 = Arc::clone(name);
            }
            if let crate::resolved::Body::Select(select) = &mut query.body {
                for (column, name) in select.projection.iter_mut().zip(&names) {
                    column.name = Arc::clone(name);
                }
            }
            Ok(Source::Query { id, query })
        }
        Source::Values { id, mut columns, rows } => {
            for (column, name) in columns.iter_mut().zip(&names) {
                column.0 = Arc::clone(name);
            }
            Ok(Source::Values { id, columns, rows })
        }
        Source::Numbers { .. } => Err(fault()),
        other => Ok(other),
    }
}

/// `SAMPLE a/b OFFSET c/d`; `None` is everything.
fn sample(sample: &ast::Sample) -> Result<Option<Sample>> {
    let number = |expr: &ast::Expr| match expr.as_constant() {
        #[expect(clippy::cast_precision_loss, reason = "a ratio is a float")]
        Some(ast::Constant::Int(value)) => Ok(*value as f64),
        Some(ast::Constant::Float(value)) => Ok(*value),
        _ => Err(ResolveError::input("SAMPLE takes numbers", expr.span)),
    };
    let ratio = |ratio: &ast::Ratio| -> Result<f64> {
        let denominator = ratio.denominator.as_ref().map_or(Ok(1.0), number)?;
        Ok(number(&ratio.numerator)? / denominator)
    };
    let (share, offset) = (ratio(&sample.ratio)?, sample.offset.as_ref().map_or(Ok(0.0), ratio)?);
    if !(share > 0.0 && share <= 1.0 && (0.0..1.0).contains(&offset)) {
        return Err(ResolveError::input("SAMPLE takes a share above 0 and up to 1", sample.span));
    }
    Ok((share < 1.0 || offset > 0.0).then_some(Sample { ratio: Float(share), offset: Float(offset) }))
}
