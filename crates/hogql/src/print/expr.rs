//! Expressions.

use crate::ast::{
    Arithmetic, ArithmeticOp, Call, Compare, CompareOp, Constant, DistinctFrom, Expr, ExprKind, Ident, Lambda, Star,
    Tag, TagValue,
};
use crate::lex::Keyword;

use super::{Printer, Style, names};

/// How tightly the outermost operator of a printed expression binds; an operand that binds less is parenthesised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Alias,
    Lambda,
    Or,
    And,
    Not,
    Between,
    Distinct,
    Compare,
    Sum,
    Product,
    Unary,
    Postfix,
}

impl Level {
    /// The least level of an operand that must bind tighter.
    const fn tighter(self) -> Self {
        match self {
            Self::Alias => Self::Lambda,
            Self::Lambda => Self::Or,
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Between,
            Self::Between => Self::Distinct,
            Self::Distinct => Self::Compare,
            Self::Compare => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Unary,
            Self::Unary | Self::Postfix => Self::Postfix,
        }
    }
}

impl Printer {
    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Constant(constant) => self.constant(constant),
            ExprKind::Field(chain) => self.dotted(chain),
            ExprKind::Star(star) => self.star(star),
            ExprKind::ColumnsMatching(pattern) => {
                self.put("COLUMNS(");
                self.text(pattern);
                self.put(")");
            }
            ExprKind::Columns(columns) => {
                self.put("COLUMNS");
                self.parenthesised(columns);
            }
            ExprKind::Call(call) => self.call(call),
            ExprKind::CallValue(it) => {
                let is_chain = matches!(&it.callee.kind, ExprKind::Field(chain) if chain.len() > 1);
                if is_chain {
                    self.expr(&it.callee)
                } else {
                    self.wrapped(&it.callee)
                }
                self.parenthesised(&it.args);
            }
            ExprKind::Window(it) => {
                self.call(&it.call);
                self.over(&it.over);
            }
            ExprKind::Array(items) => {
                self.put("[");
                self.exprs(items);
                self.put("]");
            }
            ExprKind::Tuple(items) => self.tuple(items),
            ExprKind::Dict(items) => {
                self.put("{");
                self.separated(items, ", ", |printer, (key, value)| {
                    printer.expr(key);
                    printer.put(": ");
                    printer.expr(value);
                });
                self.put("}");
            }
            ExprKind::Placeholder(inner) => {
                self.put("{");
                self.expr(inner);
                self.put("}");
            }
            ExprKind::Subquery(query) => {
                self.put("(");
                self.query(query);
                self.put(")");
            }
            ExprKind::Tag(tag) => self.tag(tag),
            _ => self.operation(expr),
        }
    }

    /// Expressions that have operands of their own level.
    fn operation(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Compare(compare) => self.compare(compare),
            ExprKind::DistinctFrom(it) => self.distinct_from(it),
            ExprKind::Arithmetic(it) => self.arithmetic(it),
            ExprKind::And(operands) => self.chain(operands, "and", " AND ", Level::Not),
            ExprKind::Or(operands) => self.chain(operands, "or", " OR ", Level::And),
            ExprKind::Not(operand) => self.not(operand),
            ExprKind::Between(it) => {
                self.operand(&it.expr, Level::Between);
                self.put(if it.negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.operand(&it.low, Level::Distinct);
                self.put(" AND ");
                self.operand(&it.high, Level::Distinct);
            }
            ExprKind::Lambda(lambda) => self.lambda(lambda),
            ExprKind::ArrayAccess(it) => {
                self.operand(&it.array, Level::Postfix);
                self.put(if it.null_safe { "?.[" } else { "[" });
                self.expr(&it.property);
                self.put("]");
            }
            ExprKind::Slice(it) => {
                self.operand(&it.array, Level::Postfix);
                self.put("[");
                self.clause("", it.from.as_ref());
                self.put(":");
                self.clause("", it.to.as_ref());
                self.put("]");
            }
            ExprKind::TupleAccess(it) => {
                let is_number = matches!(it.tuple.as_constant(), Some(constant) if is_number(constant));
                if is_number {
                    self.wrapped(&it.tuple)
                } else {
                    self.operand(&it.tuple, Level::Postfix)
                }
                self.put(if it.null_safe { "?." } else { "." });
                self.put(&it.index.to_string());
            }
            ExprKind::Alias(it) => {
                let is_loose = matches!(it.expr.kind, ExprKind::Alias(_) | ExprKind::Star(_));
                let level = if is_loose { Level::Alias } else { Level::Or };
                self.operand(&it.expr, level);
                self.put(" AS ");
                self.name(&it.alias);
            }
            ExprKind::NamedArgument(it) => {
                self.name(&it.alias);
                self.put(" := ");
                self.expr(&it.expr);
            }
            ExprKind::Cast(it) => {
                self.put(if it.is_try { "TRY_CAST(" } else { "CAST(" });
                self.before_as(&it.expr);
                self.put(" AS ");
                self.put(&it.type_name);
                self.put(")");
            }
            _ => {}
        }
    }

    /// An expression before an `AS` that is not its own: an alias of its own needs parentheses, and so does a lambda.
    pub(super) fn before_as(&mut self, expr: &Expr) {
        self.operand(expr, Level::Or);
    }

    fn wrapped(&mut self, expr: &Expr) {
        self.put("(");
        self.expr(expr);
        self.put(")");
    }

    fn operand(&mut self, expr: &Expr, least: Level) {
        if self.level(expr) < least { self.wrapped(expr) } else { self.expr(expr) }
    }

    fn level(&self, expr: &Expr) -> Level {
        let functions = self.style == Style::Functions;
        match &expr.kind {
            ExprKind::Alias(_) | ExprKind::NamedArgument(_) => Level::Alias,
            ExprKind::Lambda(_) => Level::Lambda,
            ExprKind::Or(_) | ExprKind::And(_) | ExprKind::Not(_) | ExprKind::Arithmetic(_) if functions => {
                Level::Postfix
            }
            ExprKind::Compare(it) if functions && function_of(it.op).is_some() => Level::Postfix,
            ExprKind::Or(_) => Level::Or,
            ExprKind::And(_) => Level::And,
            ExprKind::Not(operand) if ends_in_lambda(operand) => Level::Lambda,
            ExprKind::Not(_) => Level::Not,
            ExprKind::Between(_) => Level::Between,
            ExprKind::DistinctFrom(_) => Level::Distinct,
            ExprKind::Compare(_) => Level::Compare,
            // Behind a bare star, `.1` would be a number and `<a` a tag.
            ExprKind::Star(_) => Level::Alias,
            ExprKind::Arithmetic(it) if is_negation(it) => Level::Unary,
            ExprKind::Arithmetic(it) => arithmetic_level(it.op),
            _ => Level::Postfix,
        }
    }

    fn constant(&mut self, constant: &Constant) {
        match constant {
            Constant::Null => self.put("NULL"),
            Constant::Bool(value) => self.put(if *value { "true" } else { "false" }),
            Constant::Int(value) => self.put(&value.to_string()),
            Constant::BigInt(digits) => self.put(digits),
            Constant::Float(value) if value.is_nan() => self.put("nan"),
            Constant::Float(value) if value.is_infinite() => self.put(if *value > 0.0 { "inf" } else { "-inf" }),
            Constant::Float(value) => self.put(&format!("{value:?}")),
            Constant::String(text) => self.text(text),
        }
    }

    fn star(&mut self, star: &Star) {
        if !star.qualifier.is_empty() {
            self.dotted(&star.qualifier);
            self.put(".");
        }
        self.put("*");
        if !star.exclude.is_empty() {
            self.put(" EXCLUDE ");
            self.parenthesised_names(&star.exclude);
        }
    }

    fn call(&mut self, call: &Call) {
        self.function(&call.name);
        if let Some(params) = &call.params {
            self.parenthesised(params);
        }
        if !call.within_group.is_empty() {
            self.put(" WITHIN GROUP (ORDER BY ");
            self.separated(&call.within_group, ", ", Self::order_term);
            self.put(")");
            return;
        }
        self.put("(");
        if call.distinct {
            self.put(if call.args.is_empty() { "DISTINCT" } else { "DISTINCT " });
        }
        self.exprs(&call.args);
        if !call.order_by.is_empty() {
            self.put(if call.args.is_empty() { "ORDER BY " } else { " ORDER BY " });
            self.separated(&call.order_by, ", ", Self::order_term);
        }
        self.put(")");
        if let Some(filter) = &call.filter {
            self.put(" FILTER (WHERE ");
            self.expr(filter);
            self.put(")");
        }
    }

    fn function_of_two(&mut self, name: &str, left: &Expr, right: &Expr) {
        self.put(name);
        self.put("(");
        self.expr(left);
        self.put(", ");
        self.expr(right);
        self.put(")");
    }

    fn compare(&mut self, compare: &Compare) {
        let Compare { op, left, right, is_null_style } = compare;
        if self.style == Style::Functions {
            match (op, function_of(*op)) {
                (CompareOp::Eq, _) if *is_null_style => return self.function_of_one("isNull", left),
                (CompareOp::NotEq, _) if *is_null_style => return self.function_of_one("isNotNull", left),
                (CompareOp::NotRegex | CompareOp::NotIRegex, _) => return self.regex_function("not(", compare),
                (CompareOp::IRegex, _) => return self.regex_function("", compare),
                (_, Some(name)) => return self.function_of_two(name, left, right),
                (_, None) => {}
            }
        }
        self.operand(left, Level::Compare);
        if *is_null_style {
            self.put(if *op == CompareOp::Eq { " IS NULL" } else { " IS NOT NULL" });
            return;
        }
        self.put(operator_of(*op));
        // `COHORT` before an operator would be a column.
        let is_cohort = matches!(op, CompareOp::InCohort | CompareOp::NotInCohort);
        self.operand(right, if is_cohort { Level::Postfix } else { Level::Compare.tighter() });
    }

    fn function_of_one(&mut self, name: &str, operand: &Expr) {
        self.put(name);
        self.wrapped(operand);
    }

    fn regex_function(&mut self, negation: &str, compare: &Compare) {
        self.put(negation);
        self.put("match(");
        self.expr(&compare.left);
        self.put(", ");
        if matches!(compare.op, CompareOp::IRegex | CompareOp::NotIRegex) {
            self.put("concat('(?i)', ");
            self.expr(&compare.right);
            self.put(")");
        } else {
            self.expr(&compare.right);
        }
        self.put(if negation.is_empty() { ")" } else { "))" });
    }

    fn distinct_from(&mut self, it: &DistinctFrom) {
        self.operand(&it.left, Level::Distinct);
        self.put(if it.negated { " IS NOT DISTINCT FROM " } else { " IS DISTINCT FROM " });
        self.operand(&it.right, Level::Compare);
    }

    fn arithmetic(&mut self, it: &Arithmetic) {
        let (function, operator) = match it.op {
            ArithmeticOp::Add => ("plus", " + "),
            ArithmeticOp::Sub => ("minus", " - "),
            ArithmeticOp::Mul => ("multiply", " * "),
            ArithmeticOp::Div => ("divide", " / "),
            ArithmeticOp::Mod => ("modulo", " % "),
        };
        if self.style == Style::Functions {
            return self.function_of_two(function, &it.left, &it.right);
        }
        if is_negation(it) {
            self.put("-");
            let start = self.out.len();
            self.operand(&it.right, Level::Unary);
            if self.out.as_bytes().get(start) == Some(&b'-') {
                self.out.insert(start, ' '); // two of them would open a comment
            }
            return;
        }
        let level = arithmetic_level(it.op);
        self.operand(&it.left, level);
        self.put(operator);
        self.operand(&it.right, level.tighter());
    }

    fn chain(&mut self, operands: &[Expr], function: &str, operator: &str, least: Level) {
        if self.style == Style::Functions {
            self.put(function);
            return self.parenthesised(operands);
        }
        self.separated(operands, operator, |printer, operand| printer.operand(operand, least));
    }

    fn not(&mut self, operand: &Expr) {
        if self.style == Style::Functions {
            return self.function_of_one("not", operand);
        }
        let start = self.out.len();
        self.put("NOT ");
        let inner = self.out.len();
        if ends_in_lambda(operand) {
            self.expr(operand)
        } else {
            self.operand(operand, Level::Not)
        }
        let written = self.out.get(inner..).unwrap_or_default();
        if written.starts_with('(') && !written.starts_with("(SELECT ") && !written.starts_with("(WITH ") {
            // Before a parenthesis `NOT` is the name of a function, so let it be that.
            self.out.replace_range(start..inner, "not(");
            self.put(")");
        }
    }

    fn lambda(&mut self, lambda: &Lambda) {
        match lambda.args.as_slice() {
            [only] if names::is_plain(Keyword::of(&only.name)) && !needs_quotes(only) => self.put(&only.name),
            args => self.parenthesised_names(args),
        }
        self.put(" -> ");
        self.expr(&lambda.body);
    }

    fn tuple(&mut self, items: &[Expr]) {
        if self.style == Style::Functions || items.is_empty() {
            self.put("tuple");
            return self.parenthesised(items);
        }
        self.put("(");
        self.exprs(items);
        self.put(if items.len() == 1 { ",)" } else { ")" });
    }

    fn tag(&mut self, tag: &Tag) {
        self.put("<");
        self.put(&tag.kind.name);
        let mut children: &[Expr] = &[];
        for attribute in &tag.attributes {
            match &attribute.value {
                TagValue::Expr(value) => {
                    self.put(" ");
                    self.put(&attribute.name.name);
                    self.put("={");
                    self.expr(value);
                    self.put("}");
                }
                TagValue::Children(list) => children = list,
            }
        }
        if children.is_empty() {
            return self.put(" />");
        }
        self.put(">");
        for child in children {
            self.put("{");
            self.expr(child);
            self.put("}");
        }
        self.put("</");
        self.put(&tag.kind.name);
        self.put(">");
    }
}

fn needs_quotes(ident: &Ident) -> bool {
    let mut printer = Printer::new(Style::Operators);
    printer.name(ident);
    printer.out != ident.name
}

const fn is_number(constant: &Constant) -> bool {
    matches!(constant, Constant::Int(_) | Constant::BigInt(_) | Constant::Float(_))
}

/// Whether a difference is what `-a` stands for, and can be written so: a sign before a number belongs to the number.
fn is_negation(it: &Arithmetic) -> bool {
    it.op == ArithmeticOp::Sub && it.left.as_constant() == Some(&Constant::Int(0)) && !starts_with_number(&it.right)
}

/// Whether the text of an expression starts with a number that has no sign.
fn starts_with_number(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Constant(constant) => match constant {
            Constant::Int(value) => *value >= 0,
            Constant::BigInt(digits) => !digits.starts_with('-'),
            Constant::Float(value) => value.is_nan() || value.is_sign_positive(),
            _ => false,
        },
        ExprKind::ArrayAccess(it) => starts_with_number(&it.array),
        ExprKind::Slice(it) => starts_with_number(&it.array),
        // A number itself is parenthesised before a step.
        ExprKind::TupleAccess(it) => it.tuple.as_constant().is_none() && starts_with_number(&it.tuple),
        _ => false,
    }
}

/// Whether the text of an expression ends with the body of a lambda that no parenthesis closes.
fn ends_in_lambda(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Lambda(_) => true,
        ExprKind::Not(operand) => ends_in_lambda(operand),
        _ => false,
    }
}

const fn arithmetic_level(op: ArithmeticOp) -> Level {
    match op {
        ArithmeticOp::Add | ArithmeticOp::Sub => Level::Sum,
        ArithmeticOp::Mul | ArithmeticOp::Div | ArithmeticOp::Mod => Level::Product,
    }
}

/// The function an operator is printed as; `IN COHORT` has none.
const fn function_of(op: CompareOp) -> Option<&'static str> {
    Some(match op {
        CompareOp::Eq => "equals",
        CompareOp::NotEq => "notEquals",
        CompareOp::Less => "less",
        CompareOp::LessEq => "lessOrEquals",
        CompareOp::Greater => "greater",
        CompareOp::GreaterEq => "greaterOrEquals",
        CompareOp::Like => "like",
        CompareOp::ILike => "ilike",
        CompareOp::NotLike => "notLike",
        CompareOp::NotILike => "notILike",
        CompareOp::Regex | CompareOp::NotRegex | CompareOp::IRegex | CompareOp::NotIRegex => "match",
        CompareOp::In => "in",
        CompareOp::NotIn => "notIn",
        CompareOp::InCohort | CompareOp::NotInCohort => return None,
    })
}

const fn operator_of(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => " = ",
        CompareOp::NotEq => " != ",
        CompareOp::Less => " < ",
        CompareOp::LessEq => " <= ",
        CompareOp::Greater => " > ",
        CompareOp::GreaterEq => " >= ",
        CompareOp::Like => " LIKE ",
        CompareOp::ILike => " ILIKE ",
        CompareOp::NotLike => " NOT LIKE ",
        CompareOp::NotILike => " NOT ILIKE ",
        CompareOp::Regex => " =~ ",
        CompareOp::NotRegex => " !~ ",
        CompareOp::IRegex => " =~* ",
        CompareOp::NotIRegex => " !~* ",
        CompareOp::In => " IN ",
        CompareOp::NotIn => " NOT IN ",
        CompareOp::InCohort => " IN COHORT ",
        CompareOp::NotInCohort => " NOT IN COHORT ",
    }
}
