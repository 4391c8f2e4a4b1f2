//! Queries and their clauses.

use super::{Expr, Ident, Span};

/// Anything that yields rows: a whole statement, or what stands in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// `SELECT …`.
    Select(Box<SelectQuery>),
    /// `SELECT … UNION ALL SELECT …`.
    Set(Box<SelectSet>),
    /// `{placeholder}` or `<Tag />` in the place of a query.
    Value(Box<Expr>),
}

/// Queries combined by set operators.
///
/// The list is flat and in source order. `INTERSECT` binds tighter than the others; planning groups it.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectSet {
    /// Where it was written.
    pub span: Span,
    /// The first query.
    pub initial: Query,
    /// The others, at least one, each with the operator before it.
    pub subsequent: Vec<(SetOperator, Query)>,
    /// `ORDER BY` after a parenthesised last branch; after a bare one it belongs to that branch.
    pub order_by: Vec<OrderExpr>,
    /// `LIMIT` and `OFFSET` after a parenthesised last branch.
    pub limit: Option<Limit>,
}

/// How two queries are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetOperator {
    /// Which rows are left.
    pub kind: SetKind,
    /// `BY NAME`: columns are matched by name and not by position.
    pub by_name: bool,
}

/// Which rows are left when two queries are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SetKind {
    UnionAll,
    /// `UNION` and `UNION DISTINCT`.
    UnionDistinct,
    /// `INTERSECT` and `INTERSECT DISTINCT`.
    Intersect,
    IntersectAll,
    Except,
    ExceptAll,
}

/// `SELECT …`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SelectQuery {
    /// Where it was written.
    pub span: Span,
    /// `WITH …`.
    pub with: Vec<Cte>,
    /// `SELECT DISTINCT`.
    pub distinct: bool,
    /// The columns; a named one is an [`Alias`](super::ExprKind::Alias).
    pub select: Vec<Expr>,
    /// `FROM …`.
    pub from: Option<From>,
    /// `ARRAY JOIN …`.
    pub array_join: Option<ArrayJoin>,
    /// `PREWHERE …`: means the same as one more condition of `filter`.
    pub prewhere: Option<Expr>,
    /// `WHERE …`.
    pub filter: Option<Expr>,
    /// `GROUP BY …`.
    pub group_by: Option<GroupBy>,
    /// `HAVING …`.
    pub having: Option<Expr>,
    /// `WINDOW name AS (…)`.
    pub windows: Vec<NamedWindow>,
    /// `QUALIFY …`.
    pub qualify: Option<Expr>,
    /// `ORDER BY …`.
    pub order_by: Vec<OrderExpr>,
    /// `INTERPOLATE`: all columns if the list is empty.
    pub interpolate: Option<Vec<Interpolate>>,
    /// `LIMIT n BY …`.
    pub limit_by: Option<LimitBy>,
    /// `LIMIT` and `OFFSET`.
    pub limit: Option<Limit>,
}

/// One name that `WITH` introduces.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    /// Where it was written.
    pub span: Span,
    /// Its name.
    pub name: Ident,
    /// What it stands for.
    pub body: CteBody,
    /// `WITH RECURSIVE`, which holds for all of its names.
    pub recursive: bool,
}

/// What a name of `WITH` stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum CteBody {
    /// `name(columns) AS [[NOT] MATERIALIZED] (SELECT …)`.
    Query {
        /// The rows.
        query: Query,
        /// New names for its columns, if given.
        columns: Vec<Ident>,
        /// `MATERIALIZED` or `NOT MATERIALIZED`, if given.
        materialized: Option<bool>,
        /// `USING KEY (…)`, if given.
        using_key: Vec<Ident>,
    },
    /// `expr AS name`: the expression takes the place of the name.
    Expr(Expr),
}

/// `FROM`: a table and what is joined to it, in source order.
#[derive(Debug, Clone, PartialEq)]
pub struct From {
    /// The first table.
    pub first: TableRef,
    /// The others.
    pub joins: Vec<Join>,
}

/// A table of `FROM`, with what is said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRef {
    /// Where it was written, alias and sample included.
    pub span: Span,
    /// The rows.
    pub table: Table,
    /// `AS t`.
    pub alias: Option<Ident>,
    /// `AS t(a, b)`; empty if not given.
    pub column_aliases: Vec<Ident>,
    /// Where `FINAL` was written, if it was: resolving refuses it.
    pub final_span: Option<Span>,
    /// `SAMPLE …`.
    pub sample: Option<Sample>,
}

/// Where the rows of a table of `FROM` come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Table {
    /// `events`, `postgres.public.users`.
    Name(Vec<Ident>),
    /// `numbers(10)`.
    Function {
        /// The function's dotted name.
        name: Vec<Ident>,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// `(SELECT …)`.
    Query(Box<Query>),
    /// `(VALUES (1, 2), (3, 4))`.
    Values(Vec<Vec<Expr>>),
    /// `{placeholder}` or `<Tag />`.
    Value(Box<Expr>),
    /// `t PIVOT (…)`.
    Pivot(Box<Pivot>),
    /// `t UNPIVOT (…)`.
    Unpivot(Box<Unpivot>),
}

/// `table PIVOT (sum(x) FOR y IN (1, 2) GROUP BY z)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pivot {
    /// What is turned, and its alias inside.
    pub table: TableRef,
    /// The values of the new columns.
    pub aggregates: Vec<Expr>,
    /// Which columns become many.
    pub columns: Vec<PivotColumn>,
    /// `GROUP BY …`.
    pub group_by: Vec<Expr>,
}

/// `y IN (1, 2)` of a pivot.
#[derive(Debug, Clone, PartialEq)]
pub struct PivotColumn {
    /// The column.
    pub column: Expr,
    /// The values that become columns.
    pub values: Vec<Expr>,
}

/// `table UNPIVOT (value FOR name IN (a, b))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpivot {
    /// What is turned, and its alias inside.
    pub table: TableRef,
    /// `INCLUDE NULLS`.
    pub include_nulls: bool,
    /// Which columns become rows.
    pub columns: Vec<UnpivotColumn>,
}

/// `value FOR name IN (a, b)` of an unpivot.
#[derive(Debug, Clone, PartialEq)]
pub struct UnpivotColumn {
    /// The column, or tuple of columns, that takes the values.
    pub value_columns: Expr,
    /// The column, or tuple of columns, that takes the names.
    pub name_columns: Expr,
    /// The columns that become rows.
    pub columns: Vec<Expr>,
}

/// One joined table.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Which rows without a partner stay.
    pub kind: JoinKind,
    /// How many partners a row may have.
    pub strictness: Option<JoinStrictness>,
    /// The table.
    pub table: TableRef,
    /// Which rows are partners. Absent for [`JoinKind::Cross`] and only there.
    pub constraint: Option<JoinConstraint>,
}

/// Which rows without a partner stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// `CROSS JOIN`, or a comma.
    Cross,
}

/// How many partners a row may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum JoinStrictness {
    All,
    Any,
    Asof,
    Semi,
    Anti,
}

/// Which rows are partners.
#[derive(Debug, Clone, PartialEq)]
pub enum JoinConstraint {
    /// `ON condition`.
    On(Expr),
    /// `USING (a, b)`.
    Using(Vec<Expr>),
}

/// `SAMPLE ratio OFFSET offset`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where it was written.
    pub span: Span,
    /// The share of rows: a number, a placeholder, or the quotient of two of them.
    pub ratio: Ratio,
    /// Where in the range of hashes the share begins.
    pub offset: Option<Ratio>,
}

/// A number, or the quotient of two.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// The number: a constant or a placeholder.
    pub numerator: Expr,
    /// What it is divided by.
    pub denominator: Option<Expr>,
}

/// `ARRAY JOIN a AS x, b AS y`.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayJoin {
    /// Which rows stay.
    pub kind: ArrayJoinKind,
    /// The arrays, walked side by side; each is an [`Alias`](super::ExprKind::Alias).
    pub arrays: Vec<Expr>,
}

/// Which rows stay when arrays become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArrayJoinKind {
    /// `ARRAY JOIN`: a row with empty arrays vanishes.
    Plain,
    /// `INNER ARRAY JOIN`: the same.
    Inner,
    /// `LEFT ARRAY JOIN`: a row with empty arrays stays once.
    Left,
}

/// `GROUP BY`.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupBy {
    /// `GROUP BY a, b`.
    List(Vec<Expr>),
    /// `GROUP BY ALL`: every column without an aggregate.
    All,
    /// `GROUP BY ROLLUP(a, b)`.
    Rollup(Vec<Expr>),
    /// `GROUP BY CUBE(a, b)`.
    Cube(Vec<Expr>),
    /// `GROUP BY GROUPING SETS ((a), (a, b), ())`.
    Sets(Vec<Vec<Expr>>),
}

/// `WINDOW name AS (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedWindow {
    /// Its name.
    pub name: Ident,
    /// What it is.
    pub window: WindowSpec,
}

/// What follows `OVER`.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// `OVER name`.
    Name(Ident),
    /// `OVER (…)`.
    Window(WindowSpec),
}

/// `(PARTITION BY … ORDER BY … ROWS …)`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowSpec {
    /// Where it was written.
    pub span: Span,
    /// `PARTITION BY …`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY …`.
    pub order_by: Vec<OrderExpr>,
    /// `ROWS …` or `RANGE …`.
    pub frame: Option<WindowFrame>,
}

/// `ROWS BETWEEN start AND end`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    /// What is counted.
    pub unit: FrameUnit,
    /// Where the frame starts.
    pub start: FrameBound,
    /// Where it ends: at the current row if absent.
    pub end: Option<FrameBound>,
}

/// What the bounds of a frame count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FrameUnit {
    Rows,
    Range,
}

/// One end of a window frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    /// `CURRENT ROW`.
    CurrentRow,
    /// `n PRECEDING`; `UNBOUNDED` without a number.
    Preceding(Option<Expr>),
    /// `n FOLLOWING`; `UNBOUNDED` without a number.
    Following(Option<Expr>),
}

/// One term of `ORDER BY`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderExpr {
    /// Where it was written.
    pub span: Span,
    /// What is ordered by.
    pub expr: Expr,
    /// Up or down.
    pub direction: Direction,
    /// `NULLS FIRST` or `NULLS LAST`, if given; last by default.
    pub nulls: Option<Nulls>,
    /// `WITH FILL …`.
    pub fill: Option<WithFill>,
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Small values first.
    Asc,
    /// Large values first.
    Desc,
}

/// Where NULL is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Nulls {
    First,
    Last,
}

/// `WITH FILL FROM a TO b STEP c`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithFill {
    /// `FROM …`.
    pub from: Option<Expr>,
    /// `TO …`.
    pub to: Option<Expr>,
    /// `STEP …`.
    pub step: Option<Expr>,
}

/// `column AS value` of `INTERPOLATE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Interpolate {
    /// The column.
    pub column: Expr,
    /// What it becomes in filled rows; its last value if absent.
    pub value: Option<Expr>,
}

/// `LIMIT n OFFSET m BY a, b`.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitBy {
    /// Rows kept per group.
    pub count: Expr,
    /// Rows skipped per group.
    pub offset: Option<Expr>,
    /// What makes a group.
    pub by: Vec<Expr>,
}

/// `LIMIT n OFFSET m`. Either may be absent, not both.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// How many rows are kept.
    pub count: Option<Expr>,
    /// How many are skipped before.
    pub offset: Option<Expr>,
    /// `LIMIT n%`: `count` is a percentage.
    pub percent: bool,
    /// `WITH TIES`: rows equal to the last one are kept too.
    pub with_ties: bool,
}
