//! How the calling thread shares the processors with others.

/// Niceness of a thread that gives way: about a third of the share of others when all are busy.
#[cfg(target_os = "linux")]
const GIVES_WAY: i32 = 5;

/// Lets the calling thread give way to others when processors are scarce, until it ends. For work that nobody waits for.
///
/// Does nothing where the system knows priorities of whole processes only, or does not allow it.
pub fn give_way() {
    // On Linux, "this process" is the calling thread.
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(None, GIVES_WAY).ok();
}
