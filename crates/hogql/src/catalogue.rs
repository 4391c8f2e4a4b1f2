//! The functions of HogQL: what they are called, how many arguments they take, and which ClickHouse function they are.
//!
//! `catalogue.tsv` is the whole list, also of functions that are not supported yet, so that an unknown name and an
//! unsupported one get different answers.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    /// HogQL's name.
    pub(crate) name: &'static str,
    /// ClickHouse's name; empty for what has no single counterpart there.
    pub(crate) clickhouse: &'static str,
    /// How many arguments.
    pub(crate) arguments: Arity,
    /// How many parameters, in the first list of `f(p)(x)`.
    pub(crate) parameters: Arity,
    /// What it is.
    pub(crate) kind: FunctionKind,
    /// 1 and 2 are supported, 3 is known by name.
    pub(crate) tier: u8,
}

/// A number of arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arity {
    pub(crate) least: usize,
    /// `None` is any number.
    pub(crate) most: Option<usize>,
}

/// What a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FunctionKind {
    Scalar,
    Aggregate,
    Window,
    Table,
}

struct Catalogue {
    exact: HashMap<&'static str, Function>,
    insensitive: HashMap<String, Function>,
}

/// Functions of ours, which trees of insights call.
const OURS: &str = "\
_funnel\t_funnel\t7..7\t0..0\tscalar\t1
_funnelTrends\t_funnelTrends\t10..10\t0..0\tscalar\t1";

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue { exact: HashMap::new(), insensitive: HashMap::new() };
    for line in include_str!("catalogue.tsv").lines().chain(OURS.lines()).filter(|line| !line.starts_with('#')) {
        if let Some((function, insensitive)) = read(line) {
            catalogue.exact.insert(function.name, function);
            if insensitive {
                catalogue.insensitive.insert(function.name.to_ascii_lowercase(), function);
            }
        }
    }
    catalogue
});

fn read(line: &'static str) -> Option<(Function, bool)> {
    let mut fields = line.split('\t');
    let name = fields.next()?;
    let clickhouse = fields.next()?.trim_start_matches('-');
    let arguments = arity(fields.next()?)?;
    let parameters = arity(fields.next()?)?;
    let kind = match fields.next()? {
        "scalar" => FunctionKind::Scalar,
        "aggregate" => FunctionKind::Aggregate,
        "window" => FunctionKind::Window,
        _ => FunctionKind::Table,
    };
    let tier = fields.next()?.parse().ok()?;
    Some((Function { name, clickhouse, arguments, parameters, kind, tier }, fields.next() == Some("i")))
}

fn arity(text: &str) -> Option<Arity> {
    let (least, most) = text.split_once("..")?;
    let most = if most.is_empty() { None } else { Some(most.parse().ok()?) };
    Some(Arity { least: least.parse().ok()?, most })
}

/// The function called `name`, exactly, or in any case where HogQL does not care.
pub(crate) fn find(name: &str) -> Option<Function> {
    CATALOGUE.exact.get(name).or_else(|| CATALOGUE.insensitive.get(&name.to_ascii_lowercase())).copied()
}

/// The functions that can be called, in the order of their names.
pub(crate) fn offered() -> impl Iterator<Item = Function> {
    let is_offered = |function: &Function| {
        function.tier <= 2 && !function.name.starts_with('_') && function.kind != FunctionKind::Table
    };
    let mut all: Vec<Function> = CATALOGUE.exact.values().copied().filter(is_offered).collect();
    all.sort_unstable_by_key(|function| function.name);
    all.into_iter()
}

impl Function {
    /// How many arguments it takes, in words.
    pub(crate) fn signature(&self) -> String {
        let Arity { least, most } = self.arguments;
        match most {
            Some(most) if most == least => format!("{least} argument{}", if least == 1 { "" } else { "s" }),
            Some(most) => format!("{least} to {most} arguments"),
            None => format!("{least} arguments or more"),
        }
    }
}

/// The function that `name` looks like most, if it looks like any.
pub(crate) fn suggest(name: &str) -> Option<&'static str> {
    let names = CATALOGUE.exact.keys().copied().filter(|name| !name.starts_with('_'));
    closest(name, names)
}

/// The name among `names` that is most similar to `name`, if the similarity is 0.6 or more.
pub(crate) fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|candidate| (similarity(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.6)
        .max_by(|(one, a), (other, b)| one.total_cmp(other).then_with(|| b.cmp(a)))
        .map(|(_, candidate)| candidate)
}

/// Twice the characters that match, in order, over all characters: the ratio of the longest common subsequence.
fn similarity(one: &str, other: &str) -> f64 {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), other.chars().take(64).collect());
    let mut row = vec![0_u16; other.len() + 1];
    for a in &one {
        let mut diagonal = 0;
        let mut left = 0;
        for (cell, b) in row.iter_mut().skip(1).zip(&other) {
            let above = *cell;
            *cell = if a == b { diagonal + 1 } else { above.max(left) };
            (diagonal, left) = (above, *cell);
        }
    }
    let total = one.len() + other.len();
    if total == 0 {
        return 0.0;
    }
    let matched = f64::from(row.last().copied().unwrap_or(0));
    2.0 * matched / f64::from(u32::try_from(total).unwrap_or(u32::MAX))
}

/// What is wrong with calling `function` with so many arguments, in the words of HogQL.
pub(crate) fn arity_fault(name: &str, kind: FunctionKind, noun: &str, arity: Arity, found: usize) -> Option<String> {
    let what = if kind == FunctionKind::Aggregate { "Aggregation" } else { "Function" };
    let count = |n: usize| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    if arity.most == Some(arity.least) && found != arity.least {
        return Some(format!("{what} '{name}' expects {}, found {found}", count(arity.least)));
    }
    if found < arity.least {
        return Some(format!("{what} '{name}' expects at least {}, found {found}", count(arity.least)));
    }
    let most = arity.most.filter(|most| found > *most)?;
    Some(format!("{what} '{name}' expects at most {}, found {found}", count(most)))
}

#[cfg(test)]
mod tests;
