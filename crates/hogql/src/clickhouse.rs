//! The resolved tree as text for ClickHouse.
//!
//! Tables and columns have the names of [`crate::schema`]; the caller provides them, of one project only. Text from the query is
//! never part of the statement: it is bound as parameters `{p0:String}`. Relations are called `t1`, `t2`, …, and columns are
//! always qualified, so that no alias of a select list can take the place of a column.

mod expr;
mod query;

use std::collections::HashSet;

use crate::resolved::Query;

/// A statement, what is bound to it, and how it must be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text.
    pub sql: String,
    /// Values of `{p0:String}`, `{p1:String}`, ….
    pub parameters: Vec<String>,
}

/// The settings that the meaning of a statement depends on, and those that keep it harmless.
pub const SETTINGS: [(&str, &str); 11] = [
    ("readonly", "2"),
    ("allow_experimental_object_type", "1"),
    ("format_csv_allow_double_quotes", "0"),
    ("max_ast_elements", "4000000"),
    ("max_expanded_ast_elements", "4000000"),
    ("transform_null_in", "1"),
    ("optimize_min_equality_disjunction_chain_length", "4294967295"),
    ("allow_experimental_join_condition", "1"),
    // Ours: mixed types are refused, outer joins fill with defaults, and a constant in ORDER BY is no position.
    ("enable_positional_arguments", "0"),
    ("use_variant_as_common_type", "0"),
    ("join_use_nulls", "0"),
];

/// Prints a query.
#[must_use]
pub fn print(query: &Query) -> Statement {
    let mut printer =
        Printer { out: String::new(), parameters: Vec::new(), unfolded: Vec::new(), array_joined: HashSet::new() };
    printer.query(query);
    Statement { sql: printer.out, parameters: printer.parameters }
}

struct Printer<'t> {
    out: String,
    parameters: Vec<String>,
    /// `arrayJoin` calls of the SELECTs around, to be written in place.
    unfolded: Vec<&'t crate::resolved::ArrayJoin>,
    /// Relations of ARRAY JOIN.
    array_joined: HashSet<crate::resolved::RelationId>,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A quoted identifier.
    fn name(&mut self, name: &str) {
        self.out.push('`');
        for c in name.chars() {
            if matches!(c, '`' | '\\') {
                self.out.push('\\');
            }
            self.out.push(c);
        }
        self.out.push('`');
    }

    /// Text bound as a parameter.
    fn bound(&mut self, text: &str) {
        let at = self.parameters.iter().position(|known| known == text).unwrap_or_else(|| {
            self.parameters.push(text.to_owned());
            self.parameters.len() - 1
        });
        self.put(&format!("{{p{at}:String}}"));
    }

    /// Text in place, where ClickHouse takes nothing but a literal: names of types, units and zones.
    fn quoted(&mut self, text: &str) {
        self.out.push('\'');
        for c in text.chars() {
            if matches!(c, '\'' | '\\') {
                self.out.push('\\');
            }
            self.out.push(c);
        }
        self.out.push('\'');
    }
}
