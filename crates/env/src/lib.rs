//! The outside world: clock, randomness and files, real and simulated.
//!
//! Nothing else in the workspace reads the clock, draws random bits or opens a file of ours, so a test can hold all
//! three in its hands: freeze the time, seed the ids, tear a write.

#![warn(missing_docs)]

mod clock;
mod files;
mod random;
mod real;
mod sim;
mod thread;

pub use clock::Clock;
pub use files::{File, Files, Lock};
pub use random::Random;
pub use real::{RealFiles, make_empty};
pub use sim::{Operation, SimDisk};
pub use thread::{Priority, give_way};
