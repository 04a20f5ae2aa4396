//! The form of a file of cases: YAML, or JSON, which is YAML too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use raddle_core::modules::Setting;
use serde::{Deserialize, Deserializer};

use crate::client::{ConfigPlace, yaml_complaint};

/// Longer than any that a person writes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Ends of the names of files that hold cases.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Why a file is no file of cases, or a folder none of such files.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// It cannot be read.
    #[error("{} cannot be read: {cause}", .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// It says something else than cases.
    #[error(
        "{}{}: {what}",
        .path.display(),
        .place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"))
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1.
        place: Option<ConfigPlace>,
        /// What is wrong.
        what: String,
    },
}

/// A file of cases.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CaseFile {
    /// Settings of the module, in every case that has none of its own.
    pub settings: SettingsForm,
    /// The channel.
    pub channel: ChannelForm,
    /// Most fuel of a call, where it is not what modules of its kind get.
    pub fuel: Option<u64>,
    /// Most bytes of memory of an instance, likewise.
    pub memory: Option<u64>,
    /// The cases.
    pub cases: Vec<CaseForm>,
}

/// The channel that a module works for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChannelForm {
    pub name: Option<String>,
    pub max_message_count: Option<u32>,
    pub absolute_max_bytes: Option<u32>,
    pub preferred_max_bytes: Option<u32>,
}

/// Settings: each a key and a scalar.
#[derive(Clone, Debug, Default)]
pub struct SettingsForm(pub BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(String),
}

/// What is asked, and what is to be answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CaseForm {
    pub name: String,
    pub settings: Option<SettingsForm>,
    /// For a filter.
    pub envelope: Option<EnvelopeForm>,
    /// For a batch policy, in the order of the log.
    #[serde(default)]
    pub envelopes: Vec<EnvelopeForm>,
    /// What is to be answered; of a batch policy's case only faults and settings.
    pub expect: Option<Expected>,
    /// The sentence that must come with a refusal.
    pub sentence: Option<String>,
    /// How many envelopes are in each batch that is cut.
    pub cuts: Option<Vec<usize>>,
    /// How many are left in the end.
    pub pending: Option<u32>,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    Accepted,
    BadRequest,
    Forbidden,
    TooLarge,
    /// The module breaks at it.
    Fault,
    /// The module does not take its settings.
    SettingsRefused,
}

/// An envelope, signed for the case.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EnvelopeForm {
    /// The channel header's type, by Fabric's name or as a number.
    pub r#type: TypeForm,
    /// MSP id of who signs.
    pub creator: String,
    pub role: RoleForm,
    /// Whether the creator's organisation is in the channel.
    pub member: bool,
    /// Whether the creator's certificate has ended.
    pub expired: bool,
    pub signature: SignatureForm,
    /// The payload's data: a text, base64, so many bytes, or a call of a chaincode.
    pub text: Option<String>,
    pub base64: Option<String>,
    pub bytes: Option<usize>,
    pub chaincode: Option<String>,
    /// The function and its arguments.
    pub args: Vec<String>,
    pub tx_id: Option<String>,
    /// The time in the channel header, as RFC 3339 has it; the time at which the case runs unless it is given.
    pub time: Option<String>,
    /// When the orderer received it; the time in the header unless it is given.
    pub received: Option<String>,
    /// How many such envelopes there are, one after the other.
    pub times: usize,
}

/// A type of the channel header.
#[derive(Clone, Copy, Debug)]
pub struct TypeForm(pub i32);

/// What an identity is to its organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleForm {
    #[default]
    Client,
    Admin,
    Peer,
    Orderer,
}

/// What is in the place of the signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureForm {
    #[default]
    Right,
    /// That of another envelope.
    Wrong,
    Missing,
}

impl Default for EnvelopeForm {
    fn default() -> Self {
        Self {
            r#type: TypeForm(raddle_proto::common::HeaderType::EndorserTransaction as i32),
            creator: "Org1MSP".into(),
            role: RoleForm::default(),
            member: true,
            expired: false,
            signature: SignatureForm::default(),
            text: None,
            base64: None,
            bytes: None,
            chaincode: None,
            args: Vec::new(),
            tx_id: None,
            time: None,
            received: None,
            times: 1,
        }
    }
}

impl<'de> Deserialize<'de> for SettingsForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = BTreeMap::<String, Scalar>::deserialize(deserializer)?.into_iter();
        let text = |value| match value {
            Scalar::Bool(value) => value.to_string(),
            Scalar::Integer(value) => value.to_string(),
            Scalar::Text(value) => value,
        };
        Ok(Self(read.map(|(key, value)| (key, text(value))).collect()))
    }
}

impl SettingsForm {
    /// As a config carries them.
    #[must_use]
    pub fn pairs(&self) -> Vec<Setting> {
        self.0.iter().map(|(key, value)| Setting { key: key.clone(), value: value.clone() }).collect()
    }
}

impl<'de> Deserialize<'de> for TypeForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Scalar::deserialize(deserializer)? {
            Scalar::Integer(number) => number.to_string(),
            Scalar::Text(name) => name,
            Scalar::Bool(value) => value.to_string(),
        };
        let named = raddle_proto::common::HeaderType::from_str_name(&text).map(|named| named as i32);
        let number = named.or_else(|| text.parse().ok());
        number.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no type of an envelope; say MESSAGE, ENDORSER_TRANSACTION, or a number"
            ))
        })
    }
}

/// Reads a file of YAML or JSON.
///
/// # Errors
///
/// It cannot be read, or is no `T`.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, FormError> {
    let unread = |cause: String| FormError::Read { path: path.to_owned(), cause };
    let size = path.metadata().map_err(|error| unread(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unread(format!("it has {size} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    let text = fs::read_to_string(path).map_err(|error| unread(error.to_string()))?;
    serde_saphyr::from_str(&text).map_err(|error| {
        let (place, what) = yaml_complaint(&error);
        FormError::Form { path: path.to_owned(), place, what }
    })
}

/// The files of cases in a folder, by name.
///
/// # Errors
///
/// The folder cannot be read, or one of the files.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, CaseFile)>, FormError> {
    let unread = |error: std::io::Error| FormError::Read { path: folder.into(), cause: error.to_string() };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.contains(&ending) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.into_iter().map(|path| Ok((name(&path), read(&path)?))).collect()
}
