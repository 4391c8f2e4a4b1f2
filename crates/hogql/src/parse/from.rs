//! `FROM`: tables, joins, samples, pivots.

use crate::ast::{
    Expr, From, Join, JoinConstraint, JoinKind, JoinStrictness, Pivot, PivotColumn, Ratio, Sample, Span, Table,
    TableRef, Unpivot, UnpivotColumn,
};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser};

/// What stands in parentheses in `FROM`.
enum Inner {
    /// Rows that take an alias behind the parenthesis.
    Table(Table),
    /// Tables with their joins, which do not.
    Joined(Box<From>),
}

/// What encloses a table of `FROM`.
#[derive(Debug, Clone, Copy)]
enum Around {
    /// The clause itself: a set operator behind the table belongs to the query of the clause.
    Clause,
    /// Parentheses: a parenthesised query may be the first branch of a set inside them.
    Parentheses,
}

impl Parser<'_> {
    /// A table and what is joined to it.
    pub(super) fn from(&mut self) -> Parsed<From> {
        let start = self.span();
        let first = match self.operand_of_from(Around::Clause)? {
            Inner::Table(table) => From { first: self.table_ref(table, start)?, joins: Vec::new() },
            Inner::Joined(from) => *from,
        };
        self.joins(first)
    }

    fn operand_of_from(&mut self, around: Around) -> Parsed<Inner> {
        match self.kind() {
            Kind::OpenParen => self.parenthesised_from(around),
            Kind::OpenBrace => Ok(Inner::Table(Table::Value(Box::new(self.braces()?)))),
            Kind::TagOpen => Ok(Inner::Table(Table::Value(Box::new(self.tag()?)))),
            _ => Ok(Inner::Table(self.named_table()?)),
        }
    }

    fn named_table(&mut self) -> Parsed<Table> {
        let mut name = vec![self.name("a table")?];
        while self.kind() == Kind::Dot {
            self.bump();
            name.push(self.name("the rest of the table's name")?);
        }
        if self.kind() != Kind::OpenParen || name.len() > 1 {
            return Ok(Table::Name(name));
        }
        if name.iter().any(|name| name.name.eq_ignore_ascii_case("lateral")) {
            let hint = "a subquery cannot see the tables beside it";
            return self.unsupported("LATERAL is not supported", self.last_span(), hint);
        }
        self.bump();
        let args = self.items(Kind::CloseParen, "`,` or `)`")?;
        Ok(Table::Function { name, args })
    }

    fn parenthesised_from(&mut self, around: Around) -> Parsed<Inner> {
        self.nested(|parser| {
            let start = parser.span();
            parser.bump();
            let inner = if parser.starts_query(0) {
                Inner::Table(Table::Query(Box::new(parser.query()?)))
            } else if parser.keyword() == Keyword::Values && parser.kind_ahead(1) == Kind::OpenParen {
                Inner::Table(Table::Values(parser.value_rows()?))
            } else {
                parser.tables_in_parentheses()?
            };
            parser.expect(Kind::CloseParen, "`)` in `FROM`")?;
            match (inner, around) {
                (Inner::Table(Table::Query(query)), Around::Parentheses) if parser.continues_set() => {
                    let query = parser.query_after_branch(*query, start)?;
                    Ok(Inner::Table(Table::Query(Box::new(query))))
                }
                (inner, _) => Ok(inner),
            }
        })
    }

    /// What stands in the parentheses at hand if it is neither a query nor `VALUES`.
    fn tables_in_parentheses(&mut self) -> Parsed<Inner> {
        let start = self.span();
        let operand = self.operand_of_from(Around::Parentheses)?;
        let first = match operand {
            Inner::Table(table) if self.kind() == Kind::CloseParen && is_anonymous(&table) => {
                return Ok(Inner::Table(table));
            }
            Inner::Table(table) => From { first: self.table_ref(table, start)?, joins: Vec::new() },
            Inner::Joined(from) => *from,
        };
        Ok(Inner::Joined(Box::new(self.joins(first)?)))
    }

    fn value_rows(&mut self) -> Parsed<Vec<Vec<Expr>>> {
        self.bump();
        let mut rows = Vec::new();
        loop {
            self.expect(Kind::OpenParen, "`(` before a row of values")?;
            rows.push(self.items(Kind::CloseParen, "`,` or `)`")?);
            if !self.eat(Kind::Comma) {
                return Ok(rows);
            }
        }
    }

    /// A table with its alias and the rest of what is said about it.
    fn table_ref(&mut self, table: Table, start: Span) -> Parsed<TableRef> {
        let mut table =
            TableRef { span: start, table, alias: None, column_aliases: Vec::new(), final_span: None, sample: None };
        self.table_alias(&mut table)?;
        while matches!(self.keyword(), Keyword::Pivot | Keyword::Unpivot) && self.kind_ahead(1) != Kind::Dot {
            self.grow()?;
            table.span = start.to(self.last_span());
            let is_pivot = self.keyword() == Keyword::Pivot;
            let turned = if is_pivot { self.pivot(table)? } else { self.unpivot(table)? };
            table = TableRef {
                span: start,
                table: turned,
                alias: None,
                column_aliases: Vec::new(),
                final_span: None,
                sample: None,
            };
            self.table_alias(&mut table)?;
        }
        if self.keyword() == Keyword::Final {
            table.final_span = Some(self.bump().span);
        }
        if self.keyword() == Keyword::Sample {
            table.sample = Some(self.sample()?);
        }
        table.span = start.to(self.last_span());
        Ok(table)
    }

    fn table_alias(&mut self, table: &mut TableRef) -> Parsed<()> {
        self.refuse_output()?;
        let named = self.eat_keyword(Keyword::As) || self.names_table()?;
        if named {
            table.alias = Some(self.alias()?);
            if self.kind() == Kind::OpenParen {
                table.column_aliases = self.parenthesised_names("a column")?;
            }
        }
        Ok(())
    }

    /// Whether the word at hand names the table before it.
    fn names_table(&self) -> Parsed<bool> {
        let Kind::Word(keyword) = self.kind() else { return Ok(self.kind() == Kind::QuotedName) };
        let joins = matches!(self.keyword_ahead(1), Keyword::Join | Keyword::Left | Keyword::Right | Keyword::Inner);
        if joins && self.written(self.span()).eq_ignore_ascii_case("global") {
            let hint = "leave the word out: every table is read in one place";
            return self.unsupported("GLOBAL joins are not supported", self.span(), hint);
        }
        Ok(keyword.is_table_alias())
    }

    fn sample(&mut self) -> Parsed<Sample> {
        let start = self.bump().span;
        let ratio = self.ratio()?;
        let offset = if self.eat_keyword(Keyword::Offset) { Some(self.ratio()?) } else { None };
        Ok(Sample { span: start.to(self.last_span()), ratio, offset })
    }

    fn ratio(&mut self) -> Parsed<Ratio> {
        if self.kind() == Kind::OpenBrace {
            return Ok(Ratio { numerator: self.braces()?, denominator: None });
        }
        let numerator = self.ratio_number()?;
        let denominator = if self.eat(Kind::Slash) { Some(self.ratio_number()?) } else { None };
        Ok(Ratio { numerator, denominator })
    }

    fn ratio_number(&mut self) -> Parsed<Expr> {
        if !self.kind().is_number() {
            return Err(self.unexpected("a share such as `0.1` or `1/10`"));
        }
        let start = self.span();
        self.number(start, false)
    }

    fn joins(&mut self, mut from: From) -> Parsed<From> {
        while let Some((kind, strictness, start)) = self.join_operator()? {
            let table = self.joined_table()?;
            let constraint = self.constraint()?;
            if constraint.is_none() && kind != JoinKind::Cross {
                let hint = "add `ON a.x = b.y` or `USING (x)`, or write `CROSS JOIN`";
                return self.unsupported("a join without ON or USING is not supported", start, hint);
            }
            if constraint.is_some() && kind == JoinKind::Cross {
                return self.fail("a cross join takes neither ON nor USING", start);
            }
            from.joins.push(Join { kind, strictness, table, constraint });
        }
        Ok(from)
    }

    /// The words from the end of a table to the `JOIN`, or a comma.
    fn join_operator(&mut self) -> Parsed<Option<(JoinKind, Option<JoinStrictness>, Span)>> {
        let start = self.span();
        if self.eat(Kind::Comma) || self.eat_keywords(Keyword::Cross, Keyword::Join) {
            return Ok(Some((JoinKind::Cross, None, start)));
        }
        if matches!(self.keyword(), Keyword::Natural | Keyword::Positional) {
            let word = self.written(start).to_ascii_uppercase();
            let hint = "say which rows belong together with `ON` or `USING`";
            return self.unsupported(format!("{word} JOIN is not supported"), start, hint);
        }
        if self.array_join_kind().is_some() {
            return Ok(None);
        }
        let mut kind = None;
        let mut strictness = None;
        loop {
            let keyword = self.keyword();
            if let (Some(side), None) = (join_kind(keyword), kind) {
                self.bump();
                kind = Some(side);
                if side != JoinKind::Inner {
                    self.eat_keyword(Keyword::Outer);
                }
            } else if let (Some(how), None) = (join_strictness(keyword), strictness) {
                self.bump();
                strictness = Some(how);
            } else if keyword == Keyword::Join {
                self.bump();
                return Ok(Some((kind.unwrap_or(JoinKind::Inner), strictness, start.to(self.last_span()))));
            } else if kind.is_none() && strictness.is_none() {
                return Ok(None);
            } else {
                return Err(self.unexpected("`JOIN`"));
            }
        }
    }

    /// The right side of a join.
    fn joined_table(&mut self) -> Parsed<TableRef> {
        let start = self.span();
        match self.operand_of_from(Around::Clause)? {
            Inner::Table(table) => self.table_ref(table, start),
            Inner::Joined(from) if from.joins.is_empty() => Ok(from.first),
            Inner::Joined(_) => {
                let hint = "join the tables one after the other, or write `(SELECT … FROM …)`";
                self.unsupported("joins in parentheses on the right of a join are not supported", start, hint)
            }
        }
    }

    fn constraint(&mut self) -> Parsed<Option<JoinConstraint>> {
        if self.eat_keyword(Keyword::On) {
            let condition = self.expr()?;
            if self.kind() == Kind::Comma {
                let hint = "join conditions with `AND`; another table is joined with `CROSS JOIN`";
                return self.unsupported("Unsupported: JOIN ... ON with multiple expressions", self.span(), hint);
            }
            return Ok(Some(JoinConstraint::On(condition)));
        }
        if !self.eat_keyword(Keyword::Using) {
            return Ok(None);
        }
        if self.eat(Kind::OpenParen) {
            let columns = self.items(Kind::CloseParen, "`,` or `)`")?;
            if columns.is_empty() {
                return self.fail("USING needs a column", self.last_span());
            }
            return Ok(Some(JoinConstraint::Using(columns)));
        }
        let mut columns = vec![self.expr()?];
        while self.eat(Kind::Comma) {
            columns.push(self.expr()?);
        }
        Ok(Some(JoinConstraint::Using(columns)))
    }

    /// `PIVOT (sum(x) FOR y IN (1, 2) GROUP BY z)`.
    fn pivot(&mut self, table: TableRef) -> Parsed<Table> {
        self.bump();
        self.expect(Kind::OpenParen, "`(` after `PIVOT`")?;
        let mut aggregates = vec![self.expr()?];
        while self.eat(Kind::Comma) {
            aggregates.push(self.expr()?);
        }
        self.expect_keyword(Keyword::For, "`,` or `FOR`")?;
        let mut columns = Vec::new();
        while !matches!(self.kind(), Kind::CloseParen | Kind::Word(Keyword::Group)) || columns.is_empty() {
            let column = self.primary_column()?;
            self.expect_keyword(Keyword::In, "`IN`")?;
            columns.push(PivotColumn { column, values: self.listed()? });
        }
        let group_by = if self.eat_keywords(Keyword::Group, Keyword::By) { self.clause_items()? } else { Vec::new() };
        self.expect(Kind::CloseParen, "`)` after `PIVOT`")?;
        Ok(Table::Pivot(Box::new(Pivot { table, aggregates, columns, group_by })))
    }

    /// `UNPIVOT (value FOR name IN (a, b))`.
    fn unpivot(&mut self, table: TableRef) -> Parsed<Table> {
        self.bump();
        let include_nulls = self.eat_keywords(Keyword::Include, Keyword::Nulls);
        self.expect(Kind::OpenParen, "`(` after `UNPIVOT`")?;
        let mut columns = Vec::new();
        loop {
            let value_columns = self.primary_column()?;
            self.expect_keyword(Keyword::For, "`FOR`")?;
            let name_columns = self.primary_column()?;
            self.expect_keyword(Keyword::In, "`IN`")?;
            columns.push(UnpivotColumn { value_columns, name_columns, columns: self.listed()? });
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.expect(Kind::CloseParen, "`)` after `UNPIVOT`")?;
        Ok(Table::Unpivot(Box::new(Unpivot { table, include_nulls, columns })))
    }

    /// A column, or a tuple of them, before `FOR` or `IN`.
    fn primary_column(&mut self) -> Parsed<Expr> {
        self.operators(super::expr::UNARY)
    }

    fn listed(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(Kind::OpenParen, "`(`")?;
        self.items(Kind::CloseParen, "`,` or `)`")
    }
}

/// Whether parentheses around a table change nothing, so that an alias may follow them.
fn is_anonymous(table: &Table) -> bool {
    matches!(table, Table::Query(_) | Table::Values(_))
}

fn join_kind(keyword: Keyword) -> Option<JoinKind> {
    Some(match keyword {
        Keyword::Inner => JoinKind::Inner,
        Keyword::Left => JoinKind::Left,
        Keyword::Right => JoinKind::Right,
        Keyword::Full => JoinKind::Full,
        _ => return None,
    })
}

fn join_strictness(keyword: Keyword) -> Option<JoinStrictness> {
    Some(match keyword {
        Keyword::All => JoinStrictness::All,
        Keyword::Any => JoinStrictness::Any,
        Keyword::Asof => JoinStrictness::Asof,
        Keyword::Semi => JoinStrictness::Semi,
        Keyword::Anti => JoinStrictness::Anti,
        _ => return None,
    })
}
