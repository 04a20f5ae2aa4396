//! Making and opening the file. Nothing is made anew where something is, and nothing is repaired by guessing.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, StorageError};

use super::failure::{Failure, is_disk_full};
use super::format::{self, Contents, FORMAT, Unfit};
use super::settings::Settings;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is out of its bounds.
    #[error("{name} is {found}, it can be {min} to {max}")]
    Setting {
        /// The field of [`Settings`].
        name: &'static str,
        /// Its value.
        found: u64,
        /// The least that it can be.
        min: u64,
        /// The most that it can be.
        max: u64,
    },

    /// There is no such file.
    #[error(
        "there is no ordered log at {}: if there was one, put it back; a new one would be another log", path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },

    /// A new log would take the place of something.
    #[error("{} exists, no new ordered log is made in its place: open it, or move it away", path.display())]
    Exists {
        /// What exists.
        path: PathBuf,
    },

    /// It is open already.
    #[error("the ordered log {} is open already, in another process or here: close it first", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },

    /// The user may not read and write it.
    #[error("{doing} {} is not permitted: give this process's user read and write access", path.display())]
    Permission {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
    },

    /// The disk is full.
    #[error("{doing} {} failed, the disk is full: make room", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
    },

    /// It is no ordered log, and nothing was changed.
    #[error("{} is no ordered log: {found}; the path may be wrong", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: Foreign,
    },

    /// It was written by another version.
    #[error(
        "the ordered log {} has format {found}, this version reads {FORMAT}: use the version that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        found: u32,
    },

    /// redb has changed its file format.
    #[error(
        "the ordered log {} has redb's file format {found}, which this version does not read: use the version that \
         wrote it",
        path.display()
    )]
    RedbFormat {
        /// The file.
        path: PathBuf,
        /// The number of redb's format.
        found: u8,
    },

    /// It is damaged.
    #[error("the ordered log {} is damaged: {what}; keep a copy, then put back a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },

    /// The file system failed.
    #[error("{doing} {} failed: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What a file is that is no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// A folder, a device, a socket.
    #[error("it is not a file")]
    NoFile,
    /// A file of 0 bytes.
    #[error("it is empty, 0 bytes")]
    Empty,
    /// Other bytes than redb's.
    #[error("it does not begin as a redb database")]
    NoDatabase,
    /// A database without our tables.
    #[error("it is a redb database of something else")]
    OtherDatabase,
}

const OPENING: &str = "opening";
const CREATING: &str = "creating";

/// Opens an existing file.
pub(super) fn open(path: &Path, settings: &Settings) -> Result<Database, OpenError> {
    let metadata = fs::metadata(path).map_err(|error| io_error(path, OPENING, error))?;
    if !metadata.is_file() {
        return Err(OpenError::Foreign { path: path.to_owned(), found: Foreign::NoFile });
    }
    // redb would take an empty file for a database to be made.
    if metadata.len() == 0 {
        return Err(OpenError::Foreign { path: path.to_owned(), found: Foreign::Empty });
    }
    let database = || builder(settings).open(path).map_err(|error| database_error(path, OPENING, error));
    guarded(path, database)
}

/// Makes a file with an empty log. It gets its name when it is complete.
pub(super) fn create(path: &Path, settings: &Settings) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let failed = |error| io_error(path, CREATING, error);
    // Found again below, without a race; here for the sake of a better message than one about the folder.
    if fs::symlink_metadata(path).is_ok() {
        return Err(OpenError::Exists { path: path.to_owned() });
    }
    let file = tempfile::Builder::new()
        .prefix(".raddle-log-")
        .tempfile_in(folder)
        .map_err(|error| folder_error(folder, error))?;
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| failed(io::Error::other(error)))?;
    let database =
        builder(settings).create(file.path()).map_err(|error| database_error(path, CREATING, error))?;
    format::initialise(&database, id).map_err(|error| storage_error(path, CREATING, error))?;
    drop(database);
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(OpenError::Exists { path: path.to_owned() });
        }
        Err(error) => return Err(failed(error.error)),
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| folder_error(folder, error))
}

/// Reads what the log must know of its file.
pub(super) fn load(path: &Path, database: &Database) -> Result<Contents, OpenError> {
    let damaged = |what| OpenError::Damaged { path: path.to_owned(), what };
    format::load(database).map_err(|unfit| match unfit {
        Unfit::NoLog => OpenError::Foreign { path: path.to_owned(), found: Foreign::OtherDatabase },
        Unfit::Format(found) => OpenError::Format { path: path.to_owned(), found },
        Unfit::Contradiction(what) => damaged(what),
        Unfit::Failure(Failure::DiskFull { source, .. } | Failure::Storage { source, .. }) => {
            storage_error(path, OPENING, source)
        }
        Unfit::Failure(failure) => damaged(failure.to_string()),
    })
}

/// Runs what reads a file that may be damaged: redb says of itself that opening one may panic.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let panicked = |_| {
        let what = Failure::Panicked { doing: "reading it" }.to_string();
        Err(OpenError::Damaged { path: path.to_owned(), what })
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn builder(settings: &Settings) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(settings.cache_bytes);
    builder
}

fn folder_error(folder: &Path, error: io::Error) -> OpenError {
    let doing = "writing the folder";
    if error.kind() == io::ErrorKind::NotFound {
        return OpenError::Io { path: folder.to_owned(), doing, source: error };
    }
    io_error(folder, doing, error)
}

fn io_error(path: &Path, doing: &'static str, error: io::Error) -> OpenError {
    storage_error(path, doing, redb::Error::Io(error))
}

fn database_error(path: &Path, doing: &'static str, error: DatabaseError) -> OpenError {
    let path_buf = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked { path: path_buf }
        }
        DatabaseError::UpgradeRequired(found) => OpenError::RedbFormat { path: path_buf, found },
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenError::Foreign { path: path_buf, found: Foreign::NoDatabase }
        }
        other => storage_error(path, doing, other.into()),
    }
}

fn storage_error(path: &Path, doing: &'static str, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    if is_disk_full(&error) {
        return OpenError::DiskFull { path, doing };
    }
    match error {
        redb::Error::Io(error) => match error.kind() {
            io::ErrorKind::NotFound => OpenError::Missing { path },
            io::ErrorKind::PermissionDenied => OpenError::Permission { path, doing },
            io::ErrorKind::UnexpectedEof => {
                OpenError::Damaged { path, what: "the file is shorter than it says it is".to_owned() }
            }
            _ => OpenError::Io { path, doing, source: error },
        },
        redb::Error::Corrupted(what) => OpenError::Damaged { path, what },
        other => OpenError::Damaged { path, what: other.to_string() },
    }
}
