//! Why there is no network.

use std::io;
use std::path::PathBuf;

use raddle_core::access::AccessError;
use raddle_core::bundle::GenesisError;

use super::organisation::NAME_CHARS_MAX;
use crate::identity::SignerError;

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A name that is no name for files, certificates and policies.
    #[error(
        "{name:?} is no {what}: 1 to {NAME_CHARS_MAX} letters, digits and any of {marks} are wanted, a letter or digit \
         first"
    )]
    Name {
        /// What it was to name.
        what: &'static str,
        /// The name.
        name: String,
        /// What may stand in it beside letters and digits.
        marks: &'static str,
    },
    /// A channel id that peers refuse.
    #[error(
        "{0:?} is no channel id: 1 to 249 lower-case letters, digits, dots and dashes are wanted, a letter first"
    )]
    ChannelId(String),
    /// A certificate that would never be valid.
    #[error("a certificate cannot be valid from {from} to {to} seconds after 1970: {why}")]
    Validity {
        /// Begin, in seconds after 1970.
        from: u64,
        /// End, in seconds after 1970.
        to: u64,
        /// What is wrong with that.
        why: &'static str,
    },
    /// A section of the channel without organisations.
    #[error("the channel has no organisation in {section}")]
    NoOrganisation {
        /// `Orderer` or `Application`.
        section: &'static str,
    },
    /// Two organisations of a section have one name.
    #[error("{section} has two organisations named {name}")]
    OrganisationTwice {
        /// `Orderer` or `Application`.
        section: &'static str,
        /// The name.
        name: String,
    },
    /// The draft's settings make no channel.
    #[error("no channel can be made of this: {0}")]
    Genesis(#[from] GenesisError),
    /// The draft's organisations make no channel.
    #[error("no channel can be made of this: {0}")]
    Access(#[from] AccessError),
    /// A certificate cannot be written.
    #[error("a certificate cannot be made: {0}")]
    Certificate(String),
    /// No key, or no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A file or folder cannot be written.
    #[error("{path} cannot be written: {error}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file or folder of a network cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A network's block is damaged.
    #[error("{path} is no genesis block: {error}")]
    Block {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: GenesisError,
    },
    /// There is something where the network was to be.
    #[error("{0} is there already and is no empty folder: nothing is generated over it")]
    Exists(PathBuf),
}
