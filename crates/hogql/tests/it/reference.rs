//! Our tree in the JSON shape of the reference parser, without its null and false fields.
//!
//! What our tree knows and the reference has no word for (`NULLS FIRST`, the `ORDER BY` of a set, the qualifier of
//! `t.* EXCLUDE`) is written under a key of our own, so that the two differ and the difference has to be listed.

use hogql::ast::{
    ArithmeticOp, ArrayJoinKind, Call, CompareOp, Constant, Cte, CteBody, Direction, Expr, ExprKind, FrameBound,
    FrameUnit, From, GroupBy, Ident, Join, JoinConstraint, JoinKind, JoinStrictness, Limit, Nulls, OrderExpr, Over,
    Query, Ratio, Sample, SelectQuery, SelectSet, SetKind, SetOperator, Table, TableRef, TagValue, WindowSpec,
};
use serde_json::{Map, Value, json};

/// A node with the fields that are there.
struct Node(Map<String, Value>);

impl Node {
    fn new(kind: &str) -> Self {
        Self(Map::from_iter([("node".to_owned(), json!(kind))]))
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null | Value::Bool(false) => {}
            value => {
                self.0.insert(key.to_owned(), value);
            }
        }
        self
    }

    /// A list that is absent when it is empty.
    fn with_some(self, key: &str, values: Vec<Value>) -> Self {
        if values.is_empty() { self } else { self.with(key, values) }
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn exprs(list: &[Expr]) -> Vec<Value> {
    list.iter().map(expr).collect()
}

fn maybe(optional: Option<&Expr>) -> Value {
    optional.map_or(Value::Null, expr)
}

fn names(list: &[Ident]) -> Vec<Value> {
    list.iter().map(|ident| json!(ident.name)).collect()
}

fn field(chain: &[Ident]) -> Value {
    Node::new("Field").with("chain", names(chain)).done()
}

pub(crate) fn query(query: &Query) -> Value {
    match query {
        Query::Select(query) => select(query),
        Query::Set(query) => set(query),
        Query::Value(value) => expr(value),
    }
}

pub(crate) fn expr(expr_: &Expr) -> Value {
    match &expr_.kind {
        ExprKind::Constant(value) => constant(value),
        ExprKind::Field(chain) => field(chain),
        ExprKind::Star(star) if star.exclude.is_empty() => {
            let mut chain = names(&star.qualifier);
            chain.push(json!("*"));
            Node::new("Field").with("chain", chain).done()
        }
        ExprKind::Star(star) => Node::new("ColumnsExpr")
            .with("all_columns", true)
            .with("exclude", names(&star.exclude))
            .with_some("our_qualifier", names(&star.qualifier))
            .done(),
        ExprKind::ColumnsMatching(pattern) => Node::new("ColumnsExpr").with("regex", pattern.as_str()).done(),
        ExprKind::Columns(columns) => Node::new("ColumnsExpr").with("columns", exprs(columns)).done(),
        ExprKind::Call(call_) => call(call_),
        ExprKind::CallValue(it) => {
            Node::new("ExprCall").with("expr", expr(&it.callee)).with("args", exprs(&it.args)).done()
        }
        ExprKind::Window(it) => window_call(&it.call, &it.over),
        ExprKind::Compare(it) => Node::new("CompareOperation")
            .with("op", compare_op(it.op))
            .with("left", expr(&it.left))
            .with("right", expr(&it.right))
            .with("is_null_comparison_style", it.is_null_style)
            .done(),
        ExprKind::DistinctFrom(it) => Node::new("IsDistinctFrom")
            .with("left", expr(&it.left))
            .with("right", expr(&it.right))
            .with("negated", it.negated)
            .done(),
        ExprKind::Arithmetic(it) => Node::new("ArithmeticOperation")
            .with("op", arithmetic_op(it.op))
            .with("left", expr(&it.left))
            .with("right", expr(&it.right))
            .done(),
        ExprKind::And(operands) => Node::new("And").with("exprs", exprs(operands)).done(),
        ExprKind::Or(operands) => Node::new("Or").with("exprs", exprs(operands)).done(),
        ExprKind::Not(operand) => Node::new("Not").with("expr", expr(operand)).done(),
        ExprKind::Between(it) => Node::new("BetweenExpr")
            .with("expr", expr(&it.expr))
            .with("low", expr(&it.low))
            .with("high", expr(&it.high))
            .with("negated", it.negated)
            .done(),
        _ => other_expr(expr_),
    }
}

fn other_expr(expr_: &Expr) -> Value {
    match &expr_.kind {
        ExprKind::Array(items) => Node::new("Array").with("exprs", exprs(items)).done(),
        ExprKind::Tuple(items) => Node::new("Tuple").with("exprs", exprs(items)).done(),
        ExprKind::Dict(items) => {
            let items: Vec<Value> = items.iter().map(|(key, value)| json!([expr(key), expr(value)])).collect();
            Node::new("Dict").with("items", items).done()
        }
        ExprKind::Lambda(it) => Node::new("Lambda").with("args", names(&it.args)).with("expr", expr(&it.body)).done(),
        ExprKind::ArrayAccess(it) => Node::new("ArrayAccess")
            .with("array", expr(&it.array))
            .with("property", expr(&it.property))
            .with("nullish", it.null_safe)
            .done(),
        ExprKind::Slice(it) => Node::new("ArraySlice")
            .with("array", expr(&it.array))
            .with("start_expr", maybe(it.from.as_ref()))
            .with("end_expr", maybe(it.to.as_ref()))
            .done(),
        ExprKind::TupleAccess(it) => Node::new("TupleAccess")
            .with("tuple", expr(&it.tuple))
            .with("index", it.index)
            .with("nullish", it.null_safe)
            .done(),
        ExprKind::Alias(it) => {
            Node::new("Alias").with("expr", expr(&it.expr)).with("alias", it.alias.name.as_str()).done()
        }
        ExprKind::NamedArgument(it) => {
            Node::new("NamedArgument").with("value", expr(&it.expr)).with("name", it.alias.name.as_str()).done()
        }
        ExprKind::Cast(it) => Node::new(if it.is_try { "TryCast" } else { "TypeCast" })
            .with("expr", expr(&it.expr))
            .with("type_name", it.type_name.as_str())
            .done(),
        ExprKind::Placeholder(inner) => Node::new("Placeholder").with("expr", expr(inner)).done(),
        ExprKind::Subquery(inner) => query(inner),
        ExprKind::Tag(tag) => {
            let attributes: Vec<Value> = tag
                .attributes
                .iter()
                .map(|attribute| {
                    let value = match &attribute.value {
                        TagValue::Expr(value) => expr(value),
                        TagValue::Children(children) => Value::Array(exprs(children)),
                    };
                    let name = attribute.name.name.as_str();
                    Node::new("HogQLXAttribute").with("name", name).with("value", value).done()
                })
                .collect();
            Node::new("HogQLXTag").with("kind", tag.kind.name.as_str()).with("attributes", attributes).done()
        }
        kind => panic!("no shape for {kind:?}"),
    }
}

fn constant(value: &Constant) -> Value {
    let node = Node::new("Constant");
    let number = |text: &str| Node::new("Constant").with("value", text).with("value_type", "number").done();
    match value {
        Constant::Null => node.done(),
        Constant::Bool(false) => json!({"node": "Constant", "value": false}),
        Constant::Bool(true) => node.with("value", true).done(),
        Constant::Int(value) => node.with("value", *value).done(),
        Constant::BigInt(digits) => number(digits),
        Constant::Float(value) if value.is_nan() => number("NaN"),
        Constant::Float(value) if value.is_infinite() => number(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Constant::Float(value) => node.with("value", *value).done(),
        Constant::String(text) => node.with("value", text.as_str()).done(),
    }
}

fn call_parts(call: &Call) -> Node {
    Node::new("Call")
        .with("name", call.name.name.as_str())
        .with("distinct", call.distinct)
        .with_some("order_by", order(&call.order_by))
        .with("filter_expr", maybe(call.filter.as_ref()))
        .with_some("within_group", order(&call.within_group))
}

fn call(call: &Call) -> Value {
    let params = call.params.as_deref().map_or(Value::Null, |params| exprs(params).into());
    call_parts(call).with("params", params).with("args", exprs(&call.args)).done()
}

fn window_call(call: &Call, over: &Over) -> Value {
    let (exprs_, args) = match &call.params {
        Some(params) => (params.as_slice(), call.args.as_slice()),
        None => (call.args.as_slice(), [].as_slice()),
    };
    let mut node = call_parts(call).with("exprs", exprs(exprs_)).with("args", exprs(args));
    node = node.with("node", "WindowFunction");
    match over {
        Over::Name(name) => node.with("over_identifier", name.name.as_str()),
        Over::Window(window) => node.with("over_expr", window_spec(window)),
    }
    .done()
}

fn window_spec(window: &WindowSpec) -> Value {
    let node = Node::new("WindowExpr")
        .with_some("partition_by", exprs(&window.partition_by))
        .with_some("order_by", order(&window.order_by));
    let Some(frame) = &window.frame else { return node.done() };
    let unit = match frame.unit {
        FrameUnit::Rows => "ROWS",
        FrameUnit::Range => "RANGE",
    };
    node.with("frame_method", unit)
        .with("frame_start", frame_bound(&frame.start))
        .with("frame_end", frame.end.as_ref().map_or(Value::Null, frame_bound))
        .done()
}

fn frame_bound(bound: &FrameBound) -> Value {
    let node = Node::new("WindowFrameExpr");
    let (kind, distance) = match bound {
        FrameBound::CurrentRow => return node.with("frame_type", "CURRENT ROW").done(),
        FrameBound::Preceding(distance) => ("PRECEDING", distance),
        FrameBound::Following(distance) => ("FOLLOWING", distance),
    };
    let distance = match distance.as_ref().map(|distance| (distance, distance.as_constant())) {
        None => Value::Null,
        Some((_, Some(Constant::Int(value)))) => json!(value),
        Some((distance, _)) => expr(distance),
    };
    node.with("frame_type", kind).with("frame_value", distance).done()
}

fn compare_op(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::NotEq => "!=",
        CompareOp::Less => "<",
        CompareOp::LessEq => "<=",
        CompareOp::Greater => ">",
        CompareOp::GreaterEq => ">=",
        CompareOp::Like => "like",
        CompareOp::ILike => "ilike",
        CompareOp::NotLike => "not like",
        CompareOp::NotILike => "not ilike",
        CompareOp::Regex => "=~",
        CompareOp::NotRegex => "!~",
        CompareOp::IRegex => "=~*",
        CompareOp::NotIRegex => "!~*",
        CompareOp::In => "in",
        CompareOp::NotIn => "not in",
        CompareOp::InCohort => "in cohort",
        CompareOp::NotInCohort => "not in cohort",
    }
}

fn arithmetic_op(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Sub => "-",
        ArithmeticOp::Mul => "*",
        ArithmeticOp::Div => "/",
        ArithmeticOp::Mod => "%",
    }
}

pub(crate) fn order_expr(term: &OrderExpr) -> Value {
    let node = Node::new("OrderExpr").with("expr", expr(&term.expr)).with(
        "order",
        match term.direction {
            Direction::Asc => "ASC",
            Direction::Desc => "DESC",
        },
    );
    let node = match term.nulls {
        None => node,
        Some(Nulls::First) => node.with("our_nulls", "FIRST"),
        Some(Nulls::Last) => node.with("our_nulls", "LAST"),
    };
    let Some(fill) = &term.fill else { return node.done() };
    let fill = Node::new("WithFillExpr")
        .with("from_value", maybe(fill.from.as_ref()))
        .with("to_value", maybe(fill.to.as_ref()))
        .with("step_value", maybe(fill.step.as_ref()));
    node.with("with_fill", fill.done()).done()
}

fn order(terms: &[OrderExpr]) -> Vec<Value> {
    terms.iter().map(order_expr).collect()
}

fn limit(node: Node, limit: Option<&Limit>) -> Node {
    let Some(limit) = limit else { return node };
    node.with("limit", maybe(limit.count.as_ref()))
        .with("offset", maybe(limit.offset.as_ref()))
        .with("limit_percent", limit.percent)
        .with("limit_with_ties", limit.with_ties)
}

fn set(set: &SelectSet) -> Value {
    let subsequent: Vec<Value> = set
        .subsequent
        .iter()
        .map(|(operator, branch)| {
            let operator = set_operator(*operator);
            Node::new("SelectSetNode").with("set_operator", operator).with("select_query", query(branch)).done()
        })
        .collect();
    let node = Node::new("SelectSetQuery")
        .with("initial_select_query", query(&set.initial))
        .with("subsequent_select_queries", subsequent)
        .with_some("our_order_by", order(&set.order_by));
    limit(node, set.limit.as_ref()).done()
}

fn set_operator(operator: SetOperator) -> String {
    let kind = match operator.kind {
        SetKind::UnionAll => "UNION ALL",
        SetKind::UnionDistinct => "UNION DISTINCT",
        SetKind::Intersect => "INTERSECT",
        SetKind::IntersectAll => "INTERSECT ALL",
        SetKind::Except => "EXCEPT",
        SetKind::ExceptAll => "EXCEPT ALL",
    };
    if operator.by_name { format!("{kind} BY NAME") } else { kind.to_owned() }
}

fn select(query: &SelectQuery) -> Value {
    let mut node = Node::new("SelectQuery")
        .with_some("ctes", query.with.iter().map(cte).collect())
        .with("distinct", query.distinct)
        .with("select", exprs(&query.select))
        .with("select_from", query.from.as_ref().map_or(Value::Null, from))
        .with("prewhere", maybe(query.prewhere.as_ref()))
        .with("where", maybe(query.filter.as_ref()))
        .with("having", maybe(query.having.as_ref()))
        .with("qualify", maybe(query.qualify.as_ref()))
        .with_some("order_by", order(&query.order_by));
    if let Some(join) = &query.array_join {
        let op = match join.kind {
            ArrayJoinKind::Plain => "ARRAY JOIN",
            ArrayJoinKind::Inner => "INNER ARRAY JOIN",
            ArrayJoinKind::Left => "LEFT ARRAY JOIN",
        };
        node = node.with("array_join_op", op).with("array_join_list", exprs(&join.arrays));
    }
    if let Some(columns) = &query.interpolate {
        let columns: Vec<Value> = columns
            .iter()
            .map(|it| {
                let node = Node::new("InterpolateExpr").with("expr", expr(&it.column));
                node.with("value", maybe(it.value.as_ref())).done()
            })
            .collect();
        node = node.with("interpolate", columns);
    }
    if !query.windows.is_empty() {
        let windows = query.windows.iter().map(|window| (window.name.name.clone(), window_spec(&window.window)));
        node = node.with("window_exprs", Value::Object(windows.collect()));
    }
    if let Some(by) = &query.limit_by {
        let limit_by = Node::new("LimitByExpr")
            .with("n", expr(&by.count))
            .with("offset_value", maybe(by.offset.as_ref()))
            .with("exprs", exprs(&by.by));
        node = node.with("limit_by", limit_by.done());
    }
    limit(group_by(node, query.group_by.as_ref()), query.limit.as_ref()).done()
}

fn group_by(node: Node, group_by: Option<&GroupBy>) -> Node {
    match group_by {
        None => node,
        Some(GroupBy::List(list)) => node.with("group_by", exprs(list)),
        Some(GroupBy::All) => node.with("group_by_mode", "all"),
        Some(GroupBy::Rollup(list)) => node.with("group_by", exprs(list)).with("group_by_mode", "rollup"),
        Some(GroupBy::Cube(list)) => node.with("group_by", exprs(list)).with("group_by_mode", "cube"),
        Some(GroupBy::Sets(sets)) => {
            let sets: Vec<Value> =
                sets.iter().map(|set| Node::new("GroupingSet").with("exprs", exprs(set)).done()).collect();
            node.with("group_by", sets).with("group_by_mode", "grouping_sets")
        }
    }
}

fn cte(cte: &Cte) -> Value {
    let node = Node::new("CTE").with("name", cte.name.name.as_str()).with("recursive", cte.recursive);
    match &cte.body {
        CteBody::Expr(value) => node.with("cte_type", "column").with("expr", expr(value)),
        CteBody::Query { query: body, columns, materialized, using_key } => node
            .with("cte_type", "subquery")
            .with("expr", query(body))
            .with_some("columns", names(columns))
            .with("materialized", materialized.unwrap_or(false))
            .with_some("using_key", names(using_key)),
    }
    .done()
}

/// The reference nests joins: each table holds the next.
fn from(from: &From) -> Value {
    let mut next = Value::Null;
    for join_ in from.joins.iter().rev() {
        next = join(join_, next);
    }
    table_ref(&from.first).with("next_join", next).done()
}

fn join(join: &Join, next: Value) -> Value {
    let kind = match join.kind {
        JoinKind::Inner => "",
        JoinKind::Left => "LEFT ",
        JoinKind::Right => "RIGHT ",
        JoinKind::Full => "FULL ",
        JoinKind::Cross => "CROSS ",
    };
    let strictness = match join.strictness {
        None => "",
        Some(JoinStrictness::All) => "ALL ",
        Some(JoinStrictness::Any) => "ANY ",
        Some(JoinStrictness::Asof) => "ASOF ",
        Some(JoinStrictness::Semi) => "SEMI ",
        Some(JoinStrictness::Anti) => "ANTI ",
    };
    let constraint = match &join.constraint {
        None => Value::Null,
        Some(JoinConstraint::On(condition)) => {
            let node = Node::new("JoinConstraint").with("constraint_type", "ON");
            node.with("expr", expr(condition)).done()
        }
        Some(JoinConstraint::Using(columns)) => {
            let node = Node::new("JoinConstraint").with("constraint_type", "USING");
            let columns = match columns.as_slice() {
                [only] => expr(only),
                _ => Node::new("Tuple").with("exprs", exprs(columns)).done(),
            };
            node.with("expr", columns).done()
        }
    };
    table_ref(&join.table)
        .with("join_type", format!("{kind}{strictness}JOIN"))
        .with("constraint", constraint)
        .with("next_join", next)
        .done()
}

fn table_ref(table: &TableRef) -> Node {
    let node = Node::new("JoinExpr")
        .with("alias", table.alias.as_ref().map_or(Value::Null, |alias| json!(alias.name)))
        .with_some("column_aliases", names(&table.column_aliases))
        .with("table_final", table.final_span.is_some())
        .with("sample", table.sample.as_ref().map_or(Value::Null, sample));
    match &table.table {
        Table::Function { name, args } => node.with("table", field(name)).with("table_args", exprs(args)),
        rows => node.with("table", rows_of(rows)),
    }
}

fn rows_of(table: &Table) -> Value {
    match table {
        Table::Name(name) => field(name),
        Table::Function { .. } => panic!("a function has arguments"),
        Table::Query(inner) => query(inner),
        Table::Value(value) => expr(value),
        Table::Values(rows) => {
            let rows: Vec<Value> = rows.iter().map(|row| Value::Array(exprs(row))).collect();
            Node::new("ValuesQuery").with("rows", rows).done()
        }
        Table::Pivot(pivot) => {
            let columns: Vec<Value> = pivot
                .columns
                .iter()
                .map(|it| {
                    let node = Node::new("PivotColumn").with("column", expr(&it.column));
                    node.with("values", exprs(&it.values)).done()
                })
                .collect();
            Node::new("PivotExpr")
                .with("table", turned(&pivot.table))
                .with("aggregates", exprs(&pivot.aggregates))
                .with("columns", columns)
                .with_some("group_by", exprs(&pivot.group_by))
                .done()
        }
        Table::Unpivot(unpivot) => {
            let columns: Vec<Value> = unpivot
                .columns
                .iter()
                .map(|it| {
                    Node::new("UnpivotColumn")
                        .with("value_columns", expr(&it.value_columns))
                        .with("name_columns", expr(&it.name_columns))
                        .with("unpivot_values", exprs(&it.columns))
                        .done()
                })
                .collect();
            Node::new("UnpivotExpr")
                .with("table", turned(&unpivot.table))
                .with("include_nulls", unpivot.include_nulls)
                .with("columns", columns)
                .done()
        }
    }
}

/// A table that is turned is wrapped only if it has an alias.
fn turned(table: &TableRef) -> Value {
    if table.alias.is_some() { table_ref(table).done() } else { rows_of(&table.table) }
}

fn sample(sample: &Sample) -> Value {
    Node::new("SampleExpr")
        .with("sample_value", ratio(&sample.ratio))
        .with("offset_value", sample.offset.as_ref().map_or(Value::Null, ratio))
        .done()
}

fn ratio(ratio: &Ratio) -> Value {
    if matches!(ratio.numerator.kind, ExprKind::Placeholder(_)) {
        return expr(&ratio.numerator);
    }
    Node::new("RatioExpr").with("left", expr(&ratio.numerator)).with("right", maybe(ratio.denominator.as_ref())).done()
}
