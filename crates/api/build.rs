//! Puts the browser library into the program, if `scripts/assets.sh` has fetched it.
//!
//! Without the files the build works just as well, only with an empty list: nobody needs npm to build Hedgerow.

use std::fmt::Write as _;
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a build script works on files")]
fn main() {
    // As it is now: a build script that was compiled for another checkout may be used again.
    let directory = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let assets = Path::new(&directory).join("assets/posthog-js");
    println!("cargo::rerun-if-changed={}", assets.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&assets).into_iter().flatten().flatten() {
        if let Ok(name) = entry.file_name().into_string()
            && name.ends_with(".js")
        {
            names.push(name);
        }
    }
    names.sort();
    let mut code = String::from("/// Names and contents.\nconst ASSETS: &[(&str, &[u8])] = &[\n");
    for name in names {
        let path = assets.join(&name);
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())
            .expect("memory can be written");
    }
    code.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("assets.rs"), code).expect("cargo's directory can be written");
}
