//! What stands in an envelope as its creator, read without asking any MSP.

use bytes::Bytes;
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::go_decode;

use crate::error::DeserializeError;
use crate::pem;
use crate::x509::Certificate;

/// Somebody as they call themselves. No channel need know them, and nothing of it is verified.
#[derive(Clone, Debug)]
pub struct ClaimedIdentity {
    /// The MSP that they say is theirs.
    pub msp_id: String,
    /// Their certificate, as it came.
    pub certificate: Certificate,
}

impl ClaimedIdentity {
    /// Reads a marshalled `SerializedIdentity` with a certificate in PEM.
    ///
    /// Source: fabric v2.5.16 `common/crypto/expiration.go` `ExpiresAt`.
    ///
    /// # Errors
    ///
    /// What of it cannot be read.
    pub fn read(creator: Bytes) -> Result<Self, DeserializeError> {
        let identity: SerializedIdentity = go_decode(creator).map_err(DeserializeError::Encoding)?;
        let block = pem::first_block(&identity.id_bytes).ok_or(DeserializeError::Pem)?;
        let certificate = Certificate::parse(block.bytes.into())?;
        Ok(Self { msp_id: identity.mspid, certificate })
    }

    /// The last second at which the certificate is valid, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.certificate.not_after().unix_seconds()
    }
}
