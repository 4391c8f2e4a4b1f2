//! The crash loop: kill -9 under concurrent load, again and again; then every acknowledged event is there, once.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Server, TOKEN};

use crate::{fields, server_with};

const KILLS: usize = 20;
const CLIENTS: u64 = 8;

/// What clients know: the fate of every event by uuid.
#[derive(Debug, Default)]
struct Journal {
    attempted: HashSet<String>,
    acknowledged: HashSet<String>,
}

/// What is wrong with what is stored: `acknowledged ⊆ stored ⊆ attempted`, each once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: Vec<String>,
    doubled: Vec<String>,
    ghosts: Vec<String>,
}

impl Journal {
    fn judge(&self, stored: &[&str]) -> Verdict {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for id in stored {
            *counts.entry(id).or_default() += 1;
        }
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        Verdict {
            lost: self.acknowledged.iter().filter(|id| !counts.contains_key(id.as_str())).cloned().collect(),
            doubled: owned(counts.iter().filter(|(_, count)| **count > 1).map(|(id, _)| *id).collect()),
            ghosts: owned(counts.keys().filter(|id| !self.attempted.contains(**id)).copied().collect()),
        }
    }
}

#[test]
fn the_judge_sees_what_is_lost_doubled_or_invented() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
    let journal = Journal { attempted: ids(&["a", "b", "c"]), acknowledged: ids(&["a", "b"]) };
    assert_eq!(journal.judge(&["a", "b"]), Verdict::default());
    assert_eq!(journal.judge(&["a", "b", "c"]), Verdict::default());
    assert_eq!(journal.judge(&["a"]).lost, ["b"]);
    assert_eq!(journal.judge(&["a", "b", "b"]).doubled, ["b"]);
    assert_eq!(journal.judge(&["a", "b", "d"]).ghosts, ["d"]);
}

/// A small generator with a seed: which sizes and pauses a run takes must not depend on the run before.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Sends batches until told to stop; what was not acknowledged is sent again with the same uuids.
fn client(number: u64, server: &Mutex<String>, journal: &Mutex<Journal>, next_id: &AtomicU64, stop: &AtomicBool) {
    let mut dice = Dice(number * 7_919 + 1);
    let mut pending: Option<Vec<Value>> = None;
    let mut last: Vec<Value> = Vec::new();
    let agent = Server::client();
    while !stop.load(Ordering::Relaxed) || pending.is_some() {
        let batch = pending.take().unwrap_or_else(|| {
            if !last.is_empty() && dice.below(20) == 0 {
                return last.clone();
            }
            (0..=dice.below(100)).map(|_| new_event(next_id.fetch_add(1, Ordering::Relaxed))).collect()
        });
        let uuids: Vec<String> = batch.iter().map(|event| event["uuid"].as_str().unwrap().to_owned()).collect();
        journal.lock().unwrap().attempted.extend(uuids.iter().cloned());
        let url = format!("{}/batch/", server.lock().unwrap());
        let body = json!({"api_key": TOKEN, "batch": batch}).to_string();
        match agent.post(&url, body.as_bytes()) {
            Ok(200) => {
                journal.lock().unwrap().acknowledged.extend(uuids);
                last = batch;
            }
            Ok(503) | Err(_) => {
                pending = Some(batch);
                thread::sleep(Duration::from_millis(10));
            }
            Ok(status) => panic!("status {status}"),
        }
    }
}

fn new_event(id: u64) -> Value {
    json!({
        "event": format!("e{}", id % 7),
        "distinct_id": format!("u{}", id % 97),
        "uuid": format!("01890000-0000-7000-8000-{id:012x}"),
        "properties": {"id": id, "pad": "x".repeat(usize::try_from(id % 300).unwrap())},
    })
}

#[test]
fn kills_under_load_lose_nothing_and_double_nothing() {
    let mut server = server_with(&[
        ("HEDGEROW_MEMORY_BYTES", "1500000"),
        ("HEDGEROW_SEAL_INTERVAL_MS", "300"),
        ("HEDGEROW_LOG_SEGMENT_BYTES", "1000000"),
        ("HEDGEROW_LOG", "warn"),
    ]);
    let journal = Mutex::new(Journal::default());
    let url = Mutex::new(server.url().to_owned());
    let (next_id, stop) = (AtomicU64::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (url, journal, next_id, stop) = (&url, &journal, &next_id, &stop);
            scope.spawn(move || client(number, url, journal, next_id, stop));
        }
        let mut dice = Dice(42);
        for _ in 0..KILLS {
            thread::sleep(Duration::from_millis(50 + dice.below(500)));
            server.kill9();
            server.start_again();
            *url.lock().unwrap() = server.url().to_owned();
        }
        stop.store(true, Ordering::Relaxed);
    });
    server.settle();
    let stored = server.follow("/api/projects/1/events/?limit=2000");
    let journal = journal.into_inner().unwrap();
    let verdict = journal.judge(&fields(&stored, "id"));
    {
        eprintln!(
            "{KILLS} kills: {} attempted, {} acknowledged, {} stored, {} lost, {} doubled; {} segments, {} replaced since the last start",
            journal.attempted.len(),
            journal.acknowledged.len(),
            stored.len(),
            verdict.lost.len(),
            verdict.doubled.len(),
            server.metric("hedgerow_segments"),
            server.metric("hedgerow_replaced_total"),
        );
    }
    assert_eq!(verdict, Verdict::default());
    assert!(journal.acknowledged.len() > 1_000, "the load was no load: {}", journal.acknowledged.len());
    assert!(server.metric("hedgerow_segments") > 0.0, "nothing was sealed");
}
