//! What editors ask while a query is written: whether it is valid, what there is, and what may come next.
//!
//! Nothing is run. Places count characters, as upstream's do, and end before the one they name.

use hogql::editor::{
    self, Check, Completion, FieldInfo, FieldShape, Language, Property, PropertyOwner, Remark, Suggestion,
    SuggestionKind, TableInfo,
};
use hogql::{Base, Context, Type};
use meta::{Project, PropertyDefinitionQuery, PropertyKind};
use serde_json::{Map, Value, json};

use super::context::context;
use super::run::{self, bare, kind_of};
use crate::app::App;
use crate::error::ApiError;

/// The kinds that are answered here.
pub(super) const KINDS: [&str; 3] = ["HogQLMetadata", "HogQLAutocomplete", "DatabaseSchemaQuery"];
/// Properties that are suggested at once.
const PROPERTIES_MAX: usize = 200;

/// The answer to an editor's `query`.
pub(super) fn answer(app: &App, project: &Project, body: &Value, query: &Value) -> Result<Value, ApiError> {
    let context = context(app, project, body, query)?;
    match kind_of(query) {
        "HogQLMetadata" => metadata(query, &context),
        "HogQLAutocomplete" => autocomplete(app, project, query, context),
        _ => Ok(schema(&context)),
    }
}

/// A text and how to read it.
struct Written {
    text: String,
    language: Language,
    source: Option<String>,
}

/// What `query` is about: `language` and `query`, or in the older form `select` or `expr`.
fn written(query: &Value) -> Result<Written, ApiError> {
    let field = |name: &str| query.get(name).and_then(Value::as_str).map(str::to_owned);
    let source =
        ["sourceQuery", "exprSource"].iter().find_map(|name| query.get(*name)).filter(|source| !source.is_null());
    let source = source.map(source_text).transpose()?;
    if let Some(text) = field("expr") {
        return Ok(Written { text, language: Language::Expr, source });
    }
    if let Some(text) = field("select") {
        return Ok(Written { text, language: Language::Select, source });
    }
    let text = field("query").ok_or_else(|| ApiError::required("query"))?;
    let language = match field("language").as_deref() {
        None | Some("hogQL") => Language::Select,
        Some("hogQLExpr") => Language::Expr,
        Some("hogTemplate") => Language::Template,
        Some(other @ ("hog" | "hogJson" | "liquid")) => {
            return Err(ApiError::unsupported("query", &format!("The language {other}")));
        }
        Some(other) => return Err(ApiError::invalid("query", format!("\"{other}\" is not a valid language."))),
    };
    Ok(Written { text, language, source })
}

/// The text of the query whose rows an expression is about.
fn source_text(source: &Value) -> Result<String, ApiError> {
    let source = bare(&json!({"query": source}))?;
    match kind_of(&source) {
        "HogQLQuery" => {
            let text = source.get("query").and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| ApiError::required("query"))
        }
        "EventsQuery" | "SessionsTimelineQuery" => Ok("select 1 from events".to_owned()),
        "ActorsQuery" | "PersonsQuery" => Ok("select 1 from persons".to_owned()),
        other => Err(ApiError::unsupported("query", &format!("A source of kind {other}"))),
    }
}

fn metadata(query: &Value, context: &Context) -> Result<Value, ApiError> {
    let written = written(query)?;
    let Check { errors, warnings, notices, tables } =
        editor::check(&written.text, written.language, written.source.as_deref(), context);
    let places = Places::of(&written.text);
    let list = |remarks: &[Remark]| -> Vec<Value> { remarks.iter().map(|remark| places.remark(remark)).collect() };
    Ok(json!({
        "query": written.text,
        "isValid": errors.is_empty(),
        "isUsingIndices": null,
        "table_names": tables,
        "errors": list(&errors),
        "warnings": list(&warnings),
        "notices": list(&notices),
    }))
}

/// What there is to say about a query that was run.
pub(super) fn said(asked: &run::Asked) -> Value {
    let text = asked.query.get("query").and_then(Value::as_str).unwrap_or_default();
    let places = Places::of(text);
    let list = |notices: &[hogql::Notice]| -> Vec<Value> {
        let remark = |notice: &hogql::Notice| Remark { message: notice.message.clone(), span: notice.span, fix: None };
        notices.iter().map(|notice| places.remark(&remark(notice))).collect()
    };
    json!({
        "isValid": true,
        "errors": [],
        "table_names": asked.compiled.tables,
        "warnings": list(&asked.compiled.warnings),
        "notices": list(&asked.compiled.notices),
    })
}

/// Bytes of a text as characters.
struct Places {
    /// How many characters begin before each byte; none if that is the byte itself.
    before: Option<Vec<u32>>,
}

impl Places {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self { before: None };
        }
        let mut before = Vec::with_capacity(text.len() + 1);
        let mut count = 0;
        for byte in text.bytes() {
            before.push(count);
            count += u32::from(byte & 0xC0 != 0x80);
        }
        before.push(count);
        Self { before: Some(before) }
    }

    fn character(&self, byte: u32) -> u32 {
        match &self.before {
            None => byte,
            Some(before) => before.get(byte as usize).or_else(|| before.last()).copied().unwrap_or_default(),
        }
    }

    fn remark(&self, remark: &Remark) -> Value {
        let is_placed = remark.span.end > 0;
        json!({
            "message": remark.message,
            "start": is_placed.then(|| self.character(remark.span.start)),
            "end": is_placed.then(|| self.character(remark.span.end)),
            "fix": remark.fix,
        })
    }
}

fn autocomplete(app: &App, project: &Project, query: &Value, mut context: Context) -> Result<Value, ApiError> {
    let written = written(query)?;
    if let Some(Value::Object(globals)) = query.get("globals") {
        context.values.extend(globals.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    let place = |name: &'static str| {
        let at = query.get(name).ok_or_else(|| ApiError::required(name))?.as_u64();
        let at = at.and_then(|at| usize::try_from(at).ok());
        at.ok_or_else(|| ApiError::invalid(name, "A valid integer is required."))
    };
    let (start, end) = (place("startPosition")?, place("endPosition")?);
    let byte =
        |characters: usize| written.text.char_indices().nth(characters).map_or(written.text.len(), |(byte, _)| byte);
    let range = byte(start)..byte(end.max(start));
    let properties = |owner: PropertyOwner, begun: &str| {
        // A list that cannot be read is no reason to refuse the others.
        known_properties(app, project, owner, begun).unwrap_or_default()
    };
    let Completion { suggestions, is_incomplete } =
        editor::complete(&written.text, range, written.language, written.source.as_deref(), &context, &properties);
    let suggestions: Vec<Value> = suggestions.iter().map(suggestion).collect();
    Ok(json!({"suggestions": suggestions, "incomplete_list": is_incomplete, "timings": []}))
}

fn suggestion(suggestion: &Suggestion) -> Value {
    let kind = match suggestion.kind {
        SuggestionKind::Table => "Folder",
        SuggestionKind::Value => "Variable",
        SuggestionKind::Function => "Function",
        SuggestionKind::Placeholder => "Constant",
    };
    json!({"label": suggestion.label, "insertText": suggestion.insert, "kind": kind, "detail": suggestion.detail})
}

fn known_properties(
    app: &App,
    project: &Project,
    owner: PropertyOwner,
    begun: &str,
) -> Result<Vec<Property>, ApiError> {
    let kind = match owner {
        PropertyOwner::Event => PropertyKind::Event,
        PropertyOwner::Person => PropertyKind::Person,
        PropertyOwner::Group(Some(index)) => PropertyKind::Group(index),
        PropertyOwner::Group(None) => return Ok(Vec::new()),
    };
    let search = if begun.is_empty() { Vec::new() } else { vec![begun.to_owned()] };
    let query = PropertyDefinitionQuery { search, ..PropertyDefinitionQuery::all(kind, PROPERTIES_MAX) };
    let (definitions, _) = app.meta.property_definitions(project.id, &query)?;
    let named = definitions.into_iter().map(|definition| {
        let ty = definition.property_type.map(super::context::property_type);
        (definition.name, ty)
    });
    Ok(named.collect())
}

/// Every table with its fields.
fn schema(context: &Context) -> Value {
    let tables: Map<String, Value> =
        editor::tables(context).iter().map(|table| (table.name.to_owned(), described(table))).collect();
    json!({"tables": tables, "joins": []})
}

fn described(table: &TableInfo) -> Value {
    let fields: Map<String, Value> = table.fields.iter().map(|field| (field.name.clone(), field_json(field))).collect();
    json!({"id": table.name, "name": table.name, "type": "posthog", "fields": fields, "row_count": null})
}

fn field_json(field: &FieldInfo) -> Value {
    let mut shown = json!({
        "name": field.name,
        "hogql_value": editor::written_name(&field.name),
        "type": shape_name(&field.shape),
        "schema_valid": true,
    });
    let more = match &field.shape {
        FieldShape::Table(table) => json!({"table": table, "id": field.name}),
        FieldShape::Part(fields) => {
            json!({"fields": fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>()})
        }
        FieldShape::Alias(name) => json!({"chain": [name]}),
        FieldShape::Value(_) | FieldShape::Expression(_) | FieldShape::Document(_) => json!({}),
    };
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    shown
}

fn shape_name(shape: &FieldShape) -> &'static str {
    match shape {
        FieldShape::Value(ty) => type_name(ty),
        FieldShape::Expression(_) => "expression",
        FieldShape::Document(_) => "json",
        FieldShape::Table(_) => "lazy_table",
        FieldShape::Part(_) => "virtual_table",
        FieldShape::Alias(_) => "field_traverser",
    }
}

fn type_name(ty: &Type) -> &'static str {
    match &ty.base {
        Base::Bool => "boolean",
        Base::UInt8 | Base::UInt16 | Base::UInt32 | Base::UInt64 => "integer",
        Base::Int8 | Base::Int16 | Base::Int32 | Base::Int64 | Base::Interval(_) => "integer",
        Base::Float32 | Base::Float64 => "float",
        Base::Decimal(..) => "decimal",
        Base::String | Base::Uuid | Base::IPv4 | Base::IPv6 => "string",
        Base::Date => "date",
        Base::DateTime(_) | Base::DateTime64(..) => "datetime",
        Base::Array(_) | Base::Tuple(_) => "array",
        Base::Map(..) => "json",
        Base::Nothing | Base::Function => "unknown",
    }
}
