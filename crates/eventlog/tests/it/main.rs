//! The log as its users and its disk see it: crashes, faults, full disks, threads.

mod crash;
mod faults;
mod harness;
mod space;
mod support;
mod tails;
mod threads;
