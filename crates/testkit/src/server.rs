//! A running server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::http::{self, Answer};
use crate::{KEY, TOKEN};

/// Longest time to wait for a server to start, to stop, or to show an event.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start a server.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Frozen "now".
    pub clock: Option<&'static str>,
    /// Further variables.
    pub variables: Vec<(&'static str, String)>,
}

/// A server process on a directory of its own; killed and cleaned up when dropped.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    options: Options,
    dir: TempDir,
    process: Child,
    url: String,
    agent: Agent,
}

impl Server {
    /// Starts `binary` on an empty directory.
    #[must_use]
    pub fn start(binary: &str, options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let binary = PathBuf::from(binary);
        let (process, url) = spawn(&binary, dir.path(), &options);
        Self { binary, options, dir, process, url, agent: http::agent() }
    }

    /// With a frozen clock.
    #[must_use]
    pub fn at(binary: &str, clock: &'static str) -> Self {
        Self::start(binary, Options { clock: Some(clock), ..Options::default() })
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its data lies.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default()
    }

    /// Ends the process with SIGKILL.
    pub fn kill9(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks the process to stop, and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it again on the same directory, after it was killed or stopped.
    pub fn start_again(&mut self) {
        let (process, url) = spawn(&self.binary, self.dir.path(), &self.options);
        self.process = process;
        self.url = url;
    }

    /// Any request; errors are those of the connection.
    ///
    /// # Errors
    ///
    /// When no answer came.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        http::send(&self.agent, method, &url, headers, body)
    }

    /// Any request.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}: {}", self.log()))
    }

    /// A GET with the owner's key.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.get_as(KEY, path)
    }

    /// A GET with a key.
    #[must_use]
    pub fn get_as(&self, key: &str, path: &str) -> Answer {
        self.send("GET", path, &[("authorization", &format!("Bearer {key}"))], b"")
    }

    /// A GET below project 1.
    #[must_use]
    pub fn project(&self, path: &str) -> Answer {
        self.get(&format!("/api/projects/1/{path}"))
    }

    /// A JSON POST with the owner's key.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.json_as(KEY, "POST", path, body)
    }

    /// A JSON PATCH with the owner's key.
    #[must_use]
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json_as(KEY, "PATCH", path, body)
    }

    /// A DELETE with the owner's key.
    #[must_use]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[("authorization", &format!("Bearer {KEY}"))], b"")
    }

    /// A request with a JSON body and a key.
    #[must_use]
    pub fn json_as(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(method, path, &headers, body.to_string().as_bytes())
    }

    /// A JSON POST to a capture path.
    #[must_use]
    pub fn capture(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Sends events of project 1 in one batch and waits until they can be listed.
    pub fn ingest(&self, events: &[Value]) {
        self.ingest_as(TOKEN, events);
    }

    /// Sends events in one batch and waits until they can be listed.
    pub fn ingest_as(&self, token: &str, events: &[Value]) {
        let answer = self.capture("/batch/", &json!({"api_key": token, "batch": events}));
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.settle();
    }

    /// Waits until everything acknowledged can be listed.
    pub fn settle(&self) {
        let start = Instant::now();
        while self.metric("hedgerow_ingest_lag_records") > 0.0 {
            assert!(start.elapsed() < PATIENCE, "events do not become visible: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The most memory the process has had resident since it started, in bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Asks again and again until `holds`; `what` is said when it never does.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE * 2, "never: {what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A figure of `/metrics`.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.send("GET", "/metrics", &[], b"").body;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("/metrics has no {name}")).parse().unwrap()
    }

    /// Every event from the list at `path` on, page by page, following `next` as it is.
    #[must_use]
    pub fn follow(&self, path: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.get(&path);
            events.extend(page.results());
            next = page.json()["next"].as_str().map(str::to_owned);
        }
        events
    }
}

/// Sends to whatever server there is at the moment; for load that outlives one process.
#[derive(Debug)]
pub struct Client(Agent);

impl Server {
    /// A client that belongs to no server.
    #[must_use]
    pub fn client() -> Client {
        Client(http::agent())
    }
}

impl Client {
    /// POSTs a JSON body and returns the status.
    ///
    /// # Errors
    ///
    /// When no answer came: the request may have been handled or not.
    pub fn post(&self, url: &str, body: &[u8]) -> Result<u16, ureq::Error> {
        http::send(&self.0, "POST", url, &[("content-type", "application/json")], body).map(|answer| answer.status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.lines().rev().take(20).collect::<Vec<_>>();
            #[expect(clippy::print_stderr, reason = "explains the failure")]
            {
                eprintln!("server log, newest first: {tail:#?}");
            }
        }
    }
}

fn spawn(binary: &Path, dir: &Path, options: &Options) -> (Child, String) {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("stderr")).unwrap();
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir.join("data")).current_dir(dir);
    command.env("HEDGEROW_PROJECT_TOKEN", TOKEN).env("HEDGEROW_PERSONAL_API_KEY", KEY);
    // Hundreds of servers start in the tests; none of them needs ballast.
    command.env("HEDGEROW_BALLAST_BYTES", "0");
    command.envs(options.variables.iter().map(|(name, value)| (name, value)));
    if let Some(clock) = options.clock {
        command.args(["--clock", clock]);
    }
    let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let url = first.strip_prefix("Hedgerow is listening on ").map(str::to_owned);
    // The banner goes on; nobody reads it, and the pipe holds more than it has.
    let url = url.unwrap_or_else(|| {
        let log = fs::read_to_string(dir.join("stderr")).unwrap_or_default();
        panic!("the server did not start: {first:?} {log}")
    });
    (process, url)
}
