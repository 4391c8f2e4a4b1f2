//! Names of fields, and steps into documents.

use std::sync::Arc;

use super::{AliasState, Joined, Relation, Resolver, Rows, Scope, name};
use crate::ast::{self, ExprKind, Ident, Span};
use crate::context::{PersonsOnEvents, PropertyType};
use crate::fault::{ResolveError, Result};
use crate::resolved::{Expr, Kind, Literal, Source, Step, Table};
use crate::schema::{self, FieldKind, Lazy, Owner, TableSchema};
use crate::types::{Base, Name, Type};

/// What a chain of names has come to so far.
pub(super) enum Place {
    /// A value.
    Value(Expr),
    /// Somewhere in a JSON document; at its root if there are no steps.
    Json { document: Expr, owner: Owner, path: Vec<Step> },
}

/// Properties that stay text whatever their definition says.
const RESERVED: [&str; 6] =
    ["$ai_trace_id", "$ai_session_id", "$ai_parent_id", "$ai_span_id", "$ai_generation_id", "$ai_experiment_id"];

/// Names that are compared with one that is not there.
const NAMES_COMPARED: usize = 1_000;

/// A constant as a step into a document.
pub(super) fn step(index: &Expr) -> Option<Step> {
    match index.as_literal()? {
        Literal::String(key) => Some(Step::Key(Arc::clone(key))),
        Literal::UInt(at) => i64::try_from(*at).ok().map(Step::Index),
        Literal::Int(at) => Some(Step::Index(*at)),
        _ => None,
    }
}

impl Resolver<'_> {
    /// Where a chain of names and brackets leads.
    pub(super) fn place(&mut self, expr: &ast::Expr, scope: &mut Scope<'_>) -> Result<Place> {
        let (inner, index) = match &expr.kind {
            ExprKind::Field(chain) => return self.chain(chain, expr.span, scope),
            ExprKind::ArrayAccess(access) => (&access.array, self.expr(&access.property, scope)?),
            ExprKind::TupleAccess(access) => {
                let (literal, ty) = super::constant::integer(access.index);
                (&access.tuple, Expr { kind: Kind::Literal(literal), ty, span: expr.span })
            }
            _ => return self.expr(expr, scope).map(Self::place_of),
        };
        let place = self.deeper(expr.span, |this| this.place(inner, scope))?;
        match (place, step(&index)) {
            (Place::Json { document, owner, mut path }, Some(step)) => {
                path.push(step);
                Ok(Place::Json { document, owner, path })
            }
            (Place::Json { .. }, None) => Err(ResolveError::input("A property is named by a constant", expr.span)),
            (Place::Value(value), _) => self.index(value, index, expr.span).map(Place::Value),
        }
    }

    /// The value at a place. A property of one step has the type of its definition, unless `untyped`.
    pub(super) fn finish(&mut self, place: Place, untyped: bool, span: Span) -> Result<Expr> {
        let (document, owner, path) = match place {
            Place::Value(value) => return Ok(Expr { span, ..value }),
            Place::Json { document, owner, path } => (document, owner, path),
        };
        let restricted = match owner {
            Owner::Event => &self.context.restrictions.event_properties,
            Owner::Person => &self.context.restrictions.person_properties,
            Owner::Group(_) => &Vec::new(),
        };
        if path.is_empty() {
            return if restricted.is_empty() {
                Ok(Expr { span, ..document })
            } else {
                self.redacted(document, restricted, span)
            };
        }
        if let Some(Step::Key(key)) = path.first()
            && restricted.iter().any(|name| **name == **key)
        {
            return Ok(Expr { span, ..Expr::literal(Literal::Null, Type::nullable(Base::String)) });
        }
        let ty = match (path.as_slice(), owner) {
            ([Step::Key(key)], owner) if !untyped => self.definition(owner, key),
            _ => None,
        };
        let key = match path.as_slice() {
            [Step::Key(key)] => Arc::clone(key),
            _ => name(""),
        };
        let property = self.property(document, path, span);
        if let Some(ty) = ty {
            self.note(span, || format!("{} property '{key}' is of type '{}'.", owner.title(), ty.title()));
        }
        match ty {
            Some(PropertyType::Numeric) => self.cast_or_null(property, "Float64", span),
            Some(PropertyType::DateTime) => {
                let zone = Arc::clone(self.zone());
                self.parse_instant("parseDateTime64BestEffortOrNull", property, &zone, span)
            }
            Some(PropertyType::Boolean) => self.text_to_bool(&property, span),
            Some(PropertyType::String) | None => Ok(property),
        }
    }

    fn definition(&self, owner: Owner, key: &str) -> Option<PropertyType> {
        let types = &self.context.project.property_types;
        match owner {
            Owner::Event if RESERVED.contains(&key) => None,
            Owner::Event => types.event.get(key),
            Owner::Person => types.person.get(key),
            Owner::Group(index) => types.group.get(&(index?, key.to_owned())),
        }
        .copied()
    }

    /// The text of a value in a document.
    pub(super) fn property(&mut self, document: Expr, path: Vec<Step>, span: Span) -> Expr {
        self.nodes += 1;
        let keep_escapes = self.context.modifiers.legacy_property_escapes;
        let kind = Kind::Property { document: Box::new(document), path, keep_escapes };
        Expr { kind, ty: Type::nullable(Base::String), span }
    }

    /// `'true'` and `'false'` as Bool; anything else is NULL.
    pub(super) fn text_to_bool(&mut self, text: &Expr, span: Span) -> Result<Expr> {
        let is = |this: &mut Self, word: &str| this.call("equals", vec![text.clone(), Expr::string(name(word))], span);
        let (yes, no) = (is(self, "true")?, is(self, "false")?);
        let value = |value: bool| Expr::literal(Literal::Bool(value), Base::Bool.into());
        let null = Expr::literal(Literal::Null, Type::nullable(Base::Bool));
        self.call("multiIf", vec![yes, value(true), no, value(false), null], span)
    }

    /// A document without the keys that this user may not read.
    fn redacted(&mut self, document: Expr, keys: &[String], span: Span) -> Result<Expr> {
        let pair_type = Type::tuple([Type::string(), Type::string()]);
        let variable = self.variable("pair");
        let pair = Expr { kind: Kind::Variable(Arc::clone(&variable)), ty: pair_type.clone(), span };
        let at = |this: &mut Self, place: u64| {
            let place = Expr::literal(Literal::UInt(place), Base::UInt8.into());
            this.call("tupleElement", vec![pair.clone(), place], span)
        };
        let (key, value) = (at(self, 1)?, at(self, 2)?);
        let list = keys.iter().map(|key| Expr::string(name(key))).collect();
        let list = self.call("array", list, span)?;
        let hidden = self.call("has", vec![list, key.clone()], span)?;
        let kept = self.call("not", vec![hidden], span)?;
        let variables = vec![(variable, pair_type)];
        let lambda = |body: Expr| Expr {
            kind: Kind::Lambda { variables: variables.clone(), body: Box::new(body) },
            ty: Base::Function.into(),
            span,
        };
        let pairs = self.call("JSONExtractKeysAndValuesRaw", vec![document], span)?;
        let pairs = self.call("arrayFilter", vec![lambda(kept), pairs], span)?;
        let key = self.call("toJSONString", vec![key], span)?;
        let member = self.call("concat", vec![key, Expr::string(":"), value], span)?;
        let members = self.call("arrayMap", vec![lambda(member), pairs], span)?;
        let members = self.call("arrayStringConcat", vec![members, Expr::string(",")], span)?;
        self.call("concat", vec![Expr::string("{"), members, Expr::string("}")], span)
    }

    fn chain(&mut self, chain: &[Ident], span: Span, scope: &mut Scope<'_>) -> Result<Place> {
        let Some((first, rest)) = chain.split_first() else { return Err(ResolveError::input("Empty name", span)) };
        let lambda = scope.lambdas.iter().rev().find(|(name, ..)| *name == first.name);
        if let Some((_, unique, ty)) = lambda {
            let value = Expr { kind: Kind::Variable(Arc::clone(unique)), ty: ty.clone(), span };
            return self.steps(value, chain, 1, span).map(Place::Value);
        }
        if !rest.is_empty()
            && let Some(relation) =
                scope.relations.iter_mut().find(|relation| relation.name.as_deref() == Some(&first.name))
        {
            // `events.person.id` is the table, `person.id` a field: a table wins, unless it lacks the field.
            if let Some(place) = self.in_relation(relation, rest, span)? {
                return Ok(place);
            }
            if !scope.relations.iter().any(|relation| has_field(self.context, relation, &first.name)) {
                return Err(unresolved(chain, 1, span));
            }
        }
        let named = scope.alias_places.get(first.name.as_str()).copied();
        let is_earlier =
            |at: &usize| scope.aliases.get(*at).is_some_and(|alias| scope.item.is_none_or(|item| alias.item < item));
        if let Some(at) = named.filter(is_earlier)
            && let Some(place) = self.alias(at, chain, span, scope)?
        {
            return Ok(place);
        }
        let context = self.context;
        if let Some(relation) =
            scope.relations.iter_mut().find(|relation| relation.over && has_field(context, relation, &first.name))
            && let Some(place) = self.in_relation(relation, chain, span)?
        {
            return Ok(place);
        }
        let sources = scope.relations.iter().filter(|relation| has_field(self.context, relation, &first.name)).count();
        if sources > 1 && !scope.using.contains(&first.name) {
            let message = format!("Ambiguous query. Found multiple sources for field: {}", first.name);
            return Err(ResolveError::input(message, span));
        }
        if let Some(relation) = scope.relations.iter_mut().find(|relation| has_field(context, relation, &first.name))
            && let Some(place) = self.in_relation(relation, chain, span)?
        {
            return Ok(place);
        }
        if let Some(place) = self.cte_expr(chain, span, scope)? {
            return Ok(place);
        }
        if let Some(at) = named
            && let Some(place) = self.alias(at, chain, span, scope)?
        {
            return Ok(place);
        }
        if rest.is_empty() && scope.relations.iter().any(|relation| relation.name.as_deref() == Some(&first.name)) {
            return Err(ResolveError::input(
                format!("Can't select a table when a column is expected: {}", first.name),
                span,
            ));
        }
        let fault = ResolveError::input(format!("Unable to resolve field: {}", first.name), span);
        Err(fault.fixed_by(self.similar_field(first, rest, scope)))
    }

    /// What may have been meant by a chain that starts with a name nothing is called.
    fn similar_field(&self, first: &Ident, rest: &[Ident], scope: &Scope<'_>) -> Option<String> {
        let names = scope.relations.iter().flat_map(|relation| -> Vec<&str> {
            match &relation.rows {
                Rows::Columns(columns) => columns.iter().map(|(name, ..)| &**name).collect(),
                Rows::Table { schema, .. } => schema.fields.iter().map(|field| field.name).collect(),
            }
        });
        let similar = crate::catalogue::closest(&first.name, names.take(NAMES_COMPARED))?;
        let chain = std::iter::once(similar).chain(rest.iter().map(|ident| ident.name.as_str()));
        Some(chain.map(crate::print::name).collect::<Vec<_>>().join("."))
    }

    /// The value of an alias; `None` while it is itself being resolved, when its name means a field.
    fn alias(&mut self, at: usize, chain: &[Ident], span: Span, scope: &mut Scope<'_>) -> Result<Option<Place>> {
        let Some(alias) = scope.aliases.get(at) else { return Ok(None) };
        let (expr, item) = (alias.expr, alias.item);
        match alias.state.get() {
            AliasState::Underway => return Ok(None),
            AliasState::Done => {}
            AliasState::Untouched => {
                alias.state.set(AliasState::Underway);
                let saved =
                    (scope.item.replace(item), std::mem::take(&mut scope.lambdas), scope.aggregate.take(), scope.plain);
                scope.plain = false;
                let place = self.deeper(span, |this| this.place(expr, scope));
                let owner = match &place {
                    Ok(Place::Json { owner, path, .. }) if path.is_empty() => Some(*owner),
                    _ => None,
                };
                let resolved = place.and_then(|place| self.finish(place, false, expr.span));
                (scope.item, scope.lambdas, scope.aggregate, scope.plain) = saved;
                let alias = scope.aliases.get_mut(at);
                if let Some(alias) = alias {
                    alias.state.set(if resolved.is_ok() { AliasState::Done } else { AliasState::Untouched });
                    alias.resolved = Some(resolved?);
                    alias.owner = owner;
                }
            }
        }
        let Some(alias) = scope.aliases.get(at) else { return Ok(None) };
        let Some(value) = alias.resolved.clone() else { return Ok(None) };
        if let Some(outer) = &scope.aggregate
            && value.has_aggregate()
        {
            let message = format!(
                "Aggregation inside alias '{}' cannot be nested inside another aggregation '{outer}'.",
                alias.name
            );
            return Err(ResolveError::new(crate::fault::Code::IllegalAggregation, message, span));
        }
        self.count(size(&value), span)?;
        if depth(&value) + self.depth > crate::MAX_DEPTH {
            return Err(ResolveError::input("Query is nested too deeply", span));
        }
        match alias.owner {
            Some(owner) => Ok(Some(document(value, owner, chain, 1))),
            None => self.steps(value, chain, 1, span).map(|value| Some(Place::Value(value))),
        }
    }

    /// The value of an alias that stands in the select list itself, and whose document it is.
    pub(super) fn alias_value(
        &mut self,
        at: usize,
        ident: &Ident,
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Option<(Expr, Option<Owner>)>> {
        let Some(place) = self.alias(at, std::slice::from_ref(ident), span, scope)? else { return Ok(None) };
        let owner = match &place {
            Place::Json { owner, .. } => Some(*owner),
            Place::Value(_) => None,
        };
        self.finish(place, false, span).map(|value| Some((value, owner)))
    }

    fn cte_expr(&mut self, chain: &[Ident], span: Span, scope: &mut Scope<'_>) -> Result<Option<Place>> {
        let Some(first) = chain.first() else { return Ok(None) };
        let Some((cte, env)) = scope.env.find(&first.name) else { return Ok(None) };
        match &cte.body {
            ast::CteBody::Expr(expr) => {
                let saved = std::mem::replace(&mut scope.env, env);
                let value = self.expr(expr, scope);
                scope.env = saved;
                self.steps(value?, chain, 1, span).map(|value| Some(Place::Value(value)))
            }
            ast::CteBody::Query { .. } => Ok(None),
        }
    }

    /// The rest of a chain after `done` names: elements of a tuple or map.
    fn steps(&mut self, mut value: Expr, chain: &[Ident], done: usize, span: Span) -> Result<Expr> {
        for (at, ident) in chain.iter().enumerate().skip(done) {
            if !matches!(value.ty.base, Base::Tuple(_) | Base::Map(..)) {
                return Err(unresolved(chain, at, span));
            }
            value = self.index(value, Expr::string(name(&ident.name)), span)?;
        }
        Ok(value)
    }

    /// Looks a chain up in one relation; `None` if its first name is no field there.
    pub(super) fn in_relation(
        &mut self,
        relation: &mut Relation,
        chain: &[Ident],
        span: Span,
    ) -> Result<Option<Place>> {
        let Some(first) = chain.first() else { return Ok(None) };
        let (schema, group) = match &relation.rows {
            Rows::Columns(columns) => {
                let Some((column, ty, owner)) = columns.iter().find(|(column, ..)| **column == *first.name) else {
                    return Ok(None);
                };
                let kind = Kind::Column { relation: relation.id, name: Arc::clone(column) };
                let value = Expr { kind, ty: ty.clone(), span };
                return match owner {
                    Some(owner) => Ok(Some(document(value, *owner, chain, 1))),
                    None => self.steps(value, chain, 1, span).map(|value| Some(Place::Value(value))),
                };
            }
            Rows::Table { schema, group } => (*schema, *group),
        };
        let Some(kind) = field_kind(self.context, schema, &first.name) else { return Ok(None) };
        let rest = chain.get(1..).unwrap_or_default();
        let column =
            |name_: &str, ty: Type| Expr { kind: Kind::Column { relation: relation.id, name: name(name_) }, ty, span };
        let zone = Arc::clone(self.zone());
        let place = match kind {
            FieldKind::Column(stored) => {
                let value = column(&first.name, stored.ty(&zone));
                self.note(span, || format!("Field '{}' is of type '{}'.", first.name, value.ty));
                Place::Value(self.steps(value, chain, 1, span)?)
            }
            FieldKind::Document(owner) => {
                let owner = if let Owner::Group(None) = owner { Owner::Group(group) } else { owner };
                document(column(&first.name, Type::string()), owner, chain, 1)
            }
            FieldKind::TeamId => {
                let id = i64::try_from(self.context.project.id).unwrap_or(i64::MAX);
                Place::Value(Expr { span, ..Expr::literal(Literal::Int(id), Base::Int64.into()) })
            }
            FieldKind::Macro(text) => Place::Value(self.macro_field(text, relation, span)?),
            FieldKind::EventPersonId => Place::Value(self.event_person_id(relation, span)?),
            _ => {
                if rest.is_empty() {
                    let message = format!("Can't select a table when a column is expected: {}", first.name);
                    return Err(ResolveError::input(message, span));
                }
                let found = self.through(kind, relation, rest, span)?;
                found.ok_or_else(|| unresolved(chain, 1, span))?
            }
        };
        Ok(Some(place))
    }

    /// An expression in HogQL over the fields of one relation.
    fn macro_field(&mut self, text: &str, relation: &mut Relation, span: Span) -> Result<Expr> {
        let expr = crate::parse_expr(text).map_err(|error| ResolveError::input(error.to_string(), span))?;
        let dummy = Relation {
            id: relation.id,
            name: None,
            rows: Rows::Columns(Vec::new()),
            joined: Vec::new(),
            prune: false,
            over: false,
        };
        let mut scope = Scope::new(&super::Env::Root, &[]);
        scope.relations.push(std::mem::replace(relation, dummy));
        let value = self.quietly(span, |this| this.expr(&expr, &mut scope));
        if let Some(back) = scope.relations.pop() {
            *relation = back;
        }
        value.map(|value| Expr { span, ..value })
    }

    fn event_person_id(&mut self, relation: &mut Relation, span: Span) -> Result<Expr> {
        if self.context.modifiers.persons_on_events == PersonsOnEvents::Disabled {
            let lazy = Lazy { ours: "distinct_id", table: Table::PersonDistinctIds, theirs: "distinct_id" };
            let id = self.joined(relation, "pdi", lazy, None)?.id;
            return Ok(Expr {
                kind: Kind::Column { relation: id, name: name("person_id") },
                ty: Base::Uuid.into(),
                span,
            });
        }
        Ok(Expr { kind: Kind::Column { relation: relation.id, name: name("person_id") }, ty: Base::Uuid.into(), span })
    }

    /// The rest of a chain in what a field leads to.
    fn through(
        &mut self,
        kind: FieldKind,
        relation: &mut Relation,
        rest: &[Ident],
        span: Span,
    ) -> Result<Option<Place>> {
        let Some(next) = rest.first() else { return Ok(None) };
        let stored = matches!(
            self.context.modifiers.persons_on_events,
            PersonsOnEvents::NoOverridePropertiesOnEvents | PersonsOnEvents::OverridePropertiesOnEvents
        );
        match kind {
            FieldKind::EventPerson | FieldKind::PersonOnEvent => {
                if next.name == "id" && rest.len() == 1 {
                    return self.event_person_id(relation, span).map(|id| Some(Place::Value(id)));
                }
                if next.name == "properties" && (stored || matches!(kind, FieldKind::PersonOnEvent)) {
                    let column = Kind::Column { relation: relation.id, name: name("person_properties") };
                    let value = Expr { kind: column, ty: Type::string(), span };
                    return Ok(Some(document(value, Owner::Person, rest, 1)));
                }
                let id = self.event_person_id(relation, span)?;
                let lazy = Lazy { ours: "person_id", table: Table::Persons, theirs: "id" };
                let joined = self.joined(relation, "person", lazy, Some(id))?;
                self.in_relation(joined, rest, span)
            }
            FieldKind::Lazy(lazy) => {
                let joined = self.joined(relation, lazy.ours, lazy, None)?;
                self.in_relation(joined, rest, span)
            }
            FieldKind::Group(index) => {
                let joined = self.joined_group(relation, index)?;
                self.in_relation(joined, rest, span)
            }
            FieldKind::Session => {
                let joined = self.joined_session(relation, span)?;
                self.in_relation(joined, rest, span)
            }
            _ => Ok(None),
        }
    }

    /// The relation joined for `field`, joined now if it is not yet.
    fn joined<'r>(
        &mut self,
        relation: &'r mut Relation,
        field: &'static str,
        lazy: Lazy,
        ours: Option<Expr>,
    ) -> Result<&'r mut Relation> {
        let field = if field == lazy.ours { lazy.table.name() } else { field };
        let id = self.relation();
        let zone = Arc::clone(self.zone());
        let column = |relation, column: &str, table| {
            let ty = schema::columns(table, &zone).into_iter().find(|(name, _)| *name == column);
            let kind = Kind::Column { relation, name: name(column) };
            Expr { kind, ty: ty.map_or_else(Type::string, |(_, ty)| ty), span: Span::default() }
        };
        let own_table = match &relation.rows {
            Rows::Table { schema, .. } => schema.table,
            Rows::Columns(_) => Table::Events,
        };
        let ours = ours.unwrap_or_else(|| column(relation.id, lazy.ours, own_table));
        let theirs = column(id, lazy.theirs, lazy.table);
        let rows = Rows::Table { schema: schema::of(lazy.table), group: None };
        let source = Source::Table { id, table: lazy.table, sample: None };
        Ok(attach(
            relation,
            field,
            Relation { id, name: None, rows, joined: Vec::new(), prune: false, over: false },
            source,
            (ours, theirs),
        ))
    }

    fn joined_group<'r>(&mut self, relation: &'r mut Relation, index: u8) -> Result<&'r mut Relation> {
        const FIELDS: [&str; 5] = ["group_0", "group_1", "group_2", "group_3", "group_4"];
        let field = FIELDS.get(usize::from(index)).copied().unwrap_or("group_0");
        let id = self.relation();
        let query = self.groups_of(index)?;
        let column = |relation, column: String| {
            let kind = Kind::Column { relation, name: name(&column) };
            Expr { kind, ty: Type::string(), span: Span::default() }
        };
        let on = (column(relation.id, format!("${field}")), column(id, "key".to_owned()));
        let rows = Rows::Table { schema: schema::of(Table::Groups), group: Some(index) };
        let source = Source::Query { id, query: Box::new(query) };
        Ok(attach(
            relation,
            field,
            Relation { id, name: None, rows, joined: Vec::new(), prune: false, over: false },
            source,
            on,
        ))
    }

    fn joined_session<'r>(&mut self, relation: &'r mut Relation, span: Span) -> Result<&'r mut Relation> {
        if let Some(at) = relation.joined.iter().position(|joined| joined.field == "session")
            && relation.joined.get(at).is_some()
        {
            return match relation.joined.get_mut(at) {
                Some(joined) => Ok(&mut joined.relation),
                None => Err(ResolveError::input("session", span)),
            };
        }
        let ours = self.macro_field("$session_id", relation, span)?;
        let (source, joined) = self.sessions(None, span)?;
        let kind = Kind::Column { relation: joined.id, name: name("session_id") };
        let theirs = Expr { kind, ty: Type::string(), span };
        Ok(attach(relation, "session", joined, source, (ours, theirs)))
    }

    /// A name for the argument of a lambda, unlike all others.
    pub(super) fn variable(&mut self, stem: &str) -> Name {
        self.variables += 1;
        Name::from(format!("{stem}_{}", self.variables))
    }
}

/// Adds a joined relation, unless one is there for the field.
fn attach<'r>(
    to: &'r mut Relation,
    field: &'static str,
    relation: Relation,
    source: Source,
    on: (Expr, Expr),
) -> &'r mut Relation {
    let at = to.joined.iter().position(|joined| joined.field == field).unwrap_or_else(|| {
        to.joined.push(Joined { field, relation, source, on });
        to.joined.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the position was found or made just now")]
    &mut to.joined[at].relation
}

/// A place in a document, by the names of a chain after `done` of them.
fn document(document: Expr, owner: Owner, chain: &[Ident], done: usize) -> Place {
    let path = chain.iter().skip(done).map(|ident| Step::Key(name(&ident.name))).collect();
    Place::Json { document, owner, path }
}

fn unresolved(chain: &[Ident], at: usize, span: Span) -> Box<ResolveError> {
    let whole: Vec<&str> = chain.iter().map(|ident| ident.name.as_str()).collect();
    let part = whole.get(at).copied().unwrap_or_default();
    ResolveError::input(format!("Cannot resolve type {}. Unable to resolve {part}.", whole.join(".")), span)
}

fn field_kind(context: &crate::Context, schema: &TableSchema, wanted: &str) -> Option<FieldKind> {
    if let Some(field) = schema.fields.iter().find(|field| field.name == wanted) {
        return Some(field.kind);
    }
    if schema.table != Table::Events {
        return None;
    }
    let index = context.project.group_types.iter().find(|(_, name)| *name == wanted);
    index.map(|(index, _)| FieldKind::Group(*index))
}

fn has_field(context: &crate::Context, relation: &Relation, wanted: &str) -> bool {
    match &relation.rows {
        Rows::Columns(columns) => columns.iter().any(|(name, ..)| **name == *wanted),
        Rows::Table { schema, .. } => field_kind(context, schema, wanted).is_some(),
    }
}

/// How many nodes an expression has.
fn size(expr: &Expr) -> usize {
    let mut total = 1;
    expr.operands(&mut |operand| total += size(operand));
    total
}

/// How deep an expression is.
fn depth(expr: &Expr) -> u32 {
    let mut deepest = 0;
    expr.operands(&mut |operand| deepest = deepest.max(depth(operand)));
    deepest + 1
}
