//! Filters on the chain of elements of an autocaptured event.
//!
//! A chain is written innermost first, elements apart by `;`: `tag.class.class:key="value"key="value"`, classes and keys
//! sorted. A condition on it is a regular expression.

use serde_json::Value;

use super::operator::{each, negate, text_of};
use super::{Compiler, FilterError, Target, is_blank};
use crate::ast::{CompareOp, Expr};
use crate::build::{and, call, compare, field, lambda, or, string, truth};

const CLASS: &str = r"(?:\.[^.:;]+)*";
const ATTRIBUTE: &str = r#"(?:[^=";]+="(?:[^"\\]|\\.)*")*"#;
const ANY: &str = r#"(?:[^";]|"(?:[^"\\]|\\.)*")*"#;

impl Compiler<'_> {
    pub(super) fn element(&mut self, key: &str, operator: &str, value: &Value) -> Result<Expr, FilterError> {
        match key {
            "tag_name" | "selector" => {
                let negative = match operator {
                    "exact" => false,
                    "is_not" => true,
                    _ => {
                        let message = format!("Operator '{operator}' cannot be used with elements by {key}");
                        return Err(FilterError(message));
                    }
                };
                if is_blank(value) {
                    return Ok(self.neutral(format!("The filter on '{key}' has no value and was ignored")));
                }
                let mut parts = Vec::new();
                for value in each(value) {
                    let text = text_of(value);
                    let found = if key == "tag_name" { tag_name(&text) } else { selector(&text)? };
                    parts.push(negate(found, negative));
                }
                Ok(if negative { and(parts) } else { or(parts) })
            }
            "href" => {
                let href = call("nullIf", vec![field(["elements_chain_href"]), string("")]);
                self.operator(key, &Target::text(href), operator, value)
            }
            "text" => {
                let body = self.operator(key, &Target::text(field(["t"])), operator, value)?;
                if body == truth(true) {
                    return Ok(body);
                }
                Ok(some_element("t", body, "elements_chain_texts"))
            }
            _ => Err(FilterError(format!("Elements cannot be filtered by '{key}'"))),
        }
    }
}

/// `body` holds for some element of the array in `column`.
pub(crate) fn some_element(argument: &str, body: Expr, column: &str) -> Expr {
    call("arrayExists", vec![lambda(argument, body), field([column])])
}

/// Some element has the tag.
pub(crate) fn tag_name(tag: &str) -> Expr {
    chain_matches(&format!("(?:^|;){}(?:[.:;]|$)", regex::escape(tag)))
}

fn chain_matches(pattern: &str) -> Expr {
    compare(CompareOp::Regex, field(["elements_chain"]), string(pattern))
}

/// The chain matches a CSS selector of tags, classes, ids, attributes and positions.
pub(crate) fn selector(selector: &str) -> Result<Expr, FilterError> {
    let fault = || FilterError(format!("Cannot read the selector '{selector}'"));
    let mut parts: Vec<(Part, bool)> = Vec::new();
    let mut direct = false;
    for token in tokens(selector) {
        if token == ">" {
            direct = true;
            continue;
        }
        parts.push((Part::parse(&token).ok_or_else(fault)?, direct));
        direct = false;
    }
    let mut pattern = String::from("(?:^|;)");
    let mut child = false;
    for (at, (part, direct)) in parts.iter().rev().enumerate() {
        if at > 0 {
            pattern.push(';');
            if !child {
                pattern.push_str(&format!("(?:{ANY};)*?"));
            }
        }
        pattern.push_str(&part.pattern());
        child = *direct;
    }
    pattern.push_str("(?:;|$)");
    if parts.is_empty() { Err(fault()) } else { Ok(chain_matches(&pattern)) }
}

/// Words and `>` of a selector; blanks inside brackets and quotes do not separate.
fn tokens(selector: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut depth = 0_u32;
    for c in selector.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let separator = depth == 0 && (c.is_whitespace() || c == '>');
        if !separator {
            if let Some(last) = tokens.last_mut() {
                last.push(c);
            }
            continue;
        }
        if c == '>' {
            tokens.push(">".to_owned());
        }
        tokens.push(String::new());
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// One compound of a selector.
struct Part {
    tag: String,
    classes: Vec<String>,
    /// Keys of the chain and their values, sorted.
    attributes: Vec<(String, String)>,
}

impl Part {
    fn parse(token: &str) -> Option<Self> {
        let mut part = Self { tag: String::new(), classes: Vec::new(), attributes: Vec::new() };
        let stop = |c: char| matches!(c, '.' | '#' | '[' | ':');
        let tag = token.find(stop).unwrap_or(token.len());
        let (name, mut rest) = token.split_at_checked(tag)?;
        part.tag = name.to_owned();
        while let Some(mark) = rest.chars().next() {
            let after = rest.get(1..)?;
            if mark == '[' {
                let (inside, tail) = after.split_once(']')?;
                let (key, value) = inside.split_once('=')?;
                let value = value.trim_matches(['"', '\'']);
                let key = if key == "id" { "attr_id".to_owned() } else { format!("attr__{key}") };
                part.attributes.push((key, value.to_owned()));
                rest = tail;
                continue;
            }
            if mark == ':' {
                let (name, tail) = after.split_once('(')?;
                let (at, tail) = tail.split_once(')')?;
                if !matches!(name, "nth-child" | "nth-of-type") {
                    return None;
                }
                part.attributes.push((name.to_owned(), at.trim().to_owned()));
                rest = tail;
                continue;
            }
            let end = after.find(stop).unwrap_or(after.len());
            let (name, tail) = after.split_at_checked(end)?;
            match mark {
                '.' => part.classes.push(name.to_owned()),
                _ => part.attributes.push(("attr_id".to_owned(), name.to_owned())),
            }
            rest = tail;
        }
        part.classes.sort();
        part.attributes.sort();
        Some(part)
    }

    fn pattern(&self) -> String {
        let mut pattern =
            if self.tag.is_empty() || self.tag == "*" { String::from("[^.:;]+") } else { regex::escape(&self.tag) };
        pattern.push_str(CLASS);
        for class in &self.classes {
            pattern.push_str(&format!(r"\.{}{CLASS}", regex::escape(class)));
        }
        pattern.push_str("(?::");
        pattern.push_str(ATTRIBUTE);
        for (key, value) in &self.attributes {
            pattern.push_str(&format!(r#"{}="{}"{ATTRIBUTE}"#, regex::escape(key), regex::escape(value)));
        }
        pattern.push_str(if self.attributes.is_empty() { ")?" } else { ")" });
        pattern
    }
}
