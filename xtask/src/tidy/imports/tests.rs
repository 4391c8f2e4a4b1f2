//! A wrong import must be seen, a permitted one must not.

use serde_json::json;

use super::*;

/// The one place that knows the API: violations of a workspace written as `name: dependency dependency …`.
fn checked(workspace: &[&str]) -> Vec<String> {
    let read_line = |line: &&str| {
        let (name, dependencies) = line.split_once(':').unwrap();
        Package { name: name.to_owned(), dependencies: dependencies.split_whitespace().map(str::to_owned).collect() }
    };
    violations(&workspace.iter().map(read_line).collect::<Vec<_>>())
}

#[test]
fn imports_that_go_down_are_fine() {
    let fine =
        ["model:", "env:", "eventlog: env tokio", "store: model env arrow parquet", "query: store arrow datafusion"];
    assert_eq!(checked(&fine), Vec::<String>::new());
}

#[test]
fn an_import_that_goes_up_is_reported() {
    assert_eq!(checked(&["model: store", "store: model"]), ["model: must not import store"]);
}

#[test]
fn neighbours_do_not_know_each_other() {
    assert_eq!(checked(&["store: eventlog", "eventlog:"]), ["store: must not import eventlog"]);
}

#[test]
fn nobody_ships_the_test_kit() {
    assert_eq!(checked(&["server: testkit", "testkit:"]), ["server: must not import testkit"]);
}

#[test]
fn a_heavy_dependency_outside_its_home_is_reported() {
    let found = checked(&["api: datafusion", "meta: arrow-schema", "ingest: parquet"]);
    assert_eq!(
        found,
        [
            "api: must not use datafusion, whose home is query",
            "meta: must not use arrow-schema, whose home is functions, store, query",
            "ingest: must not use parquet, whose home is store",
        ]
    );
}

#[test]
fn a_name_that_merely_begins_alike_is_no_relative() {
    assert_eq!(checked(&["model: arrowhead"]), Vec::<String>::new());
}

#[test]
fn a_crate_without_a_place_in_the_table_is_reported() {
    assert_eq!(checked(&["surprise:"]), ["surprise: is not in the import table of xtask"]);
}

#[test]
fn dependencies_of_tests_are_free_and_those_of_build_scripts_are_not() {
    let dependency = |name: &str, kind: Value| json!({ "name": name, "kind": kind });
    let metadata = json!({ "packages": [
        { "name": "model", "dependencies": [dependency("meta", json!("dev")), dependency("env", json!("build"))] },
        { "name": "meta", "dependencies": [] },
        { "name": "env", "dependencies": [] },
    ] });
    assert_eq!(violations(&read(&metadata).unwrap()), ["model: must not import env"]);
}

#[test]
fn metadata_of_another_shape_is_an_error() {
    assert!(read(&json!({})).is_err());
    assert!(read(&json!({ "packages": [{ "name": "model" }] })).is_err());
}
