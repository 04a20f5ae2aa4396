//! A file that appears under its name when it is whole, or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// A file that is being written, beside where it will stand. Unless it is finished nothing is left of it.
///
/// What goes wrong names no file: who asked for it knows its name, and the other one tells nobody anything.
pub struct WholeFile {
    path: PathBuf,
    file: File,
    temporary: TempPath,
}

impl WholeFile {
    /// Starts a file that will stand at `path`.
    ///
    /// # Errors
    ///
    /// The folder is not there or takes no files, or `path` is a folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Opened here: tempfile would make it private, and name it in what goes wrong with it.
        let open = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let (file, temporary) = Builder::new().prefix(".raddle-").make_in(folder, open)?.into_parts();
        Ok(Self { path: path.to_owned(), file, temporary })
    }

    /// Makes the file durable and gives it its name. A file that is there is replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be written; nothing appears then.
    pub fn finish(self) -> io::Result<()> {
        let Self { path, file, temporary } = self;
        file.sync_all()?;
        temporary.persist(path).map_err(|error| error.error)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_not_finished_leaves_nothing_and_what_fails_names_no_other_file() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a");
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let missing = WholeFile::create(&folder.path().join("gone/a")).err().unwrap();
        assert_eq!(missing.to_string(), io::Error::from_raw_os_error(2).to_string());
        // A folder has taken the name meanwhile.
        let file = WholeFile::create(&folder.path().join("b")).unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        let taken = file.finish().unwrap_err().to_string();
        assert!(!taken.contains(".raddle-"), "{taken}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
