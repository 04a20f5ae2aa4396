//! `.raddle/client.yaml`: which orderer, channel and identity the commands of a folder use.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::whole_file::WholeFile;

/// Where the file lies, seen from the folder whose commands use it.
pub const FILE: &str = ".raddle/client.yaml";

/// Longer than any that a person writes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// What a client must know. Each part may come from the file or from a flag.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientConfig {
    /// The orderer's address, `host:port`.
    pub orderer: Option<String>,
    /// The channel's id.
    pub channel: Option<String>,
    /// The MSP that the identity belongs to.
    pub msp_id: Option<String>,
    /// The identity's MSP folder, with `signcerts` and `keystore`. In the file it is seen from the file's folder.
    pub msp_dir: Option<PathBuf>,
    /// Certificates of the authorities that the orderer's TLS certificate may come from. Without it there is no TLS.
    /// This and the two that follow are in the file seen from the file's folder.
    pub tls_ca: Option<PathBuf>,
    /// The certificate that the orderer is presented, if it asks for one.
    pub tls_cert: Option<PathBuf>,
    /// Its key.
    pub tls_key: Option<PathBuf>,
    /// Identities that sign config updates, as far as their signatures are needed.
    pub admins: Vec<Admin>,
}

/// An identity that signs config updates.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// The MSP that the identity belongs to.
    pub msp_id: String,
    /// Its MSP folder. In the file it is seen from the file's folder.
    pub msp_dir: PathBuf,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is too long.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It is no such file.
    #[error("{path}{}: {what}", place.map_or(String::new(), |(line, column)| format!(":{line}:{column}")))]
    Form {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1.
        place: Option<ConfigPlace>,
        /// What is wrong.
        what: String,
    },
}

// === impl ClientConfig ===

impl ClientConfig {
    /// The file of `folder` or, if it has none, of the nearest folder above that has one.
    ///
    /// # Errors
    ///
    /// The nearest file cannot be used; those above it are not asked then.
    pub fn find(folder: &Path) -> Result<Option<(PathBuf, Self)>, ConfigError> {
        for folder in folder.ancestors() {
            let path = folder.join(FILE);
            // Whatever it is, even a folder: it was meant.
            if path.symlink_metadata().is_ok() {
                let config = Self::read(&path)?;
                return Ok(Some((path, config)));
            }
        }
        Ok(None)
    }

    /// Reads one file. Relative folders in it become relative to what `path` is relative to.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |error| ConfigError::Read { path: path.to_owned(), error };
        let mut text = String::new();
        let file = fs::File::open(path).map_err(failed)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(ConfigError::TooLong { path: path.to_owned() });
        }
        let read: Option<Self> = serde_saphyr::from_str(&text).map_err(|error| form(path, &error))?;
        let mut config = read.unwrap_or_default();
        if let Some(folder) = path.parent() {
            for path in [&mut config.msp_dir, &mut config.tls_ca, &mut config.tls_cert, &mut config.tls_key] {
                *path = path.take().map(|path| folder.join(path));
            }
            for admin in &mut config.admins {
                admin.msp_dir = folder.join(&admin.msp_dir);
            }
        }
        Ok(config)
    }

    /// Writes the file, so that it is there whole or not at all; its folder is made if it is not there. A folder below
    /// the file's is written as seen from there, so that the whole may be moved.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or `msp_dir` is no UTF-8.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let seen = |msp_dir: &Path| {
            let msp_dir = msp_dir.strip_prefix(folder).unwrap_or(msp_dir);
            let text = msp_dir.to_str().ok_or_else(|| io::Error::other("the MSP folder's name is no UTF-8"));
            text.map(str::to_owned)
        };
        let seen_of = |path: &Option<PathBuf>| path.as_deref().map(seen).transpose();
        let msp_dir = seen_of(&self.msp_dir)?;
        let (tls_ca, tls_cert) = (seen_of(&self.tls_ca)?, seen_of(&self.tls_cert)?);
        let tls_key = seen_of(&self.tls_key)?;
        fs::create_dir_all(folder)?;
        let mut file = WholeFile::create(path)?;
        writeln!(file, "# What commands in this folder use where no flag says otherwise.")?;
        let entries = [
            ("orderer", &self.orderer),
            ("channel", &self.channel),
            ("msp-id", &self.msp_id),
            ("msp-dir", &msp_dir),
            ("tls-ca", &tls_ca),
            ("tls-cert", &tls_cert),
            ("tls-key", &tls_key),
        ];
        for (key, value) in entries {
            if let Some(value) = value {
                // A string of JSON is one of YAML.
                writeln!(file, "{key}: {}", serde_json::Value::from(value.as_str()))?;
            }
        }
        if !self.admins.is_empty() {
            writeln!(
                file,
                "# Who signs config updates, where it is needed and no --sign-as says otherwise."
            )?;
            writeln!(file, "admins:")?;
        }
        for admin in &self.admins {
            writeln!(file, "  - msp-id: {}", serde_json::Value::from(admin.msp_id.as_str()))?;
            writeln!(file, "    msp-dir: {}", serde_json::Value::from(seen(&admin.msp_dir)?))?;
        }
        file.finish()
    }
}

fn form(path: &Path, error: &serde_saphyr::Error) -> ConfigError {
    let (place, what) = yaml_complaint(error);
    ConfigError::Form { path: path.to_owned(), place, what }
}

/// Line and column in a file, from 1.
pub type ConfigPlace = (u64, u64);

/// Where a file of YAML is not what it should be, and a sentence about it for people.
pub fn yaml_complaint(error: &serde_saphyr::Error) -> (Option<ConfigPlace>, String) {
    let place = error.location().map(|place| (place.line(), place.column()));
    let said = error.without_snippet().to_string();
    // The sentence ends with the place, which stands in front already; before that comes advice for programmers.
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    let what = said.split_once(", set DuplicateKeyPolicy").map_or(said, |(what, _)| what).to_owned();
    (place, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tempfile::TempDir;

    fn full(folder: &Path) -> ClientConfig {
        ClientConfig {
            orderer: Some("127.0.0.1:7050".into()),
            channel: Some("demo".into()),
            msp_id: Some("Org\"1\": MSP\n#".into()),
            msp_dir: Some(folder.join(".raddle/org1/ms p")),
            tls_ca: Some(folder.join(".raddle/tls/ca.pem")),
            tls_cert: Some("/elsewhere/client.pem".into()),
            tls_key: Some(folder.join(".raddle/tls/client.key")),
            admins: ["a", "b: c"]
                .map(|name| Admin { msp_id: name.into(), msp_dir: folder.join(".raddle").join(name) })
                .into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again_wherever_the_folder_goes() {
        let folder = TempDir::new().unwrap();
        let config = full(folder.path());
        config.write(&folder.path().join(FILE)).unwrap();
        assert_eq!(ClientConfig::read(&folder.path().join(FILE)).unwrap(), config);
        let moved = TempDir::new().unwrap();
        fs::rename(folder.path().join(".raddle"), moved.path().join(".raddle")).unwrap();
        assert_eq!(ClientConfig::read(&moved.path().join(FILE)).unwrap(), full(moved.path()));
        let beside = ClientConfig { msp_dir: Some("/msp/of/another".into()), ..ClientConfig::default() };
        beside.write(&folder.path().join(FILE)).unwrap();
        assert_eq!(ClientConfig::read(&folder.path().join(FILE)).unwrap(), beside);
    }

    #[test]
    fn the_nearest_file_counts_and_none_is_no_error() {
        let root = TempDir::new().unwrap();
        let deep = root.path().join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        assert!(ClientConfig::find(&deep).unwrap().is_none());
        for folder in [root.path().to_owned(), root.path().join("a/b")] {
            full(&folder).write(&folder.join(FILE)).unwrap();
            let (path, config) = ClientConfig::find(&deep).unwrap().unwrap();
            assert_eq!((path, config), (folder.join(FILE), full(&folder)));
        }
    }

    #[test]
    fn an_empty_file_names_nothing() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("client.yaml");
        for text in ["", "# nothing\n", "---\n", "{}"] {
            fs::write(&path, text).unwrap();
            assert_eq!(ClientConfig::read(&path).unwrap(), ClientConfig::default(), "{text:?}");
        }
    }
}
