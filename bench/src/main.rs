//! Measures what a Hedgerow costs: throughput against a bare floor, processor time, lag, memory, start-up, size.
//!
//! `make bench` runs `bench capture`, which starts the servers it compares as processes of their own: the release
//! binary, and this same program as `bench floor`. Nothing of the product is linked in but the event log, which the
//! floor shares with it so that both commit in the same groups.
//!
//! `bench generate` and `bench load` are the parts of `make bench-peers` that must be quick: the rows that every engine
//! gets, and Hedgerow's way of getting them. The rest of it is in `bench/peers`.

mod capture;
mod client;
mod events;
mod flags;
mod floor;
mod generate;
mod load;
mod report;
mod server;
mod stats;
mod system;

use std::io::Write as _;
use std::process::ExitCode;

use crate::flags::Flags;

const USAGE: &str = "\
usage: bench capture [--hedgerow FILE] [--dir DIR] [--out FILE] [--rounds N] [--seconds S] [--quick]
       bench lag [--hedgerow FILE] [--dir DIR] [--seconds S]
       bench floor --listen HOST:PORT --dir DIR
       bench generate [--rows N] [--persons N] [--files N] [--file N] [--seed N] [--bodies FILE] [--print-version]
       bench load --bodies DIR [--hedgerow FILE] [--dir DIR] [--connections N]

  --hedgerow FILE   the binary to measure (default: target/release/hedgerow)
  --dir DIR         where the servers keep their data; emptied first (default: target/bench-data)
  --out FILE        also write the report there
  --rounds N        timed rounds per server and case (default: 5)
  --seconds S       about how long a round takes (default: 3.5), or for how long the lag is measured (default: 60)
  --quick           2 rounds of 1 second, for a first impression

  --rows N          events in all (default: 1000000) of --persons N people (default: 300000)
  --files N         slices they are divided into (default: 20); --file N is the one to write (default: 0)
  --seed N          other seeds make other events (default: 42)
  --bodies FILE     also write the events as capture bodies there; for load, the directory that holds such files
  --print-version   only tell the version of the events
  --connections N   connections that send the bodies (default: 4)";

fn main() -> ExitCode {
    let mut stderr = std::io::stderr();
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let result = match (command.as_deref(), Flags::read(arguments)) {
        (Some("capture"), Ok(flags)) => capture::run(&flags),
        (Some("lag"), Ok(flags)) => capture::run_lag(&flags),
        (Some("floor"), Ok(flags)) => floor::serve(&flags),
        (Some("generate"), Ok(flags)) => generate::run(&flags),
        (Some("load"), Ok(flags)) => load::run(&flags),
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
