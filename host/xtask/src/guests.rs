//! `cargo xtask guests`: builds the modules that Raddle ships, and checks that what is committed is what the sources
//! say.
//!
//! `guest-filters/dist` is committed, so that building Raddle needs no WebAssembly toolchain. `dist/MANIFEST` names the
//! one toolchain whose bytes those are, a hash of the sources, and each component's digest.

mod c;
mod manifest;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::repository;
use manifest::{Entry, Manifest};
use raddle_author::component;
use raddle_author::toolchain::{self, Artifact, Build, Toolchain};

/// The workspace of the guests that Raddle ships and of the hostile ones, from the root.
const GUESTS: &str = "guest-filters";

/// The guest that authors begin with, a workspace of its own as theirs are, and the modules that teach them the rest.
/// From the root.
const EXAMPLES: [&str; 2] = ["examples/custom-filter", "examples/modules"];

/// Components by their path below `dist`, with `/` between folders.
type Components = BTreeMap<String, Vec<u8>>;

/// What `run` has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The components were built and written.
    Built,
    /// Sources, digests and rebuilt bytes are what `MANIFEST` says.
    Checked,
    /// Sources and digests are what `MANIFEST` says; the toolchain that it names is not here to rebuild the bytes.
    BytesNotCompared {
        /// The toolchain that `MANIFEST` names.
        toolchain: String,
    },
}

/// Builds all guests into `dist`, or with `check` compares `dist` with the sources and writes nothing.
///
/// # Errors
///
/// No usable toolchain (when building), guests that do not build, or `dist` not being what the sources say. A missing
/// toolchain is no error of a check: see [`Outcome::BytesNotCompared`].
pub fn run(check: bool) -> anyhow::Result<Outcome> {
    let dirs = Dirs::find()?;
    let rust = if check { check_dist(&dirs) } else { build_dist(&dirs) }?;
    let c = c::run(&dirs.root, &dirs.guests, check)?;
    Ok(if matches!(c, Outcome::BytesNotCompared { .. }) { c } else { rust })
}

/// The toolchain that `MANIFEST` names, if it is not here.
///
/// # Errors
///
/// `MANIFEST` cannot be read, or a variable names a toolchain that is none.
pub fn missing_toolchain() -> anyhow::Result<Option<String>> {
    let manifest = Manifest::read(&Dirs::find()?.manifest())?;
    let is_here = named_toolchain(&manifest)?.is_some();
    Ok(if is_here { None } else { Some(manifest.toolchain) })
}

/// Formats, lints and tests the guests' own workspaces natively. What the commands print passes through.
///
/// # Errors
///
/// The first command that fails.
pub fn native_tests() -> anyhow::Result<()> {
    let root = repository::root()?;
    for dir in [GUESTS].into_iter().chain(EXAMPLES) {
        for arguments in [
            &["fmt", "--all", "--check"][..],
            &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
            // The hostile guests are examples, whose tests cargo runs only when told to.
            &["test", "--workspace", "--locked", "--lib", "--examples"],
        ] {
            native(&root, dir, arguments)?;
        }
    }
    native(&root, GUESTS, &["test", "--package", "raddle-guest", "--locked", "--doc"])
}

fn native(root: &Path, dir: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let command = arguments.join(" ");
    println!("\n$ cd {dir} && cargo {command}");
    let status = Command::new(toolchain::cargo()).args(arguments).current_dir(root.join(dir)).status();
    let status = status.context("cargo cannot be started")?;
    ensure!(status.success(), "`cargo {command}` in {dir} failed");
    Ok(())
}

/// Folders that this task reads and writes.
struct Dirs {
    /// The repository's root.
    root: PathBuf,
    /// The guests' workspace.
    guests: PathBuf,
    /// The examples'.
    examples: [PathBuf; 2],
    /// Where the components are committed.
    dist: PathBuf,
}

impl Dirs {
    fn find() -> anyhow::Result<Self> {
        let root = repository::root()?;
        let guests = root.join(GUESTS);
        let (dist, examples) = (guests.join("dist"), EXAMPLES.map(|example| root.join(example)));
        Ok(Self { root, guests, examples, dist })
    }

    fn manifest(&self) -> PathBuf {
        self.dist.join("MANIFEST")
    }

    /// The hash of everything that the components are made of.
    fn sources(&self) -> anyhow::Result<String> {
        let workspaces: Vec<_> =
            [&self.guests].into_iter().chain(&self.examples).map(PathBuf::as_path).collect();
        sources::digest(&self.root, &workspaces)
    }
}

// === build ===

fn build_dist(dirs: &Dirs) -> anyhow::Result<Outcome> {
    let named = Manifest::read(&dirs.manifest()).ok().map(|manifest| manifest.toolchain);
    let candidates = toolchain::candidates()?;
    // The toolchain that MANIFEST names, if it is here: then only what changed in the sources changes in the bytes.
    let toolchain = candidates
        .iter()
        .find(|candidate| Some(candidate.identity()) == named)
        .or(candidates.first())
        .ok_or(toolchain::NONE)?;
    let components = build(dirs, toolchain)?;
    let manifest = Manifest {
        toolchain: toolchain.identity(),
        sources: dirs.sources()?,
        components: components.iter().map(|(name, bytes)| (name.clone(), Entry::of(bytes))).collect(),
    };
    for stale in rust_files(&dirs.dist)?.keys().filter(|name| !components.contains_key(*name)) {
        fs::remove_file(dirs.dist.join(stale)).with_context(|| format!("dist/{stale}"))?;
    }
    for (name, bytes) in &components {
        let path = dirs.dist.join(name);
        fs::create_dir_all(path.parent().context("dist has no parent")?)?;
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    fs::write(dirs.manifest(), manifest.to_string())?;
    println!("wrote {} components to {}", components.len(), dirs.dist.display());
    Ok(Outcome::Built)
}

/// Builds a workspace with the flags and the target folder of the guests, so that all of them share one std.
fn build_workspace(dirs: &Dirs, toolchain: &Toolchain, workspace: &Path) -> anyhow::Result<Vec<Artifact>> {
    Ok(toolchain.build(&Build {
        workspace,
        root: &dirs.guests,
        target: Some(&dirs.guests.join("target")),
        arguments: &["--workspace", "--lib", "--examples", "--locked"],
    })?)
}

/// An example's workspace as one that has the SDK within it: links to the files, and a manifest that differs in that.
///
/// Cargo names a package outside of the workspace by its whole path. The compiler puts functions in the order of such
/// names, so the components would have other bytes wherever the repository is another folder.
fn with_sdk_within(dirs: &Dirs, example: &Path) -> anyhow::Result<PathBuf> {
    let name = example.file_name().context("an example has no name")?;
    let folder = dirs.guests.join("target/with-sdk").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let own = fs::read_dir(example)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    let linked = own.into_iter().filter(|path| !path.ends_with("Cargo.toml") && !path.ends_with("target"));
    for path in linked.chain([dirs.guests.clone(), dirs.root.join("proto")]) {
        let link = folder.join(path.file_name().context("a file has no name")?);
        std::os::unix::fs::symlink(&path, &link).with_context(|| link.display().to_string())?;
    }
    let manifest = fs::read_to_string(example.join("Cargo.toml"))?;
    let changed = manifest.replace("\"../../guest-filters/sdk", "\"guest-filters/sdk").replacen(
        "[workspace]\n",
        "[workspace]\nexclude = [\"guest-filters\"]\n",
        1,
    );
    ensure!(
        changed.contains("\"guest-filters/sdk") && changed.contains("exclude = "),
        "{} has another form than is known here",
        example.display()
    );
    fs::write(folder.join("Cargo.toml"), changed)?;
    Ok(folder)
}

/// Builds every guest and makes a component of each.
fn build(dirs: &Dirs, toolchain: &Toolchain) -> anyhow::Result<Components> {
    println!("building guests with {}", toolchain.identity());
    let mut components = Components::new();
    let guests = build_workspace(dirs, toolchain, &dirs.guests)?.into_iter();
    let mut artifacts: Vec<_> =
        guests.map(|artifact| (if artifact.is_example { "hostile/" } else { "" }, artifact)).collect();
    for example in &dirs.examples {
        let built = build_workspace(dirs, toolchain, &with_sdk_within(dirs, example)?)?.into_iter();
        artifacts.extend(built.map(|artifact| ("examples/", artifact)));
    }
    for (folder, artifact) in artifacts {
        let core_module = fs::read(&artifact.path).with_context(|| artifact.path.display().to_string())?;
        let name = format!("{folder}{}.wasm", artifact.name);
        let bytes = component::encode(&core_module).with_context(|| name.clone())?;
        let functions = component::imported_functions(&core_module).with_context(|| name.clone())?;
        let pages = component::initial_pages(&core_module).with_context(|| name.clone())?;
        let (size, memory, imports) = (bytes.len(), pages * 64, functions.join(", "));
        println!("{name:<36} {size:>6} bytes, {memory:>4} KiB of memory, imports {imports}");
        components.insert(name, bytes);
    }
    ensure!(!components.is_empty(), "cargo built no guest");
    Ok(components)
}

// === check ===

fn check_dist(dirs: &Dirs) -> anyhow::Result<Outcome> {
    let manifest = Manifest::read(&dirs.manifest())?;
    let sources = dirs.sources()?;
    ensure!(
        sources == manifest.sources,
        "the guests have changed since their components were built: sources are {sources}, dist/MANIFEST says {}; \
         run `cargo xtask guests`",
        manifest.sources
    );
    let committed = rust_files(&dirs.dist)?;
    compare_digests(&manifest, &committed)?;
    let Some(toolchain) = named_toolchain(&manifest)? else {
        println!("sources and digests agree; bytes were not compared: {} is not here", manifest.toolchain);
        return Ok(Outcome::BytesNotCompared { toolchain: manifest.toolchain });
    };
    let rebuilt = build(dirs, &toolchain)?;
    let differing = differing_names(&committed, &rebuilt);
    ensure!(
        differing.is_empty(),
        "rebuilt with {}, these components are not the committed ones: {}",
        toolchain.details(),
        differing.join(", ")
    );
    println!("sources, digests and bytes of {} components agree", rebuilt.len());
    Ok(Outcome::Checked)
}

/// The toolchain that `MANIFEST` names, if it is here.
fn named_toolchain(manifest: &Manifest) -> anyhow::Result<Option<Toolchain>> {
    Ok(toolchain::candidates()?.into_iter().find(|found| found.identity() == manifest.toolchain))
}

fn compare_digests(manifest: &Manifest, committed: &Components) -> anyhow::Result<()> {
    for (name, entry) in &manifest.components {
        let Some(bytes) = committed.get(name) else {
            bail!("dist/{name} is missing, and stands in MANIFEST")
        };
        let found = Entry::of(bytes);
        ensure!(found == *entry, "dist/{name} is {found}, MANIFEST says {entry}");
    }
    match committed.keys().find(|name| !manifest.components.contains_key(*name)) {
        Some(name) => bail!("dist/{name} does not stand in MANIFEST"),
        None => Ok(()),
    }
}

fn differing_names(committed: &Components, rebuilt: &Components) -> Vec<String> {
    let mut names: Vec<_> = committed.keys().chain(rebuilt.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| committed.get(name) != rebuilt.get(name));
    names
}

/// Every component below `dist` that is made of Rust.
fn rust_files(dist: &Path) -> anyhow::Result<Components> {
    let mut files = component_files(dist)?;
    files.retain(|name, _| name.split_once('/').is_none_or(|(folder, _)| folder != c::DIST));
    Ok(files)
}

/// Every component below a folder.
fn component_files(dist: &Path) -> anyhow::Result<Components> {
    sources::files(dist, &|path| path.extension().is_some_and(|extension| extension == "wasm"))?
        .into_iter()
        .map(|(name, path)| Ok((name, fs::read(&path).with_context(|| path.display().to_string())?)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

    use super::*;

    fn components(entries: &[(&str, &[u8])]) -> Components {
        entries.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
    }

    #[test]
    fn a_component_that_is_changed_missing_or_unlisted_is_named() {
        let manifest = Manifest {
            toolchain: "rustc 1.0".into(),
            sources: "0".repeat(64),
            components: [("a.wasm".to_owned(), Entry::of(b"one"))].into(),
        };
        compare_digests(&manifest, &components(&[("a.wasm", b"one")])).unwrap();
        for (committed, complaint) in [
            (components(&[("a.wasm", b"two")]), "dist/a.wasm is 3 bytes"),
            (components(&[]), "dist/a.wasm is missing"),
            (components(&[("a.wasm", b"one"), ("b.wasm", b"")]), "dist/b.wasm does not stand"),
        ] {
            let error = compare_digests(&manifest, &committed).unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{error}");
        }
    }

    #[test]
    fn a_rebuild_names_every_component_that_differs() {
        let committed = components(&[("gone", b"1"), ("other", b"1"), ("same", b"1")]);
        let rebuilt = components(&[("new", b"1"), ("other", b"2"), ("same", b"1")]);
        assert_eq!(differing_names(&committed, &rebuilt), ["gone", "new", "other"]);
    }
}
