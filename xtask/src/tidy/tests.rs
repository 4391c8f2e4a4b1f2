//! The real workspace keeps its own rules.

use super::*;

/// Runs with every other test, so an import that breaks the picture fails where it is written.
#[test]
fn the_workspace_imports_only_what_its_table_permits() {
    assert_eq!(import_violations(&crate::root()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_folder_without_a_workspace_is_an_error() {
    assert!(import_violations(Path::new("/")).is_err());
}
