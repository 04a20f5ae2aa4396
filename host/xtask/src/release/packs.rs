//! What authors of modules need: the contract, the SDKs, and folders to begin with.
//!
//! | in `sdk/` | what |
//! |---|---|
//! | `world.wit` | the contract, for any language that makes components of it |
//! | `rust/raddle-guest/` | the crate that a module in Rust needs |
//! | `c/filter/`, `c/batch-policy/` | header, bindings and memory for a module in C |
//! | `new/` | whole folders as `raddle module new` makes them, each with its SDK, tests and cases |
//! | `conformance/` | cases that a module of any language is held to |
//!
//! All are made by what `raddle module new` uses, so the two cannot differ. Nothing in them leads out of the folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use raddle_author::project::{self, Kind, SDK_FOLDER};
use raddle_author::toolchain;

use super::files::Files;
use crate::repository;

/// What is said at the top of the folder.
const README: &str = include_str!("sdk.md");

/// The kinds of modules, by the names of their folders.
const KINDS: [(&str, Kind); 2] = [("filter", Kind::Filter), ("batch-policy", Kind::BatchPolicy)];

/// The examples whose cases are for modules of any language, from the root, by the name that they have here.
const CONFORMANCE: [(&str, &str); 2] = [
    ("filter", "examples/modules/conformance-filter"),
    ("batch-policy", "examples/modules/conformance-policy"),
];

/// What an author's shell tells of itself to what is tried.
const VARIABLES: &[&str] =
    &["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RADDLE_GUEST_RUSTC", "RADDLE_GUEST_LINKER"];

/// Adds the packs.
///
/// # Errors
///
/// Bindings for C cannot be made, or a case cannot be read.
pub fn add(files: &mut Files, root: &Path) -> anyhow::Result<()> {
    files.add("sdk/README.md", README.as_bytes().to_vec());
    let beside = format!("{SDK_FOLDER}/");
    for (name, kind) in KINDS {
        let rust = project::files(&format!("my-{name}"), kind);
        for (path, text) in rust.iter().filter_map(|(path, text)| Some((path.strip_prefix(&beside)?, text))) {
            files.add(&format!("sdk/rust/{SDK_FOLDER}/{path}"), text.clone().into_bytes());
            if path == "wit/world.wit" {
                files.add("sdk/world.wit", text.clone().into_bytes());
            }
        }
        for (path, text) in project::c_sdk(kind)? {
            files.add(&format!("sdk/c/{name}/{path}"), text.into_bytes());
        }
        let c = project::c_files(&format!("my-{name}"), kind)?;
        for (language, new) in [("rust", rust), ("c", c)] {
            for (path, text) in new {
                files.add(&format!("sdk/new/{language}-{name}/{path}"), text.into_bytes());
            }
        }
    }
    for (name, example) in CONFORMANCE {
        let folder = root.join(example);
        // Its source has the words of its answers.
        for file in ["README.md", "src/lib.rs"] {
            files.add_file(&format!("sdk/conformance/{name}/{file}"), &folder.join(file))?;
        }
        for case in repository::files(&folder.join("cases"))? {
            let to = format!("sdk/conformance/{name}/cases/{case}");
            files.add_file(&to, &folder.join("cases").join(&case))?;
        }
    }
    Ok(())
}

/// Takes each folder to begin with out of a release, builds it with the release's program, and plays its cases: as an
/// author does who has nothing else.
///
/// # Errors
///
/// One does not build or keep its cases. Where nothing makes WebAssembly, that is said and is none.
pub fn try_all(release: &Path) -> anyhow::Result<()> {
    let release = fs::canonicalize(release)?;
    if toolchain::candidates()?.is_empty() {
        println!("the packs were not tried: no compiler here makes WebAssembly (`raddle help author`)");
        return Ok(());
    }
    // One after the other under one path, so that what they build upon is compiled once.
    let folder = tempfile::tempdir()?;
    for (name, _) in KINDS {
        for language in ["rust", "c"] {
            try_one(&release, &format!("{language}-{name}"), folder.path())?;
        }
    }
    Ok(())
}

fn try_one(release: &Path, name: &str, folder: &Path) -> anyhow::Result<()> {
    let (pack, module) = (release.join("sdk/new").join(name), folder.join("module"));
    for file in repository::files(&pack)? {
        let to = module.join(&file);
        fs::create_dir_all(to.parent().context("a file has no folder")?)?;
        fs::copy(pack.join(&file), to)?;
    }
    let mut command = Command::new(release.join("bin/raddle"));
    command.args(["module", "test", "module"]).current_dir(folder).env_clear();
    command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    println!("\n$ raddle module test {name}");
    let status = command.env("CARGO_TARGET_DIR", folder.join("target")).status();
    let status = status.context("the release's program cannot be started")?;
    ensure!(status.success(), "the pack {name} does not make a module: `raddle module test` failed");
    fs::remove_dir_all(&module).with_context(|| module.display().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn packs_are_whole_and_lead_nowhere_else() {
        let mut files = Files::new();
        add(&mut files, &repository::root().unwrap()).unwrap();
        for name in [
            "sdk/world.wit",
            "sdk/rust/raddle-guest/Cargo.toml",
            "sdk/rust/raddle-guest/wit/world.wit",
            "sdk/c/filter/include/string.h",
            "sdk/new/rust-filter/Cargo.lock",
            "sdk/new/rust-batch-policy/src/lib.rs",
            "sdk/new/c-batch-policy/rule.c",
            "sdk/conformance/filter/cases/answers.yaml",
            "sdk/conformance/batch-policy/cases/cuts.yaml",
        ] {
            assert!(files.bytes(name).is_some_and(|bytes| !bytes.is_empty()), "{name}");
        }
        assert_eq!(files.bytes("sdk/world.wit"), files.bytes("sdk/new/c-filter/raddle-guest/wit/world.wit"));
        for (path, _) in files.digests("sdk/").filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let text = String::from_utf8(files.bytes(path).unwrap().to_vec()).unwrap();
            assert!(!text.contains("\"..") && !text.contains("workspace = true"), "{path}");
        }
        // What the text at the top names is there.
        let names =
            README.split('`').skip(1).step_by(2).filter(|word| word.ends_with('/') || word.ends_with(".wit"));
        let mut named = 0;
        for name in names {
            assert!(files.digests(&format!("sdk/{name}")).next().is_some(), "{name}");
            named += 1;
        }
        assert!(named >= 5, "{named}");
    }
}
