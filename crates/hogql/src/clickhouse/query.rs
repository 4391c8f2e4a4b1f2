//! Queries as text for ClickHouse.

use std::collections::HashSet;

use super::Printer;
use crate::resolved::{
    ArrayJoin, Body, Join, JoinKind, Limit, Query, RelationId, Sample, Select, Set, SetOperation, Source, Strictness,
};

impl<'t> Printer<'t> {
    pub(super) fn query(&mut self, query: &'t Query) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match &query.body {
            Body::Select(select) => self.select(select),
            Body::Set(set) => self.set(set),
        });
    }

    fn set(&mut self, set: &'t Set) {
        let outer = !set.order_by.is_empty() || set.limit != Limit::default();
        if outer {
            self.put("SELECT * FROM (");
        }
        let word = match set.operation {
            SetOperation::UnionAll => " UNION ALL ",
            SetOperation::UnionDistinct => " UNION DISTINCT ",
            SetOperation::IntersectAll => " INTERSECT ALL ",
            SetOperation::IntersectDistinct => " INTERSECT DISTINCT ",
            SetOperation::ExceptAll => " EXCEPT ALL ",
            SetOperation::ExceptDistinct => " EXCEPT DISTINCT ",
        };
        for (at, branch) in set.branches.iter().enumerate() {
            if at > 0 {
                self.put(word);
            }
            self.put("(");
            self.query(branch);
            self.put(")");
        }
        if outer {
            self.put(&format!(") AS t{}", set.relation.0));
            if !set.order_by.is_empty() {
                self.put(" ORDER BY ");
                self.list(&set.order_by, Self::order);
            }
            self.limit(&set.limit);
        }
    }

    fn select(&mut self, select: &'t Select) {
        let outer = self.unfolded.len();
        let joins = || select.array_joins.iter().chain(&select.late_array_joins);
        self.unfolded.extend(joins().filter(|join| join.inline));
        self.array_joined.extend(joins().filter(|join| !join.inline).map(|join| join.relation));
        self.put(if select.distinct { "SELECT DISTINCT " } else { "SELECT " });
        let mut taken = HashSet::new();
        for (at, column) in select.projection.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            self.expr(&column.expr);
            self.put(" AS ");
            let mut name = column.name.to_string();
            let mut count = 1;
            while !taken.insert(name.clone()) {
                count += 1;
                name = format!("{}_{count}", column.name);
            }
            self.name(&name);
        }
        self.from(select);
        self.groups(select);
        if let Some(qualify) = &select.qualify {
            self.put(" QUALIFY ");
            self.expr(qualify);
        }
        if !select.order_by.is_empty() {
            self.put(" ORDER BY ");
            self.list(&select.order_by, Self::order);
        }
        if let Some(by) = &select.limit_by {
            self.put(" LIMIT ");
            self.expr(&by.limit);
            if let Some(offset) = &by.offset {
                self.put(" OFFSET ");
                self.expr(offset);
            }
            self.put(" BY ");
            self.exprs(&by.keys);
        }
        self.limit(&select.limit);
        self.unfolded.truncate(outer);
    }

    fn from(&mut self, select: &'t Select) {
        let mut samples = Vec::new();
        if let Some(source) = &select.source {
            self.put(" FROM ");
            self.source(source, &mut samples);
        }
        for join in select.array_joins.iter().filter(|join| !join.inline) {
            self.array_join(join);
        }
        let having = select.having.as_ref().filter(|_| select.group_by.is_none());
        let mut word = " WHERE ";
        for condition in select.filter.iter().chain(having) {
            self.put(word);
            self.expr(condition);
            word = " AND ";
        }
        for (relation, sample) in samples {
            self.put(word);
            self.sample(relation, sample);
            word = " AND ";
        }
    }

    fn groups(&mut self, select: &'t Select) {
        let Some(group) = &select.group_by else { return };
        match &group.sets {
            Some(sets) => {
                self.put(" GROUP BY GROUPING SETS (");
                for (at, set) in sets.iter().enumerate() {
                    self.put(if at > 0 { ", (" } else { "(" });
                    for (place, key) in set.iter().enumerate() {
                        if place > 0 {
                            self.put(", ");
                        }
                        if let Some(key) = group.keys.get(*key) {
                            self.expr(key);
                        }
                    }
                    self.put(")");
                }
                self.put(")");
            }
            None if group.keys.is_empty() => {}
            None => {
                self.put(" GROUP BY ");
                self.exprs(&group.keys);
            }
        }
        if let Some(having) = &select.having {
            self.put(" HAVING ");
            self.expr(having);
        }
    }

    fn limit(&mut self, limit: &'t Limit) {
        if let Some(count) = &limit.limit {
            self.put(" LIMIT ");
            self.expr(count);
        }
        if let Some(offset) = &limit.offset {
            self.put(" OFFSET ");
            self.expr(offset);
        }
        if limit.with_ties {
            self.put(" WITH TIES");
        }
    }

    fn array_join(&mut self, join: &'t ArrayJoin) {
        self.put(if join.left { " LEFT ARRAY JOIN " } else { " ARRAY JOIN " });
        self.list(&join.items, |this, item| {
            this.expr(&item.array);
            this.put(" AS ");
            // The alias has no relation of its own: its name is the whole of `t3.x`.
            this.name(&format!("t{}.{}", join.relation.0, item.name));
        });
    }

    fn source(&mut self, source: &'t Source, samples: &mut Vec<(RelationId, &'t Sample)>) {
        match source {
            Source::Table { id, table, sample } => {
                self.put(&format!("{} AS t{}", table.name(), id.0));
                samples.extend(sample.as_ref().map(|sample| (*id, sample)));
            }
            Source::Query { id, query } => {
                self.put("(");
                self.query(query);
                self.put(&format!(") AS t{}", id.0));
            }
            Source::Numbers { id, start, count } => {
                self.put("numbers(");
                self.expr(start);
                self.put(", ");
                self.expr(count);
                self.put(&format!(") AS t{}", id.0));
            }
            Source::Values { id, columns, rows } => {
                self.put("values('");
                for (at, (name, ty)) in columns.iter().enumerate() {
                    if at > 0 {
                        self.put(", ");
                    }
                    self.name(name);
                    self.put(&format!(" {}", ty.to_string().replace('\'', "\\'")));
                }
                self.put("'");
                for row in rows {
                    self.put(", (");
                    self.exprs(row);
                    self.put(")");
                }
                self.put(&format!(") AS t{}", id.0));
            }
            Source::Join(join) => self.join(join, samples),
        }
    }

    fn join(&mut self, join: &'t Join, samples: &mut Vec<(RelationId, &'t Sample)>) {
        self.source(&join.left, samples);
        let kind = match join.kind {
            JoinKind::Inner => " INNER",
            JoinKind::Left => " LEFT",
            JoinKind::Right => " RIGHT",
            JoinKind::Full => " FULL",
            JoinKind::Cross => " CROSS",
        };
        self.put(kind);
        self.put(match join.strictness {
            Strictness::All => "",
            Strictness::Any => " ANY",
            Strictness::Asof => " ASOF",
            Strictness::Semi => " SEMI",
            Strictness::Anti => " ANTI",
        });
        self.put(" JOIN ");
        self.source(&join.right, samples);
        let mut word = " ON ";
        for (left, right) in &join.equal {
            self.put(word);
            self.expr(left);
            self.put(" = ");
            self.expr(right);
            word = " AND ";
        }
        if let Some(residual) = &join.residual {
            self.put(word);
            self.expr(residual);
        }
    }

    /// Rows whose hashed distinct id lies in a part of the range of hashes.
    fn sample(&mut self, relation: RelationId, sample: &Sample) {
        let (offset, ratio) = (sample.offset.0, sample.ratio.0);
        let hash = format!("cityHash64(t{}.distinct_id) / 18446744073709551616.", relation.0);
        self.put(&format!("({hash} >= {offset:?} AND {hash} < {:?})", offset + ratio));
    }
}
