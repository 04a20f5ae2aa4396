//! Machine code in files, each with a mark that only this orderer's key makes.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_lc_rs::hmac;
use raddle_core::modules::Digest;

use super::key_file::{read, read_or_make};
use super::{ARTIFACT_BYTES_MAX, Artifact, ArtifactKey, PROFILE};

/// First bytes of a file, with the version of its form.
const MAGIC: &[u8; 8] = b"RDLARTI1";

/// Bytes of the mark, HMAC-SHA256.
const MARK_BYTES: usize = 32;

/// Bytes of all artifacts that a cache keeps, those in use apart: many thousand small modules, or some 400 of the
/// largest of plain code.
pub const CACHE_BYTES_MAX: u64 = 1 << 30;

/// Bytes of a file beside the artifact.
const FRAME_BYTES: usize = MAGIC.len() + 8 + MARK_BYTES;

/// A folder with machine code of modules, so that a restart does not compile. It may be deleted at any time.
///
/// A file is magic, length, artifact, and a mark over what it is the artifact of, its length and its bytes. The key to
/// the marks lies in the same folder, readable to this orderer's user alone: who can read it can also replace the
/// program. One process uses a folder. What has not been used for the longest time goes when there is too much.
pub struct ArtifactCache {
    folder: PathBuf,
    key: hmac::Key,
    /// So that two threads that write the same artifact write two files.
    writes: AtomicU64,
    bytes_max: u64,
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[error("the module cache `{}` cannot be used: {cause}", .folder.display())]
pub struct CacheError {
    /// Its folder.
    pub folder: PathBuf,
    /// What the system said.
    pub cause: io::Error,
}

/// Why the cache does not have an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Miss {
    /// There is no file.
    Absent,
    /// The file is shorter or longer than it says, or no file of a cache at all.
    Damaged {
        /// Its bytes.
        bytes: usize,
    },
    /// The mark is not what this orderer's key makes of it: other bytes, or another key, module or engine.
    WrongMark,
    /// The system does not let it be read.
    Unreadable {
        /// What the system said.
        cause: String,
    },
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not in the cache"),
            Self::Damaged { bytes } => write!(f, "its file of {bytes} bytes in the cache is damaged"),
            Self::WrongMark => f.write_str("its file in the cache has not our mark"),
            Self::Unreadable { cause } => write!(f, "its file in the cache cannot be read: {cause}"),
        }
    }
}

impl ArtifactCache {
    /// Opens the cache in `folder`, which it makes if there is none.
    ///
    /// # Errors
    ///
    /// See [`CacheError`].
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let failed = |cause| CacheError { folder: folder.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let (key, is_new) = read_or_make(&folder.join("key")).map_err(failed)?;
        sweep(folder, is_new).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), key, writes: AtomicU64::new(0), bytes_max: CACHE_BYTES_MAX })
    }

    /// The cache in `folder`, to be looked at: nothing is made, swept or written. None if there is none, or none with a
    /// key of ours: then all of it is made anew when it is opened.
    ///
    /// # Errors
    ///
    /// See [`CacheError`].
    pub fn existing(folder: &Path) -> Result<Option<Self>, CacheError> {
        let key =
            read(&folder.join("key")).map_err(|cause| CacheError { folder: folder.to_owned(), cause })?;
        Ok(key.map(|key| Self {
            folder: folder.to_owned(),
            key,
            writes: AtomicU64::new(0),
            bytes_max: CACHE_BYTES_MAX,
        }))
    }

    /// The same, for so many bytes of artifacts instead of [`CACHE_BYTES_MAX`].
    #[cfg(test)]
    pub(crate) fn for_bytes(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// The file of an artifact.
    #[must_use]
    pub fn path(&self, key: &ArtifactKey) -> PathBuf {
        self.folder.join(format!("{}-{}-p{PROFILE}.artifact", key.digest, key.engine))
    }

    /// Reads an artifact, if it is whole and ours.
    ///
    /// # Errors
    ///
    /// See [`Miss`].
    pub fn get(&self, key: &ArtifactKey) -> Result<Artifact, Miss> {
        let artifact = self.peek(key)?;
        // The time of its last use. Where it cannot be set, that of its making stands.
        if let Ok(file) = File::options().append(true).open(self.path(key)) {
            let _ = file.set_modified(SystemTime::now());
        }
        Ok(artifact)
    }

    /// The same, which is no use of it.
    ///
    /// # Errors
    ///
    /// See [`Miss`].
    pub fn peek(&self, key: &ArtifactKey) -> Result<Artifact, Miss> {
        let bytes = match read_bounded(&self.path(key)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Absent),
            Err(error) => return Err(Miss::Unreadable { cause: error.to_string() }),
        };
        let damaged = Miss::Damaged { bytes: bytes.len() };
        let Some((artifact, mark)) = parts(&bytes) else { return Err(damaged) };
        hmac::verify(&self.key, &marked(key, artifact), mark).map_err(|_| Miss::WrongMark)?;
        Ok(Artifact { bytes: artifact.to_vec() })
    }

    /// Keeps an artifact. Whoever reads at the same time finds the old file or the new one, whole.
    ///
    /// # Errors
    ///
    /// The system does not let it be written.
    pub fn put(&self, key: &ArtifactKey, artifact: &Artifact) -> io::Result<()> {
        let mark = hmac::sign(&self.key, &marked(key, &artifact.bytes));
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let (path, part) = (self.path(key), self.folder.join(format!("{number}.part")));
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(MAGIC)?;
            file.write_all(&(artifact.bytes.len() as u64).to_le_bytes())?;
            file.write_all(&artifact.bytes)?;
            file.write_all(mark.as_ref())?;
            fs::rename(&part, &path)
        };
        // What a power failure leaves of a file is found by its mark, so nothing waits for the disk.
        write().inspect_err(|_| drop(fs::remove_file(&part)))
    }

    /// Removes artifacts, those first that have not been used for the longest time, until there are few enough bytes.
    /// What is in use stays, however much it is.
    ///
    /// # Errors
    ///
    /// The system does not let the folder be read, or a file be removed.
    pub fn trim(&self, is_in_use: impl Fn(Digest) -> bool) -> io::Result<()> {
        let mut files = Vec::new();
        let mut bytes = 0_u64;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().extension().and_then(|it| it.to_str()) == Some("artifact") {
                let about = entry.metadata()?;
                bytes = bytes.saturating_add(about.len());
                files.push((about.modified()?, entry.path(), about.len()));
            }
        }
        files.sort();
        for (_, path, length) in files {
            if bytes <= self.bytes_max {
                break;
            }
            if digest_of(&path).is_none_or(|digest| !is_in_use(digest)) {
                fs::remove_file(path)?;
                bytes = bytes.saturating_sub(length);
            }
        }
        Ok(())
    }
}

/// The module that an artifact's file is named after.
fn digest_of(path: &Path) -> Option<Digest> {
    let (name, _) = path.file_name()?.to_str()?.split_once('-')?;
    let mut digest = [0; 32];
    let pairs = name.as_bytes().chunks_exact(2);
    if name.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Digest(digest))
}

/// What a mark is over.
fn marked(key: &ArtifactKey, artifact: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(artifact.len().saturating_add(128));
    bytes.extend(MAGIC);
    bytes.extend(PROFILE.to_le_bytes());
    bytes.extend(key.digest.0);
    bytes.extend(key.engine.0);
    bytes.extend((artifact.len() as u64).to_le_bytes());
    bytes.extend(artifact);
    bytes
}

/// Artifact and mark of a file whose length is right.
fn parts(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = file.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (artifact, mark) = rest.split_at_checked(length)?;
    (mark.len() == MARK_BYTES).then_some((artifact, mark))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = ARTIFACT_BYTES_MAX.saturating_add(FRAME_BYTES).saturating_add(1);
    File::open(path)?.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes what was being written when a process ended; and all artifacts if none of them has our mark.
fn sweep(folder: &Path, is_all_foreign: bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|it| it.to_str());
        if extension == Some("part") || (is_all_foreign && extension == Some("artifact")) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
