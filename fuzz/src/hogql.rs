//! Any text as HogQL: lexing, parsing, printing, resolving and completing answer, whatever it is.
//!
//! `scripts/fuzz.sh hogql` builds and runs this with the stable compiler, starting from the golden corpus.

#![no_main]

#[path = "../../crates/hogql/tests/it/examine.rs"]
mod examine;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        examine::examine(text);
    }
});
