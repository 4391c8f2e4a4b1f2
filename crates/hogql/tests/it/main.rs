//! The crate from outside: against the reference parser's trees, against itself, and against arbitrary bytes.

mod examine;
mod goldens;
mod hostile;
mod mutants;
mod reference;
mod round_trip;
mod shape;
