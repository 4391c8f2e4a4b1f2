//! The threads behind the HTTP surface: started here, named, and watched.
//!
//! Each runs until it is told to stop. If one ends before that, whatever it guarded is no longer true, so the whole
//! process stops.

use std::thread::JoinHandle;

use env::Priority;
use tokio::sync::mpsc;

/// A named thread, and the news of its end.
#[derive(Debug)]
pub(crate) struct Tasks {
    threads: Vec<(&'static str, JoinHandle<()>)>,
    ended: mpsc::Sender<&'static str>,
    ends: mpsc::Receiver<&'static str>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let (ended, ends) = mpsc::channel(16);
        Self { threads: Vec::new(), ended, ends }
    }

    /// Starts `work` on a thread of its own called `name`.
    pub(crate) fn start(&mut self, name: &'static str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let ended = AnnounceEnd { name, to: self.ended.clone() };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _announced = ended;
            work();
        })?;
        self.threads.push((name, thread));
        Ok(())
    }

    /// As [`Tasks::start`], for work that gives way to others when processors are scarce.
    pub(crate) fn start_with(
        &mut self,
        priority: Priority,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        self.start(name, move || {
            env::give_way(priority);
            work();
        })
    }

    /// Waits for a thread to end, and tells which.
    pub(crate) async fn first_end(&mut self) -> &'static str {
        self.ends.recv().await.unwrap_or("none")
    }

    /// Waits for the thread called `name`; true if it ended without a panic.
    pub(crate) fn join(&mut self, name: &str) -> bool {
        let Some(at) = self.threads.iter().position(|(n, _)| *n == name) else { return true };
        let (_, thread) = self.threads.swap_remove(at);
        thread.join().is_ok()
    }
}

/// Sends the news when the thread ends, also by a panic.
struct AnnounceEnd {
    name: &'static str,
    to: mpsc::Sender<&'static str>,
}

impl Drop for AnnounceEnd {
    fn drop(&mut self) {
        // A full or closed channel means that somebody else's end is already being dealt with.
        self.to.try_send(self.name).ok();
    }
}
