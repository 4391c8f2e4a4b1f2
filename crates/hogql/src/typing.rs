//! The type of every call, by tables of rules that agree with ClickHouse.
//!
//! `rules.tsv` and `aggregates.tsv` give for each function what it answers and what it takes. A result is a type, or `@` and
//! the name of a rule below. Unless it ends in `!`, NULL in any argument makes the result nullable, and a bare NULL
//! makes it NULL; `?` makes it nullable in any case. Arguments are one letter each, of which the last may repeat if `*`
//! follows, and arguments beyond the letters are unchecked: how many there may be is known to the catalogue.
//!
//! | letter | takes | letter | takes |
//! | --- | --- | --- | --- |
//! | S | String | A | Array |
//! | N | numbers, Bool | M | Map |
//! | I | integers, Bool | E | Array or Map |
//! | T | Date, DateTime | V | Tuple, Array or Map |
//! | D | DateTime | C | String, UUID, Array or Map |
//! | G | an interval | F | a lambda, or an array without one |
//! | U | UUID | P | String or integer |
//! | X | anything | | |

mod aggregate;
mod arithmetic;
mod common;
mod scalar;

pub(crate) use aggregate::{aggregate_type, expected_aggregate};
pub(crate) use common::{common, pair};
pub(crate) use scalar::{call_type, expected};

use std::collections::HashMap;

use crate::types::{Base, Type};

/// Why a call has no type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The function is in no table.
    Unknown,
    /// An argument, from 0, is of a type that the function does not take.
    Argument(usize),
    /// The arguments have no common type.
    NoCommonType,
}

/// One line of a table.
#[derive(Debug, Clone, Copy)]
struct Rule {
    result: &'static str,
    nulls: Nulls,
    arguments: &'static str,
}

/// How NULL passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Propagate,
    Never,
    Always,
}

/// Reads a table. The text is ours, so a line that cannot be read is skipped; a test counts them.
fn table(text: &'static str) -> HashMap<&'static str, Rule> {
    let mut rules = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (Some(result), Some(arguments), Some(names)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (result, nulls) = match (result.strip_suffix('!'), result.strip_suffix('?')) {
            (Some(result), _) => (result, Nulls::Never),
            (_, Some(result)) => (result, Nulls::Always),
            _ => (result, Nulls::Propagate),
        };
        for name in names.split(' ') {
            rules.insert(name, Rule { result, nulls, arguments });
        }
    }
    rules
}

/// Whether the arguments are of classes that the rule takes.
fn check(rule: &Rule, arguments: &[&Type]) -> Result<(), Fault> {
    let letters: Vec<char> = rule.arguments.trim_end_matches('*').chars().filter(|letter| *letter != '-').collect();
    let repeats = rule.arguments.ends_with('*');
    // A lambda is optional: without one, the arrays come first.
    let skip =
        usize::from(letters.first() == Some(&'F') && arguments.first().is_some_and(|ty| ty.base != Base::Function));
    for (at, ty) in arguments.iter().enumerate() {
        let letter = letters.get(at + skip).or_else(|| letters.last().filter(|_| repeats));
        if let Some(letter) = letter
            && !ty.is_null()
            && !takes(*letter, &ty.base)
        {
            return Err(Fault::Argument(at));
        }
    }
    Ok(())
}

/// The letter of the argument at `at`.
fn letter(rule: &Rule, at: usize) -> Option<char> {
    let letters = rule.arguments.trim_end_matches('*');
    let last = letters.chars().last().filter(|_| rule.arguments.ends_with('*'));
    letters.chars().nth(at).or(last)
}

fn takes(letter: char, base: &Base) -> bool {
    match letter {
        'S' => *base == Base::String,
        'N' => base.is_numeric(),
        'I' => base.is_integer() || *base == Base::Bool,
        'T' => base.is_temporal(),
        'D' => base.is_instant(),
        'G' => matches!(base, Base::Interval(_)),
        'U' => *base == Base::Uuid,
        'A' => matches!(base, Base::Array(_)),
        'M' => matches!(base, Base::Map(..)),
        'E' => matches!(base, Base::Array(_) | Base::Map(..)),
        'V' => matches!(base, Base::Array(_) | Base::Map(..) | Base::Tuple(_)),
        'C' => matches!(base, Base::String | Base::Uuid | Base::Array(_) | Base::Map(..)),
        'P' => *base == Base::String || base.is_integer(),
        'F' => *base == Base::Function,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
