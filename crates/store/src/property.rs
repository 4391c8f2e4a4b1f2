//! Properties as columns: those of events, and those their persons had then.
//!
//! A property that is frequent in a segment becomes a typed column of its own; everything else stays as JSON beside it
//! (the *rest*). Which keys are columns is decided per segment, from what is in it ([`plan`]); JSON is taken apart by
//! [`shred`] and put together again by [`rebuild`].
//!
//! Invariant: nothing is lost. A value is put into a typed column only if the column gives back the same JSON value, in
//! the same spelling of numbers; any other value goes to the rest, with its exact text. Explicit nulls are values. The
//! order of keys is not kept.

pub(crate) mod key;
pub(crate) mod kind;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod rest;
pub(crate) mod shred;
pub(crate) mod values;

pub use key::{Document, PropertyKey};
pub(crate) use kind::Kind;
pub(crate) use plan::{Census, Plan, PlannedColumn};
pub use rebuild::Spelling;
pub(crate) use rest::{Rest, RestBuilder};
