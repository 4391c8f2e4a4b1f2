//! The house rules that can be checked by reading: who imports whom, how files look, how changes are announced.
//!
//! Each check is a pure function from text to violations, one line each, so that tests can show it a wrong repository.
//! Only this file reads the real one.

#![expect(clippy::disallowed_methods, reason = "a check reads the sources, which are not files of the product")]

mod changelog;
mod imports;
mod sources;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The folders that hold our own Rust.
const SOURCE_DIRS: [&str; 3] = ["crates", "bench", "xtask"];
const CHANGELOG_DIR: &str = "changelog.d";

/// Everything in the workspace at `root` that breaks a rule, one line per violation, sorted.
///
/// # Errors
///
/// When the workspace cannot be read, or cargo cannot describe it.
pub(crate) fn violations(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = import_violations(root)?;
    let mut files = Vec::new();
    for dir in SOURCE_DIRS {
        read_sources(root, Path::new(dir), &mut files)?;
    }
    found.extend(sources::violations(&files));
    let fragments = read_fragments(&root.join(CHANGELOG_DIR))?;
    found.extend(changelog::violations(CHANGELOG_DIR, fragments.as_deref()));
    found.sort();
    Ok(found)
}

/// Compares what the workspace's crates depend on with the table of permitted imports.
///
/// # Errors
///
/// When cargo cannot describe the workspace.
pub(crate) fn import_violations(root: &Path) -> anyhow::Result<Vec<String>> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .with_context(|| format!("{cargo} metadata cannot be run"))?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    Ok(imports::violations(&imports::read(&metadata)?))
}

/// Reads every Rust file of ours below `dir`, with its path from `root`.
fn read_sources(root: &Path, dir: &Path, files: &mut Vec<sources::File>) -> anyhow::Result<()> {
    let listed = fs::read_dir(root.join(dir)).with_context(|| format!("{} cannot be listed", dir.display()))?;
    for entry in listed {
        let entry = entry.with_context(|| format!("{} cannot be listed", dir.display()))?;
        let path = dir.join(entry.file_name());
        if entry.path().is_dir() {
            if entry.file_name() != "target" {
                read_sources(root, &path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text =
                fs::read_to_string(entry.path()).with_context(|| format!("{} cannot be read", path.display()))?;
            files.push(sources::File { path: path.to_string_lossy().into_owned(), text });
        }
    }
    Ok(())
}

/// The files in the changelog folder; none when there is no such folder, which is a violation of its own.
fn read_fragments(dir: &Path) -> anyhow::Result<Option<Vec<changelog::Fragment>>> {
    if !dir.is_dir() {
        return Ok(None);
    }
    let mut fragments = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("{} cannot be listed", dir.display()))? {
        let entry = entry.with_context(|| format!("{} cannot be listed", dir.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).with_context(|| format!("{name} cannot be read"))?;
        fragments.push(changelog::Fragment { name, text });
    }
    Ok(Some(fragments))
}
