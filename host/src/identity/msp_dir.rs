//! Reading an identity from an MSP folder, as Fabric's tools lay it out.

use std::fs;
use std::path::{Path, PathBuf};

use raddle_msp::Certificate;

use super::signer::read_certificate;
use super::{PrivateKey, Signer, SignerError};

impl Signer {
    /// Reads `signcerts` and `keystore` of an MSP folder: one certificate, and among any number of keys the one that
    /// belongs to it.
    ///
    /// # Errors
    ///
    /// See [`SignerError`].
    ///
    /// Differs: of several certificates Fabric takes one, by the order of their names. Here there must be one.
    pub fn from_msp_dir(msp_id: &str, folder: &Path) -> Result<Self, SignerError> {
        Self::from_folders(msp_id, folder, None)
    }

    /// The same, where the key may also lie in a folder of its own, which need not exist.
    ///
    /// # Errors
    ///
    /// See [`SignerError`].
    pub fn from_folders(msp_id: &str, folder: &Path, keys: Option<&Path>) -> Result<Self, SignerError> {
        let certificates = folder.join("signcerts");
        let files = files_in(&certificates)?;
        let [path] = files.as_slice() else {
            return Err(SignerError::Certificates { folder: certificates, found: files.len() });
        };
        let certificate = read_certificate(&read(path)?)
            .map_err(|error| SignerError::Certificate { path: path.clone(), error })?;
        let own = keys.filter(|folder| folder.exists()).map(|folder| find_key(folder, &certificate));
        let key = match own {
            Some(Err(SignerError::NoKey { .. })) | None => find_key(&folder.join("keystore"), &certificate)?,
            Some(found) => found?,
        };
        Ok(Self::new(&certificate, key, msp_id))
    }
}

/// The key that belongs to a certificate.
fn find_key(folder: &Path, certificate: &Certificate) -> Result<PrivateKey, SignerError> {
    let files = files_in(folder)?;
    for path in &files {
        // Other keys may lie there too, of any kind.
        if let Ok(key) = PrivateKey::from_pem(&read(path)?)
            && key.belongs_to(certificate.raw_key_info())
        {
            return Ok(key);
        }
    }
    Err(SignerError::NoKey { folder: folder.to_owned(), tried: files.len() })
}

fn read(path: &Path) -> Result<Vec<u8>, SignerError> {
    fs::read(path).map_err(|error| SignerError::Read { path: path.to_owned(), error })
}

/// The files in a folder, in order of name, without those that begin with a dot.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, SignerError> {
    let failed = |error| SignerError::Read { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !is_hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
