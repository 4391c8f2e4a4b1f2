//! The `hedgerow` binary: settings in, exit code out.

mod ballast;
mod banner;
mod listen;
mod samples;
mod serve;
mod settings;
mod tasks;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::serve::Stop;
use crate::settings::{Arguments, Command, ServeSettings};

/// Of SQLite and zstd too.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Command::Serve(flags) = arguments.command;
    let settings = match ServeSettings::resolve(flags) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, 2),
    };
    if let Err(error) = start_logging(&settings.log) {
        return complain(&error, 2);
    }
    match serve::serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Settings(error)) => complain(&error, 2),
        Err(Stop::DataDirectory(error)) => complain(&error, 3),
        Err(Stop::Poisoned(error)) => complain(&error, 74),
        Err(Stop::Failed(error)) => complain(&error, 1),
    }
}

/// Writes one clear line to standard error, causes included.
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    let line = format!("hedgerow: {error:#}").replace('\n', " ");
    writeln!(std::io::stderr(), "{line}").ok();
    ExitCode::from(code)
}

/// Human lines on a terminal, JSON otherwise, to standard error.
fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("log filter {filter:?} is not understood: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init()
    } else {
        builder.json().init()
    }
    Ok(())
}
