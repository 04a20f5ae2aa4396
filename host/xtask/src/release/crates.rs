//! The crates that are in the program, as cargo tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::repository;

/// Crates by name and version.
type ByName = BTreeMap<(String, String), Crate>;

/// What the program is made of.
pub struct Crates {
    /// What is linked into it, Raddle's own crates included.
    pub linked: ByName,
    /// What is only there to build it. Some of these hold the C code that is linked.
    pub building: ByName,
}

/// A crate.
#[derive(Clone, Debug, Deserialize)]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// As the crate writes it; see [`Crate::expression`].
    license: Option<String>,
    pub repository: Option<String>,
    #[serde(default)]
    pub authors: Vec<String>,
    /// The native library that it stands for.
    pub links: Option<String>,
    /// None: it is Raddle's own.
    pub source: Option<String>,
    manifest_path: PathBuf,
    /// SHA-256 of the package, from Cargo.lock.
    #[serde(skip)]
    pub checksum: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    target_directory: PathBuf,
}

/// Where cargo builds.
///
/// # Errors
///
/// Cargo fails.
pub fn target_folder(root: &Path) -> anyhow::Result<PathBuf> {
    Ok(metadata(root, &["--no-deps"])?.target_directory)
}

/// The folder that the crates of the registry lie in.
///
/// # Errors
///
/// Cargo fails, or there are none.
pub fn registry(root: &Path) -> anyhow::Result<PathBuf> {
    let crates = metadata(root, &[])?.packages;
    let one = crates.iter().find(|it| it.source.is_some()).context("no crate comes from a registry")?;
    Ok(one.folder()?.parent().context("a crate lies nowhere")?.to_path_buf())
}

fn metadata(root: &Path, more: &[&str]) -> anyhow::Result<Metadata> {
    let arguments = [&["metadata", "--format-version", "1", "--locked"], more].concat();
    serde_json::from_str(&repository::cargo_prints(root, &arguments)?).context("`cargo metadata`")
}

impl Crates {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// Cargo fails, or names what it does not describe.
    pub fn read(root: &Path, features: &str) -> anyhow::Result<Self> {
        let checksums = checksums(&fs::read_to_string(root.join("Cargo.lock"))?);
        let all = metadata(root, &[])?.packages.into_iter().map(|mut it| {
            let key = (it.name.clone(), it.version.clone());
            it.checksum = checksums.get(&key).cloned();
            (key, it)
        });
        let all: ByName = all.collect();
        let tree = |edges: &str| {
            let arguments = [
                "tree",
                "--locked",
                "--package",
                "raddle",
                "--features",
                features,
                "--edges",
                edges,
                "--prefix",
                "none",
                "--format",
                "{p}",
            ];
            named(&repository::cargo_prints(root, &arguments)?, &all)
        };
        let linked = tree("normal,no-proc-macro")?;
        let mut building = tree("normal,build")?;
        building.retain(|key, _| !linked.contains_key(key));
        Ok(Self { linked, building })
    }

    /// The linked crates of others.
    pub fn of_others(&self) -> impl Iterator<Item = &Crate> {
        self.linked.values().filter(|it| it.source.is_some())
    }

    /// A crate by its name alone.
    pub fn find(&self, name: &str) -> Option<&Crate> {
        self.linked.values().chain(self.building.values()).find(|it| it.name == name)
    }
}

impl Crate {
    /// Its licence as an SPDX expression. Old crates write `/` for OR.
    ///
    /// # Errors
    ///
    /// It names none.
    pub fn expression(&self) -> anyhow::Result<String> {
        let written = self.license.as_deref().with_context(|| format!("{} names no licence", self.name))?;
        let parts: Vec<_> = written.split('/').map(str::trim).collect();
        Ok(parts.join(" OR "))
    }

    /// Where its sources lie.
    ///
    /// # Errors
    ///
    /// Cargo has said nonsense.
    pub fn folder(&self) -> anyhow::Result<&Path> {
        self.manifest_path.parent().with_context(|| format!("{} lies nowhere", self.name))
    }

    #[cfg(test)]
    pub fn of(name: &str, version: &str, license: &str, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            license: Some(license.to_owned()),
            repository: Some("https://example.com/one".to_owned()),
            authors: Vec::new(),
            links: None,
            source: Some("registry+https://example.com".to_owned()),
            manifest_path: folder.join("Cargo.toml"),
            checksum: None,
        }
    }
}

/// The crates that `cargo tree` names: `name v1.2.3`, and what else it says.
fn named(tree: &str, all: &ByName) -> anyhow::Result<ByName> {
    let mut found = ByName::new();
    for line in tree.lines().filter(|line| !line.is_empty()).collect::<BTreeSet<_>>() {
        let mut words = line.split(' ');
        let (name, version) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')));
        let (Some(name), Some(version)) = (name, version) else { bail!("`cargo tree` says {line}") };
        let key = (name.to_owned(), version.to_owned());
        let described = all.get(&key).with_context(|| format!("cargo does not describe {name} {version}"))?;
        found.insert(key, described.clone());
    }
    Ok(found)
}

/// The checksums in a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let packages = lock.split("[[package]]").skip(1);
    let read = packages.filter_map(|package| {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
            line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_lock_file_has_a_checksum_for_what_comes_from_a_registry() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n\
                    checksum = \"0f\"\n\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        let expected = [(("a".to_owned(), "1.0.0".to_owned()), "0f".to_owned())];
        assert_eq!(checksums(lock), expected.into());
    }

    #[test]
    fn what_cargo_names_is_found_once_and_what_it_does_not_describe_is_told() {
        let one = Crate::of("a", "1.0.0", "MIT/Apache-2.0", Path::new("/a"));
        assert_eq!(one.expression().unwrap(), "MIT OR Apache-2.0");
        let all: ByName = [(("a".to_owned(), "1.0.0".to_owned()), one)].into();
        let found = named("a v1.0.0 (/somewhere)\na v1.0.0 (*)\n\na v1.0.0\n", &all).unwrap();
        assert_eq!(found.len(), 1);
        let error = named("b v2.0.0\n", &all).unwrap_err().to_string();
        assert_eq!(error, "cargo does not describe b 2.0.0");
        assert!(named("nonsense\n", &all).is_err());
    }
}
