//! Expressions.

use super::{Ident, OrderExpr, Over, Query, Span};

/// An expression and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

impl Expr {
    /// An expression at a place.
    #[must_use]
    pub const fn new(kind: ExprKind, span: Span) -> Self {
        Self { span, kind }
    }

    /// The constant, if this is one.
    #[must_use]
    pub const fn as_constant(&self) -> Option<&Constant> {
        match &self.kind {
            ExprKind::Constant(constant) => Some(constant),
            _ => None,
        }
    }
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `1`, `'a'`, `NULL`, `true`.
    Constant(Constant),
    /// `event`, `person.properties.email`: one name or more. Steps by number are [`ExprKind::TupleAccess`] and steps
    /// by bracket are [`ExprKind::ArrayAccess`], as `properties.tags.1` and `properties['a']` show.
    Field(Vec<Ident>),
    /// `*`, `e.*`, `* EXCLUDE (a)`.
    Star(Box<Star>),
    /// `COLUMNS('regex')`: the columns whose names match.
    ColumnsMatching(String),
    /// `COLUMNS(a, b)`.
    Columns(Vec<Expr>),
    /// `f(x)`, `quantile(0.5)(x)`, and everything that is shorthand for a call.
    Call(Box<Call>),
    /// `(expr)(x)`, `a.b(x)`: a call of something that is not a plain name.
    CallValue(Box<CallValue>),
    /// `f(x) OVER …`.
    Window(Box<WindowCall>),
    /// `a = b`, `a LIKE b`, `a IN b`, `a IS NULL`.
    Compare(Box<Compare>),
    /// `a IS [NOT] DISTINCT FROM b`, `a <=> b`.
    DistinctFrom(Box<DistinctFrom>),
    /// `a + b`, `a * b`.
    Arithmetic(Box<Arithmetic>),
    /// Two conjuncts or more; none of them is itself an `And`.
    And(Vec<Expr>),
    /// Two alternatives or more; none of them is itself an `Or`.
    Or(Vec<Expr>),
    /// `NOT a`.
    Not(Box<Expr>),
    /// `a [NOT] BETWEEN low AND high`.
    Between(Box<Between>),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `(a, b)`, `(a,)`.
    Tuple(Vec<Expr>),
    /// `{'key': value}`.
    Dict(Vec<(Expr, Expr)>),
    /// `(x, y) -> body`.
    Lambda(Box<Lambda>),
    /// `a['key']`, `a[1]`, `a?.key`; `f(x).key` too, with the key as a string constant.
    ArrayAccess(Box<ArrayAccess>),
    /// `a[1:2]`.
    Slice(Box<Slice>),
    /// `a.1`.
    TupleAccess(Box<TupleAccess>),
    /// `a AS b`.
    Alias(Box<Alias>),
    /// `a := b` in the arguments of a call.
    NamedArgument(Box<Alias>),
    /// `CAST(a AS T)`, `a::T`, `TRY_CAST(a AS T)`.
    Cast(Box<Cast>),
    /// `{a}`: to be replaced by a value before names are resolved.
    Placeholder(Box<Expr>),
    /// `(SELECT …)`.
    Subquery(Box<Query>),
    /// `<Kind attribute={value} />`.
    Tag(Box<Tag>),
}

/// A literal.
#[derive(Debug, Clone)]
pub enum Constant {
    /// `NULL`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond [`Constant::Int`]: its decimal digits, with a minus sign if negative.
    BigInt(String),
    /// A number with a point or an exponent, or `inf`, or `nan`.
    Float(f64),
    /// Text, with escapes decoded.
    String(String),
}

/// Floats are equal when they have the same bits, so that a tree is always equal to itself.
impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Float(left), Self::Float(right)) => left.to_bits() == right.to_bits(),
            (Self::BigInt(left), Self::BigInt(right)) | (Self::String(left), Self::String(right)) => left == right,
            _ => false,
        }
    }
}

/// All columns, or all but some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Star {
    /// `t` of `t.*`; empty for a bare `*`.
    pub qualifier: Vec<Ident>,
    /// The columns left out by `EXCLUDE`.
    pub exclude: Vec<Ident>,
}

/// A call of a named function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function, in the case it was written.
    pub name: Ident,
    /// The first list of `f(p)(x)`.
    pub params: Option<Vec<Expr>>,
    /// The arguments: the only list of `f(x)`, the second one of `f(p)(x)`.
    pub args: Vec<Expr>,
    /// `f(DISTINCT x)`.
    pub distinct: bool,
    /// `f(x ORDER BY y)`.
    pub order_by: Vec<OrderExpr>,
    /// `f(x) FILTER (WHERE y)`.
    pub filter: Option<Expr>,
    /// `f(p) WITHIN GROUP (ORDER BY y)`.
    pub within_group: Vec<OrderExpr>,
}

impl Call {
    /// A call with arguments and nothing else.
    #[must_use]
    pub const fn new(name: Ident, args: Vec<Expr>) -> Self {
        Self { name, params: None, args, distinct: false, order_by: Vec::new(), filter: None, within_group: Vec::new() }
    }
}

/// A call of something that is not a plain name.
#[derive(Debug, Clone, PartialEq)]
pub struct CallValue {
    /// What is called.
    pub callee: Expr,
    /// The arguments.
    pub args: Vec<Expr>,
}

/// A call with a window. Of [`Call`]'s clauses only `params`, `args` and `filter` occur here.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowCall {
    /// The function and its arguments.
    pub call: Call,
    /// The window.
    pub over: Over,
}

/// A comparison. It never yields NULL; see the semantics of each operator in the resolver.
#[derive(Debug, Clone, PartialEq)]
pub struct Compare {
    /// How the sides are compared.
    pub op: CompareOp,
    /// The left side.
    pub left: Expr,
    /// The right side.
    pub right: Expr,
    /// Written as `IS [NOT] NULL`; means the same as `= NULL` or `!= NULL` and is printed differently.
    pub is_null_style: bool,
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CompareOp {
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Like,
    ILike,
    NotLike,
    NotILike,
    /// `=~`, `~`.
    Regex,
    /// `!~`.
    NotRegex,
    /// `=~*`, `~*`: without regard to case.
    IRegex,
    /// `!~*`.
    NotIRegex,
    In,
    NotIn,
    /// `IN COHORT 5`; the right side is the cohort's id or name.
    InCohort,
    NotInCohort,
}

/// `left IS DISTINCT FROM right`: true or false also for NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct DistinctFrom {
    /// The left side.
    pub left: Expr,
    /// The right side.
    pub right: Expr,
    /// `IS NOT DISTINCT FROM`, or `<=>`.
    pub negated: bool,
}

/// A sum, difference, product, quotient or remainder.
#[derive(Debug, Clone, PartialEq)]
pub struct Arithmetic {
    /// The operator.
    pub op: ArithmeticOp,
    /// The left side.
    pub left: Expr,
    /// The right side.
    pub right: Expr,
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ArithmeticOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

/// `expr BETWEEN low AND high`, both ends included.
#[derive(Debug, Clone, PartialEq)]
pub struct Between {
    /// The value.
    pub expr: Expr,
    /// The lower end.
    pub low: Expr,
    /// The upper end.
    pub high: Expr,
    /// `NOT BETWEEN`.
    pub negated: bool,
}

/// `(x, y) -> body`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lambda {
    /// The names of the arguments; may be none.
    pub args: Vec<Ident>,
    /// What it computes.
    pub body: Expr,
}

/// `array[property]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayAccess {
    /// The array, map or JSON value.
    pub array: Expr,
    /// The position or key.
    pub property: Expr,
    /// Written with `?.`: NULL stays NULL.
    pub null_safe: bool,
}

/// `array[from:to]`, both ends included.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The array.
    pub array: Expr,
    /// The first position; the first element if absent.
    pub from: Option<Expr>,
    /// The last position; the last element if absent.
    pub to: Option<Expr>,
}

/// `tuple.1`.
#[derive(Debug, Clone, PartialEq)]
pub struct TupleAccess {
    /// The tuple, array or JSON value.
    pub tuple: Expr,
    /// The position, from 1.
    pub index: i64,
    /// Written with `?.`: NULL stays NULL.
    pub null_safe: bool,
}

/// `expr AS alias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// The value.
    pub expr: Expr,
    /// Its name.
    pub alias: Ident,
}

/// `CAST(expr AS type)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cast {
    /// The value.
    pub expr: Expr,
    /// The type's text in lower case, as in `nullable(string)`.
    pub type_name: String,
    /// `TRY_CAST`.
    pub is_try: bool,
}

/// `<Kind attribute={value} />`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// The tag's name.
    pub kind: Ident,
    /// The attributes in the order they were written; the content of `<A>…</A>` is the last, named `children`.
    pub attributes: Vec<TagAttribute>,
}

/// One attribute of a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct TagAttribute {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: TagValue,
}

/// The value of a tag's attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum TagValue {
    /// `a={expr}`, `a='text'`, or `true` for a bare `a`.
    Expr(Expr),
    /// What stands between the opening and the closing tag: texts, expressions and tags.
    Children(Vec<Expr>),
}
