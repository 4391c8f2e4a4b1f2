//! Files as the log and the store need them: positioned reads and writes, and every kind of sync by name.
//!
//! Two implementations: [`crate::RealFiles`] and [`crate::SimDisk`]. The contract is that of a POSIX file system at
//! its least helpful: data is durable only after [`File::sync_data`], a created, renamed or removed name only after
//! [`Files::sync_dir`] on its directory.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file. Cheap to share; all methods take positions, none keeps a cursor.
pub trait File: Send + Sync + Debug {
    /// Reads exactly `buffer.len()` bytes at `offset`.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when the file ends before that.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, extending the file if needed. Not durable until synced.
    ///
    /// # Errors
    ///
    /// Any error leaves an unknown part of `bytes` written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything written so far durable, the file length included.
    ///
    /// # Errors
    ///
    /// After an error nothing written since the last success can be trusted: do not retry, see rule R3.
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space so that writes below `len` cannot run out of disk; extends the file to `len` with zeroes.
    ///
    /// # Errors
    ///
    /// When the disk has no room.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts or extends the file to `len`.
    ///
    /// # Errors
    ///
    /// As the operating system reports.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Current length in bytes.
    ///
    /// # Errors
    ///
    /// As the operating system reports.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// As [`File::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Held while a process owns a directory; released when dropped.
pub trait Lock: Send + Sync + Debug {}

/// A file system.
pub trait Files: Send + Sync + Debug {
    /// Creates a new file for reading and writing.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when there is one.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is none.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Removes a file. The removal is durable after [`Files::sync_dir`].
    ///
    /// # Errors
    ///
    /// `NotFound` when there is none.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Names (not paths) of the files and directories in `dir`, sorted.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Creates `dir` and its parents, durably; fine when it exists.
    ///
    /// # Errors
    ///
    /// As the operating system reports.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    ///
    /// # Errors
    ///
    /// As [`File::sync_data`].
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that can still be written to the disk that holds `dir`.
    ///
    /// # Errors
    ///
    /// As the operating system reports.
    fn available_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// Takes the exclusive, advisory lock on `path`, creating the file if needed.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}
