//! Who may import whom.
//!
//! The table is that of ARCHITECTURE.md: imports go strictly down, two crates in one row do not know each other, and
//! each heavy dependency has one home. It binds what ships: dependencies of tests are free, except that `testkit` is
//! nothing but such a dependency.

#[cfg(test)]
mod tests;

use anyhow::Context as _;
use serde_json::Value;

/// What a crate may import from the workspace.
struct Permit {
    name: &'static str,
    imports: &'static [&'static str],
}

const fn permit(name: &'static str, imports: &'static [&'static str]) -> Permit {
    Permit { name, imports }
}

/// From the ground up. A crate that is not listed is a violation: a new crate takes a place in the picture first.
const TABLE: &[Permit] = &[
    permit("model", &[]),
    permit("env", &[]),
    permit("capture", &["model"]),
    permit("eventlog", &["env"]),
    permit("hogql", &[]),
    permit("functions", &[]),
    permit("meta", &["model", "env"]),
    permit("store", &["model", "env"]),
    // `capture`, because the log keeps bodies as received and ingestion reads them with the same code.
    permit("ingest", &["model", "env", "capture", "eventlog", "store", "meta"]),
    permit("query", &["model", "hogql", "functions", "store"]),
    permit("api", &["model", "env", "capture", "eventlog", "hogql", "query", "meta"]),
    permit(
        "server",
        &["model", "env", "capture", "eventlog", "hogql", "functions", "meta", "store", "ingest", "query", "api"],
    ),
    permit("testkit", &["model", "env"]),
    permit("xtask", &[]),
    permit("bench", &["env", "eventlog"]),
    // Asks the engine itself, below HTTP: it may open whatever it likes, and nothing that ships knows it.
    permit("bench-engine", &["model", "env", "hogql", "meta", "store", "query"]),
];

/// A dependency, with everything called `name-…`, and the crates that may use it.
struct Home {
    name: &'static str,
    crates: &'static [&'static str],
}

const fn home(name: &'static str, crates: &'static [&'static str]) -> Home {
    Home { name, crates }
}

/// `bench` is a program of its own beside the product: it serves the bare HTTP floor and packs the bodies it sends.
const HOMES: &[Home] = &[
    home("datafusion", &["query"]),
    home("parquet", &["store"]),
    home("arrow", &["functions", "store", "query"]),
    home("psl", &["functions"]),
    home("rusqlite", &["meta"]),
    home("libsqlite3", &["meta"]),
    home("axum", &["api", "server", "bench"]),
    home("hyper", &["api", "server", "bench"]),
    home("clap", &["server"]),
    home("libdeflater", &["capture", "bench"]),
    home("flate2", &["capture"]),
    home("brotli", &["capture"]),
    home("lz-str", &["capture"]),
    home("maxminddb", &["ingest"]),
    // Request bodies, and what ingestion resolved for replay; Parquet brings its own.
    home("zstd", &["capture", "ingest", "meta", "store"]),
];

/// A crate of the workspace and what it is built from.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) name: String,
    /// Normal and build dependencies, by package name; not those of tests.
    pub(super) dependencies: Vec<String>,
}

/// Reads the output of `cargo metadata --no-deps`.
///
/// # Errors
///
/// When it does not have the shape cargo documents.
pub(super) fn read(metadata: &Value) -> anyhow::Result<Vec<Package>> {
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    packages.iter().map(read_package).collect()
}

fn read_package(package: &Value) -> anyhow::Result<Package> {
    let name = package["name"].as_str().context("a package has no name")?.to_owned();
    let declared = package["dependencies"].as_array().with_context(|| format!("{name} has no list of dependencies"))?;
    let mut dependencies = Vec::new();
    for dependency in declared {
        if dependency["kind"].as_str() != Some("dev") {
            let name = dependency["name"].as_str().with_context(|| format!("a dependency of {name} has no name"))?;
            dependencies.push(name.to_owned());
        }
    }
    Ok(Package { name, dependencies })
}

/// Every import that the table does not permit.
pub(super) fn violations(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(permit) = TABLE.iter().find(|permit| permit.name == package.name) else {
            found.push(format!("{}: is not in the import table of xtask", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == *dependency);
            if ours && !permit.imports.contains(&dependency.as_str()) {
                found.push(format!("{}: must not import {dependency}", package.name));
            }
            found.extend(homeless(&package.name, dependency));
        }
    }
    found
}

/// A violation when `dependency` has a home and `package` is not it.
fn homeless(package: &str, dependency: &str) -> Option<String> {
    let family = |home: &&Home| {
        dependency.strip_prefix(home.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    };
    let home = HOMES.iter().find(family)?;
    let lives_here = home.crates.contains(&package);
    (!lives_here).then(|| format!("{package}: must not use {dependency}, whose home is {}", home.crates.join(", ")))
}
