//! Personal API keys.

use std::collections::HashMap;

use env::Random;
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use crate::connection::Meta;
use crate::error::MetaError;
use crate::tenants::{User, user_at};
use crate::tokens;

const KEYS_MAX: usize = 10;
/// A key's last use is written at most this often, in microseconds.
const USE_INTERVAL: i64 = 3_600_000_000;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalKey {
    /// Public id.
    pub id: String,
    /// Its owner.
    pub user_id: i64,
    /// What it is for.
    pub label: String,
    /// `phx_...abcd`.
    pub mask_value: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// When its secret was last replaced.
    pub last_rolled_at: Option<Timestamp>,
    /// What it may do; none is a legacy key that may do everything.
    pub scopes: Option<Vec<String>>,
    /// Projects it is limited to, if any.
    pub scoped_teams: Vec<i64>,
    /// Organisations it is limited to, if any.
    pub scoped_organizations: Vec<Uuid>,
}

/// A key to be.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Projects it is limited to, if any.
    pub scoped_teams: Vec<i64>,
    /// Organisations it is limited to, if any.
    pub scoped_organizations: Vec<Uuid>,
}

/// A key and its owner.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The owner.
    pub user: User,
    /// The key.
    pub key: PersonalKey,
}

/// Callers by the hash of their key, forgotten whenever any key, user or organisation changes.
#[derive(Debug, Default)]
pub(crate) struct KeyCache {
    callers: HashMap<String, Caller>,
    /// Counts the times everything was forgotten: what was read before may not be remembered after.
    forgotten: u64,
}

impl KeyCache {
    pub(crate) fn forget(&mut self) {
        self.callers.clear();
        self.forgotten += 1;
    }
}

const CACHE_MAX: usize = 1_000;

impl Meta {
    /// The owner of a key, if it is valid. Notes the use, hourly.
    pub fn caller(&self, secret: &str, now: Timestamp) -> Result<Option<Caller>, MetaError> {
        let hash = tokens::hash(secret);
        let (cached, forgotten) = {
            let cache = self.keys.lock();
            (cache.callers.get(&hash).cloned(), cache.forgotten)
        };
        let caller = match cached {
            Some(caller) => caller,
            None => {
                let Some(caller) = self.read(|c| find_caller(c, &hash))? else { return Ok(None) };
                let mut cache = self.keys.lock();
                // A key that was revoked since it was read must not come back.
                if cache.forgotten == forgotten {
                    if cache.callers.len() >= CACHE_MAX {
                        cache.callers.clear();
                    }
                    cache.callers.insert(hash.clone(), caller.clone());
                }
                caller
            }
        };
        let stale = caller.key.last_used_at.is_none_or(|used| now.as_micros() - used.as_micros() > USE_INTERVAL);
        if stale {
            self.write(|tx| {
                tx.prepare_cached("UPDATE personal_api_keys SET last_used_at = $1 WHERE secure_value = $2")?
                    .execute(params![now.as_micros(), hash])?;
                Ok::<_, MetaError>(())
            })?;
            if let Some(cached) = self.keys.lock().callers.get_mut(&hash) {
                cached.key.last_used_at = Some(now);
            }
        }
        Ok(Some(caller))
    }

    /// A user's keys, newest first.
    pub fn keys(&self, user: i64) -> Result<Vec<PersonalKey>, MetaError> {
        self.read(|c| {
            let sql =
                format!("SELECT {KEY_COLUMNS} FROM personal_api_keys k WHERE user_id = $1 ORDER BY k.number DESC");
            let keys: Vec<PersonalKey> =
                c.prepare_cached(&sql)?.query_map(params![user], key)?.collect::<Result<_, _>>()?;
            Ok(keys)
        })
    }

    /// Creates a key and returns its secret, which is not kept.
    pub fn create_key(
        &self,
        user: i64,
        new: &NewKey,
        now: Timestamp,
        random: &Random,
    ) -> Result<(PersonalKey, String), MetaError> {
        let secret = tokens::generate("phx_", random);
        let key = self.write(|tx| insert_key(tx, user, new, &secret, now, random))?;
        self.keys.lock().forget();
        Ok((key, secret))
    }

    /// One of a user's keys.
    pub fn key(&self, user: i64, id: &str) -> Result<Option<PersonalKey>, MetaError> {
        self.read(|c| find_key(c, user, id))
    }

    /// Changes what a key is for and may do; none when the user has no such key. In force with the next request.
    pub fn update_key(&self, user: i64, id: &str, new: &NewKey) -> Result<Option<PersonalKey>, MetaError> {
        self.change_keys(|tx| {
            tx.prepare_cached(
                "UPDATE personal_api_keys SET label = $1, scopes = $2, scoped_teams = $3, scoped_organizations = $4
                 WHERE user_id = $5 AND id = $6",
            )?
            .execute(params![
                new.label,
                new.scopes.join(" "),
                joined(&new.scoped_teams),
                joined(&new.scoped_organizations),
                user,
                id
            ])?;
            find_key(tx, user, id)
        })
    }

    /// Gives a key a new secret, which is returned and not kept; the old one is void with the next request.
    pub fn roll_key(
        &self,
        user: i64,
        id: &str,
        now: Timestamp,
        random: &Random,
    ) -> Result<Option<(PersonalKey, String)>, MetaError> {
        let secret = tokens::generate("phx_", random);
        self.change_keys(|tx| {
            tx.prepare_cached(
                "UPDATE personal_api_keys SET secure_value = $1, mask_value = $2, last_rolled_at = $3
                 WHERE user_id = $4 AND id = $5",
            )?
            .execute(params![tokens::hash(&secret), tokens::mask(&secret), now.as_micros(), user, id])?;
            find_key(tx, user, id)
        })
        .map(|key| key.map(|key| (key, secret)))
    }

    /// Revokes a key with the next request; false when the user has no such key.
    pub fn delete_key(&self, user: i64, id: &str) -> Result<bool, MetaError> {
        self.change_keys(|tx| {
            let sql = "DELETE FROM personal_api_keys WHERE user_id = $1 AND id = $2";
            Ok(tx.prepare_cached(sql)?.execute(params![user, id])? > 0)
        })
    }

    fn change_keys<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, MetaError>) -> Result<T, MetaError> {
        let done = self.write(work)?;
        self.keys.lock().forget();
        Ok(done)
    }
}

fn find_key(connection: &Connection, user: i64, id: &str) -> Result<Option<PersonalKey>, MetaError> {
    let sql = format!("SELECT {KEY_COLUMNS} FROM personal_api_keys k WHERE k.user_id = $1 AND k.id = $2");
    Ok(connection.prepare_cached(&sql)?.query_row(params![user, id], key).optional()?)
}

fn joined<T: ToString>(words: &[T]) -> String {
    words.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

const KEY_COLUMNS: &str = "k.id, k.user_id, k.label, k.mask_value, k.created_at, k.last_used_at, k.scopes, k.scoped_teams, k.scoped_organizations, k.last_rolled_at";
const KEY_COLUMN_COUNT: usize = 10;

fn key(row: &Row<'_>) -> rusqlite::Result<PersonalKey> {
    let scopes: Option<String> = row.get(6)?;
    let teams: String = row.get(7)?;
    let organizations: String = row.get(8)?;
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    Ok(PersonalKey {
        id: row.get(0)?,
        user_id: row.get(1)?,
        label: row.get(2)?,
        mask_value: row.get(3)?,
        created_at: Timestamp::from_micros(row.get(4)?),
        last_used_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
        last_rolled_at: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_micros),
        scopes: scopes.map(|scopes| words(&scopes)),
        scoped_teams: words(&teams).iter().filter_map(|id| id.parse().ok()).collect(),
        scoped_organizations: words(&organizations).iter().filter_map(|id| Uuid::parse_str(id).ok()).collect(),
    })
}

fn find_caller(connection: &Connection, hash: &str) -> Result<Option<Caller>, MetaError> {
    let sql = format!(
        "SELECT {KEY_COLUMNS}, u.id, u.uuid, u.distinct_id, u.first_name, u.last_name, u.email, u.is_staff, u.date_joined,
         u.organization, u.current_project FROM personal_api_keys k JOIN users u ON u.id = k.user_id WHERE k.secure_value = $1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![hash], |row| Ok(Caller { key: key(row)?, user: user_at(row, KEY_COLUMN_COUNT)? }))
        .optional()?)
}

pub(crate) fn insert_key(
    tx: &Transaction<'_>,
    user: i64,
    new: &NewKey,
    secret: &str,
    now: Timestamp,
    random: &Random,
) -> Result<PersonalKey, MetaError> {
    let count: usize =
        tx.query_row("SELECT COUNT(*) FROM personal_api_keys WHERE user_id = $1", params![user], |row| row.get(0))?;
    if count >= KEYS_MAX {
        return Err(MetaError::TooManyKeys { limit: KEYS_MAX });
    }
    let stored = PersonalKey {
        id: tokens::generate("", random),
        user_id: user,
        label: new.label.clone(),
        mask_value: tokens::mask(secret),
        created_at: now,
        last_used_at: None,
        last_rolled_at: None,
        scopes: Some(new.scopes.clone()),
        scoped_teams: new.scoped_teams.clone(),
        scoped_organizations: new.scoped_organizations.clone(),
    };
    tx.execute(
        "INSERT INTO personal_api_keys (id, user_id, secure_value, label, mask_value, created_at, scopes, scoped_teams, scoped_organizations)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            stored.id,
            user,
            tokens::hash(secret),
            stored.label,
            stored.mask_value,
            now.as_micros(),
            joined(&new.scopes),
            joined(&new.scoped_teams),
            joined(&new.scoped_organizations)
        ],
    )?;
    Ok(stored)
}
