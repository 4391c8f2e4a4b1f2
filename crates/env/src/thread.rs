//! How the calling thread shares the processors with others.

/// What a thread gives way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// To those who wait for an answer: it gets about a seventh of a processor that one of them wants too.
    Behind,
    /// To them, and to what gives way to them: next to nothing. For work that nobody waits for.
    Last,
}

/// Lets the calling thread give way to others when processors are scarce, until it ends.
///
/// Does nothing where the system knows priorities of whole processes only, or does not allow it.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only Linux knows priorities of threads"))]
pub fn give_way(priority: Priority) {
    #[cfg(target_os = "linux")]
    {
        let nice = match priority {
            Priority::Behind => 8,
            Priority::Last => 19,
        };
        // On Linux, "this process" is the calling thread.
        rustix::process::setpriority_process(None, nice).ok();
    }
}
