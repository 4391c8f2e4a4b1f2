//! A server under measurement: started as a process of its own, asked over HTTP, stopped with a signal.

#[cfg(test)]
mod tests;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use env::Clock;
use rustix::process::{Pid, Signal, kill_process};

use crate::client;
use crate::events::TOKEN;
use crate::system::{CpuTimes, Memory};

/// The key the bench reads back with.
pub(crate) const KEY: &str = "phx_benchBenchBenchBenchBenchBenchBenchBenchBen";

/// How long a server may take to do what was asked of it.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);

/// Which server.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    /// This program's bare service.
    Floor,
    /// The binary at this path.
    Hedgerow(PathBuf),
}

impl Program {
    fn command(&self, dir: &Path) -> anyhow::Result<Command> {
        let mut command = match self {
            Self::Floor => {
                let mut command = Command::new(std::env::current_exe().context("this program has no path")?);
                command.arg("floor").arg("--dir").arg(dir);
                command
            }
            Self::Hedgerow(path) => {
                let mut command = Command::new(path);
                command.arg("serve").arg("--data-dir").arg(dir);
                command.env("HEDGEROW_PROJECT_TOKEN", TOKEN).env("HEDGEROW_PERSONAL_API_KEY", KEY);
                command
            }
        };
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(command)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server whose standard output is gone may stop.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// From starting the process to the first healthy answer.
    pub(crate) start_up: Duration,
}

impl Server {
    /// Starts `program` on `dir` and waits until it is healthy. What it logs goes to the file `stderr`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends at once, or does not become healthy.
    pub(crate) async fn start(program: &Program, dir: &Path, stderr: &Path) -> anyhow::Result<Self> {
        let log = std::fs::File::options().create(true).append(true).open(stderr);
        let log = log.with_context(|| format!("{} cannot be written", stderr.display()))?;
        let mut command = program.command(dir)?;
        let clock = Clock::System;
        let start = clock.instant();
        let mut child = command.stderr(log).spawn().with_context(|| format!("{program:?} cannot be started"))?;
        let mut stdout = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
        let mut line = String::new();
        stdout.read_line(&mut line).context("the server's start message cannot be read")?;
        let Some(address) = parse_address(&line) else {
            drop(child.kill());
            bail!("{program:?} did not start (it said {line:?}); see {}", stderr.display());
        };
        let mut server = Self { child, _stdout: stdout, address, start_up: Duration::ZERO };
        loop {
            if let Ok((200, _)) = client::get(address, "/_health", None).await {
                server.start_up = clock.elapsed(start);
                return Ok(server);
            }
            ensure!(clock.elapsed(start) < PATIENCE, "{program:?} did not become healthy");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Processor time used so far.
    ///
    /// # Errors
    ///
    /// When the process is gone.
    pub(crate) fn cpu(&self) -> anyhow::Result<CpuTimes> {
        CpuTimes::of(self.child.id())
    }

    /// Memory in use.
    ///
    /// # Errors
    ///
    /// When the process is gone.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.child.id())
    }

    /// The server's own figures.
    ///
    /// # Errors
    ///
    /// When it does not show them.
    pub(crate) async fn metrics(&self) -> anyhow::Result<Metrics> {
        let (status, page) = client::get(self.address, "/metrics", None).await?;
        ensure!(status == 200, "/metrics answered {status}");
        Ok(Metrics(page))
    }

    /// Stops the process in order, as an operator would.
    ///
    /// # Errors
    ///
    /// When it does not stop, or not with success.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process has an id")?;
        kill_process(pid, Signal::TERM).context("the server cannot be told to stop")?;
        let clock = Clock::System;
        let start = clock.instant();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server stopped with {status}");
                return Ok(());
            }
            ensure!(clock.elapsed(start) < PATIENCE, "the server did not stop");
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Server {
    /// As a power cut would: nothing is saved.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A page of Prometheus text.
#[derive(Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// The figure called `name`, which has no labels.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }
}

/// The address in `… is listening on http://HOST:PORT`.
fn parse_address(line: &str) -> Option<SocketAddr> {
    line.split_once("http://")?.1.trim().parse().ok()
}
