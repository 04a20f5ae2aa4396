//! Why an update does not lead to a config. The texts are Fabric's.

use raddle_proto::common::HeaderType;
use raddle_proto::wire::WireError;

use crate::bundle::{BundleError, IdError, Incompatible, KeyError, SuccessionError};
use crate::policy::{PolicyFailure, SignedDataError, go_text};

/// Why a client's update is refused. Its text is the whole `info` of the answer, and its status is always BAD_REQUEST.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/standardchannel.go` `ProcessConfigUpdateMsg`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error applying config update to existing channel '{channel}': {refusal}")]
pub struct ProposeError {
    /// The channel.
    pub channel: String,
    /// What is wrong.
    pub refusal: Box<Refusal>,
}

impl ProposeError {
    /// `common.Status` of the answer.
    #[must_use]
    pub const fn status(&self) -> raddle_proto::common::Status {
        raddle_proto::common::Status::BadRequest
    }

    /// If signatures are missing: the first element whose policy does not hold, as Fabric names it, and the policy's
    /// whole path.
    #[must_use]
    pub fn denied(&self) -> Option<(&str, &str)> {
        match &*self.refusal {
            Refusal::Update(UpdateError::Delta(DeltaError::Denied { element, policy, .. })) => {
                Some((element, policy))
            }
            _ => None,
        }
    }
}

/// What is wrong with an update.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The envelope carries no update.
    #[error("error converting envelope to config update: {0}")]
    Envelope(EnvelopeError),
    /// The update does not fit the present config, or lacks signatures.
    #[error("error authorizing update: {0}")]
    Update(UpdateError),
    /// The update has fields that would get lost.
    #[error("the config update has fields that this orderer does not know and could not keep")]
    UnknownFields,
    /// The config that it leads to makes no sense.
    #[error(transparent)]
    Bundle(BundleError),
    /// The config that it leads to asks for what this orderer cannot give.
    #[error("config update is not compatible: {0}")]
    Incompatible(Incompatible),
    /// The config that it leads to may not follow the present one.
    #[error(transparent)]
    Succession(SuccessionError),
}

/// Why a config record does not validate at its place.
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `Validate`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidateError {
    /// There is no config.
    #[error("config envelope has nil config")]
    NoConfig,
    /// Not the next config.
    #[error("config currently at sequence {current}, cannot validate config at sequence {found}")]
    Sequence {
        /// The channel's.
        current: u64,
        /// The record's.
        found: u64,
    },
    /// Its update is none.
    #[error(transparent)]
    Envelope(EnvelopeError),
    /// Its update does not fit the present config, or lacks signatures.
    #[error(transparent)]
    Update(UpdateError),
    /// Its update leads to another config.
    #[error("ConfigEnvelope LastUpdate did not produce the supplied config result")]
    OtherResult,
    /// The config cannot be ordered by.
    #[error(transparent)]
    Bundle(BundleError),
}

/// Why an envelope carries no config update.
///
/// Source: fabric v2.5.16 `protoutil/commonutils.go` `UnmarshalEnvelopeOfType`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The payload is no `Payload`.
    #[error("error unmarshalling Payload: {}", go_text(.0))]
    Payload(WireError),
    /// The payload has no header.
    #[error("envelope must have a Header")]
    NoHeader,
    /// The channel header is no `ChannelHeader`.
    #[error("error unmarshalling ChannelHeader: {}", go_text(.0))]
    ChannelHeader(WireError),
    /// An envelope of another type.
    #[error("invalid type {}, expected CONFIG_UPDATE", type_name(*.0))]
    Type(i32),
    /// The data are no `ConfigUpdateEnvelope`.
    #[error("error unmarshalling message for type CONFIG_UPDATE: {}", go_text(.0))]
    Data(WireError),
}

/// As Go prints an enum: by name, or by number if it has none.
fn type_name(header_type: i32) -> String {
    match HeaderType::try_from(header_type) {
        Ok(known) => known.as_str_name().to_owned(),
        Err(_) => header_type.to_string(),
    }
}

/// Why an update is not authorised.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `authorizeUpdate`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The bytes are no `ConfigUpdate`.
    #[error("{}", go_text(.0))]
    Encoding(WireError),
    /// An update of another channel.
    #[error("ConfigUpdate for channel '{found}' but envelope for channel '{expected}'")]
    OtherChannel {
        /// The channel that it names.
        found: String,
        /// The channel that it was sent to.
        expected: String,
    },
    /// The read set has an element that none can have.
    #[error("error mapping ReadSet: {0}")]
    ReadSetKey(KeyError),
    /// The read set is not the present config.
    #[error("error validating ReadSet: {0}")]
    ReadSet(ReadSetError),
    /// The write set has an element that none can have.
    #[error("error mapping WriteSet: {0}")]
    WriteSetKey(KeyError),
    /// A signature's header cannot be read, which spoils all.
    #[error(transparent)]
    SignatureHeader(SignedDataError),
    /// A change that may not be.
    #[error("error validating DeltaSet: {0}")]
    Delta(DeltaError),
}

/// Where a read set is not the present config. Contents are never compared, only versions.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `verifyReadSet`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadSetError {
    /// An element that there is not.
    #[error("existing config does not contain element for {0} but was in the read set")]
    Missing(String),
    /// An element of another version.
    #[error(
        "proposed update requires that key {element} be at version {read}, but it is currently at version {present}"
    )]
    Version {
        /// The element, as Fabric names it.
        element: String,
        /// The read set's version.
        read: u64,
        /// The present version.
        present: u64,
    },
}

/// Why a change may not be.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `verifyDeltaSet`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// There is no change.
    #[error("delta set was empty -- update would have no effect")]
    Empty,
    /// An element that nobody could change again.
    #[error("invalid mod_policy for element {element}: {error}")]
    ModPolicy {
        /// The element, as Fabric names it.
        element: String,
        /// What is wrong with its `mod_policy`.
        error: ModPolicyError,
    },
    /// A new element that is not at version 0.
    #[error("attempted to set key {element} to version {version}, but key does not exist")]
    NewVersion {
        /// The element, as Fabric names it.
        element: String,
        /// The write set's version.
        version: u64,
    },
    /// A change that is not one version ahead.
    #[error("attempt to set key {element} to version {version}, but key is at version {present}")]
    Version {
        /// The element, as Fabric names it.
        element: String,
        /// The write set's version.
        version: u64,
        /// The present version.
        present: u64,
    },
    /// The present element's `mod_policy` names no policy.
    #[error("unexpected missing policy {policy} for item {element}")]
    MissingPolicy {
        /// The element, as Fabric names it.
        element: String,
        /// Its `mod_policy`.
        policy: String,
    },
    /// The signers do not satisfy the present element's `mod_policy`.
    #[error("policy for {element} not satisfied: {failure}")]
    Denied {
        /// The element, as Fabric names it.
        element: String,
        /// The policy's whole path.
        policy: String,
        /// Why.
        failure: PolicyFailure,
    },
}

/// What is wrong with a `mod_policy`.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `validateModPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModPolicyError {
    /// There is none.
    #[error("mod_policy not set")]
    NotSet,
    /// A part of its path, counted from 0.
    #[error("path element at {index} is invalid: {error}")]
    Part {
        /// Which.
        index: usize,
        /// What is wrong with it.
        error: IdError,
    },
}
