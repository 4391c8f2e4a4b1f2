//! Queries and their clauses.

use crate::ast::{
    ArrayJoinKind, Cte, CteBody, Direction, FrameBound, FrameUnit, From, GroupBy, Interpolate, Join, JoinConstraint,
    JoinKind, JoinStrictness, Limit, LimitBy, NamedWindow, Nulls, OrderExpr, Over, Pivot, PivotColumn, Query, Ratio,
    Sample, SelectQuery, SelectSet, SetKind, Table, TableRef, Unpivot, UnpivotColumn, WindowSpec,
};

use super::Printer;

impl Printer {
    pub(super) fn query(&mut self, query: &Query) {
        match query {
            Query::Select(select) => self.select(select),
            Query::Set(set) => self.set(set),
            Query::Value(value) => self.expr(value),
        }
    }

    fn set(&mut self, set: &SelectSet) {
        let has_clauses = !set.order_by.is_empty() || set.limit.is_some();
        self.branch(&set.initial, has_clauses);
        for (operator, branch) in &set.subsequent {
            self.put(match operator.kind {
                SetKind::UnionAll => " UNION ALL ",
                SetKind::UnionDistinct => " UNION DISTINCT ",
                SetKind::Intersect => " INTERSECT ",
                SetKind::IntersectAll => " INTERSECT ALL ",
                SetKind::Except => " EXCEPT ",
                SetKind::ExceptAll => " EXCEPT ALL ",
            });
            if operator.by_name {
                self.put("BY NAME ");
            }
            self.branch(branch, has_clauses);
        }
        self.order_by(&set.order_by);
        self.limit(set.limit.as_ref());
    }

    /// A query of a set: in parentheses if it is a set itself, or if clauses of the whole set follow.
    fn branch(&mut self, branch: &Query, set_has_clauses: bool) {
        let wrapped = set_has_clauses || matches!(branch, Query::Set(_));
        if wrapped {
            self.put("(");
        }
        self.query(branch);
        if wrapped {
            self.put(")");
        }
    }

    fn select(&mut self, query: &SelectQuery) {
        if let [first, ..] = query.with.as_slice() {
            self.put(if first.recursive { "WITH RECURSIVE " } else { "WITH " });
            self.separated(&query.with, ", ", Self::cte);
            self.put(" ");
        }
        self.put(if query.distinct { "SELECT DISTINCT " } else { "SELECT " });
        self.exprs(&query.select);
        if let Some(from) = &query.from {
            self.put(" FROM ");
            self.from(from);
        }
        if let Some(join) = &query.array_join {
            self.put(match join.kind {
                ArrayJoinKind::Plain => " ARRAY JOIN ",
                ArrayJoinKind::Inner => " INNER ARRAY JOIN ",
                ArrayJoinKind::Left => " LEFT ARRAY JOIN ",
            });
            self.exprs(&join.arrays);
        }
        self.clause(" PREWHERE ", query.prewhere.as_ref());
        self.clause(" WHERE ", query.filter.as_ref());
        if let Some(group_by) = &query.group_by {
            self.put(" GROUP BY ");
            self.group_by(group_by);
        }
        self.clause(" HAVING ", query.having.as_ref());
        self.clause(" QUALIFY ", query.qualify.as_ref());
        if !query.windows.is_empty() {
            self.put(" WINDOW ");
            self.separated(&query.windows, ", ", Self::named_window);
        }
        self.order_by(&query.order_by);
        self.interpolate(query.interpolate.as_deref());
        self.limit_by(query.limit_by.as_ref());
        self.limit(query.limit.as_ref());
    }

    fn cte(&mut self, cte: &Cte) {
        match &cte.body {
            CteBody::Expr(value) => {
                self.before_as(value);
                self.put(" AS ");
                self.name(&cte.name);
            }
            CteBody::Query { query, columns, materialized, using_key } => {
                self.name(&cte.name);
                if !columns.is_empty() {
                    self.parenthesised_names(columns);
                }
                if !using_key.is_empty() {
                    self.put(" USING KEY ");
                    self.parenthesised_names(using_key);
                }
                self.put(match materialized {
                    None => " AS (",
                    Some(true) => " AS MATERIALIZED (",
                    Some(false) => " AS NOT MATERIALIZED (",
                });
                self.query(query);
                self.put(")");
            }
        }
    }

    fn from(&mut self, from: &From) {
        self.table_ref(&from.first);
        for join in &from.joins {
            self.join(join);
        }
    }

    fn join(&mut self, join: &Join) {
        self.put(match join.kind {
            JoinKind::Inner => " ",
            JoinKind::Left => " LEFT ",
            JoinKind::Right => " RIGHT ",
            JoinKind::Full => " FULL ",
            JoinKind::Cross => " CROSS ",
        });
        self.put(match join.strictness {
            None => "JOIN ",
            Some(JoinStrictness::All) => "ALL JOIN ",
            Some(JoinStrictness::Any) => "ANY JOIN ",
            Some(JoinStrictness::Asof) => "ASOF JOIN ",
            Some(JoinStrictness::Semi) => "SEMI JOIN ",
            Some(JoinStrictness::Anti) => "ANTI JOIN ",
        });
        self.table_ref(&join.table);
        match &join.constraint {
            None => {}
            Some(JoinConstraint::On(condition)) => self.clause(" ON ", Some(condition)),
            Some(JoinConstraint::Using(columns)) => {
                self.put(" USING ");
                self.parenthesised(columns);
            }
        }
    }

    fn table_ref(&mut self, table: &TableRef) {
        self.table(&table.table);
        if let Some(alias) = &table.alias {
            self.put(" AS ");
            self.name(alias);
            if !table.column_aliases.is_empty() {
                self.parenthesised_names(&table.column_aliases);
            }
        }
        if table.final_span.is_some() {
            self.put(" FINAL");
        }
        if let Some(Sample { ratio, offset, .. }) = &table.sample {
            self.put(" SAMPLE ");
            self.ratio(ratio);
            if let Some(offset) = offset {
                self.put(" OFFSET ");
                self.ratio(offset);
            }
        }
    }

    fn ratio(&mut self, ratio: &Ratio) {
        self.expr(&ratio.numerator);
        self.clause("/", ratio.denominator.as_ref());
    }

    fn table(&mut self, table: &Table) {
        match table {
            Table::Name(name) => self.dotted(name),
            Table::Function { name, args } => {
                self.dotted(name);
                self.parenthesised(args);
            }
            Table::Query(query) => {
                self.put("(");
                self.query(query);
                self.put(")");
            }
            Table::Values(rows) => {
                self.put("(VALUES ");
                self.separated(rows, ", ", |printer, row| printer.parenthesised(row));
                self.put(")");
            }
            Table::Value(value) => self.expr(value),
            Table::Pivot(pivot) => self.pivot(pivot),
            Table::Unpivot(unpivot) => self.unpivot(unpivot),
        }
    }

    fn pivot(&mut self, pivot: &Pivot) {
        self.table_ref(&pivot.table);
        self.put(" PIVOT (");
        self.exprs(&pivot.aggregates);
        self.put(" FOR ");
        self.separated(&pivot.columns, " ", |printer, PivotColumn { column, values }| {
            printer.expr(column);
            printer.put(" IN ");
            printer.parenthesised(values);
        });
        if !pivot.group_by.is_empty() {
            self.put(" GROUP BY ");
            self.exprs(&pivot.group_by);
        }
        self.put(")");
    }

    fn unpivot(&mut self, unpivot: &Unpivot) {
        self.table_ref(&unpivot.table);
        self.put(if unpivot.include_nulls { " UNPIVOT INCLUDE NULLS (" } else { " UNPIVOT (" });
        self.separated(&unpivot.columns, ", ", |printer, it: &UnpivotColumn| {
            printer.expr(&it.value_columns);
            printer.put(" FOR ");
            printer.expr(&it.name_columns);
            printer.put(" IN ");
            printer.parenthesised(&it.columns);
        });
        self.put(")");
    }

    fn group_by(&mut self, group_by: &GroupBy) {
        match group_by {
            GroupBy::List(list) => self.exprs(list),
            GroupBy::All => self.put("ALL"),
            GroupBy::Rollup(list) => {
                self.put("ROLLUP");
                self.parenthesised(list);
            }
            GroupBy::Cube(list) => {
                self.put("CUBE");
                self.parenthesised(list);
            }
            GroupBy::Sets(sets) => {
                self.put("GROUPING SETS (");
                self.separated(sets, ", ", |printer, set| printer.parenthesised(set));
                self.put(")");
            }
        }
    }

    fn named_window(&mut self, window: &NamedWindow) {
        self.name(&window.name);
        self.put(" AS ");
        self.window(&window.window);
    }

    pub(super) fn over(&mut self, over: &Over) {
        self.put(" OVER ");
        match over {
            Over::Name(name) => self.name(name),
            Over::Window(window) => self.window(window),
        }
    }

    fn window(&mut self, window: &WindowSpec) {
        self.put("(");
        if !window.partition_by.is_empty() {
            self.put("PARTITION BY ");
            self.exprs(&window.partition_by);
        }
        if !window.order_by.is_empty() {
            self.put(if window.partition_by.is_empty() { "ORDER BY " } else { " ORDER BY " });
            self.separated(&window.order_by, ", ", Self::order_term);
        }
        if let Some(frame) = &window.frame {
            if !(window.partition_by.is_empty() && window.order_by.is_empty()) {
                self.put(" ");
            }
            self.put(match frame.unit {
                FrameUnit::Rows => "ROWS ",
                FrameUnit::Range => "RANGE ",
            });
            if let Some(end) = &frame.end {
                self.put("BETWEEN ");
                self.frame_bound(&frame.start);
                self.put(" AND ");
                self.frame_bound(end);
            } else {
                self.frame_bound(&frame.start);
            }
        }
        self.put(")");
    }

    fn frame_bound(&mut self, bound: &FrameBound) {
        let (distance, side) = match bound {
            FrameBound::CurrentRow => return self.put("CURRENT ROW"),
            FrameBound::Preceding(distance) => (distance, " PRECEDING"),
            FrameBound::Following(distance) => (distance, " FOLLOWING"),
        };
        match distance {
            None => self.put("UNBOUNDED"),
            Some(distance) => self.expr(distance),
        }
        self.put(side);
    }

    fn order_by(&mut self, terms: &[OrderExpr]) {
        if !terms.is_empty() {
            self.put(" ORDER BY ");
            self.separated(terms, ", ", Self::order_term);
        }
    }

    pub(super) fn order_term(&mut self, term: &OrderExpr) {
        self.expr(&term.expr);
        self.put(match term.direction {
            Direction::Asc => " ASC",
            Direction::Desc => " DESC",
        });
        self.put(match term.nulls {
            None => "",
            Some(Nulls::First) => " NULLS FIRST",
            Some(Nulls::Last) => " NULLS LAST",
        });
        if let Some(fill) = &term.fill {
            self.put(" WITH FILL");
            self.clause(" FROM ", fill.from.as_ref());
            self.clause(" TO ", fill.to.as_ref());
            self.clause(" STEP ", fill.step.as_ref());
        }
    }

    fn interpolate(&mut self, columns: Option<&[Interpolate]>) {
        let Some(columns) = columns else { return };
        self.put(" INTERPOLATE");
        if !columns.is_empty() {
            self.put(" (");
            self.separated(columns, ", ", |printer, it| {
                printer.expr(&it.column);
                printer.clause(" AS ", it.value.as_ref());
            });
            self.put(")");
        }
    }

    fn limit_by(&mut self, limit: Option<&LimitBy>) {
        if let Some(limit) = limit {
            self.clause(" LIMIT ", Some(&limit.count));
            self.clause(" OFFSET ", limit.offset.as_ref());
            self.put(" BY ");
            self.exprs(&limit.by);
        }
    }

    fn limit(&mut self, limit: Option<&Limit>) {
        let Some(limit) = limit else { return };
        self.clause(" LIMIT ", limit.count.as_ref());
        if limit.percent {
            self.put("%");
        }
        if limit.with_ties {
            self.put(" WITH TIES");
        }
        self.clause(" OFFSET ", limit.offset.as_ref());
    }
}
