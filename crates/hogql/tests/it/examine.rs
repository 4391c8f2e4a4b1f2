//! Everything that is promised for any text at all. Shared with the fuzz target in `/fuzz`.

use std::sync::LazyLock;

use hogql::context::{Cohort, Context, Limits, PropertyType, Variable};
use hogql::editor::{Language, PropertyOwner, check, complete};
use hogql::{CompileError, Style, SyntaxError, compile, parse_expr, parse_order_expr, parse_select, parse_template};

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    let mut context = Context::new(1, "America/New_York", jiff::Timestamp::UNIX_EPOCH);
    context.project.property_types.event.insert("price".to_owned(), PropertyType::Numeric);
    context.project.property_types.event.insert("is_vip".to_owned(), PropertyType::Boolean);
    context.project.property_types.person.insert("signup_at".to_owned(), PropertyType::DateTime);
    context.project.group_types.insert(0, "company".to_owned());
    context.project.cohorts.push(Cohort { id: 5, name: "Pros".to_owned(), is_static: true });
    context.variables.insert("x".to_owned(), Variable { value: serde_json::json!([1, "a", null]) });
    context.filters = Some(hogql::context::Filters::default());
    context.limits = Limits::QUERY;
    context
});

/// Lexes, parses, prints, resolves and completes `text`. Panics if a promise is broken.
pub(crate) fn examine(text: &str) {
    let errors =
        [parse_expr(text).err(), parse_order_expr(text).err(), parse_template(text).err(), parse_select(text).err()];
    for error in errors.iter().flatten() {
        in_text(error, text);
    }
    if let Ok(query) = parse_select(text) {
        for style in [Style::Functions, Style::Operators] {
            assert!(!hogql::print_query(&query, style).is_empty(), "a query has a text");
        }
    }
    match compile(text, &CONTEXT) {
        Ok(compiled) => {
            assert!(!compiled.query.columns.is_empty(), "a query without columns");
            let _statement = hogql::clickhouse::print(&compiled.query);
        }
        Err(CompileError::Syntax(error)) => in_text(&error, text),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says why"),
    }
    for language in [Language::Select, Language::Expr, Language::Template] {
        let found = check(text, language, None, &CONTEXT);
        for remark in found.errors.iter().chain(&found.warnings).chain(&found.notices) {
            let range = remark.span.start as usize..remark.span.end as usize;
            assert!(text.get(range).is_some(), "{remark:?} is not in the text");
        }
    }
    let middle = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let properties = |_: PropertyOwner, _: &str| vec![("price".to_owned(), Some(PropertyType::Numeric))];
    for at in [middle, text.len()] {
        let _found = complete(text, at..at, Language::Select, None, &CONTEXT, &properties);
    }
}

fn in_text(error: &SyntaxError, text: &str) {
    let range = error.span().start as usize..error.span().end as usize;
    assert!(text.get(range).is_some(), "{error} is not in the text");
    assert!(error.render(text).contains(error.message()), "an error shows its place");
}
