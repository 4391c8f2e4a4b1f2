//! Answers that may be given again.
//!
//! An answer is fresh as long as nothing it could show has changed: no event was published, nobody was deleted or merged, and
//! no transaction changed metadata since before it was calculated. So a cached answer never hides an event that can be
//! read. What it says of "now" may be as old as the floor under refreshing, some minutes, as upstream's may. Clients
//! that ask for old answers explicitly get them.

use std::collections::HashMap;
use std::sync::Arc;

use model::{ProjectId, Timestamp};
use parking_lot::Mutex;

use super::answer::Answered;

/// Answers, by the question and its project; those used longest ago go first when there are too many bytes of them.
#[derive(Debug)]
pub(crate) struct Answers {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Key, Entry>,
    bytes: usize,
    uses: u64,
}

/// A question, whoever asks it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) project: ProjectId,
    /// The query and what changes its meaning, as canonical JSON.
    pub(super) question: Arc<str>,
}

/// What the data was when a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) events: u64,
    pub(super) metadata: u64,
}

/// An answer and what it was calculated from.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) answered: Arc<Answered>,
    pub(super) version: Version,
    pub(super) at: Timestamp,
    bytes: usize,
    used: u64,
}

impl Answers {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// The latest answer to a question, however old.
    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        let mut kept = self.kept.lock();
        kept.uses += 1;
        let uses = kept.uses;
        let entry = kept.answers.get_mut(key)?;
        entry.used = uses;
        Some(entry.clone())
    }

    /// Keeps an answer, unless it takes more than a quarter of the room.
    pub(super) fn put(&self, key: Key, answered: Arc<Answered>, version: Version, at: Timestamp) {
        let bytes = answered.bytes() + key.question.len();
        let mut kept = self.kept.lock();
        kept.remove(&key);
        if bytes > self.bytes_max / 4 {
            return;
        }
        kept.uses += 1;
        let used = kept.uses;
        kept.bytes += bytes;
        kept.answers.insert(key, Entry { answered, version, at, bytes, used });
        while kept.bytes > self.bytes_max {
            let oldest = kept.answers.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            match oldest {
                Some(oldest) => kept.remove(&oldest),
                None => break,
            }
        }
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.answers.remove(key) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VERSION: Version = Version { events: 1, metadata: 1 };

    fn key(question: &str) -> Key {
        Key { project: ProjectId(1), question: question.into() }
    }

    fn put(answers: &Answers, question: &str, bytes: usize) {
        let head = serde_json::Map::from_iter([("n".to_owned(), json!(1))]);
        let rows = Answered::new(head, Some("x".repeat(bytes)), Vec::new());
        answers.put(key(question), Arc::new(rows), VERSION, Timestamp::from_micros(0));
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let answers = Answers::new(44_000);
        for question in ["a", "b", "c", "d"] {
            put(&answers, question, 10_000);
        }
        assert!(answers.get(&key("a")).is_some());
        put(&answers, "e", 10_000);
        let known = ["a", "b", "c", "d", "e"].map(|question| answers.get(&key(question)).is_some());
        assert_eq!(known, [true, false, true, true, true]);
        put(&answers, "a", 20_000);
        assert!(answers.get(&key("a")).is_none(), "too large to be kept, and the old one is gone");
    }

    #[test]
    fn projects_do_not_share_answers() {
        let answers = Answers::new(1 << 20);
        put(&answers, "a", 10);
        let other = Key { project: ProjectId(2), ..key("a") };
        assert!(answers.get(&other).is_none());
        let text = answers.get(&key("a")).unwrap().answered.text(None).unwrap();
        assert_eq!(text, r#"{"n":1,"results":xxxxxxxxxx}"#);
    }
}
