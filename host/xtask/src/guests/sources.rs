//! Which files a component is made from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use raddle_author::toolchain;
use sha2::{Digest, Sha256};

use crate::digest::hex;

/// The contract that guests are built against.
const WIT: &str = "proto/wit/world.wit";

/// SHA-256 over everything that decides the components' bytes, the toolchain apart: sources and lock files of the
/// workspaces, the contract, and how the compiler is called.
pub fn digest(root: &Path, workspaces: &[&Path]) -> anyhow::Result<String> {
    let mut sources = BTreeMap::from([(WIT.to_owned(), root.join(WIT))]);
    for workspace in workspaces {
        let name = workspace.strip_prefix(root)?.to_string_lossy();
        let found = files(workspace, &is_source)?.into_iter();
        sources.extend(found.map(|(file, path)| (format!("{name}/{file}"), path)));
    }
    let mut hasher = Sha256::new();
    for recipe in toolchain::RECIPE {
        add(&mut hasher, recipe.as_bytes());
    }
    for (name, path) in &sources {
        add(&mut hasher, name.as_bytes());
        add(&mut hasher, &fs::read(path).with_context(|| path.display().to_string())?);
    }
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 over some parts, in hexadecimal.
pub fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    parts.for_each(|part| add(&mut hasher, part));
    hex(&hasher.finalize())
}

/// The length first, so that no two lists of parts hash alike.
fn add(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_be_bytes());
    hasher.update(part);
}

fn is_source(path: &Path) -> bool {
    let is = |name: &str| path.file_name().is_some_and(|file| file == name);
    path.extension().is_some_and(|extension| extension == "rs") || is("Cargo.toml") || is("Cargo.lock")
}

/// Files below `dir` that `wanted` takes, by their path from `dir` with `/` between folders. Build output and hidden
/// folders are left out; a folder that does not exist is empty.
pub fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    if dir.is_dir() {
        collect(dir, "", wanted, &mut found)?;
    }
    Ok(found)
}

fn collect(
    dir: &Path,
    prefix: &str,
    wanted: &dyn Fn(&Path) -> bool,
    found: &mut BTreeMap<String, PathBuf>,
) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{prefix}{file_name}");
        if path.is_dir() {
            if file_name != "target" && !file_name.starts_with('.') {
                collect(&path, &format!("{name}/"), wanted, found)?;
            }
        } else if wanted(&path) {
            found.insert(name, path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A folder with files of these names, each holding its name; gone when dropped.
    struct Tree(PathBuf);

    impl Tree {
        fn new(test: &str, names: &[&str]) -> Self {
            let tree = Self(std::env::temp_dir().join(format!("raddle-{}-{test}", std::process::id())));
            for name in names {
                tree.write(name, name);
            }
            tree
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn digest(&self) -> String {
            digest(&self.0, &[&self.0.join("guests"), &self.0.join("one")]).unwrap()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_digest_moves_with_sources_alone() {
        let sources =
            [WIT, "guests/Cargo.toml", "guests/Cargo.lock", "guests/a/src/lib.rs", "one/src/lib.rs"];
        let others = ["guests/README.md", "guests/target/x.rs", "guests/.git/x.rs", "guests/dist/a.wasm"];
        let tree = Tree::new("digest", &sources);
        let mut digest = tree.digest();
        for name in others {
            tree.write(name, "something");
            assert_eq!(tree.digest(), digest, "{name}");
        }
        for name in sources.iter().chain(&["guests/b/src/lib.rs"]) {
            tree.write(name, "changed");
            let changed = tree.digest();
            assert_ne!(changed, digest, "{name}");
            digest = changed;
        }
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_files() {
        assert!(files(Path::new("/nowhere"), &|_| true).unwrap().is_empty());
    }
}
