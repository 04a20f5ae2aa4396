//! An update with the signatures so far.

use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle_core::ids::ChannelId;
use raddle_core::policy::{SignedData, SignedDataError, config_update_as_signed_data};
use raddle_proto::common::{self, ConfigSignature, ConfigUpdate, ConfigUpdateEnvelope, HeaderType};
use raddle_proto::wire::{self, Envelope, HeaderError, WireError, go_decode};

use crate::identity::{Signer, SignerError};

/// An update on its way from admin to admin. Its file is a marshalled envelope of type CONFIG_UPDATE, which
/// `peer channel signconfigtx` and `peer channel update` take, and give.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    channel: ChannelId,
    update: ConfigUpdate,
    envelope: ConfigUpdateEnvelope,
}

/// Why a file is no update.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// It is no envelope, or what is in it cannot be read.
    #[error("it is no envelope with a config update: {0}")]
    Wire(#[from] WireError),
    /// Its headers cannot be read.
    #[error("it is no envelope with a config update: {0}")]
    Header(#[from] HeaderError),
    /// It carries something else.
    #[error("its envelope is of type {found}, and a config update's of type 2")]
    Type {
        /// The type found.
        found: i32,
    },
    /// It names no channel, or two.
    #[error("its envelope names channel {envelope:?} and its update channel {update:?}")]
    Channel {
        /// In the envelope's header.
        envelope: String,
        /// In the update.
        update: String,
    },
    /// A signature's header cannot be read. The orderer would refuse them all.
    #[error("one of its signatures cannot be read: {0}")]
    Signature(#[from] SignedDataError),
}

impl Draft {
    /// An update that nobody has signed.
    #[must_use]
    pub fn new(update: ConfigUpdate) -> Self {
        let config_update = update.encode_to_vec().into();
        Self {
            channel: ChannelId(update.channel_id.clone()),
            update,
            envelope: ConfigUpdateEnvelope { config_update, signatures: Vec::new() },
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// See [`DraftError`].
    ///
    /// Source: fabric v2.5.16 `internal/peer/channel/update.go` `sanityCheckAndSignConfigTx`.
    pub fn unmarshal(bytes: Bytes) -> Result<Self, DraftError> {
        let envelope = Envelope::unmarshal(bytes)?;
        let header = wire::channel_header(&envelope)?;
        if header.r#type != i32::from(HeaderType::ConfigUpdate) {
            return Err(DraftError::Type { found: header.r#type });
        }
        let payload: common::Payload = go_decode(envelope.payload().clone())?;
        let envelope: ConfigUpdateEnvelope = go_decode(payload.data)?;
        let update: ConfigUpdate = go_decode(envelope.config_update.clone())?;
        if header.channel_id.is_empty() || header.channel_id != update.channel_id {
            return Err(DraftError::Channel { envelope: header.channel_id, update: update.channel_id });
        }
        let draft = Self { channel: ChannelId(header.channel_id), update, envelope };
        draft.signed()?;
        Ok(draft)
    }

    /// The channel to change.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// What is to be changed.
    #[must_use]
    pub fn update(&self) -> &ConfigUpdate {
        &self.update
    }

    /// The signatures so far, with what they are over.
    ///
    /// # Errors
    ///
    /// None for a draft that was read or signed here.
    pub fn signed(&self) -> Result<Vec<SignedData>, SignedDataError> {
        config_update_as_signed_data(&self.envelope)
    }

    /// Adds a signature: over its own header and then the update's bytes as they are. Who has signed is not added
    /// again. Answers whether it was added.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    ///
    /// Source: fabric v2.5.16 `internal/peer/channel/update.go` `sanityCheckAndSignConfigTx`.
    pub fn sign(&mut self, signer: &Signer) -> Result<bool, SignerError> {
        let creators = self.signed().unwrap_or_default();
        if creators.iter().any(|signed| signed.identity == signer.creator()) {
            return Ok(false);
        }
        let signature_header: Bytes = signer.signature_header()?.encode_to_vec().into();
        let signed = [signature_header.as_ref(), self.envelope.config_update.as_ref()].concat();
        let signature = signer.sign(&signed)?;
        self.envelope.signatures.push(ConfigSignature { signature_header, signature });
        Ok(true)
    }

    /// The same without the signature at `index`.
    #[must_use]
    pub fn without(&self, index: usize) -> Self {
        let mut fewer = self.clone();
        if index < fewer.envelope.signatures.len() {
            fewer.envelope.signatures.remove(index);
        }
        fewer
    }

    /// The envelope to send to an orderer, signed by who sends it: somebody who may write to the channel.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn envelope(&self, sender: &Signer, at: SystemTime) -> Result<Envelope, SignerError> {
        sender.envelope(&self.channel, HeaderType::ConfigUpdate, self.envelope.encode_to_vec(), at)
    }

    /// The file. The envelope around the update needs no signature until it is sent, so it has none.
    #[must_use]
    pub fn marshal(&self) -> Bytes {
        let channel_header = common::ChannelHeader {
            r#type: HeaderType::ConfigUpdate.into(),
            channel_id: self.channel.0.clone(),
            ..common::ChannelHeader::default()
        };
        let header = common::Header {
            channel_header: channel_header.encode_to_vec().into(),
            ..common::Header::default()
        };
        let payload = common::Payload { header: Some(header), data: self.envelope.encode_to_vec().into() };
        Envelope::new(&payload.encode_to_vec(), &[]).marshal()
    }
}
