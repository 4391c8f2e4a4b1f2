//! Checks of the repository itself: what no compiler and no linter looks at. Run as `cargo xtask tidy`.

mod tidy;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut stderr = std::io::stderr().lock();
    // Nothing can be done about a closed standard error; the exit code tells the same.
    let mut say = |line: &str| drop(writeln!(stderr, "{line}"));
    if arguments != ["tidy"] {
        say(USAGE);
        return ExitCode::from(2);
    }
    match tidy::violations(&root()) {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => {
            violations.iter().for_each(|violation| say(violation));
            say(&format!("tidy: {} to put right", violations.len()));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("tidy: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// The workspace this program was built from.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
