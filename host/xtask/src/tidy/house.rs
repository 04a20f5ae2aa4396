//! What the rules look at: every file of the repository, the Rust ones parsed, and what cargo says of the crates.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use super::source::Source;
use crate::repository;

/// Ends of names of files that people write. What is recorded or built is nobody's style.
const WRITTEN: &[&str] =
    &[".rs", ".toml", ".md", ".go", ".mod", ".wit", ".proto", ".yml", ".yaml", ".ci/run"];

/// Recorded by tools, with their own style.
const RECORDED: &str = "tests/golden/";

/// The repository, read.
pub struct House {
    pub root: PathBuf,
    /// Names at the top level, folders with a `/` at the end.
    pub top_level: Vec<String>,
    /// Paths of all files from the root.
    pub files: Vec<String>,
    /// Files that people write.
    pub texts: Vec<Text>,
    /// The Rust files among them.
    pub sources: Vec<Source>,
    /// The workspace's crates.
    pub crates: Vec<Crate>,
}

/// A file that people write.
pub struct Text {
    pub path: String,
    pub text: String,
}

/// A crate, as `cargo metadata` describes it.
#[derive(Deserialize)]
pub struct Crate {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `dev` or `build`; none for what the crate itself is made of.
    pub kind: Option<String>,
}

/// What is built from a crate: a library, a binary, a test.
#[derive(Deserialize)]
pub struct Target {
    pub src_path: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
}

impl House {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not UTF-8, Rust that does not parse, cargo failing.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let files = repository::files(root)?;
        let mut texts = Vec::new();
        let mut sources = Vec::new();
        for path in files.iter().filter(|path| is_written(path)) {
            let text = fs::read_to_string(root.join(path)).with_context(|| path.clone())?;
            if path.ends_with(".rs") {
                sources.push(Source::parse(path, text.clone())?);
            }
            texts.push(Text { path: path.clone(), text });
        }
        let mut crates = Vec::new();
        for workspace in [root.to_path_buf(), root.join("guest-filters")] {
            let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
            let text = repository::cargo_prints(&workspace, &arguments)?;
            let metadata: Metadata = serde_json::from_str(&text).context("`cargo metadata`")?;
            crates.extend(metadata.packages);
        }
        Ok(Self { root: root.to_path_buf(), top_level: top_level(root)?, files, texts, sources, crates })
    }

    /// Says what is wrong at a line.
    pub fn at(path: &str, line: usize, what: &str) -> String {
        format!("{path}:{line}: {what}")
    }
}

fn is_written(path: &str) -> bool {
    WRITTEN.iter().any(|end| path.ends_with(end)) && !path.starts_with(RECORDED)
}

fn top_level(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let end = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{end}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
impl House {
    /// A house of these files, for tests of rules. No crates.
    #[allow(clippy::unwrap_used, reason = "a test")]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let texts = files.iter().map(|(path, text)| Text { path: (*path).into(), text: (*text).into() });
        let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
        Self {
            root: PathBuf::from("/repository"),
            top_level: Vec::new(),
            files: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            texts: texts.collect(),
            sources: rust.map(|(path, text)| Source::parse(path, (*text).to_owned()).unwrap()).collect(),
            crates: Vec::new(),
        }
    }
}
