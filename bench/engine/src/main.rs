//! Answers the questions of the peer benchmark from a data directory, in a process of its own, without HTTP.
//!
//! Questions come one per line on standard input, by name: `Q3`. Each gets one line of JSON on standard output, after
//! a first line `READY` once the directory is open:
//!
//! ```text
//! {"ms":80.1,"cpu_ms":130.4,"rss":471,"text":"Chrome,1234\nSafari,567\n"}
//! {"ms":3444.9,"cpu_ms":6310.0,"rss":512,"bytes":1200000000}
//! {"error":"what went wrong"}
//! ```
//!
//! `ms` is wall time, `cpu_ms` processor time of the whole process, `rss` its peak memory in MiB during the question. The
//! end of input ends the process. The server must not run on the same directory.
//!
//! `bench-engine plan [DIR]` prints instead what it costs to compile and to plan the questions in HogQL.

mod answer;
mod measure;
mod plan;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;

use answer::{Answer, Engines};

const USAGE: &str = "usage: bench-engine --data-dir DIR --ids FILE, or bench-engine plan [DIR]";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let done = if words.next_if(|word| word == "plan").is_some() {
        plan::print(words.next().as_deref().map(Path::new), plan::ROUNDS, io::stdout().lock())
    } else {
        Arguments::read(words).and_then(|arguments| serve(&arguments))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "bench-engine: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Where the data lies, and what to look for in it.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    data_dir: PathBuf,
    /// JSON: the `uuid`, `distinct_id` and so on that questions name, and the file `out` that Q13 exports to.
    ids: PathBuf,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let (mut data_dir, mut ids) = (None, None);
        while let Some(name) = words.next() {
            let place = match name.as_str() {
                "--data-dir" => &mut data_dir,
                "--ids" => &mut ids,
                _ => bail!("{name} is not known; {USAGE}"),
            };
            let value = words.next().with_context(|| format!("{name} needs a value; {USAGE}"))?;
            *place = Some(PathBuf::from(value));
        }
        Ok(Self { data_dir: data_dir.context(USAGE)?, ids: ids.context(USAGE)? })
    }
}

fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    for path in [&arguments.data_dir, &arguments.ids] {
        path.try_exists()
            .ok()
            .filter(|exists| *exists)
            .with_context(|| format!("{} does not exist", path.display()))?;
    }
    let ids = std::fs::read_to_string(&arguments.ids)?;
    let ids: Ids = serde_json::from_str(&ids).context("the ids are not what they should be")?;
    let engines = Engines::open(&arguments.data_dir, ids.out)?;
    converse(io::stdin().lock(), io::stdout().lock(), |question| engines.answer(question))
}

/// What is needed of the ids.
#[derive(Debug, serde::Deserialize)]
struct Ids {
    /// Where Q13 writes.
    out: PathBuf,
}

/// One line of JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Reply {
    Measured {
        ms: f64,
        cpu_ms: f64,
        rss: u64,
        #[serde(flatten)]
        answer: Answer,
    },
    Failed {
        error: String,
    },
}

/// Answers every question in `questions` until they end.
fn converse(
    questions: impl BufRead,
    mut replies: impl Write,
    answer: impl Fn(&str) -> anyhow::Result<Answer>,
) -> anyhow::Result<()> {
    writeln!(replies, "READY")?;
    replies.flush()?;
    for question in questions.lines() {
        let question = question.context("questions are text")?;
        let reply = match measure::measured(|| answer(question.trim())) {
            Ok((answer, cost)) => Reply::Measured { ms: cost.ms, cpu_ms: cost.cpu_ms, rss: cost.peak_mib, answer },
            Err(error) => Reply::Failed { error: format!("{error:#}") },
        };
        serde_json::to_writer(&mut replies, &reply)?;
        writeln!(replies)?;
        replies.flush()?;
    }
    Ok(())
}
