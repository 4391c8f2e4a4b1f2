//! The functions against ClickHouse's answers, and what must hold of all of them.

mod golden;
mod laws;
mod types;
