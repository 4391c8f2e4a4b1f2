//! Names that are kept, and names that are not.

use super::*;

fn checked(name: &str, text: &str) -> Vec<String> {
    let fragment = Fragment { name: name.to_owned(), text: text.to_owned() };
    violations("changelog.d", Some(&[fragment]))
}

#[test]
fn well_named_fragments_are_fine() {
    for name in ["event-capture.feature.md", "log-2.fix.md", "keys.breaking.md", "scan.perf.md", "README.md"] {
        assert_eq!(checked(name, "What changed."), Vec::<String>::new());
    }
}

#[test]
fn other_names_are_reported() {
    for name in
        ["capture.md", "capture.news.md", "Capture.fix.md", ".fix.md", "-a.fix.md", "a b.fix.md", "capture.fix.txt"]
    {
        let found = checked(name, "What changed.");
        assert_eq!(found, [format!("changelog.d/{name}: must be called <slug>.<breaking|feature|fix|perf>.md")]);
    }
}

#[test]
fn an_empty_fragment_is_reported() {
    assert_eq!(checked("capture.feature.md", "\n"), ["changelog.d/capture.feature.md: says nothing"]);
}

#[test]
fn a_missing_folder_is_reported() {
    assert_eq!(violations("changelog.d", None), ["changelog.d: is missing"]);
}
