//! What may stand at a place in a text.

use crate::catalogue;
use crate::context::{Context, PropertyType};
use crate::lex::{Kind, lex};
use crate::schema;
use crate::types::Type;

use super::describe::{self, FieldInfo, FieldShape};
use super::mention::{Around, Mention, Rows, Words};
use super::{Language, Properties, Property, PropertyOwner};

/// Suggestions at once.
const SUGGESTIONS_MAX: usize = 500;

/// What may stand at a place.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    /// Those whose names begin as what is there already come first.
    pub suggestions: Vec<Suggestion>,
    /// Whether there are more, which a longer beginning may bring up.
    pub is_incomplete: bool,
}

/// One thing that may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What it is called.
    pub label: String,
    /// What to write.
    pub insert: String,
    /// What it is.
    pub kind: SuggestionKind,
    /// Its type, or how it is called.
    pub detail: Option<String>,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuggestionKind {
    /// A table, or another table's row.
    Table,
    /// A field, an alias or a property.
    Value,
    /// A function.
    Function,
    /// What a placeholder may be.
    Placeholder,
}

/// What may stand for the bytes `start..end` of `text`, which are what is there already. An expression is read over the rows
/// of `source`, or of events if that is none. `properties` are the names of an owner's properties and their types, as
/// far as they contain a text.
#[must_use]
pub fn complete(
    text: &str,
    range: std::ops::Range<usize>,
    language: Language,
    source: Option<&str>,
    context: &Context,
    properties: &Properties<'_>,
) -> Completion {
    let begun = text.get(range.clone()).unwrap_or_default().trim_matches(['`', '"']);
    let lexed = lex(text);
    let words = Words { text, tokens: &lexed.tokens };
    let cursor = lexed.tokens.partition_point(|token| (token.span.start as usize) < range.start);
    let within = cursor.checked_sub(1).and_then(|last| lexed.tokens.get(last)).is_some_and(|token| {
        matches!(token.kind, Kind::String | Kind::TemplateText | Kind::Decimal | Kind::Float)
            && token.span.end as usize > range.start
    });
    if within {
        return Completion::default();
    }
    let mut around = words.around(cursor);
    if language == Language::Expr {
        let rows = source.map_or_else(|| Rows::Named("events".to_owned()), |source| Rows::Query(inner(source)));
        let name = source.is_none().then(|| "events".to_owned());
        around.mentions.push(Mention { name, rows });
    }
    let asked = Asked { context, around: &around, properties };
    let found = match chain(&words, cursor) {
        _ if cursor > 0 && words.kind(cursor - 1) == Kind::OpenBrace => asked.placeholders(),
        Some(chain) if around.wants_table || chain.is_empty() => {
            if chain.is_empty() {
                return Completion::default();
            } else {
                Vec::new()
            }
        }
        Some(chain) => asked.behind(&chain, begun),
        None if around.wants_table => asked.tables(),
        None => asked.anything(),
    };
    ranked(found, begun)
}

/// A query for the rows that `source` reads, with all their columns.
fn inner(source: &str) -> String {
    match crate::parse_select(source) {
        Ok(crate::ast::Query::Select(mut select)) => {
            let star = crate::ast::Star { qualifier: Vec::new(), exclude: Vec::new() };
            let kind = crate::ast::ExprKind::Star(Box::new(star));
            select.select = vec![crate::ast::Expr::new(kind, select.span)];
            crate::print_query(&crate::ast::Query::Select(select), crate::Style::Functions)
        }
        _ => source.to_owned(),
    }
}

/// The names before a dot that stands before the cursor; none if there is no dot, empty if what is before it is no chain.
fn chain(words: &Words<'_>, cursor: usize) -> Option<Vec<String>> {
    let mut at = cursor;
    let mut names = Vec::new();
    while at >= 1 && matches!(words.kind(at - 1), Kind::Dot | Kind::NullDot) {
        let Some(name) = at.checked_sub(2).and_then(|before| words.name(before)) else { return Some(Vec::new()) };
        names.push(name);
        at -= 2;
    }
    names.reverse();
    (at != cursor).then_some(names)
}

/// What is known at a place.
struct Asked<'a> {
    context: &'a Context,
    around: &'a Around,
    properties: &'a Properties<'a>,
}

impl Asked<'_> {
    /// Everything that an expression may begin with.
    fn anything(&self) -> Vec<Suggestion> {
        let mut found = Vec::new();
        for mention in &self.around.mentions {
            found.extend(self.fields(&mention.rows).into_iter().map(|field| suggested(&field)));
        }
        found.extend(self.around.aliases.iter().map(|alias| value(alias, None)));
        let named = self.around.mentions.iter().filter_map(|mention| mention.name.as_deref());
        found.extend(named.map(|name| Suggestion { kind: SuggestionKind::Table, ..value(name, None) }));
        found.extend(catalogue::offered().map(|function| Suggestion {
            label: function.name.to_owned(),
            insert: format!("{}()", function.name),
            kind: SuggestionKind::Function,
            detail: Some(function.signature()),
        }));
        found
    }

    fn tables(&self) -> Vec<Suggestion> {
        let own = self.around.ctes.iter().map(|(name, _)| name.clone());
        let names = schema::names().map(str::to_owned).chain(own);
        names.map(|name| Suggestion { kind: SuggestionKind::Table, ..value(&name, None) }).collect()
    }

    fn placeholders(&self) -> Vec<Suggestion> {
        let fixed = ["filters", "filters.dateRange.from", "filters.dateRange.to"].map(str::to_owned);
        let variables = self.context.variables.keys().map(|code| format!("variables.{}", crate::print::name(code)));
        let values = self.context.values.keys().map(|name| crate::print::name(name));
        let all = fixed.into_iter().chain(variables).chain(values);
        let placeholder = |text: String| Suggestion {
            label: text.clone(),
            insert: text,
            kind: SuggestionKind::Placeholder,
            detail: None,
        };
        all.map(placeholder).collect()
    }

    /// What may follow a chain of names and a dot.
    fn behind(&self, chain: &[String], begun: &str) -> Vec<Suggestion> {
        let Some((first, rest)) = chain.split_first() else { return Vec::new() };
        let mention = self.around.mentions.iter().find(|mention| mention.name.as_ref() == Some(first));
        if let Some(mention) = mention {
            let fields = self.fields(&mention.rows);
            if let Some(found) = self.inside(fields, rest, begun) {
                return found;
            }
        }
        let mentions = self.around.mentions.iter();
        mentions.filter_map(|mention| self.inside(self.fields(&mention.rows), chain, begun)).next().unwrap_or_default()
    }

    /// What `chain` leads to among `fields`; `None` if it leads nowhere.
    fn inside(&self, fields: Vec<FieldInfo>, chain: &[String], begun: &str) -> Option<Vec<Suggestion>> {
        let mut fields = fields;
        let mut names = chain.iter();
        let mut group = None;
        while let Some(name) = names.next() {
            let mut field = fields.into_iter().find(|field| field.name == *name)?;
            if let FieldShape::Alias(other) = &field.shape {
                field =
                    describe::table("events", self.context)?.fields.into_iter().find(|field| field.name == *other)?;
            }
            if let Some(index) = field.name.strip_prefix("group_").or_else(|| field.name.strip_prefix("goe_")) {
                group = index.parse().ok();
            }
            fields = match field.shape {
                FieldShape::Table(table) => describe::table(table, self.context)?.fields,
                FieldShape::Part(fields) => fields,
                FieldShape::Document(owner) if names.len() == 0 => {
                    let owner = if owner == PropertyOwner::Group(None) { PropertyOwner::Group(group) } else { owner };
                    let property = |(name, ty): Property| {
                        value(&name, Some(ty.unwrap_or(PropertyType::String).title().to_owned()))
                    };
                    return Some((self.properties)(owner, begun).into_iter().map(property).collect());
                }
                _ => return Some(Vec::new()),
            };
        }
        Some(fields.iter().map(suggested).collect())
    }

    fn fields(&self, rows: &Rows) -> Vec<FieldInfo> {
        let of = |columns: Vec<(String, Type)>| -> Vec<FieldInfo> {
            columns.into_iter().map(|(name, ty)| FieldInfo { name, shape: FieldShape::Value(ty) }).collect()
        };
        match rows {
            Rows::Numbers => of(describe::columns("select number from numbers(1)", self.context)),
            Rows::Query(text) => of(describe::columns(&self.with_ctes(text, self.around.ctes.len()), self.context)),
            Rows::Named(name) => match self.around.ctes.iter().rposition(|(cte, _)| cte == name) {
                Some(at) => {
                    let text = self.around.ctes.get(at).map_or("", |(_, text)| text);
                    of(describe::columns(&self.with_ctes(text, at), self.context))
                }
                None => describe::table(name, self.context).map(|table| table.fields).unwrap_or_default(),
            },
        }
    }

    /// `text` where the first so many queries of WITH are known.
    fn with_ctes(&self, text: &str, known: usize) -> String {
        let ctes = self.around.ctes.iter().take(known);
        let ctes: Vec<String> = ctes.map(|(name, text)| format!("{} AS ({text})", crate::print::name(name))).collect();
        if ctes.is_empty() { text.to_owned() } else { format!("WITH {} SELECT * FROM ({text})", ctes.join(", ")) }
    }
}

fn value(name: &str, detail: Option<String>) -> Suggestion {
    Suggestion { label: name.to_owned(), insert: crate::print::name(name), kind: SuggestionKind::Value, detail }
}

fn suggested(field: &FieldInfo) -> Suggestion {
    let (kind, detail) = match &field.shape {
        FieldShape::Value(ty) | FieldShape::Expression(ty) => (SuggestionKind::Value, Some(ty.to_string())),
        FieldShape::Document(_) => (SuggestionKind::Table, Some("JSON".to_owned())),
        FieldShape::Table(table) => (SuggestionKind::Table, Some((*table).to_owned())),
        FieldShape::Part(_) | FieldShape::Alias(_) => (SuggestionKind::Table, None),
    };
    Suggestion { kind, ..value(&field.name, detail) }
}

/// Those of `found` that contain what is there already, the likely ones first.
fn ranked(found: Vec<Suggestion>, begun: &str) -> Completion {
    let begun = begun.to_lowercase();
    let mut ranks = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for suggestion in found {
        let place = suggestion.label.to_lowercase().find(&begun);
        if let Some(place) = place
            && seen.insert(suggestion.label.clone())
        {
            ranks.push((place > 0, suggestion));
        }
    }
    // Stable: fields stay before functions.
    ranks.sort_by_key(|(later, _)| *later);
    let is_incomplete = ranks.len() > SUGGESTIONS_MAX;
    ranks.truncate(SUGGESTIONS_MAX);
    Completion { suggestions: ranks.into_iter().map(|(_, suggestion)| suggestion).collect(), is_incomplete }
}
