//! Measures what a Hedgerow costs: throughput against a bare floor, processor time, memory, start-up, size.
//!
//! `make bench` runs `bench capture`, which starts the servers it compares as processes of their own: the release
//! binary, and this same program as `bench floor`. Nothing of the product is linked in but the event log, which the
//! floor shares with it so that both commit in the same groups.

mod capture;
mod client;
mod events;
mod flags;
mod floor;
mod report;
mod server;
mod stats;
mod system;

use std::io::Write as _;
use std::process::ExitCode;

use crate::flags::Flags;

const USAGE: &str = "\
usage: bench capture [--hedgerow FILE] [--dir DIR] [--out FILE] [--rounds N] [--seconds S] [--quick]
       bench floor --listen HOST:PORT --dir DIR

  --hedgerow FILE   the binary to measure (default: target/release/hedgerow)
  --dir DIR         where the servers keep their data; emptied first (default: target/bench-data)
  --out FILE        also write the report there
  --rounds N        timed rounds per server and case (default: 5)
  --seconds S       about how long a round takes (default: 3.5)
  --quick           2 rounds of 1 second, for a first impression";

fn main() -> ExitCode {
    let mut stderr = std::io::stderr();
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let result = match (command.as_deref(), Flags::read(arguments)) {
        (Some("capture"), Ok(flags)) => capture::run(&flags),
        (Some("floor"), Ok(flags)) => floor::serve(&flags),
        (_, Err(error)) => Err(error.context(USAGE)),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(stderr, "bench: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
