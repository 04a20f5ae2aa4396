//! Certificate revocation lists.

use crate::asn1::{Asn1Error, Fields, Header, Wanted, check_any, check_boolean, check_integer};
use crate::pem;
use crate::signature::{EcdsaSignature, EcdsaSignatureError};
use crate::x509::{
    Certificate, Reader, Serial, SignatureAlgorithm, SignatureError, Signed, check_signature, encode,
    extension, tag,
};

/// A list of revoked serial numbers. Dates, reasons, the issuer's name and entry extensions mean nothing to an MSP.
#[derive(Clone, Debug)]
pub(crate) struct RevocationList {
    /// The key that signed, by its identifier; absent without the extension.
    authority_key_id: KeyId,
    serials: Vec<Serial>,
    raw_tbs: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
}

/// Why bytes are no revocation list.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// Not the structure of one.
    #[error("could not parse RevocationList: {0}")]
    Encoding(#[from] Asn1Error),
    /// Bytes behind it.
    #[error("could not parse RevocationList: x509: trailing data after CRL")]
    TrailingData,
    /// Its ECDSA signature cannot be read.
    #[error(transparent)]
    Signature(#[from] EcdsaSignatureError),
}

/// Why a list cannot be asked: one such list refuses every identity that comes to it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityKeyIdError {
    /// The list does not name its signer's key.
    #[error("authorityKeyIdentifier not found in certificate")]
    Missing,
    /// It does, unreadably.
    #[error("failed to unmarshal AKI: {0}")]
    Malformed(Asn1Error),
}

const PEM_PREFIX: &[u8] = b"-----BEGIN X509 CRL";
const PEM_LABEL: &[u8] = b"X509 CRL";

impl RevocationList {
    /// Reads a list, PEM or DER. Its signature is decoded and, if it is ECDSA's, brought into DER's form; nothing is
    /// verified.
    ///
    /// Source: fabric v2.5.16 `msp/mspimplsetup.go` `setupCRLs`; Go 1.26 `crypto/x509/x509.go` `ParseCRL`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RevocationListError> {
        let block = if bytes.starts_with(PEM_PREFIX) { pem::first_block(bytes) } else { None };
        let block = block.filter(|block| block.label == PEM_LABEL);
        let der = block.as_ref().map_or(bytes, |block| &block.bytes);
        let mut outer = Fields::new(der);
        let mut list = Fields::new(outer.content(Wanted::sequence("CertificateList"))?);
        let (raw_tbs, tbs) = list.element(Wanted::sequence("TBSCertificateList"))?;
        let (authority_key_id, serials) = read_tbs(Fields::new(tbs))?;
        let (algorithm, is_ecdsa) = read_algorithm(list.content(Wanted::sequence("AlgorithmIdentifier"))?)?;
        let signature = list.content(Wanted::BIT_STRING)?;
        let signature =
            Reader::new(&encode(tag::BIT_STRING, signature)).bit_string().map(|bits| bits.right_aligned());
        let mut signature = signature.ok_or(Asn1Error::Syntax("invalid padding bits in BIT STRING"))?;
        if !outer.is_empty() {
            return Err(RevocationListError::TrailingData);
        }
        if is_ecdsa {
            signature = EcdsaSignature::read(&signature)?.to_der();
        }
        Ok(Self { authority_key_id, serials, raw_tbs: raw_tbs.to_vec(), algorithm, signature })
    }

    /// The identifier of the key that signed.
    pub(crate) fn authority_key_id(&self) -> Result<&[u8], AuthorityKeyIdError> {
        match &self.authority_key_id {
            None => Err(AuthorityKeyIdError::Missing),
            Some(Err(error)) => Err(AuthorityKeyIdError::Malformed(error.clone())),
            Some(Ok(id)) => Ok(id),
        }
    }

    /// Whether the list names the serial number.
    pub(crate) fn contains(&self, serial: &Serial) -> bool {
        self.serials.contains(serial)
    }

    /// Checks that the certificate's key signed. SHA-1 will do, and so will a key that may not sign lists.
    pub(crate) fn check_signature_from(&self, signer: &Certificate) -> Result<(), SignatureError> {
        check_signature(self.algorithm, Signed::RevocationList, &self.raw_tbs, &self.signature, signer.key())
    }
}

/// An extension's object identifier and value.
type RawExtension<'a> = (&'a [u8], &'a [u8]);
/// What a list says of its signer's key, if anything.
type KeyId = Option<Result<Vec<u8>, Asn1Error>>;

/// The signer's key and the serial numbers, from the content of a TBSCertList.
fn read_tbs(mut tbs: Fields<'_>) -> Result<(KeyId, Vec<Serial>), Asn1Error> {
    if let Some(version) = tbs.optional(Wanted::INTEGER)? {
        check_integer(version)?;
        if version.len() > 8 {
            return Err(Asn1Error::Structure("integer too large"));
        }
    }
    read_algorithm(tbs.content(Wanted::sequence("AlgorithmIdentifier"))?)?;
    check_name(tbs.content(Wanted::sequence("RDNSequence"))?)?;
    read_time(&mut tbs)?;
    if tbs.peek()?.is_some_and(Header::is_time) {
        read_time(&mut tbs)?;
    }
    let mut serials = Vec::new();
    let mut entries = Fields::new(tbs.optional(Wanted::sequence(""))?.unwrap_or_default());
    while !entries.is_empty() {
        let mut entry = Fields::new(entries.content(Wanted::sequence("RevokedCertificate"))?);
        let serial = entry.content(Wanted::INTEGER)?;
        check_integer(serial)?;
        read_time(&mut entry)?;
        read_extensions(entry.optional(Wanted::sequence(""))?.unwrap_or_default())?;
        // A certificate's serial number is never negative, so a negative one revokes nothing.
        if serial.first().is_some_and(|first| first & 0x80 == 0) {
            serials.push(Serial::new(serial));
        }
    }
    let extensions = tbs.explicit(0, Wanted::sequence(""))?.unwrap_or_default();
    let extensions = read_extensions(extensions)?;
    let key_id = extensions.into_iter().find(|(oid, _)| *oid == extension::AUTHORITY_KEY_ID);
    Ok((key_id.map(|(_, value)| read_key_id(value).map(<[u8]>::to_vec)), serials))
}

/// An algorithm, and whether it is one of ECDSA's.
fn read_algorithm(content: &[u8]) -> Result<(SignatureAlgorithm, bool), Asn1Error> {
    let mut fields = Fields::new(content);
    let oid = fields.oid()?;
    let parameters = fields.rest();
    if !fields.is_empty() {
        fields.any()?;
    }
    let parameters = parameters.get(..parameters.len() - fields.rest().len()).unwrap_or_default();
    let algorithm = SignatureAlgorithm::new(oid, parameters);
    Ok((algorithm, algorithm.is_ecdsa()))
}

/// A name must be readable, though nobody reads it.
fn check_name(content: &[u8]) -> Result<(), Asn1Error> {
    let mut sets = Fields::new(content);
    while !sets.is_empty() {
        let mut attributes = Fields::new(sets.content(Wanted::SET)?);
        while !attributes.is_empty() {
            let mut attribute = Fields::new(attributes.content(Wanted::sequence("AttributeTypeAndValue"))?);
            attribute.oid()?;
            let (header, value) = attribute.any()?;
            check_any(header, value)?;
        }
    }
    Ok(())
}

fn read_time(fields: &mut Fields<'_>) -> Result<(), Asn1Error> {
    let (header, content) = fields.any()?;
    if header.is_time() { check_any(header, content) } else { Err(Asn1Error::Structure("a time is wanted")) }
}

/// Extensions' object identifiers and values.
fn read_extensions(content: &[u8]) -> Result<Vec<RawExtension<'_>>, Asn1Error> {
    let mut all = Fields::new(content);
    let mut extensions = Vec::new();
    while !all.is_empty() {
        let mut fields = Fields::new(all.content(Wanted::sequence("Extension"))?);
        let oid = fields.oid()?;
        if let Some(critical) = fields.optional(Wanted::BOOLEAN)? {
            check_boolean(critical)?;
        }
        extensions.push((oid, fields.content(Wanted::OCTET_STRING)?));
    }
    Ok(extensions)
}

/// The key identifier of an AuthorityKeyIdentifier; empty if it only names an issuer.
///
/// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `getAuthorityKeyIdentifierFromCrl`.
fn read_key_id(value: &[u8]) -> Result<&[u8], Asn1Error> {
    let mut fields = Fields::new(Fields::new(value).content(Wanted::sequence("authorityKeyIdentifier"))?);
    match fields.peek()? {
        Some(header) if header.class == 2 && header.tag == 0 && !header.is_compound => {
            fields.any().map(|(_, id)| id)
        }
        _ => Ok(&[]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A list of one serial number, given by its octets.
    fn list(serial: &[u8]) -> RevocationList {
        let sequence = |parts: &[Vec<u8>]| encode(tag::SEQUENCE, &parts.concat());
        let rsa_with_sha256 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
        let algorithm = sequence(&[encode(tag::OBJECT_IDENTIFIER, &rsa_with_sha256)]);
        let time = encode(tag::UTC_TIME, b"260101000000Z");
        let entry = sequence(&[encode(tag::INTEGER, serial), time.clone()]);
        let tbs = sequence(&[algorithm.clone(), sequence(&[]), time, sequence(&[entry])]);
        RevocationList::read(&sequence(&[tbs, algorithm, encode(tag::BIT_STRING, &[0, 1])])).unwrap()
    }

    #[test]
    fn a_negative_serial_number_revokes_nothing() {
        let revokes_255 = |serial: &[u8]| list(serial).contains(&Serial::new(&[0xff]));
        assert!(revokes_255(&[0, 0xff]));
        // -1 has the octets of 255.
        assert!(!revokes_255(&[0xff]));
    }
}
