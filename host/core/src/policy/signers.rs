//! From signatures to the signers that count.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::wire::{self, Envelope, HeaderError, go_decode};
use raddle_proto::{common, msp};

use super::SignedDataError;
use super::text::clip;

/// Most skipped signatures that [`Signers`] describe; further ones are counted.
pub const SKIPPED_MAX: usize = 16;

/// A membership service: turns the bytes that a creator calls itself by into somebody.
pub trait Identities {
    /// Deserialises a marshalled `SerializedIdentity` by the MSP that it names. Need not say whether it is valid.
    ///
    /// # Errors
    ///
    /// Why the bytes are no identity of any MSP here.
    fn deserialize(&self, creator: &[u8]) -> Result<Arc<dyn Signer>, String>;
}

/// Somebody, known by an MSP. Every method answers the same each time.
pub trait Signer: Send + Sync {
    /// The MSP that the identity belongs to.
    fn msp_id(&self) -> &str;

    /// What tells it from others of its MSP: a hash of its certificate.
    fn id(&self) -> &str;

    /// For people: the certificate's subject.
    fn description(&self) -> String;

    /// The organisational units that the certificate names, believed or not. For people.
    fn units(&self) -> Vec<String>;

    /// Checks whether `signature` is this identity's over `message`.
    ///
    /// # Errors
    ///
    /// Why it is not.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), String>;

    /// Checks whether the identity belongs to `principal`, and whatever validity that asks for.
    ///
    /// # Errors
    ///
    /// Why it does not.
    fn satisfies(&self, principal: &common::MspPrincipal) -> Result<(), String>;
}

/// A signature, what it is over, and whose it says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedData {
    /// What comes before `data` under the signature. Apart from it, so that many signatures share `data`.
    pub prefix: Bytes,
    /// What is signed, behind `prefix`.
    pub data: Bytes,
    /// A marshalled `SerializedIdentity`, or whatever came in its place.
    pub identity: Bytes,
    /// The signature.
    pub signature: Bytes,
}

impl SignedData {
    /// All that is under the signature. Copies it if there is a prefix.
    #[must_use]
    pub fn message(&self) -> Cow<'_, [u8]> {
        if self.prefix.is_empty() {
            return Cow::Borrowed(&self.data);
        }
        Cow::Owned([self.prefix.as_ref(), self.data.as_ref()].concat())
    }
}

/// The one signature of an envelope.
///
/// # Errors
///
/// The envelope has no header, or one that cannot be read.
///
/// Source: fabric v2.5.16 `protoutil/signeddata.go` `EnvelopeAsSignedData`.
pub fn envelope_as_signed_data(envelope: &Envelope) -> Result<SignedData, SignedDataError> {
    let header = wire::signature_header(envelope).map_err(|error| match error {
        HeaderError::Payload(error) => SignedDataError::Wire(error),
        HeaderError::SignatureHeader(error) | HeaderError::ChannelHeader(error) => {
            SignedDataError::SignatureHeader(error)
        }
        _ => SignedDataError::MissingHeader,
    })?;
    Ok(SignedData {
        prefix: Bytes::new(),
        data: envelope.payload().clone(),
        identity: header.creator,
        signature: envelope.signature().clone(),
    })
}

/// The signatures under a config update. None is no error.
///
/// # Errors
///
/// One bad signature header spoils the whole set.
///
/// Source: fabric v2.5.16 `protoutil/signeddata.go` `ConfigUpdateEnvelopeAsSignedData`.
pub fn config_update_as_signed_data(
    update: &common::ConfigUpdateEnvelope,
) -> Result<Vec<SignedData>, SignedDataError> {
    let signed = |signature: &common::ConfigSignature| {
        let header: common::SignatureHeader =
            go_decode(signature.signature_header.clone()).map_err(SignedDataError::Wire)?;
        Ok(SignedData {
            prefix: signature.signature_header.clone(),
            data: update.config_update.clone(),
            identity: header.creator,
            signature: signature.signature.clone(),
        })
    };
    update.signatures.iter().map(signed).collect()
}

/// The different signers whose signatures are good, and what became of the other signatures.
///
/// A signer need not be valid: principals ask for that.
pub struct Signers {
    valid: Vec<Arc<dyn Signer>>,
    skipped: Vec<Skipped>,
    skipped_beyond: usize,
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the set, from 0.
    pub index: usize,
    /// The MSP that its identity names, as far as the bytes tell. Shortened like every text of a proof.
    pub msp_id: String,
    /// Why it does not count.
    pub reason: SkipReason,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its identity belongs to no MSP.
    #[error("its identity is invalid: {0}")]
    Identity(String),
    /// The same identity has signed before; the signature was not looked at.
    #[error("its identity has signed before")]
    Duplicate,
    /// It is not that identity's signature.
    #[error("it is invalid: {0}")]
    Signature(String),
}

impl Signers {
    /// Finds and checks the signers of a set of signatures. Never fails, and may find nobody.
    ///
    /// An identity counts once: at its first good signature, after which its others are not checked. So a set costs at
    /// most one check a signature.
    ///
    /// Differs: Fabric does this anew for each signature policy that is asked; the answer is the same.
    ///
    /// Source: fabric v2.5.16 `common/policies/policy.go` `SignatureSetToValidIdentities`.
    #[must_use]
    pub fn verify(set: &[SignedData], identities: &dyn Identities) -> Self {
        let mut signers = Self { valid: Vec::new(), skipped: Vec::new(), skipped_beyond: 0 };
        let mut seen = BTreeSet::new();
        for (index, signed) in set.iter().enumerate() {
            let signer = match identities.deserialize(&signed.identity) {
                Ok(signer) => signer,
                Err(error) => {
                    signers.skip(index, signed, || SkipReason::Identity(clip([error.as_str()])));
                    continue;
                }
            };
            // One text, as in Fabric: it does not tell where the one part ends.
            let key = [signer.msp_id(), signer.id()].concat();
            if seen.contains(&key) {
                signers.skip(index, signed, || SkipReason::Duplicate);
                continue;
            }
            if let Err(error) = signer.verify(&signed.message(), &signed.signature) {
                signers.skip(index, signed, || SkipReason::Signature(clip([error.as_str()])));
                continue;
            }
            seen.insert(key);
            signers.valid.push(signer);
        }
        signers
    }

    /// Signers whose signatures were checked elsewhere, each of them once. Order counts: the first that satisfies a
    /// principal is taken for it.
    ///
    /// Source: fabric v2.5.16 `common/policies/policy.go` `EvaluateIdentities`.
    #[must_use]
    pub fn of(valid: Vec<Arc<dyn Signer>>) -> Self {
        Self { valid, skipped: Vec::new(), skipped_beyond: 0 }
    }

    /// Those who count, in the order of their signatures.
    #[must_use]
    pub fn valid(&self) -> &[Arc<dyn Signer>] {
        &self.valid
    }

    /// The first [`SKIPPED_MAX`] signatures that do not count.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How many more do not count.
    #[must_use]
    pub fn skipped_beyond(&self) -> usize {
        self.skipped_beyond
    }

    fn skip(&mut self, index: usize, signed: &SignedData, reason: impl FnOnce() -> SkipReason) {
        if self.skipped.len() >= SKIPPED_MAX {
            self.skipped_beyond += 1;
            return;
        }
        let claimed = go_decode::<msp::SerializedIdentity>(signed.identity.clone()).unwrap_or_default();
        self.skipped.push(Skipped { index, msp_id: clip([claimed.mspid.as_str()]), reason: reason() });
    }
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let valid: Vec<_> = self.valid.iter().map(|signer| (signer.msp_id(), signer.id())).collect();
        f.debug_struct("Signers")
            .field("valid", &valid)
            .field("skipped", &self.skipped)
            .field("skipped_beyond", &self.skipped_beyond)
            .finish()
    }
}
