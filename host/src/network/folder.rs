//! Folders and files with the permissions that keys need, and a folder that appears whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::NetworkError;

/// Permissions of folders.
const FOLDER_MODE: u32 = 0o700;

/// Who may read a file, as far as its folders let them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    /// Its owner.
    Private,
    /// Everybody.
    Public,
}

impl Access {
    const fn mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Makes a folder, and those above it.
pub(super) fn create_folder(path: &Path) -> Result<(), NetworkError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
    made.map_err(|error| cannot_write(path, error))
}

/// Writes a file that is not there yet.
pub(super) fn write_file(path: &Path, bytes: &[u8], access: Access) -> Result<(), NetworkError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(access.mode()).open(path)?;
        file.write_all(bytes)
    };
    write().map_err(|error| cannot_write(path, error))
}

/// Has `fill` fill a folder under a temporary name, and gives it its own when all of it is on disk.
///
/// The folder must not be there, or must be empty. A crash may leave the temporary one, named `.NAME.partial-…`.
pub(super) fn create_whole(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), NetworkError>,
) -> Result<(), NetworkError> {
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    create_folder(parent)?;
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{}.partial-", name.trim_start_matches('.')))
        .permissions(Permissions::from_mode(FOLDER_MODE))
        .tempdir_in(parent)
        .map_err(|error| cannot_write(parent, error))?;
    fill(temporary.path())?;
    sync_tree(temporary.path()).map_err(|error| cannot_write(temporary.path(), error))?;
    rename(temporary, folder)?;
    sync(parent).map_err(|error| cannot_write(parent, error))
}

/// The folder's own name comes last: rename(2) takes an empty folder's place and no other's.
fn rename(temporary: TempDir, folder: &Path) -> Result<(), NetworkError> {
    match fs::rename(temporary.path(), folder) {
        Ok(()) => {
            // Nothing is at the old name any more that could be removed.
            let _: PathBuf = temporary.keep();
            Ok(())
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty
                    | io::ErrorKind::AlreadyExists
                    | io::ErrorKind::NotADirectory
            ) =>
        {
            Err(NetworkError::Exists(folder.to_owned()))
        }
        Err(error) => Err(cannot_write(folder, error)),
    }
}

/// Brings a folder and all that is in it to the disk.
fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync_tree(&entry.path())?,
            false => sync(&entry.path())?,
        }
    }
    sync(path)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn cannot_write(path: &Path, error: io::Error) -> NetworkError {
    NetworkError::Write { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn until_it_is_whole_a_folder_is_not_there_under_its_name() {
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join(".state");
        create_whole(&folder, |temporary| {
            write_file(&temporary.join("a"), b"a", Access::Private)?;
            // A crash at this point leaves this one folder, and none of the name.
            let found = names_in(parent.path());
            assert!(
                found.len() == 1 && found.iter().all(|name| name.starts_with(".state.partial-")),
                "{found:?}"
            );
            write_file(&temporary.join("b"), b"b", Access::Public)
        })
        .unwrap();
        assert_eq!(names_in(parent.path()), [".state"]);
        assert_eq!(names_in(&folder).len(), 2);
    }

    #[test]
    fn what_fails_half_way_leaves_nothing() {
        let parent = TempDir::new().unwrap();
        let failed = create_whole(&parent.path().join("state"), |temporary| {
            create_folder(&temporary.join("a/b"))?;
            write_file(&temporary.join("a/b/c"), b"c", Access::Private)?;
            write_file(&temporary.join("a/b/c"), b"again", Access::Private)
        });
        let said = failed.unwrap_err().to_string();
        assert!(said.contains("a/b/c cannot be written: File exists"), "{said}");
        assert!(names_in(parent.path()).is_empty());
    }
}
