//! What an editor wants to know about a text without running it: is it valid, which tables are there, what may come next.
//!
//! [`check`] reports a text the way the endpoint would refuse it, with places instead of an excerpt; [`tables`] describes
//! what queries read; [`complete`] looks at the words around the cursor only, so that it also helps with a text that
//! does not parse yet.

mod check;
mod complete;
mod describe;
mod mention;

use crate::context::PropertyType;

pub use check::{Check, Language, Remark, check};
pub use complete::{Completion, Suggestion, SuggestionKind, complete};
pub use describe::{FieldInfo, FieldShape, TableInfo, tables};

/// Whose properties a name is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PropertyOwner {
    /// Events.
    Event,
    /// Persons.
    Person,
    /// Groups, of the type with this index where one is known.
    Group(Option<u8>),
}

/// The names of an owner's properties and their types, as far as the names contain a text.
pub type Properties<'a> = dyn Fn(PropertyOwner, &str) -> Vec<Property> + 'a;
/// A property and what its values are, where that is defined.
pub type Property = (String, Option<PropertyType>);

/// `name` as it is written in a query, in quotes if it must be.
#[must_use]
pub fn written_name(name: &str) -> String {
    crate::print::name(name)
}

#[cfg(test)]
mod tests;
