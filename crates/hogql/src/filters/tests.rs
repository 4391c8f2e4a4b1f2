//! Filters become conditions.
