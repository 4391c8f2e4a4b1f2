//! Operators, by precedence.
//!
//! | binds | operators |
//! | --- | --- |
//! | tightest | postfix: `.` `[]` `()` `::` |
//! | | unary `-` |
//! | | `*` `/` `%` |
//! | | `+` `-` `\|\|` |
//! | | comparisons, `IN`, `LIKE`, `IS NULL` |
//! | | `IS DISTINCT FROM` |
//! | | `<=>` |
//! | | `??` |
//! | | `BETWEEN` |
//! | | `NOT` |
//! | | `AND` |
//! | | `OR` |
//! | | `a ? b : c`, to the right |
//! | loosest | `AS` |

use crate::ast::{
    Alias, Arithmetic, ArithmeticOp, Between, Call, Compare, CompareOp, Constant, DistinctFrom, Expr, ExprKind, Span,
};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser, made_up};

/// How tightly an operator binds: its operands hold only operators that bind tighter.
type Power = u8;

const TERNARY: Power = 1;
const OR: Power = 2;
const AND: Power = 3;
const BETWEEN: Power = 4;
const COALESCE: Power = 5;
const NULL_SAFE: Power = 6;
const DISTINCT: Power = 7;
const COMPARE: Power = 8;
const SUM: Power = 9;
const PRODUCT: Power = 10;
pub(super) const UNARY: Power = 11;

/// What an infix operator does, and how tightly it binds.
#[derive(Debug, Clone, Copy)]
enum Infix {
    Arithmetic(ArithmeticOp),
    Concat,
    Compare(CompareOp),
    Is,
    NullSafeEq,
    Coalesce,
    Between,
    And,
    Or,
    Ternary,
}

impl Infix {
    const fn power(self) -> Power {
        match self {
            Self::Arithmetic(ArithmeticOp::Mul | ArithmeticOp::Div | ArithmeticOp::Mod) => PRODUCT,
            Self::Arithmetic(_) | Self::Concat => SUM,
            // `IS DISTINCT FROM` binds less tightly than `IS NULL`; which of them it is, is looked up when it is met.
            Self::Compare(_) | Self::Is => COMPARE,
            Self::NullSafeEq => NULL_SAFE,
            Self::Coalesce => COALESCE,
            Self::Between => BETWEEN,
            Self::And => AND,
            Self::Or => OR,
            Self::Ternary => TERNARY,
        }
    }
}

impl Parser<'_> {
    /// An expression with its aliases.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        let outside = std::mem::replace(&mut self.lambda_takes_alias, true);
        let result = self.aliased();
        self.lambda_takes_alias = outside;
        result
    }

    /// An expression that ends before an `AS` on its own level.
    pub(super) fn expr_before_as(&mut self) -> Parsed<Expr> {
        let outside = std::mem::replace(&mut self.lambda_takes_alias, false);
        let result = self.operators(TERNARY);
        self.lambda_takes_alias = outside;
        result
    }

    /// The body of a lambda.
    pub(super) fn lambda_body(&mut self) -> Parsed<Expr> {
        if self.lambda_takes_alias { self.aliased() } else { self.operators(TERNARY) }
    }

    fn aliased(&mut self) -> Parsed<Expr> {
        self.apart(|parser| {
            let mut expr = parser.operators(TERNARY)?;
            while parser.keyword() == Keyword::As && (parser.is_name(1) || parser.kind_ahead(1) == Kind::String) {
                parser.bump();
                expr = parser.named(expr)?;
            }
            Ok(expr)
        })
    }

    /// Gives an expression the name that stands here.
    pub(super) fn named(&mut self, expr: Expr) -> Parsed<Expr> {
        self.grow()?;
        let alias = if self.kind() == Kind::String { self.string_name() } else { self.alias()? };
        let span = expr.span;
        self.node(ExprKind::Alias(Box::new(Alias { expr, alias })), span)
    }

    /// Operators that bind at least as tightly as `least`, and their operands.
    pub(super) fn operators(&mut self, least: Power) -> Parsed<Expr> {
        self.nested(|parser| {
            let mut left = parser.operand()?;
            while let Some(infix) = parser.infix() {
                if parser.power_here(infix) < least {
                    break;
                }
                left = parser.infix_rest(left, infix)?;
            }
            Ok(left)
        })
    }

    fn power_here(&self, infix: Infix) -> Power {
        let after_not = if self.keyword_ahead(1) == Keyword::Not { 2 } else { 1 };
        match infix {
            Infix::Is if self.keyword_ahead(after_not) == Keyword::Distinct => DISTINCT,
            _ => infix.power(),
        }
    }

    /// The infix operator at hand. A word is one only where an operand has just ended, which is where this is asked.
    fn infix(&self) -> Option<Infix> {
        Some(match self.kind() {
            Kind::Plus => Infix::Arithmetic(ArithmeticOp::Add),
            Kind::Minus => Infix::Arithmetic(ArithmeticOp::Sub),
            Kind::Star => Infix::Arithmetic(ArithmeticOp::Mul),
            Kind::Slash => Infix::Arithmetic(ArithmeticOp::Div),
            Kind::Percent if self.percent_ends && !self.is_remainder() => return None,
            Kind::Percent => Infix::Arithmetic(ArithmeticOp::Mod),
            Kind::Concat => Infix::Concat,
            Kind::Eq => Infix::Compare(CompareOp::Eq),
            Kind::NotEq => Infix::Compare(CompareOp::NotEq),
            Kind::Less => Infix::Compare(CompareOp::Less),
            Kind::LessEq => Infix::Compare(CompareOp::LessEq),
            Kind::Greater => Infix::Compare(CompareOp::Greater),
            Kind::GreaterEq => Infix::Compare(CompareOp::GreaterEq),
            Kind::Regex => Infix::Compare(CompareOp::Regex),
            Kind::NotRegex => Infix::Compare(CompareOp::NotRegex),
            Kind::IRegex => Infix::Compare(CompareOp::IRegex),
            Kind::NotIRegex => Infix::Compare(CompareOp::NotIRegex),
            Kind::NullSafeEq => Infix::NullSafeEq,
            Kind::NullCoalesce => Infix::Coalesce,
            Kind::Question => Infix::Ternary,
            Kind::Word(keyword) => return self.infix_word(keyword),
            _ => return None,
        })
    }

    fn infix_word(&self, keyword: Keyword) -> Option<Infix> {
        Some(match keyword {
            Keyword::And => Infix::And,
            Keyword::Or => Infix::Or,
            Keyword::Like => Infix::Compare(CompareOp::Like),
            Keyword::ILike => Infix::Compare(CompareOp::ILike),
            Keyword::In => Infix::Compare(CompareOp::In),
            Keyword::Is => Infix::Is,
            Keyword::Between => Infix::Between,
            Keyword::Not => match self.keyword_ahead(1) {
                Keyword::Like => Infix::Compare(CompareOp::NotLike),
                Keyword::ILike => Infix::Compare(CompareOp::NotILike),
                Keyword::In => Infix::Compare(CompareOp::NotIn),
                Keyword::Between => Infix::Between,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Whether an operand follows the `%` at hand.
    fn is_remainder(&self) -> bool {
        let ends_limit = matches!(
            self.keyword_ahead(1),
            Keyword::With | Keyword::Offset | Keyword::Union | Keyword::Intersect | Keyword::Except | Keyword::Settings
        );
        self.kind_ahead(1).starts_operand() && !ends_limit
    }

    /// The rest of an operation whose left side is done and whose operator is at hand.
    fn infix_rest(&mut self, left: Expr, infix: Infix) -> Parsed<Expr> {
        match infix {
            Infix::Is => self.is_rest(left),
            Infix::Between => self.between_rest(left),
            Infix::Ternary => self.ternary_rest(left),
            Infix::And => self.flat(left, AND),
            Infix::Or => self.flat(left, OR),
            Infix::Compare(op) => self.compare_rest(left, op),
            Infix::Concat => {
                self.bump();
                let right = self.operators(SUM + 1)?;
                self.concat(left, right)
            }
            Infix::Arithmetic(op) => {
                self.grow()?;
                self.bump();
                let right = self.operators(infix.power() + 1)?;
                let span = left.span;
                self.node(ExprKind::Arithmetic(Box::new(Arithmetic { op, left, right })), span)
            }
            Infix::NullSafeEq => {
                self.bump();
                self.distinct_rest(left, true, NULL_SAFE + 1)
            }
            Infix::Coalesce => {
                self.grow()?;
                let operator = self.bump().span;
                let right = self.operators(COALESCE + 1)?;
                self.made_up_call("ifNull", operator, vec![left, right])
            }
        }
    }

    /// A call that shorthand stands for; it spans its arguments.
    pub(super) fn made_up_call(&mut self, name: &str, at: Span, args: Vec<Expr>) -> Parsed<Expr> {
        let start = args.first().map_or(at, |first| if first.span.start < at.start { first.span } else { at });
        self.node(ExprKind::Call(Box::new(Call::new(made_up(name, at), args))), start)
    }

    fn compare_rest(&mut self, left: Expr, op: CompareOp) -> Parsed<Expr> {
        self.grow()?;
        if matches!(op, CompareOp::NotLike | CompareOp::NotILike | CompareOp::NotIn) {
            self.bump();
        }
        self.bump();
        let mut op = op;
        if matches!(op, CompareOp::In | CompareOp::NotIn) && self.is_cohort() {
            self.bump();
            op = if op == CompareOp::In { CompareOp::InCohort } else { CompareOp::NotInCohort };
        }
        let right = self.operators(COMPARE + 1)?;
        let span = left.span;
        let compare = Compare { op, left, right, is_null_style: false };
        self.node(ExprKind::Compare(Box::new(compare)), span)
    }

    /// Whether the word after `IN` says that a cohort follows, and is not the column of that name.
    fn is_cohort(&self) -> bool {
        self.keyword() == Keyword::Cohort
            && self.kind_ahead(1).starts_operand()
            && self.kind_ahead(1) != Kind::Star
            && !self.leaves_alone(1)
    }

    fn is_rest(&mut self, left: Expr) -> Parsed<Expr> {
        let operator = self.bump().span;
        let negated = self.eat_keyword(Keyword::Not);
        if self.eat_keywords(Keyword::Distinct, Keyword::From) {
            return self.distinct_rest(left, negated, DISTINCT + 1);
        }
        if self.keyword() != Keyword::Null {
            let error = self.unexpected("`NULL` or `DISTINCT FROM` after `IS`");
            let hint = match self.keyword() {
                Keyword::True | Keyword::False => "compare with `=`: `a = true`",
                _ => return Err(error),
            };
            return Err(error.hinted(hint));
        }
        self.grow()?;
        self.bump();
        let span = left.span;
        let op = if negated { CompareOp::NotEq } else { CompareOp::Eq };
        let right = self.node(ExprKind::Constant(Constant::Null), operator)?;
        let compare = Compare { op, left, right, is_null_style: true };
        self.node(ExprKind::Compare(Box::new(compare)), span)
    }

    fn distinct_rest(&mut self, left: Expr, negated: bool, least: Power) -> Parsed<Expr> {
        self.grow()?;
        let right = self.operators(least)?;
        let span = left.span;
        self.node(ExprKind::DistinctFrom(Box::new(DistinctFrom { left, right, negated })), span)
    }

    fn between_rest(&mut self, expr: Expr) -> Parsed<Expr> {
        self.grow()?;
        let negated = self.eat_keyword(Keyword::Not);
        self.bump();
        let low = self.operators(BETWEEN + 1)?;
        self.expect_keyword(Keyword::And, "`AND` between the bounds of `BETWEEN`")?;
        let high = self.operators(BETWEEN + 1)?;
        let span = expr.span;
        self.node(ExprKind::Between(Box::new(Between { expr, low, high, negated })), span)
    }

    fn ternary_rest(&mut self, condition: Expr) -> Parsed<Expr> {
        self.grow()?;
        let operator = self.bump().span;
        let outside = std::mem::replace(&mut self.lambda_takes_alias, true);
        let then = self.aliased()?;
        self.lambda_takes_alias = outside;
        self.expect(Kind::Colon, "`:` of `a ? b : c`")?;
        let otherwise = self.operators(TERNARY)?;
        self.made_up_call("if", operator, vec![condition, then, otherwise])
    }

    /// All operands of a chain of `AND`s or of `OR`s, whether or not parentheses group some of them.
    fn flat(&mut self, first: Expr, power: Power) -> Parsed<Expr> {
        let span = first.span;
        let keyword = if power == AND { Keyword::And } else { Keyword::Or };
        self.grow()?;
        let mut operands = Vec::new();
        unfold(first, power, &mut operands);
        while self.eat_keyword(keyword) {
            let operand = self.operators(power + 1)?;
            unfold(operand, power, &mut operands);
        }
        let kind = if power == AND { ExprKind::And(operands) } else { ExprKind::Or(operands) };
        self.node(kind, span)
    }

    /// Joins two texts. Calls of `concat` on either side are taken apart, so that a chain is one call.
    pub(super) fn concat(&mut self, left: Expr, right: Expr) -> Parsed<Expr> {
        let span = left.span;
        let mut parts = Vec::new();
        let mut name = None;
        for side in [left, right] {
            match side.kind {
                ExprKind::Call(call) if is_plain_concat(&call) => {
                    name.get_or_insert(call.name);
                    if parts.is_empty() {
                        parts = call.args;
                    } else {
                        parts.extend(call.args);
                    }
                }
                _ => parts.push(side),
            }
        }
        if name.is_none() {
            self.grow()?;
        }
        let name = name.unwrap_or_else(|| made_up("concat", span));
        self.node(ExprKind::Call(Box::new(Call::new(name, parts))), span)
    }
}

fn is_plain_concat(call: &Call) -> bool {
    call.name.name == "concat"
        && call.params.is_none()
        && !call.distinct
        && call.order_by.is_empty()
        && call.filter.is_none()
}

fn unfold(operand: Expr, power: Power, into: &mut Vec<Expr>) {
    match operand.kind {
        ExprKind::And(inner) if power == AND => into.extend(inner),
        ExprKind::Or(inner) if power == OR => into.extend(inner),
        _ => into.push(operand),
    }
}
