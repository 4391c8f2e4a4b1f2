//! One writer, a few readers. The only place that knows SQLite.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{MetaError, OpenError};
use crate::keys::KeyCache;
use crate::tenants::ProjectCache;
use crate::warnings::PendingWarnings;

/// What the first of [`MIGRATIONS`] leads to. Format 1 was never released; nothing can read it.
const FIRST_FORMAT: i64 = 2;
/// Scripts that lead from nothing to the first format, and from each format to the next.
const MIGRATIONS: &[&str] =
    &[include_str!("0001_schema.sql"), include_str!("0003_objects.sql"), include_str!("0004_definitions.sql")];
const READERS_MAX: usize = 4;
/// The writer's page cache. Ingestion changes the same pages in batch after batch.
const CACHE_KIB: i64 = 16 << 10;
/// Pages in the write-ahead log at which they are copied to the database: the more, the fewer of them twice.
const CHECKPOINT_PAGES: i64 = 8_000;

/// The metadata database.
#[derive(Debug)]
pub struct Meta {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    pub(crate) projects: RwLock<ProjectCache>,
    pub(crate) keys: Mutex<KeyCache>,
    /// Counts changes of persons other than by ingestion. Changed under the writer's lock only.
    foreign_changes: AtomicU64,
    pub(crate) pending_warnings: PendingWarnings,
    /// Counts transactions.
    version: AtomicU64,
}

impl Meta {
    /// Opens the database at `path`, creating and migrating it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut writer = Connection::open(path).map_err(MetaError::from)?;
        configure(&writer)?;
        migrate(&mut writer)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            projects: RwLock::default(),
            keys: Mutex::default(),
            foreign_changes: AtomicU64::new(0),
            pending_warnings: PendingWarnings::default(),
            version: AtomicU64::new(0),
        })
    }

    /// Tells ingestion that what it remembers of persons may be outdated: to be called in the transaction that does it.
    pub(crate) fn note_foreign_change(&self, tx: &Transaction<'_>) -> Result<(), MetaError> {
        tx.prepare_cached("UPDATE positions SET value = value + 1 WHERE name = 'person_changes'")?.execute([])?;
        self.foreign_changes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Tells ingestion that a definition it remembers may be gone. What it remembers of persons goes with it: this is rare.
    pub(crate) fn note_deleted_definition(&self) {
        self.foreign_changes.fetch_add(1, Ordering::Relaxed);
    }

    /// As of the transaction that asks.
    pub(crate) fn foreign_changes(&self) -> u64 {
        self.foreign_changes.load(Ordering::Relaxed)
    }

    pub(crate) fn write<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.writer.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        self.version.fetch_add(1, Ordering::Release);
        Ok(result)
    }

    /// Changes with every transaction, and starts anew with the process.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// As [`Meta::write`], for work that fails in ways of its own.
    pub(crate) fn write_for<T, E: From<MetaError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        struct Either<E>(E);
        impl<E: From<MetaError>> From<rusqlite::Error> for Either<E> {
            fn from(error: rusqlite::Error) -> Self {
                Self(MetaError::from(error).into())
            }
        }
        self.write(|tx| work(tx).map_err(Either)).map_err(|either| either.0)
    }

    /// Copies what is in the write-ahead log to the database and empties it, as far as no reader is in the way.
    pub fn checkpoint(&self) -> Result<(), MetaError> {
        let connection = self.writer.lock();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, MetaError>) -> Result<T, MetaError> {
        let idle = self.readers.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = Connection::open_with_flags(
                    &self.path,
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
                )?;
                connection.busy_timeout(std::time::Duration::from_secs(10))?;
                keep_plans(&connection)?;
                connection
            }
        };
        let result = work(&connection);
        let mut readers = self.readers.lock();
        if readers.len() < READERS_MAX {
            readers.push(connection);
        }
        result
    }
}

fn configure(connection: &Connection) -> Result<(), MetaError> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    keep_plans(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Keeps prepared statements as they were prepared. By default SQLite prepares a statement again whenever a bound value
/// might lead to a better plan, which with our few indexes it never does, and which costs more than most statements.
fn keep_plans(connection: &Connection) -> Result<(), MetaError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(MetaError::from)?;
    let known = FIRST_FORMAT + MIGRATIONS.len() as i64 - 1;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    if found != 0 && found < FIRST_FORMAT {
        return Err(OpenError::Older { found, oldest: FIRST_FORMAT });
    }
    let done = if found == 0 { 0 } else { found - FIRST_FORMAT + 1 };
    let transaction = connection.transaction().map_err(MetaError::from)?;
    for script in MIGRATIONS.iter().skip(usize::try_from(done).unwrap_or(0)) {
        transaction.execute_batch(script).map_err(MetaError::from)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(MetaError::from)?;
    transaction.commit().map_err(MetaError::from)?;
    Ok(())
}

#[cfg(test)]
mod tests;
