//! Reads on several threads.
//!
//! Reading blocks, so it happens on threads for blocking work, as many as the engine has. They take items off one list,
//! in its order; each keeps a state of its own, and the states are handed back at the end. A caller that goes away stops
//! them at the next item.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::QueryError;

/// Whether the caller is gone, or the answer is complete.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets the flag when it goes away.
struct SetOnDrop(Cancelled);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// On so many threads, calls `work` with each of `items` and the state of the thread it runs on; returns the states.
pub(crate) async fn each<Item, State, Work>(
    threads: usize,
    items: Vec<Item>,
    cancelled: Cancelled,
    work: Work,
) -> Result<Vec<State>, QueryError>
where
    Item: Send + Sync + 'static,
    State: Default + Send + 'static,
    Work: Fn(&mut State, &Item) -> Result<(), QueryError> + Send + Sync + 'static,
{
    let _stop = SetOnDrop(cancelled.clone());
    let threads = threads.min(items.len()).max(1);
    let shared = Arc::new((items, AtomicUsize::new(0), work));
    let tasks: Vec<_> = (0..threads)
        .map(|_| {
            let (shared, cancelled) = (Arc::clone(&shared), cancelled.clone());
            tokio::task::spawn_blocking(move || {
                let (items, next, work) = &*shared;
                let mut state = State::default();
                while !cancelled.is_set() {
                    let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    if let Err(error) = work(&mut state, item) {
                        cancelled.set();
                        return Err(error);
                    }
                }
                Ok(state)
            })
        })
        .collect();
    let mut states = Vec::with_capacity(threads);
    for task in tasks {
        states.push(task.await.map_err(|failed| QueryError::Internal(failed.into()))??);
    }
    Ok(states)
}
