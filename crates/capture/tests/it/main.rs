//! Capture from outside: recorded requests, and requests nobody would send.

mod recorded;
mod sample;
mod total;
