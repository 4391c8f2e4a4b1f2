//! What the tests share: small settings, a log on a simulated disk, and appends without a runtime.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use env::{Files, SimDisk};
use eventlog::{AppendError, EventLog, OpenError, Opened, Settings, Step};

/// Where the log lives.
pub(crate) const DIR: &str = "/data/log";

/// Small segments, so that a test rolls often.
pub(crate) const SETTINGS: Settings = Settings {
    segment_bytes: 8 << 10,
    quota_bytes: u64::MAX,
    reserve_bytes: 0,
    queue_bytes: 1 << 20,
    record_bytes_max: 6 << 10,
    commit_bytes: 2 << 10,
};

pub(crate) fn open(files: impl Files + 'static) -> Result<Opened, OpenError> {
    open_with(files, SETTINGS)
}

pub(crate) fn open_with(files: impl Files + 'static, settings: Settings) -> Result<Opened, OpenError> {
    eventlog::open(Arc::new(files), Path::new(DIR), settings)
}

/// An append that has been accepted or refused, and is polled by hand.
pub(crate) struct Append {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    answer: Option<Answer>,
}

type Answer = Result<u64, AppendError>;

impl Append {
    /// Hands the record to the log.
    pub(crate) fn start(log: &EventLog, record: impl Into<Bytes>) -> Self {
        let (log, mut head) = (log.clone(), record.into());
        let body = head.split_off(head.len() / 3);
        let mut append = Self { future: Box::pin(async move { log.append([head, body]).await }), answer: None };
        append.poll();
        append
    }

    /// The answer, if there is one by now.
    pub(crate) fn poll(&mut self) -> Option<Answer> {
        if self.answer.is_none()
            && let Poll::Ready(answer) = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.answer = Some(answer);
        }
        self.answer.clone()
    }
}

/// Appends one record and lets the writer do whatever that takes.
pub(crate) fn append(opened: &mut Opened, record: impl Into<Bytes>) -> Result<u64, AppendError> {
    let mut append = Append::start(&opened.log, record);
    if let Some(answer) = append.poll() {
        return answer;
    }
    let _step: Step = opened.writer.commit_next();
    append.poll().expect("one step of the writer answers a lone record")
}

/// All records of the log.
pub(crate) fn records(log: &EventLog) -> Vec<(u64, Bytes)> {
    let mut tail = log.tail(log.status().first - 1);
    let mut records = Vec::new();
    loop {
        let read = tail.read(1 << 20).expect("what is durable can be read");
        if read.is_empty() {
            return records;
        }
        records.extend(read);
    }
}

/// A disk that is as good as any.
pub(crate) fn disk() -> SimDisk {
    SimDisk::new(1)
}

/// The names of the log's files.
pub(crate) fn file_names(disk: &SimDisk) -> Vec<String> {
    let names = disk.list(Path::new(DIR)).expect("the log has a directory");
    names.iter().map(|name| name.display().to_string()).collect()
}

/// A record of so many bytes, all different from those of its neighbours.
pub(crate) fn record(id: u64, len: usize) -> Vec<u8> {
    let mut state = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = id.to_le_bytes().to_vec();
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len.max(8));
    bytes
}
