//! `bench-engine plan [DIR]` prints what it costs to compile and to plan the questions of the peer benchmark, over the
//! events of a data directory, or over none. No server may have the directory open.

mod plan;
#[cfg(test)]
mod tests;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: bench-engine plan [DIR]";

fn main() -> ExitCode {
    let done = data_dir(std::env::args().skip(1))
        .and_then(|data_dir| plan::print(data_dir.as_deref(), plan::ROUNDS, io::stdout().lock()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "bench-engine: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

/// The data directory, if one is named.
fn data_dir(words: impl Iterator<Item = String>) -> anyhow::Result<Option<PathBuf>> {
    match words.collect::<Vec<_>>().as_slice() {
        [command] if command == "plan" => Ok(None),
        [command, data_dir] if command == "plan" => Ok(Some(PathBuf::from(data_dir))),
        _ => anyhow::bail!(USAGE),
    }
}
