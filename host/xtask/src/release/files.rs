//! The files of a release: gathered, summed, and written all together or not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::digest::sha256;

/// The file with the sums of the others.
pub const SUMS: &str = "SHA256SUMS";

/// Files by their paths, with `/` between folders.
pub struct Files(BTreeMap<String, File>);

struct File {
    bytes: Vec<u8>,
    is_program: bool,
}

impl Files {
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn add(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.insert(path.to_owned(), File { bytes, is_program: false });
    }

    /// Adds a file that may be run.
    pub fn add_program(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.insert(path.to_owned(), File { bytes, is_program: true });
    }

    /// Adds a copy of a file.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn add_file(&mut self, path: &str, from: &Path) -> anyhow::Result<()> {
        let bytes = fs::read(from).with_context(|| from.display().to_string())?;
        self.add(path, bytes);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(|file| file.bytes.as_slice())
    }

    /// SHA-256 of each file below a folder, in lower-case hexadecimal, in the order of the paths.
    pub fn digests(&self, folder: &str) -> impl Iterator<Item = (&str, String)> {
        let below = self.0.iter().filter(move |(path, _)| path.starts_with(folder));
        below.map(|(path, file)| (path.as_str(), sha256(&file.bytes)))
    }

    /// What `sha256sum --check` reads: every file but the sums themselves.
    pub fn sums(&self) -> String {
        let mut sums = String::new();
        for (path, digest) in self.digests("").filter(|(path, _)| *path != SUMS) {
            let _ = writeln!(sums, "{digest}  {path}");
        }
        sums
    }

    /// Writes all files into a folder, in the place of an earlier release.
    ///
    /// # Errors
    ///
    /// The folder holds something else, or the system does not write.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        may_be_replaced(folder)?;
        let name = folder.file_name().context("a release goes into a folder with a name")?;
        let unfinished = folder.with_file_name(format!(".{}.part", name.to_string_lossy()));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).with_context(|| unfinished.display().to_string())?;
        }
        for (path, file) in &self.0 {
            let path = unfinished.join(path);
            fs::create_dir_all(path.parent().context("a file has no folder")?)?;
            fs::write(&path, &file.bytes).with_context(|| path.display().to_string())?;
            let mode = if file.is_program { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::rename(&unfinished, folder).with_context(|| folder.display().to_string())
    }
}

/// Whether a folder is not there, is empty, or holds an earlier release.
///
/// # Errors
///
/// It holds something else, or cannot be read.
pub fn may_be_replaced(folder: &Path) -> anyhow::Result<()> {
    let is_free = !folder.exists() || folder.join(SUMS).is_file() || fs::read_dir(folder)?.next().is_none();
    ensure!(is_free, "{} holds something that is no release; name another folder", folder.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn two() -> Files {
        let mut files = Files::new();
        files.add("b/two", b"abc".to_vec());
        files.add_program("a", Vec::new());
        files
    }

    #[test]
    fn sums_are_those_of_sha256sum_in_the_order_of_the_paths() {
        let mut files = two();
        let sums = files.sums();
        assert_eq!(
            sums,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n\
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b/two\n"
        );
        files.add(SUMS, sums.clone().into_bytes());
        assert_eq!(files.sums(), sums, "the sums have no sum");
        assert_eq!(files.digests("b/").count(), 1);
    }

    #[test]
    fn a_release_takes_the_place_of_an_earlier_one_and_of_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("release");
        let mut files = two();
        files.add(SUMS, files.sums().into_bytes());
        files.write(&folder).unwrap();
        fs::write(folder.join("old"), "").unwrap();
        files.write(&folder).unwrap();
        assert!(!folder.join("old").exists());
        assert_eq!(fs::read(folder.join("b/two")).unwrap(), b"abc");
        let mode = |name: &str| folder.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("a"), mode("b/two")], [0o755, 0o644]);
        fs::remove_file(folder.join(SUMS)).unwrap();
        let error = files.write(&folder).unwrap_err().to_string();
        assert!(error.ends_with("holds something that is no release; name another folder"), "{error}");
        assert!(folder.join("a").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
