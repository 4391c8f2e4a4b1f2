//! The kernel's tables, as it writes them.

use super::*;

#[test]
fn a_thread_name_may_hold_parentheses_and_blanks() {
    let stat = "12 (a) (b c) S 1 12 12 0 -1 4194560 523 0 0 0 70 30 0 0 20 0 5 0 1000 1 2";
    assert_eq!(parse_stat(stat), Some(("a) (b c", 100)));
    assert_eq!(parse_stat("12 (short) S 1"), None);
}

#[test]
fn memory_is_read_in_bytes() {
    let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
    assert_eq!(status_bytes(status, "VmRSS:"), Some(1 << 20));
    assert_eq!(status_bytes(status, "VmHWM:"), Some(2 << 20));
    assert_eq!(status_bytes(status, "RssAnon:"), None);
}

#[test]
fn waiting_for_the_disk_counts_as_idle() {
    let before = parse_machine("cpu  100 0 100 100 0 0 0 0 0 0\ncpu0 1 1 1\n").unwrap();
    let after = parse_machine("cpu  150 0 100 125 25 0 0 0 50 0\n").unwrap();
    assert!((after.idle_since(&before) - 0.5).abs() < 1e-9);
}

#[test]
fn this_process_is_known() {
    let pid = std::process::id();
    assert!(CpuTimes::of(pid).unwrap().since(&CpuTimes::default()).total() >= 0.0);
    let memory = Memory::of(pid).unwrap();
    assert!(memory.resident > 0 && memory.peak >= memory.resident);
    assert!(CpuTimes::of(u32::MAX).is_err());
}
