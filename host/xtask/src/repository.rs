//! The repository as its tasks see it: where it is, which files are its own, how cargo is called on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use raddle_author::toolchain::cargo;

/// The folder that holds the root `Cargo.toml`.
///
/// # Errors
///
/// xtask was moved: it expects to be `host/xtask` of the repository that it was built from.
pub fn root() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    Ok(root.context("xtask is not at host/xtask")?.to_path_buf())
}

/// What cargo prints when it is called on the repository with these arguments.
///
/// # Errors
///
/// Cargo cannot be started, fails, or prints something else than text.
pub fn cargo_prints(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(cargo());
    command.args(arguments).current_dir(root).stderr(Stdio::inherit());
    let output = command.output().context("cargo cannot be started")?;
    ensure!(output.status.success(), "`cargo {}` failed: {}", arguments.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Every file of the repository by its path from `root`, with `/` between folders, sorted. Left out are folders named
/// `target` and `.git`; symbolic links are not followed.
///
/// # Errors
///
/// A folder that cannot be listed, or a name that is not UTF-8.
pub fn files(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    collect(root, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(dir: &Path, prefix: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        let file_name = entry.file_name();
        let file_name =
            file_name.to_str().with_context(|| format!("{} is not UTF-8", entry.path().display()))?;
        let name = format!("{prefix}{file_name}");
        let kind = entry.file_type()?;
        if kind.is_file() {
            found.push(name);
        } else if kind.is_dir() && !["target", ".git"].contains(&file_name) {
            collect(&entry.path(), &format!("{name}/"), found)?;
        }
    }
    Ok(())
}

/// A path from a folder on without `..`; none if it leads out of the folder.
pub fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "." | "" => {}
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_root_is_where_the_workspace_is() {
        let text = fs::read_to_string(root().unwrap().join("Cargo.toml")).unwrap();
        assert!(text.contains("[workspace]"));
    }

    #[test]
    fn files_are_listed_without_build_output() {
        let files = files(&root().unwrap()).unwrap();
        assert!(files.iter().any(|name| name == "host/xtask/src/repository.rs"));
        assert!(files.iter().any(|name| name == ".ci/run"));
        assert!(!files.iter().any(|name| name.contains("target/") || name.starts_with(".git/")));
        assert!(files.is_sorted());
    }
}
