//! A network out of nothing: organisations with their identities, and the genesis block of a channel of theirs.
//!
//! - [`Organisation`]: an authority that issues identities, as Fabric's cryptogen makes it; MSP folders
//! - [`TlsAuthority`]: an authority of TLS, and certificates for servers and clients
//! - [`ChannelDraft`]: what becomes a channel's block 0, as Fabric's configtxgen makes it
//! - [`DevNetwork`]: three organisations and the channel `demo` in a folder, for a first node
//!
//! What is made is for first steps and tests: private keys lie in files, and nothing guards the authorities' keys but
//! the folder's permissions.

mod certificate;
mod channel;
mod config;
mod dev;
mod error;
mod folder;
mod msp;
mod organisation;
mod policy;
mod tls;

pub use channel::{ChannelDraft, ConsensusDraft, DRAFT_BATCH_SIZE, OrdererOrganisation};
pub use dev::{DEV_CHANNEL, DevNetwork};
pub use error::NetworkError;
pub use organisation::{IssuedIdentity, Organisation, OrganisationNames, Role, Validity};
pub use tls::{TlsAuthority, TlsIdentity};
