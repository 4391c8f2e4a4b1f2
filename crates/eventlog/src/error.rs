//! Why the log said no: one enum for each of opening, appending and reading.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a log cannot be opened. Nothing was changed on disk, except on [`OpenError::Io`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Choose another size.
    #[error("log segments of {segment_bytes} bytes are not between {min_bytes} and {max_bytes}")]
    SegmentBytes {
        /// What the settings say.
        segment_bytes: u64,
        /// The smallest size possible.
        min_bytes: u64,
        /// The largest size possible.
        max_bytes: u64,
    },

    /// A later version of this program wrote the log: use that one.
    #[error("log segment {} has format {version}, this program reads up to {supported}", segment.display())]
    NewerFormat {
        /// The file.
        segment: PathBuf,
        /// The format it says it has.
        version: u32,
        /// The newest format that can be read.
        supported: u32,
    },

    /// Records that were durable are unreadable or missing: restore the file, or give up what it held.
    #[error("log segment {} is damaged at offset {offset}, sequence {sequence}: {damage}", segment.display())]
    Damaged {
        /// The file.
        segment: PathBuf,
        /// Where in the file the damage begins.
        offset: u64,
        /// The first record that is affected.
        sequence: u64,
        /// What is wrong there.
        damage: Damage,
    },

    /// The disk did not do as told.
    #[error("log file {} cannot be recovered", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Neither copy of the segment's header can be read.
    #[error("the segment header is unreadable")]
    Header,
    /// Something else stands where a record was durable.
    #[error("a record is unreadable")]
    Record,
    /// The segment ends, and the next one does not begin where it ends.
    #[error("records up to sequence {last} are missing")]
    Missing {
        /// The last of the missing records.
        last: u64,
    },
}

/// Why a record was not acknowledged. Except after [`AppendError::Poisoned`] it is not in the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The record can never fit: do not retry it.
    #[error("record of {record_bytes} bytes exceeds the limit of {limit_bytes}")]
    TooLarge {
        /// Bytes of the record.
        record_bytes: usize,
        /// Bytes it may have.
        limit_bytes: usize,
    },

    /// Too many bytes wait to be written: retry after the delay.
    #[error("event log is saturated")]
    Saturated {
        /// When there may be room again.
        retry_after: Duration,
    },

    /// The log's quota or the disk is used up: retry later, it resumes by itself.
    #[error("event log is full")]
    Full,

    /// A write or sync failed, so nothing past `durable_to` can be trusted: stop, and recover by opening again. The
    /// record may or may not be there then.
    #[error("event log stopped after sequence {durable_to}")]
    Poisoned {
        /// The last record that is known to be durable.
        durable_to: u64,
        /// What failed.
        #[source]
        source: Arc<io::Error>,
    },

    /// The log was closed.
    #[error("event log is closed")]
    Closed,
}

/// Why records cannot be read. The tail stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What the tail wanted to read was trimmed away: begin at `first`, knowing what was missed.
    #[error("log was trimmed up to sequence {first}")]
    Trimmed {
        /// The first record that is still there.
        first: u64,
    },

    /// The record was durable and cannot be read any more.
    #[error("log segment {} is damaged at offset {offset}, sequence {sequence}", segment.display())]
    Damaged {
        /// The file.
        segment: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The record.
        sequence: u64,
    },

    /// The disk did not do as told: a retry may help.
    #[error("log segment {} cannot be read", segment.display())]
    Io {
        /// The file.
        segment: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}
