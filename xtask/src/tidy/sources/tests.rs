//! Each rule is shown a file that breaks it.

use super::*;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

/// Violations of a single file.
fn checked(path: &str, text: &str) -> Vec<String> {
    violations(&[file(path, text)])
}

fn lines(count: usize) -> String {
    format!("//! Long.\n{}", "\n".repeat(count - 1))
}

#[test]
fn a_file_that_says_why_it_exists_is_fine() {
    assert_eq!(checked("crates/model/src/lib.rs", "//! The nouns.\n\npub struct Event;\n"), Vec::<String>::new());
}

#[test]
fn a_file_without_a_header_is_reported() {
    for text in ["", "use std::io;\n//! Late.\n", "//!\n//! After a gap.\n", "// Not a header.\n"] {
        let found = checked("crates/model/src/lib.rs", text);
        assert_eq!(
            found,
            ["crates/model/src/lib.rs:1: must open with a `//!` line that says why it exists"],
            "{text:?}"
        );
    }
}

#[test]
fn tests_and_files_outside_src_need_no_header() {
    for path in ["crates/model/build.rs", "crates/model/src/time/tests.rs"] {
        assert_eq!(checked(path, "use super::*;\n"), Vec::<String>::new());
    }
}

#[test]
fn what_is_left_for_later_is_reported_with_its_line() {
    for (words, reason) in FORBIDDEN {
        let found = checked("bench/src/main.rs", &format!("//! Why.\n{words}\n"));
        assert_eq!(found, [format!("bench/src/main.rs:2: has `{words}`: {reason}")]);
    }
}

#[test]
fn a_file_over_the_limit_is_reported() {
    assert_eq!(checked("xtask/src/main.rs", &lines(LINES_MAX)), Vec::<String>::new());
    assert_eq!(checked("xtask/src/main.rs", &lines(LINES_MAX + 1)), ["xtask/src/main.rs: has 801 lines, may have 800"]);
}

#[test]
fn tests_may_be_long() {
    for path in ["crates/model/src/time/tests.rs", "crates/model/tests/it/main.rs"] {
        assert_eq!(checked(path, &lines(LINES_MAX + 1)), Vec::<String>::new());
    }
}

#[test]
fn an_exception_holds_up_to_its_own_length() {
    let long = [file("a/src/b.rs", &lines(900))];
    assert_eq!(sizes(&long, &[("a/src/b.rs", 900)]), Vec::<String>::new());
    assert_eq!(sizes(&long, &[("a/src/b.rs", 899)]), ["a/src/b.rs: has 900 lines, may have 899"]);
}

#[test]
fn an_exception_nobody_needs_is_reported() {
    let short = [file("a/src/b.rs", &lines(800))];
    assert_eq!(
        sizes(&short, &[("a/src/b.rs", 900), ("a/src/c.rs", 900)]),
        [
            "a/src/b.rs: is short enough now, take it off the list of long files",
            "a/src/c.rs: is gone, take it off the list of long files",
        ]
    );
}
