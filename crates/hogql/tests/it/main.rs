//! The crate from outside: against the reference parser's trees, against itself, and against arbitrary bytes.

mod goldens;
mod reference;
