//! How changes are announced: one small file per change that a user notices.
//!
//! A fragment is called `<slug>.<kind>.md`, so that two changes never edit one file, and a release is written by
//! reading the folder.

#[cfg(test)]
mod tests;

/// What a change is to those who notice it.
const KINDS: [&str; 4] = ["breaking", "feature", "fix", "perf"];
/// Explains the folder; not a fragment.
const README: &str = "README.md";

/// A file in the changelog folder.
#[derive(Debug, Clone)]
pub(super) struct Fragment {
    pub(super) name: String,
    pub(super) text: String,
}

/// What is wrong with the folder `dir`, which is `None` when it does not exist.
pub(super) fn violations(dir: &str, fragments: Option<&[Fragment]>) -> Vec<String> {
    let Some(fragments) = fragments else { return vec![format!("{dir}: is missing")] };
    let mut found = Vec::new();
    for Fragment { name, text } in fragments {
        if name != README && !well_named(name) {
            found.push(format!("{dir}/{name}: must be called <slug>.<{}>.md", KINDS.join("|")));
        }
        if text.trim().is_empty() {
            found.push(format!("{dir}/{name}: says nothing"));
        }
    }
    found
}

fn well_named(name: &str) -> bool {
    let Some((slug, kind)) = name.strip_suffix(".md").and_then(|stem| stem.split_once('.')) else { return false };
    let words = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let apart = !slug.starts_with('-') && !slug.ends_with('-');
    KINDS.contains(&kind) && !slug.is_empty() && slug.chars().all(words) && apart
}
