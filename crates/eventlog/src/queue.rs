//! Records on their way to the writer: bounded in bytes, filled by async callers, emptied by one blocking thread.
//!
//! The bound counts every record from the moment it is accepted until its caller has an answer, so it is also the
//! bound on the memory that appends take (rule R11).

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::error::AppendError;
use crate::frame::frame_bytes;

/// What a caller hears: the sequence of its record, or why there is none.
pub(crate) type Answer = Result<u64, AppendError>;

/// What a record takes beside its bytes.
const OVERHEAD_BYTES: usize = 256;

/// After this a saturated log has most likely room again: it is a few syncs away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// Signalled when the writer may have something to do.
    filled: Condvar,
    bytes_max: usize,
}

#[derive(Debug)]
struct Inner {
    pending: VecDeque<Pending>,
    /// Of all records accepted and not answered yet.
    bytes: usize,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Open,
    Closed,
    Poisoned { durable_to: u64, source: Arc<io::Error> },
}

/// A record whose caller waits.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) record: [Bytes; 2],
    caller: oneshot::Sender<Answer>,
}

/// What the writer finds in the queue.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Records that fit.
    Group,
    /// A record that does not fit the room there is.
    NoRoom,
    /// Nothing, for now.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
    /// The log has stopped.
    Poisoned(Arc<io::Error>),
}

impl Pending {
    pub(crate) fn payload_bytes(&self) -> usize {
        self.record.iter().map(Bytes::len).sum()
    }

    /// What the record counts for in the bound.
    pub(crate) fn cost(&self) -> usize {
        self.payload_bytes() + OVERHEAD_BYTES
    }

    /// Tells the caller; one that has gone is fine.
    pub(crate) fn answer(self, answer: Answer) {
        drop(self.caller.send(answer));
    }
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let inner = Inner { pending: VecDeque::new(), bytes: 0, state: State::Open };
        Self { inner: Mutex::new(inner), filled: Condvar::new(), bytes_max }
    }

    /// Accepts a record, or refuses it at once. A record alone is always accepted, so any can pass.
    pub(crate) fn push(&self, record: [Bytes; 2]) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let (caller, answer) = oneshot::channel();
        let pending = Pending { record, caller };
        let cost = pending.cost();
        let mut inner = self.inner.lock();
        match &inner.state {
            State::Open => {}
            State::Closed => return Err(AppendError::Closed),
            State::Poisoned { durable_to, source } => return Err(poisoned(*durable_to, source)),
        }
        if inner.bytes > 0 && inner.bytes + cost > self.bytes_max {
            return Err(AppendError::Saturated { retry_after: RETRY_AFTER });
        }
        inner.bytes += cost;
        inner.pending.push_back(pending);
        drop(inner);
        self.filled.notify_one();
        Ok(answer)
    }

    /// Blocks until there is something for the writer to do.
    pub(crate) fn wait(&self) {
        let mut inner = self.inner.lock();
        while inner.pending.is_empty() && matches!(inner.state, State::Open) {
            self.filled.wait(&mut inner);
        }
    }

    /// Moves records from the front into `group` while their frames fit in `room` and in about `bytes_max`; one
    /// always passes the latter. Records whose callers have gone are dropped.
    pub(crate) fn take(&self, group: &mut Vec<Pending>, bytes_max: usize, room: u64) -> Taken {
        let mut inner = self.inner.lock();
        if let State::Poisoned { source, .. } = &inner.state {
            return Taken::Poisoned(Arc::clone(source));
        }
        let mut taken = 0;
        while let Some(first) = inner.pending.front() {
            let bytes = frame_bytes(first.payload_bytes());
            let abandoned = first.caller.is_closed();
            if !abandoned && (taken + bytes) as u64 > room {
                return if group.is_empty() { Taken::NoRoom } else { Taken::Group };
            }
            if !abandoned && !group.is_empty() && taken + bytes > bytes_max {
                return Taken::Group;
            }
            let Some(first) = inner.pending.pop_front() else { break };
            if abandoned {
                inner.bytes -= first.cost();
            } else {
                taken += bytes;
                group.push(first);
            }
        }
        match (group.is_empty(), &inner.state) {
            (false, _) => Taken::Group,
            (true, State::Open) => Taken::Nothing,
            (true, _) => Taken::Closed,
        }
    }

    /// Answers the records in `group` and makes their room free first, so that a caller may append again at once.
    pub(crate) fn answer(&self, group: &mut Vec<Pending>, mut answer: impl FnMut() -> Answer) {
        let cost: usize = group.iter().map(Pending::cost).sum();
        self.inner.lock().bytes -= cost;
        for pending in group.drain(..) {
            pending.answer(answer());
        }
    }

    /// Accepts nothing more. What was accepted is still written.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        if matches!(inner.state, State::Open) {
            inner.state = State::Closed;
        }
        drop(inner);
        self.filled.notify_all();
    }

    /// Accepts nothing more and answers everything that waits with the failure. The first failure is the one that
    /// everybody hears of; it is returned.
    pub(crate) fn poison(&self, durable_to: u64, error: io::Error) -> Arc<io::Error> {
        let mut inner = self.inner.lock();
        if let State::Poisoned { source, .. } = &inner.state {
            return Arc::clone(source);
        }
        let source = Arc::new(error);
        inner.state = State::Poisoned { durable_to, source: Arc::clone(&source) };
        let mut refused: Vec<_> = std::mem::take(&mut inner.pending).into();
        drop(inner);
        self.filled.notify_all();
        self.answer(&mut refused, || Err(poisoned(durable_to, &source)));
        source
    }

    /// What stopped the log, if it has stopped.
    pub(crate) fn poisoned(&self) -> Option<AppendError> {
        match &self.inner.lock().state {
            State::Poisoned { durable_to, source } => Some(poisoned(*durable_to, source)),
            State::Open | State::Closed => None,
        }
    }

    /// Bytes accepted and not answered yet, each record with its overhead.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }
}

fn poisoned(durable_to: u64, source: &Arc<io::Error>) -> AppendError {
    AppendError::Poisoned { durable_to, source: Arc::clone(source) }
}

#[cfg(test)]
mod tests;
