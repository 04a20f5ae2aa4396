//! The key with which the cache marks what is its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Reads the key, or makes one in place of a file that is none, or that others may read. Also answers whether it is
/// new: then nothing in the cache has its mark.
pub(super) fn read_or_make(path: &Path) -> io::Result<(hmac::Key, bool)> {
    if let Some(key) = read(path)? {
        return Ok((key, false));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok((hmac::Key::new(hmac::HMAC_SHA256, &bytes), true))
}

/// Reads the key. None if there is no file, one that is no key, or one that others may read.
pub(super) fn read(path: &Path) -> io::Result<Option<hmac::Key>> {
    // A link would be somebody else's file.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o077 == 0 => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() == KEY_BYTES).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
}
