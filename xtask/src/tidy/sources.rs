//! How a Rust file looks: it says why it exists, it is not too long, it leaves nothing for later.

#[cfg(test)]
mod tests;

/// Longest file, tests aside. Above 500 lines a file has a reason; above this it is two files.
const LINES_MAX: usize = 800;

/// Files that are longer than that, and by how much at most. The list may only shrink: an entry that is no longer
/// needed is a violation too.
const LONG_FILES: &[(&str, usize)] = &[];

/// What may not stand in any file, and why. Written in two halves, so that this file passes its own check.
const FORBIDDEN: [(&str, &str); 3] = [
    (concat!("#[", "ignore"), "a test that does not run protects nothing"),
    (concat!("todo", "!("), "what is not written yet is not called"),
    (concat!("unimplemented", "!("), "what is not written yet is not called"),
];

/// A Rust file of ours.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// From the root of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// Every rule that `files`, which are all files of the workspace, break.
pub(super) fn violations(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        found.extend(missing_header(file));
        found.extend(forbidden(file));
    }
    found.extend(sizes(files, LONG_FILES));
    found
}

/// Files in a `src` folder open with the reason they exist; that of a test file is the file beside it.
fn missing_header(file: &File) -> Option<String> {
    let ours = file.path.split('/').any(|part| part == "src") && !is_test(&file.path);
    let first = file.text.lines().next().unwrap_or_default();
    let says_why = first.strip_prefix("//!").is_some_and(|why| !why.trim().is_empty());
    (ours && !says_why).then(|| format!("{}:1: must open with a `//!` line that says why it exists", file.path))
}

fn forbidden(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for (words, reason) in FORBIDDEN {
            if line.contains(words) {
                found.push(format!("{}:{}: has `{words}`: {reason}", file.path, index + 1));
            }
        }
    }
    found
}

/// Compares the lengths of `files` with the limit and with the `exceptions` from it.
fn sizes(files: &[File], exceptions: &[(&str, usize)]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_test(&file.path)) {
        let lines = file.text.lines().count();
        let exception = exceptions.iter().find(|(path, _)| *path == file.path).map(|(_, lines)| *lines);
        let limit = exception.unwrap_or(LINES_MAX);
        if lines > limit {
            found.push(format!("{}: has {lines} lines, may have {limit}", file.path));
        } else if exception.is_some() && lines <= LINES_MAX {
            found.push(format!("{}: is short enough now, take it off the list of long files", file.path));
        }
    }
    for (path, _) in exceptions {
        if !files.iter().any(|file| file.path == *path) {
            found.push(format!("{path}: is gone, take it off the list of long files"));
        }
    }
    found
}

/// Tests may be as long as they have cases.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests")
}
