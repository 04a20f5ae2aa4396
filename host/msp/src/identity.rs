//! An identity of a channel.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common::MspPrincipal;
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::go_decode;

use crate::error::{DeserializeError, IdentityPathError, PrincipalError, ValidateError, VerifyError};
use crate::msp::{Msp, Sanitized};
use crate::pem;
use crate::principal;
use crate::signature::EcdsaSignature;
use crate::units::OrganizationalUnit;
use crate::x509::{Certificate, Path, PublicKey, Serial};

/// What an identity is known by: two certificates that differ in S of their signature alone have one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IdentityId {
    /// The MSP id.
    pub msp_id: String,
    /// The hash over the sanitised certificate, lower-case hexadecimal.
    pub digest: String,
}

/// MSP id and digest, one behind the other: what Fabric removes duplicates by.
impl fmt::Display for IdentityId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.msp_id, self.digest)
    }
}

/// A certificate that a channel's MSP could read. Whether it is valid is another question: [`Identity::validate`].
pub struct Identity {
    msp: Arc<Msp>,
    id: IdentityId,
    certificate: Arc<Certificate>,
    path: OnceLock<Result<Path, IdentityPathError>>,
    /// The path as sanitising found it.
    known_path: Option<Path>,
    units: OnceLock<Vec<OrganizationalUnit>>,
    validity: OnceLock<Result<(), ValidateError>>,
}

impl Identity {
    /// Reads an identity of this MSP from a certificate in PEM.
    ///
    /// Source: fabric v2.5.16 `msp/mspimpl.go` `deserializeIdentityInternal`.
    pub(crate) fn read(msp: &Arc<Msp>, id_bytes: &[u8]) -> Result<Self, DeserializeError> {
        let block = pem::first_block(id_bytes).ok_or(DeserializeError::Pem)?;
        let certificate = Arc::new(Certificate::parse(block.bytes.into())?);
        Msp::check_key(&certificate)?;
        let Sanitized { certificate, path: known_path } = msp.sanitize(certificate)?;
        let digest = msp.digest_of(&certificate)?;
        Ok(Self {
            id: IdentityId { msp_id: msp.name.clone(), digest },
            msp: Arc::clone(msp),
            certificate,
            path: OnceLock::new(),
            known_path,
            units: OnceLock::new(),
            validity: OnceLock::new(),
        })
    }

    /// Reads an identity that must be this MSP's from a marshalled `SerializedIdentity`.
    ///
    /// Source: fabric v2.5.16 `msp/mspimpl.go` `DeserializeIdentity`.
    pub(crate) fn read_own(msp: &Arc<Msp>, bytes: &Bytes) -> Result<Self, DeserializeError> {
        let identity: SerializedIdentity = go_decode(bytes.clone()).map_err(DeserializeError::Encoding)?;
        if identity.mspid != msp.name {
            return Err(DeserializeError::OtherMsp { expected: msp.name.clone(), received: identity.mspid });
        }
        Self::read(msp, &identity.id_bytes)
    }

    /// The MSP that vouches, if the identity is valid.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp.name
    }

    /// The MSP itself.
    #[must_use]
    pub const fn msp(&self) -> &Arc<Msp> {
        &self.msp
    }

    /// What the identity is known by.
    #[must_use]
    pub const fn id(&self) -> &IdentityId {
        &self.id
    }

    /// The certificate with S of its signature made low.
    #[must_use]
    pub const fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// The certificate's bytes, DER, with S of its signature made low.
    #[must_use]
    pub fn certificate_der(&self) -> &Bytes {
        self.certificate.der()
    }

    /// The certificate's serial number.
    #[must_use]
    pub fn serial(&self) -> &Serial {
        self.certificate.serial()
    }

    /// The last second at which the certificate is valid, in seconds since 1970. Nothing here asks for it: expiry is
    /// judged elsewhere, by a clock.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.certificate.not_after().unix_seconds()
    }

    /// The identity as Fabric marshals it: a `SerializedIdentity` with the certificate in PEM.
    ///
    /// Source: fabric v2.5.16 `msp/identities.go` `Serialize`.
    #[must_use]
    pub fn serialize(&self) -> Bytes {
        let pem = pem::encode_certificate(self.certificate.der());
        SerializedIdentity { mspid: self.id.msp_id.clone(), id_bytes: pem.into() }.encode_to_vec().into()
    }

    /// The organisational units of the certificate's subject, in the order of its encoding. None if the certificate has
    /// no path.
    pub fn organizational_units(&self) -> &[OrganizationalUnit] {
        self.units.get_or_init(|| self.msp.units_of(&self.certificate, self.path().ok()))
    }

    fn path(&self) -> Result<&Path, &IdentityPathError> {
        self.path.get_or_init(|| self.msp.identity_path(&self.certificate, self.known_path.as_ref())).as_ref()
    }

    /// Whether the MSP vouches for the identity. The answer never changes, and is kept.
    ///
    /// # Errors
    ///
    /// Why it does not, in Fabric's words.
    pub fn validate(&self) -> Result<(), ValidateError> {
        let validate = || self.msp.validate(&self.certificate, self.path(), self.organizational_units());
        self.validity.get_or_init(validate).clone()
    }

    /// Whether the identity is, or is one of, what the principal says.
    ///
    /// # Errors
    ///
    /// Why it is not, in Fabric's words.
    pub fn satisfies(&self, principal: &MspPrincipal) -> Result<(), PrincipalError> {
        principal::check(self, principal)
    }

    /// Whether the identity signed the message. Whether it is valid is not asked.
    ///
    /// Source: fabric v2.5.16 `msp/identities.go` `Verify`, `bccsp/sw/ecdsa.go` `verifyECDSA`.
    /// Differs: a signature under a P-224 key is never valid.
    ///
    /// # Errors
    ///
    /// Why the signature does not hold, in Fabric's words.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let hash = self.msp.signature_hash.clone().map_err(VerifyError::HashFamily)?;
        if signature.is_empty() {
            return Err(VerifyError::Empty);
        }
        let PublicKey::Ecdsa(key) = self.certificate.key() else { return Err(VerifyError::RsaKey) };
        let signature = EcdsaSignature::read(signature)?;
        if !key.curve.is_low(&signature.s) {
            let decimal = |octets: &[u8]| Serial::new(octets).to_string();
            let half_order = decimal(&key.curve.half_order());
            return Err(VerifyError::HighS { s: decimal(&signature.s), half_order });
        }
        if key.verifies(hash.of(message).as_ref(), &signature.to_der()) {
            Ok(())
        } else {
            Err(VerifyError::Invalid)
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.certificate.subject().to_string();
        formatter
            .debug_struct("Identity")
            .field("id", &self.id)
            .field("subject", &subject)
            .finish_non_exhaustive()
    }
}
