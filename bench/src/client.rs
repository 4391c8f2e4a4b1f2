//! The load: requests over kept-alive connections, one after the other on each, as fast as they are answered.
//!
//! Client and server share the machine, so the client is as lean as it gets: prepared bytes, plain sockets, one thread,
//! and of an answer only what is needed to find its end.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use env::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::events::{Ids, Request};

const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long to leave a server alone that asked for it.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What to send.
#[derive(Debug, Clone)]
pub(crate) enum Bodies {
    /// Prepared requests that get new ids each time; every connection takes its share.
    Stamped { requests: Arc<[Request]>, ids: Ids },
    /// Finished requests, sent in turn; from the start again when more are needed.
    Finished(Arc<[Bytes]>),
}

/// One round of load.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    pub(crate) bodies: Bodies,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Requests answered 200.
    pub(crate) acknowledged: usize,
    /// Requests answered 503: the server asked for a pause, and got one.
    pub(crate) refused: usize,
    pub(crate) elapsed: Duration,
    /// Of acknowledged requests, in microseconds, in no order.
    pub(crate) latencies_us: Vec<u32>,
    /// The id of an event in an acknowledged request, if ids were given here.
    pub(crate) last_uuid: Option<String>,
}

impl Load {
    /// Sends every request once and waits for its answer.
    ///
    /// # Errors
    ///
    /// When a connection breaks, or an answer is neither 200 nor 503.
    pub(crate) async fn run(self) -> anyhow::Result<Outcome> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(self.address).await?);
        }
        let taken = Arc::new(AtomicUsize::new(0));
        let clock = Clock::System;
        let start = clock.instant();
        let mut tasks = JoinSet::new();
        for (index, connection) in connections.into_iter().enumerate() {
            let bodies = self.bodies.share(index, self.connections);
            tasks.spawn(send_all(connection, bodies, Arc::clone(&taken), self.requests));
        }
        let mut outcome = Outcome::default();
        while let Some(part) = tasks.join_next().await {
            outcome.add(part.context("a connection's task ended early")??);
        }
        outcome.elapsed = clock.elapsed(start);
        Ok(outcome)
    }
}

impl Bodies {
    /// What connection `index` of `connections` sends; requests to stamp are its own.
    fn share(&self, index: usize, connections: usize) -> OwnBodies {
        match self {
            Self::Finished(requests) => OwnBodies::Finished(Arc::clone(requests)),
            Self::Stamped { requests, ids } => {
                let len = (requests.len() / connections).max(1);
                let own = requests.iter().cycle().skip(index * len).take(len).cloned().collect();
                OwnBodies::Stamped(own, ids.clone())
            }
        }
    }
}

enum OwnBodies {
    Stamped(Vec<Request>, Ids),
    Finished(Arc<[Bytes]>),
}

impl Outcome {
    fn add(&mut self, part: Self) {
        self.acknowledged += part.acknowledged;
        self.refused += part.refused;
        self.latencies_us.extend(part.latencies_us);
        self.last_uuid = part.last_uuid.or_else(|| self.last_uuid.take());
    }
}

/// What one connection does: takes the next request nobody has taken until there is none.
async fn send_all(
    mut connection: Connection,
    mut bodies: OwnBodies,
    taken: Arc<AtomicUsize>,
    requests: usize,
) -> anyhow::Result<Outcome> {
    let clock = Clock::System;
    let mut outcome = Outcome::default();
    loop {
        let number = taken.fetch_add(1, Ordering::Relaxed);
        if number >= requests {
            return Ok(outcome);
        }
        let bytes = match &mut bodies {
            OwnBodies::Stamped(own, ids) => {
                let index = number % own.len();
                own[index].stamp(ids);
                own[index].bytes()
            }
            OwnBodies::Finished(all) => &all[number % all.len()],
        };
        let sent = clock.instant();
        match connection.exchange(bytes).await?.status {
            200 => {
                outcome.acknowledged += 1;
                outcome.latencies_us.push(u32::try_from(clock.elapsed(sent).as_micros()).unwrap_or(u32::MAX));
                if let OwnBodies::Stamped(own, _) = &bodies {
                    outcome.last_uuid = Some(own[number % own.len()].last_uuid());
                }
            }
            503 => {
                outcome.refused += 1;
                tokio::time::sleep(BACK_OFF).await;
            }
            status => bail!("the server answered {status}: {}", connection.text()),
        }
    }
}

/// A kept-alive HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    body: usize,
}

impl Connection {
    /// Connects, without delaying small writes.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4_096), body: 0 })
    }

    /// Sends a whole request and reads the whole answer, whose body [`Connection::text`] then is.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the answer is not HTTP with a content length.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Head> {
        self.stream.write_all(request).await.context("the server took no request")?;
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await.context("the server gave no answer")?;
            if read == 0 || self.answer.len() > ANSWER_BYTES_MAX {
                bail!("the server's answer has no end");
            }
            if let Some(head) = read_head(&self.answer)?
                && self.answer.len() >= head.len + head.body_len
            {
                self.body = head.len;
                return Ok(head);
            }
        }
    }

    /// The body of the last answer.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer[self.body..]).into_owned()
    }
}

/// Asks for `path` over a connection of its own; returns status and body.
///
/// # Errors
///
/// As [`Connection::exchange`].
pub(crate) async fn get(address: SocketAddr, path: &str, key: Option<&str>) -> anyhow::Result<(u16, String)> {
    let authorization = key.map_or_else(String::new, |key| format!("Authorization: Bearer {key}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n");
    let mut connection = Connection::open(address).await?;
    let head = connection.exchange(request.as_bytes()).await?;
    Ok((head.status, connection.text()))
}

/// Status line and headers of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    len: usize,
    body_len: usize,
}

/// Reads the head at the start of `answer`; `None` when it is not complete yet.
fn read_head(answer: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end]).context("the head of the answer is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    let status = status.context("the answer is not HTTP/1.1")?;
    let body_len = length.context("the answer does not tell its length")?;
    Ok(Some(Head { status, len: end + 4, body_len }))
}
