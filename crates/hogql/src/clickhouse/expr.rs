//! Expressions as text for ClickHouse.

use super::Printer;
use crate::resolved::{Aggregate, Bound, Expr, Float, Frame, Kind, Literal, Members, Order, Step, Window};
use crate::types::{Base, Type};

/// Functions whose last argument, and functions whose first, must be a literal.
const LITERAL_LAST: [&str; 18] = [
    "accurateCastOrNull",
    "accurateCast",
    "CAST",
    "JSONExtract",
    "JSONExtractKeysAndValues",
    "toTimeZone",
    "toDateTime",
    "toDateTime64",
    "parseDateTime64BestEffortOrNull",
    "parseDateTime64BestEffortUSOrNull",
    "parseDateTimeOrNull",
    "fromUnixTimestamp64Milli",
    "UUIDv7ToDateTime",
    "makeDateTime",
    "toStartOfDay",
    "formatDateTime",
    "tupleElement",
    "toStartOfInterval",
];
const LITERAL_FIRST: [&str; 4] = ["dateDiff", "age", "arrayReduce", "dateName"];

impl<'t> Printer<'t> {
    pub(super) fn expr(&mut self, expr: &'t Expr) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expr_here(expr));
    }

    fn expr_here(&mut self, expr: &'t Expr) {
        match &expr.kind {
            Kind::Literal(literal) => self.literal(literal, &expr.ty),
            Kind::Column { relation, name } => {
                let inline = self.unfolded.iter().copied().find(|join| join.relation == *relation);
                if let Some(item) = inline.and_then(|join| join.items.first()) {
                    self.put("arrayJoin(");
                    self.expr(&item.array);
                    self.put(")");
                } else if self.array_joined.contains(relation) {
                    self.name(&format!("t{}.{name}", relation.0));
                } else {
                    self.put(&format!("t{}.", relation.0));
                    self.name(name);
                }
            }
            Kind::Variable(name) => self.name(name),
            Kind::Property { document, path, keep_escapes } => self.property(document, path, *keep_escapes),
            Kind::Call { function, arguments } => self.call(function, arguments),
            Kind::Lambda { variables, body } => {
                self.put("(");
                self.list(variables, |this, (name, _)| this.name(name));
                self.put(") -> ");
                self.expr(body);
            }
            Kind::Aggregate(aggregate) => self.aggregate(aggregate),
            Kind::Window(window) => self.window(window),
            Kind::In { left, right, negated } => {
                self.put("(");
                self.expr(left);
                self.put(if *negated { " NOT IN (" } else { " IN (" });
                match right {
                    Members::List(members) => self.exprs(members),
                    Members::Query(query) => self.query(query),
                }
                self.put("))");
            }
            Kind::InCohort { person, cohort, is_static, negated } => {
                self.put("(");
                self.expr(person);
                let table = if *is_static { "static_cohort_people" } else { "cohort_people" };
                let not = if *negated { "NOT " } else { "" };
                self.put(&format!(" {not}IN (SELECT person_id FROM {table} WHERE cohort_id = {cohort}))"));
            }
            Kind::Subquery(query) => {
                self.put("(");
                self.query(query);
                self.put(")");
            }
        }
    }

    pub(super) fn exprs(&mut self, exprs: &'t [Expr]) {
        self.list(exprs, Self::expr);
    }

    pub(super) fn list<T>(&mut self, items: &'t [T], mut each: impl FnMut(&mut Self, &'t T)) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            each(self, item);
        }
    }

    fn call(&mut self, function: &str, arguments: &'t [Expr]) {
        self.put(function);
        self.put("(");
        for (at, argument) in arguments.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            let literal = (LITERAL_LAST.contains(&function) && at + 1 == arguments.len() && at > 0)
                || (LITERAL_FIRST.contains(&function) && at == 0);
            match argument.as_string() {
                Some(text) if literal => self.quoted(text),
                _ => self.expr(argument),
            }
        }
        self.put(")");
    }

    fn property(&mut self, document: &'t Expr, path: &'t [Step], keep_escapes: bool) {
        let read = |this: &mut Self, function: &str| {
            this.put(function);
            this.put("(");
            this.expr(document);
            for step in path {
                this.put(", ");
                match step {
                    Step::Key(key) => this.bound(key),
                    Step::Index(at) => this.put(&at.to_string()),
                }
            }
            this.put(")");
        };
        if keep_escapes {
            self.put("replaceRegexpAll(nullIf(nullIf(");
            read(self, "JSONExtractRaw");
            self.put(", ''), 'null'), '^\"|\"$', '')");
            return;
        }
        self.put("if(startsWith(");
        read(self, "JSONExtractRaw");
        self.put(", '\"'), ");
        read(self, "JSONExtractString");
        self.put(", nullIf(nullIf(");
        read(self, "JSONExtractRaw");
        self.put(", ''), 'null'))");
    }

    pub(super) fn literal(&mut self, literal: &Literal, ty: &Type) {
        match literal {
            Literal::Null if ty.is_null() => self.put("NULL"),
            Literal::Null => self.put(&format!("CAST(NULL, 'Nullable({})')", ty.base.to_string().replace('\'', "\\'"))),
            Literal::Bool(value) => self.put(if *value { "true" } else { "false" }),
            Literal::UInt(value) => {
                let natural = [8, 16, 32, 64].into_iter().find(|bits| *bits == 64 || value >> bits == 0);
                self.integer(&value.to_string(), ty, natural.map(|bits| Base::integer(false, bits)).as_ref());
            }
            Literal::Int(value) => {
                let bits = [8, 16, 32, 64].into_iter().find(|bits| *bits == 64 || *value >= -(1_i64 << (bits - 1)));
                let natural = bits.filter(|_| *value < 0).map(|bits| Base::integer(true, bits));
                self.integer(&value.to_string(), ty, natural.as_ref());
            }
            Literal::Float(Float(value)) => {
                let text = if value.is_nan() {
                    "nan".to_owned()
                } else if value.is_infinite() {
                    if *value > 0.0 { "inf" } else { "-inf" }.to_owned()
                } else {
                    format!("{value:?}")
                };
                let wrapped = text.starts_with('-');
                self.put(&if wrapped { format!("({text})") } else { text });
            }
            Literal::String(text) => self.bound(text),
            Literal::Uuid(uuid) => self.put(&format!("toUUID('{uuid}')")),
            Literal::Date(days) => self.put(&format!("toDate({days})")),
            Literal::Timestamp(micros) => {
                let zone = match &ty.base {
                    Base::DateTime64(_, zone) | Base::DateTime(zone) => zone.as_ref(),
                    _ => "UTC",
                };
                self.put(&format!("fromUnixTimestamp64Micro({micros}, "));
                self.quoted(zone);
                self.put(")");
            }
        }
    }

    fn integer(&mut self, text: &str, ty: &Type, natural: Option<&Base>) {
        let plain = natural == Some(&ty.base);
        match (plain, text.starts_with('-')) {
            (true, false) => self.put(text),
            (true, true) => self.put(&format!("({text})")),
            (false, _) => self.put(&format!("to{}({text})", ty.base)),
        }
    }

    fn aggregate(&mut self, aggregate: &'t Aggregate) {
        if let ([order], "groupArray") = (aggregate.order_by.as_slice(), aggregate.function) {
            // ClickHouse does not sort inside an aggregate: pairs are collected, sorted and taken apart.
            self.put("arrayMap(pair -> pair.1, ");
            self.put(if order.descending { "arrayReverseSort" } else { "arraySort" });
            self.put("(pair -> pair.2, groupArray");
            self.filtered(aggregate, |this| {
                this.put("(");
                this.exprs(&aggregate.arguments);
                this.put(", ");
                this.expr(&order.expr);
                this.put(")");
            });
            self.put("))");
            return;
        }
        self.put(aggregate.function);
        self.filtered(aggregate, |this| this.exprs(&aggregate.arguments));
    }

    /// `If(parameters)(DISTINCT arguments, condition)` after the name of an aggregate.
    fn filtered(&mut self, aggregate: &'t Aggregate, arguments: impl FnOnce(&mut Self)) {
        if aggregate.filter.is_some() {
            self.put("If");
        }
        if !aggregate.parameters.is_empty() {
            self.put("(");
            for (at, parameter) in aggregate.parameters.iter().enumerate() {
                if at > 0 {
                    self.put(", ");
                }
                let ty = match parameter {
                    Literal::UInt(value) => Type::new(natural(*value)),
                    Literal::Float(_) => Base::Float64.into(),
                    _ => Type::string(),
                };
                match parameter {
                    Literal::String(text) => self.quoted(text),
                    _ => self.literal(parameter, &ty),
                }
            }
            self.put(")");
        }
        self.put(if aggregate.distinct { "(DISTINCT " } else { "(" });
        arguments(self);
        if let Some(filter) = &aggregate.filter {
            if !aggregate.arguments.is_empty() {
                self.put(", ");
            }
            self.expr(filter);
        }
        self.put(")");
    }

    fn window(&mut self, window: &'t Window) {
        self.aggregate(&window.call);
        self.put(" OVER (");
        if !window.partition_by.is_empty() {
            self.put("PARTITION BY ");
            self.exprs(&window.partition_by);
        }
        if !window.order_by.is_empty() {
            self.put(" ORDER BY ");
            self.list(&window.order_by, Self::order);
        }
        let ranked = matches!(window.call.function, "row_number" | "rank" | "dense_rank");
        if !ranked && window.frame != Frame::standard(!window.order_by.is_empty()) {
            self.put(if window.frame.rows { " ROWS BETWEEN " } else { " RANGE BETWEEN " });
            self.put(&bound(&window.frame.start));
            self.put(" AND ");
            self.put(&bound(&window.frame.end));
        }
        self.put(")");
    }

    pub(super) fn order(&mut self, order: &'t Order) {
        self.expr(&order.expr);
        self.put(if order.descending { " DESC" } else { " ASC" });
        self.put(if order.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
        if let Some(fill) = &order.fill {
            self.put(" WITH FILL");
            for (word, value) in [(" FROM ", &fill.from), (" TO ", &fill.to), (" STEP ", &fill.step)] {
                if let Some(value) = value {
                    self.put(word);
                    self.expr(value);
                }
            }
        }
    }
}

fn natural(value: u64) -> Base {
    let bits = [8, 16, 32].into_iter().find(|bits| value >> bits == 0).unwrap_or(64);
    Base::integer(false, bits)
}

fn bound(bound: &Bound) -> String {
    match bound {
        Bound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
        Bound::Preceding(rows) => format!("{rows} PRECEDING"),
        Bound::CurrentRow => "CURRENT ROW".to_owned(),
        Bound::Following(rows) => format!("{rows} FOLLOWING"),
        Bound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
    }
}
