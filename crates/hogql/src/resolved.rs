//! The resolved tree: a query with nothing left to look up.
//!
//! Aliases, `expr AS x`, macros, positions in GROUP BY and ORDER BY, placeholders, `{filters}`, actions, cohorts by name
//! and lazy joins are gone. Functions are ClickHouse's, by ClickHouse's names and with ClickHouse's semantics, and
//! comparisons are already lowered so that they never give NULL. Every expression has its exact type, and two back-ends
//! (the embedded planner and the ClickHouse printer) read the same tree, so neither can disagree about meaning.
//!
//! What a reader may rely on:
//!
//! * A [`Column`](Kind::Column) names a relation of the same [`Select`] (or, in the order of a [`Set`], the set itself), and
//!   columns are unique by name within a relation. There are no correlated subqueries.
//! * An outer join fills the columns of the missing side with the *default* of their type (0, '', epoch), NULL only where
//!   the type is nullable. Types do not change by joining.
//! * A condition is of type UInt8 or Bool, perhaps nullable; NULL counts as false.
//! * `arrayJoin(…)` does not occur in expressions: it has become an [`ArrayJoin`].
//! * Equality ignores spans and compares floats by their bits, so that a grouping key can be found again by `==`.
//! * Nothing is nested deeper than [`crate::MAX_DEPTH`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::ast::Span;
use crate::types::{Name, Type};

/// Identifies a relation within one whole query, subqueries included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationId(pub u32);

/// A query and the columns it answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// What to compute.
    pub body: Body,
    /// The columns in order. Only at the top may two of them share a name.
    pub columns: Vec<(Name, Type)>,
}

/// One SELECT, or several combined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Body {
    /// One SELECT.
    Select(Box<Select>),
    /// Several, combined.
    Set(Box<Set>),
}

/// Rows of several queries, matched by position. Values are cast to the types of [`Query::columns`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Set {
    /// The relation that `order_by` refers to; its columns are those of the query.
    pub relation: RelationId,
    /// How they combine.
    pub operation: SetOperation,
    /// At least two for a union, exactly two otherwise.
    pub branches: Vec<Query>,
    /// An order over the combined rows.
    pub order_by: Vec<Order>,
    /// A limit over the combined rows.
    pub limit: Limit,
}

/// How sets combine. All but `UnionAll` and `ExceptAll` answer distinct rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOperation {
    /// All rows of all branches.
    UnionAll,
    /// Distinct rows of all branches.
    UnionDistinct,
    /// Rows that are in both, as often as in the left one (ClickHouse's INTERSECT ALL).
    IntersectAll,
    /// Distinct rows that are in both.
    IntersectDistinct,
    /// Rows of the left that are not in the right.
    ExceptAll,
    /// Distinct rows of the left that are not in the right.
    ExceptDistinct,
}

/// One SELECT, in the order of evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Select {
    /// Where rows come from; `None` is one row without columns.
    pub source: Option<Source>,
    /// Rows multiplied before the filter, one after the other.
    pub array_joins: Vec<ArrayJoin>,
    /// WHERE and PREWHERE.
    pub filter: Option<Expr>,
    /// How rows are grouped; `None` if there is neither GROUP BY nor an aggregate.
    pub group_by: Option<GroupBy>,
    /// A condition on groups; without groups it acts as a second filter, after array joins.
    pub having: Option<Expr>,
    /// Rows multiplied after grouping: `arrayJoin` of something that holds an aggregate.
    pub late_array_joins: Vec<ArrayJoin>,
    /// A condition that may hold window functions.
    pub qualify: Option<Expr>,
    /// The columns. Names are unique except at the top of a query.
    pub projection: Vec<Projected>,
    /// Keep one row of those with equal columns.
    pub distinct: bool,
    /// The order of rows.
    pub order_by: Vec<Order>,
    /// LIMIT … BY.
    pub limit_by: Option<LimitBy>,
    /// LIMIT and OFFSET.
    pub limit: Limit,
}

/// A column of a select list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Projected {
    /// The name of the column, as reported.
    pub name: Name,
    /// Its value.
    pub expr: Expr,
}

/// Grouping keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupBy {
    /// Distinct expressions; empty means one group of all rows, which answers a row even if there are none.
    pub keys: Vec<Expr>,
    /// For ROLLUP, CUBE and GROUPING SETS: the sets, as positions in `keys`. A key absent from a set is the default of its
    /// type. `None` is the one set of all keys.
    pub sets: Option<Vec<Vec<usize>>>,
}

/// One sort key. NULL and NaN come last in both directions unless `nulls_first`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// What to sort by.
    pub expr: Expr,
    /// Largest first.
    pub descending: bool,
    /// NULL and NaN first, in both directions.
    pub nulls_first: bool,
    /// WITH FILL: rows are added where a step is missing.
    pub fill: Option<Box<Fill>>,
}

/// The bounds of WITH FILL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fill {
    /// The first value, inclusive.
    pub from: Option<Expr>,
    /// The end, exclusive.
    pub to: Option<Expr>,
    /// The distance, a number or an interval; 1 if absent.
    pub step: Option<Expr>,
}

/// LIMIT n [OFFSET m] BY keys: of the rows with equal keys, in the order of the query, those from `offset`, at most `limit`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitBy {
    /// How many rows of each key.
    pub limit: Expr,
    /// How many to leave out first.
    pub offset: Option<Expr>,
    /// The keys.
    pub keys: Vec<Expr>,
}

/// How many rows, and after how many. Expressions are constant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Limit {
    /// At most so many.
    pub limit: Option<Expr>,
    /// After so many.
    pub offset: Option<Expr>,
    /// And those that sort equal to the last one.
    pub with_ties: bool,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A table of the project. Rows of other projects are unreachable by construction.
    Table {
        /// The relation.
        id: RelationId,
        /// Which table.
        table: Table,
        /// Keep rows by the hash of `distinct_id`.
        sample: Option<Sample>,
    },
    /// A subquery.
    Query {
        /// The relation; its columns are those of the query, by name.
        id: RelationId,
        /// The subquery.
        query: Box<Query>,
    },
    /// `numbers(start, count)`: one UInt64 column `number`.
    Numbers {
        /// The relation.
        id: RelationId,
        /// The first number.
        start: Expr,
        /// How many.
        count: Expr,
    },
    /// Rows written out in the query.
    Values {
        /// The relation.
        id: RelationId,
        /// Its columns.
        columns: Vec<(Name, Type)>,
        /// Constant expressions, as many in each row as there are columns.
        rows: Vec<Vec<Expr>>,
    },
    /// Two sources, joined.
    Join(Box<Join>),
}

/// A join.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Join {
    /// The rows on the left.
    pub left: Source,
    /// The rows on the right.
    pub right: Source,
    /// Whose unmatched rows stay.
    pub kind: JoinKind,
    /// How many matches count.
    pub strictness: Strictness,
    /// Equal pairs, of which the first is computed from the left and the second from the right. NULL equals nothing.
    pub equal: Vec<(Expr, Expr)>,
    /// Other conditions on a pair of rows. For ASOF the last of these is the inequality.
    pub residual: Option<Expr>,
}

/// Whose unmatched rows stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Nobody's.
    Inner,
    /// The left's.
    Left,
    /// The right's.
    Right,
    /// Both.
    Full,
    /// Every pair; there are no conditions.
    Cross,
}

/// How many matches count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strictness {
    /// All of them.
    All,
    /// Any one.
    Any,
    /// The nearest, by the inequality.
    Asof,
    /// Whether there is one.
    Semi,
    /// Whether there is none.
    Anti,
}

/// SAMPLE ratio OFFSET offset, both in 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    /// The share of distinct ids to keep.
    pub ratio: Float,
    /// Where the share begins.
    pub offset: Float,
}

/// Array columns unfolded side by side, each row repeated once per element. All arrays of one join have the same length.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArrayJoin {
    /// The relation whose columns are the elements.
    pub relation: RelationId,
    /// Keep rows with empty arrays, with the default of the element type.
    pub left: bool,
    /// Whether it was written as the function `arrayJoin(…)`.
    pub inline: bool,
    /// The columns and the arrays they come from.
    pub items: Vec<ArrayJoinItem>,
}

/// One column of an [`ArrayJoin`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArrayJoinItem {
    /// The name of the element column.
    pub name: Name,
    /// The array. Its element type is the type of the column.
    pub array: Expr,
}

/// The tables that a back-end provides, with the columns of [`crate::schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Events, deletions applied, `person_id` resolved to the surviving person.
    Events,
    /// The latest version of each person that is not deleted.
    Persons,
    /// All versions, deletions included.
    RawPersons,
    /// The latest assignment of each distinct id that is not deleted.
    PersonDistinctIds,
    /// All assignments.
    RawPersonDistinctIds,
    /// Distinct ids whose person changed since events with them were stored.
    PersonDistinctIdOverrides,
    /// All versions of those.
    RawPersonDistinctIdOverrides,
    /// The latest version of each group.
    Groups,
    /// All versions.
    RawGroups,
    /// Members of calculated cohorts.
    CohortPeople,
    /// All versions of membership.
    RawCohortPeople,
    /// Members of static cohorts.
    StaticCohortPeople,
}

/// A value and how to compute it.
#[derive(Debug, Clone)]
pub struct Expr {
    /// How.
    pub kind: Kind,
    /// The exact ClickHouse type.
    pub ty: Type,
    /// Where it was written; empty for what was added.
    pub span: Span,
}

/// How a value is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A constant; the type says how it is stored.
    Literal(Literal),
    /// A column of a relation.
    Column {
        /// The relation.
        relation: RelationId,
        /// Unique within it.
        name: Name,
    },
    /// The argument of an enclosing lambda. Names are unique among nested lambdas.
    Variable(Name),
    /// The text of one value inside a JSON document, Nullable(String): the compact JSON of the value, without one quote on
    /// each side and with escapes decoded; NULL if missing, `null`, or if the document is no object.
    Property {
        /// The document, mostly a column such as `properties`.
        document: Box<Expr>,
        /// At least one step.
        path: Vec<Step>,
        /// Leave escapes in strings as they are.
        keep_escapes: bool,
    },
    /// A scalar function.
    Call {
        /// ClickHouse's name.
        function: &'static str,
        /// Its arguments; a lambda comes first.
        arguments: Vec<Expr>,
    },
    /// `(x, y) -> body`.
    Lambda {
        /// The arguments and their types.
        variables: Vec<(Name, Type)>,
        /// The value.
        body: Box<Expr>,
    },
    /// An aggregate function.
    Aggregate(Box<Aggregate>),
    /// A window function.
    Window(Box<Window>),
    /// Membership. NULL is equal to NULL here.
    In {
        /// The value, or a tuple of values.
        left: Box<Expr>,
        /// The set.
        right: Members,
        /// NOT IN.
        negated: bool,
    },
    /// Whether the person is in a cohort.
    InCohort {
        /// The person's uuid.
        person: Box<Expr>,
        /// The cohort.
        cohort: i64,
        /// Whether its members are listed, not calculated.
        is_static: bool,
        /// NOT IN.
        negated: bool,
    },
    /// The value of a query of one row and column; NULL if it has no row.
    Subquery(Box<Query>),
}

/// One step into a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// A key of an object.
    Key(Name),
    /// A place in an array, from 1, or from -1 at the end.
    Index(i64),
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// NULL.
    Null,
    /// A truth value, of type Bool.
    Bool(bool),
    /// A non-negative integer; the type says how wide.
    UInt(u64),
    /// An integer of a signed type.
    Int(i64),
    /// A float.
    Float(Float),
    /// Text.
    String(Name),
    /// A uuid.
    Uuid(uuid::Uuid),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since the epoch, of type DateTime64(6, zone).
    Timestamp(i64),
}

/// A float that equals itself, by its bits.
#[derive(Debug, Clone, Copy)]
pub struct Float(pub f64);

/// The right side of IN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Members {
    /// Constants of one type, the common type of both sides, or NULL. Of tuples when the left is one.
    List(Vec<Expr>),
    /// The rows of a query with one column, or as many as the tuple on the left has places.
    Query(Box<Query>),
}

/// A call of an aggregate function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Aggregate {
    /// ClickHouse's name, without `If`: conditions are in `filter`.
    pub function: &'static str,
    /// Constant parameters, as in `quantile(0.5)(x)`.
    pub parameters: Vec<Literal>,
    /// The arguments. Rows where one of them is NULL are skipped.
    pub arguments: Vec<Expr>,
    /// Only distinct arguments count.
    pub distinct: bool,
    /// The order of rows within a group, for arrays.
    pub order_by: Vec<Order>,
    /// Only rows where this is true count.
    pub filter: Option<Expr>,
}

/// A call of a window function, or of an aggregate over a window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    /// The function: an aggregate, or one of `row_number rank dense_rank first_value last_value nth_value lagInFrame
    /// leadInFrame`.
    pub call: Aggregate,
    /// Rows are apart by these.
    pub partition_by: Vec<Expr>,
    /// And in this order.
    pub order_by: Vec<Order>,
    /// The rows it sees; always explicit.
    pub frame: Frame,
}

/// The rows a window function sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Rows are counted (ROWS), else compared by the sort key (RANGE).
    pub rows: bool,
    /// The first of them.
    pub start: Bound,
    /// The last.
    pub end: Bound,
}

/// One end of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bound {
    /// The first row of the partition.
    UnboundedPreceding,
    /// So many before the current row.
    Preceding(u64),
    /// The current row, and with RANGE its peers.
    CurrentRow,
    /// So many after it.
    Following(u64),
    /// The last row.
    UnboundedFollowing,
}

impl Table {
    /// The name in HogQL and in ClickHouse text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Persons => "persons",
            Self::RawPersons => "raw_persons",
            Self::PersonDistinctIds => "person_distinct_ids",
            Self::RawPersonDistinctIds => "raw_person_distinct_ids",
            Self::PersonDistinctIdOverrides => "person_distinct_id_overrides",
            Self::RawPersonDistinctIdOverrides => "raw_person_distinct_id_overrides",
            Self::Groups => "groups",
            Self::RawGroups => "raw_groups",
            Self::CohortPeople => "cohort_people",
            Self::RawCohortPeople => "raw_cohort_people",
            Self::StaticCohortPeople => "static_cohort_people",
        }
    }
}

impl Source {
    /// The relations that rows of this source have columns of, left to right.
    pub fn relations(&self) -> Vec<RelationId> {
        match self {
            Self::Table { id, .. } | Self::Query { id, .. } | Self::Numbers { id, .. } | Self::Values { id, .. } => {
                vec![*id]
            }
            Self::Join(join) => [join.left.relations(), join.right.relations()].concat(),
        }
    }
}

impl Expr {
    /// A constant.
    pub fn literal(literal: Literal, ty: Type) -> Self {
        Self { kind: Kind::Literal(literal), ty, span: Span::default() }
    }

    /// Text.
    pub fn string(text: impl Into<Name>) -> Self {
        Self::literal(Literal::String(text.into()), Type::string())
    }

    /// NULL.
    pub fn null() -> Self {
        Self::literal(Literal::Null, Type::null())
    }

    /// The constant, if this is one.
    pub fn as_literal(&self) -> Option<&Literal> {
        match &self.kind {
            Kind::Literal(literal) => Some(literal),
            _ => None,
        }
    }

    /// The text, if this is a text constant.
    pub fn as_string(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Literal(Literal::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Calls `visit` with each direct operand, in order. Queries inside are not entered.
    pub fn operands<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match &self.kind {
            Kind::Literal(_) | Kind::Column { .. } | Kind::Variable(_) | Kind::Subquery(_) => {}
            Kind::Property { document, .. } => visit(document),
            Kind::Call { arguments, .. } => arguments.iter().for_each(visit),
            Kind::Lambda { body, .. } => visit(body),
            Kind::Aggregate(aggregate) => aggregate.operands(visit),
            Kind::Window(window) => {
                window.call.operands(visit);
                window.partition_by.iter().for_each(&mut *visit);
                window.order_by.iter().for_each(|order| visit(&order.expr));
            }
            Kind::In { left, right, .. } => {
                visit(left);
                if let Members::List(members) = right {
                    members.iter().for_each(visit);
                }
            }
            Kind::InCohort { person, .. } => visit(person),
        }
    }

    /// Whether `test` holds for this expression or one inside it, queries apart.
    pub fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        let mut found = test(self);
        self.operands(&mut |operand| found = found || operand.any(test));
        found
    }

    /// Whether this holds an aggregate (a window function is none, but its arguments may hold one).
    pub fn has_aggregate(&self) -> bool {
        self.any(&|expr| matches!(expr.kind, Kind::Aggregate(_)))
    }

    /// Whether this holds a window function.
    pub fn has_window(&self) -> bool {
        self.any(&|expr| matches!(expr.kind, Kind::Window(_)))
    }
}

impl Aggregate {
    /// Calls `visit` with each argument, order key and the filter.
    pub fn operands<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.arguments.iter().for_each(&mut *visit);
        self.order_by.iter().for_each(|order| visit(&order.expr));
        self.filter.iter().for_each(visit);
    }
}

impl Frame {
    /// What SQL assumes: up to the current row and its peers, or everything if there is no order.
    pub fn standard(ordered: bool) -> Self {
        let end = if ordered { Bound::CurrentRow } else { Bound::UnboundedFollowing };
        Self { rows: false, start: Bound::UnboundedPreceding, end }
    }

    /// The whole partition.
    pub fn everything() -> Self {
        Self { rows: true, start: Bound::UnboundedPreceding, end: Bound::UnboundedFollowing }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.ty == other.ty
    }
}

impl Eq for Expr {}

impl Hash for Expr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.ty.hash(state);
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Self::String(Arc::from(text))
    }
}
