//! Trees become text again.
//!
//! Both styles print on one line, with keywords in capitals, names quoted only where they must be, and no parentheses
//! that the tree does not need. Text in [`Style::Operators`] parses to the tree it was printed from, but for one case:
//! `NOT` before a parenthesis is the function of that name, so a negation of something that must stand in parentheses
//! comes back as a call of `not`, which means the same. Text in
//! [`Style::Functions`] is what responses echo and what columns without a name are called: it parses to a tree of the
//! same meaning, and printing that tree gives the same text.

mod expr;
mod names;
mod query;

use crate::ast::{Expr, Ident, OrderExpr, Query, Span};

/// How operators are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// As operators: `a + 1`, `event = 'x'`, `a AND b`.
    Operators,
    /// As functions: `plus(a, 1)`, `equals(event, 'x')`, `and(a, b)`.
    Functions,
}

/// The text of a query.
#[must_use]
pub fn print_query(query: &Query, style: Style) -> String {
    let mut printer = Printer::new(style);
    printer.query(query);
    printer.out
}

/// A name as it is written, in quotes if it must be.
pub(crate) fn name(name: &str) -> String {
    let mut printer = Printer::new(Style::Operators);
    printer.name(&Ident::new(name, Span::default()));
    printer.out
}

/// The text of an expression.
#[must_use]
pub fn print_expr(expr: &Expr, style: Style) -> String {
    let mut printer = Printer::new(style);
    printer.expr(expr);
    printer.out
}

/// The text of a term of `ORDER BY`.
#[must_use]
pub fn print_order_expr(term: &OrderExpr, style: Style) -> String {
    let mut printer = Printer::new(style);
    printer.order_term(term);
    printer.out
}

/// The text so far.
struct Printer {
    out: String,
    style: Style,
}

impl Printer {
    const fn new(style: Style) -> Self {
        Self { out: String::new(), style }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Items with something between them.
    fn separated<T>(&mut self, items: &[T], separator: &str, print: impl Fn(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.put(separator);
            }
            print(self, item);
        }
    }

    fn exprs(&mut self, items: &[Expr]) {
        self.separated(items, ", ", Self::expr);
    }

    fn parenthesised(&mut self, items: &[Expr]) {
        self.put("(");
        self.exprs(items);
        self.put(")");
    }

    /// A keyword and what follows it, if there is something.
    fn clause(&mut self, keyword: &str, value: Option<&Expr>) {
        if let Some(value) = value {
            self.put(keyword);
            self.expr(value);
        }
    }
}

#[cfg(test)]
mod tests;
