//! The syntax tree: what was written, before anything is known about what names mean.
//!
//! The tree is close to the source but not a transcript of it. Shorthand that has exactly one meaning is already
//! rewritten (`a ?? b` is a call of `ifNull`, `CASE` is a call of `if` or `multiIf`, `-a` is `0 - a`), so that
//! later stages know one form of each thing. Chains of `AND` and of `OR` are flat lists, and so are joins and set
//! operations, so that a long query is a wide tree and not a deep one.
//!
//! Every node has a [`Span`], and equality of trees includes it.

mod expr;
mod query;

pub use expr::{
    Alias, Arithmetic, ArithmeticOp, ArrayAccess, Between, Call, CallValue, Cast, Compare, CompareOp, Constant,
    DistinctFrom, Expr, ExprKind, Lambda, Slice, Star, Tag, TagAttribute, TagValue, TupleAccess, WindowCall,
};
pub use query::{
    ArrayJoin, ArrayJoinKind, Cte, CteBody, Direction, FrameBound, FrameUnit, From, GroupBy, Interpolate, Join,
    JoinConstraint, JoinKind, JoinStrictness, Limit, LimitBy, NamedWindow, Nulls, OrderExpr, Over, Pivot, PivotColumn,
    Query, Ratio, Sample, SelectQuery, SelectSet, SetKind, SetOperator, Table, TableRef, Unpivot, UnpivotColumn,
    WindowFrame, WindowSpec, WithFill,
};

/// A range of bytes of the source text: `start` is the first byte, `end` the one after the last.
///
/// Both lie on character boundaries. A node that the parser made up, such as the `NULL` of a missing `ELSE`, has the
/// span of the construct it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset of the byte after the last one.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The span from the start of `self` to the end of `last`.
    #[must_use]
    pub const fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }
}

/// A name as it was meant: quotes are gone and escapes are decoded, case is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    /// The name. May be any text, since a quoted identifier may be.
    pub name: String,
    /// Where it was written, quotes included.
    pub span: Span,
}

impl Ident {
    /// A name at a place.
    #[must_use]
    pub fn new(name: impl Into<String>, span: Span) -> Self {
        Self { name: name.into(), span }
    }
}
