//! X.509 certificates, read as Go reads them.

use bytes::Bytes;

use super::algorithm::{self, SignatureAlgorithm, SignatureError, Signed};
use super::der::{Reader, encode, tag};
use super::error::ParseError;
use super::extensions::{Extensions, KEY_USAGE_CERT_SIGN};
use super::key::PublicKey;
use super::name::Name;
use super::oid::Oid;
use super::serial::Serial;
use super::time::Time;

/// A certificate that Go's parser takes, with the bytes from which it was read.
#[derive(Clone, Debug)]
pub struct Certificate {
    raw: Bytes,
    raw_tbs: Bytes,
    raw_algorithm: Bytes,
    raw_issuer: Bytes,
    raw_subject: Bytes,
    raw_key_info: Bytes,
    version: i64,
    serial: Serial,
    issuer: Name,
    subject: Name,
    not_before: Time,
    not_after: Time,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    key: PublicKey,
    pub(crate) extensions: Extensions,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// Source: Go 1.26 `crypto/x509/parser.go` `ParseCertificate`.
    ///
    /// # Errors
    ///
    /// What Go says of bytes that are no certificate: [`ParseError`].
    pub fn parse(der: Bytes) -> Result<Self, ParseError> {
        let mut input = Reader::new(&der);
        let whole = input.element(tag::SEQUENCE).ok_or(ParseError::Malformed("certificate"))?;
        let mut outer = Reader::new(whole.content);
        let raw_tbs = outer.element(tag::SEQUENCE).ok_or(ParseError::Malformed("tbs certificate"))?;
        let mut tbs = Reader::new(raw_tbs.content);
        let version = version(&mut tbs)?;
        let serial = tbs.integer().ok_or(ParseError::Malformed("serial number"))?;
        if serial.first().is_some_and(|first| first & 0x80 != 0) {
            return Err(ParseError::NegativeSerial);
        }
        let inner =
            tbs.content(tag::SEQUENCE).ok_or(ParseError::Malformed("signature algorithm identifier"))?;
        let raw_algorithm =
            outer.element(tag::SEQUENCE).ok_or(ParseError::Malformed("algorithm identifier"))?;
        if raw_algorithm.content != inner {
            return Err(ParseError::AlgorithmsDiffer);
        }
        let algorithm = SignatureAlgorithm::read(Reader::new(inner)).map_err(ParseError::Malformed)?;
        let raw_issuer = tbs.element(tag::SEQUENCE).ok_or(ParseError::Malformed("issuer"))?;
        let issuer = Name::read(raw_issuer.whole)?;
        let mut validity = tbs.enter(tag::SEQUENCE).ok_or(ParseError::Malformed("validity"))?;
        let not_before = Time::read(&mut validity)?;
        let not_after = Time::read(&mut validity)?;
        // Go says "issuer" of the subject too.
        let raw_subject = tbs.element(tag::SEQUENCE).ok_or(ParseError::Malformed("issuer"))?;
        let subject = Name::read(raw_subject.whole)?;
        let raw_key_info = tbs.element(tag::SEQUENCE).ok_or(ParseError::Malformed("spki"))?;
        let key = PublicKey::read(Reader::new(raw_key_info.content))?;
        let extensions = if version > 1 { extensions(&mut tbs, version)? } else { Extensions::default() };
        let signature = outer.bit_string().ok_or(ParseError::Malformed("signature"))?;
        if !input.is_empty() {
            return Err(ParseError::TrailingData);
        }
        Ok(Self {
            raw_tbs: der.slice_ref(raw_tbs.whole),
            raw_algorithm: der.slice_ref(raw_algorithm.whole),
            raw_issuer: der.slice_ref(raw_issuer.whole),
            raw_subject: der.slice_ref(raw_subject.whole),
            raw_key_info: der.slice_ref(raw_key_info.whole),
            version,
            serial: Serial::new(serial),
            issuer,
            subject,
            not_before,
            not_after,
            algorithm,
            signature: signature.right_aligned(),
            key,
            extensions,
            raw: der.clone(),
        })
    }

    /// The certificate's bytes, DER.
    #[must_use]
    pub const fn der(&self) -> &Bytes {
        &self.raw
    }

    /// The serial number.
    #[must_use]
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// Who signed.
    #[must_use]
    pub const fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Whom the certificate is about.
    #[must_use]
    pub const fn subject(&self) -> &Name {
        &self.subject
    }

    /// The first second at which the certificate is valid.
    #[must_use]
    pub const fn not_before(&self) -> Time {
        self.not_before
    }

    /// The last second at which the certificate is valid.
    #[must_use]
    pub const fn not_after(&self) -> Time {
        self.not_after
    }

    /// Whether the certificate says that it may sign others.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|constraints| constraints.is_ca)
    }

    /// Whether it says how certificates below it may be called.
    pub(crate) const fn has_name_constraints(&self) -> bool {
        self.extensions.name_constraints.is_some()
    }

    /// The issuer's bytes; issuer and subject match only byte for byte.
    pub(crate) const fn raw_issuer(&self) -> &Bytes {
        &self.raw_issuer
    }

    pub(crate) const fn raw_subject(&self) -> &Bytes {
        &self.raw_subject
    }

    /// The public key with its algorithm: a `SubjectPublicKeyInfo`, DER.
    #[must_use]
    pub const fn raw_key_info(&self) -> &Bytes {
        &self.raw_key_info
    }

    pub(crate) const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks that `parent` signed this certificate and may sign certificates.
    ///
    /// Source: Go 1.26 `crypto/x509/x509.go` `CheckSignatureFrom`.
    pub(crate) fn check_signature_from(&self, parent: &Self) -> Result<(), SignatureError> {
        let may_sign = match parent.extensions.basic_constraints {
            Some(constraints) => constraints.is_ca,
            None => parent.version != 3,
        };
        let usage = parent.extensions.key_usage;
        if !may_sign || (usage != 0 && usage & KEY_USAGE_CERT_SIGN == 0) {
            return Err(SignatureError::SignerMayNotSign);
        }
        algorithm::check(self.algorithm, Signed::Certificate, &self.raw_tbs, &self.signature, &parent.key)
    }

    /// The same certificate with another signature, which is not checked. Everything else stays byte for byte.
    pub(crate) fn with_signature(&self, signature: &[u8]) -> Result<Self, ParseError> {
        let bits = encode(tag::BIT_STRING, &[&[0], signature].concat());
        let content = [self.raw_tbs.as_ref(), self.raw_algorithm.as_ref(), &bits].concat();
        Self::parse(encode(tag::SEQUENCE, &content).into())
    }
}

/// Certificates are equal when their bytes are.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Certificate {}

/// The version as people count it, from 1. Absent, it is 1.
fn version(tbs: &mut Reader<'_>) -> Result<i64, ParseError> {
    let malformed = ParseError::Malformed("version");
    let Some(explicit) = tbs.enter_optional(tag::context_constructed(0)).ok_or(malformed.clone())? else {
        return Ok(1);
    };
    let mut explicit = explicit;
    let version = explicit.integer_i64(tag::INTEGER).filter(|&version| version >= 0 && explicit.is_empty());
    match version.ok_or(malformed)? {
        version @ 0..=2 => Ok(version + 1),
        _ => Err(ParseError::Invalid("version")),
    }
}

/// What comes after the public key. Only a third version has extensions.
fn extensions(tbs: &mut Reader<'_>, version: i64) -> Result<Extensions, ParseError> {
    for (number, name) in [(1, "issuerUniqueID"), (2, "subjectUniqueID")] {
        tbs.enter_optional(tag::context(number)).ok_or(ParseError::Malformed(name))?;
    }
    let mut extensions = Extensions::default();
    if version < 3 {
        return Ok(extensions);
    }
    let malformed = || ParseError::Malformed("extensions");
    let Some(mut explicit) = tbs.enter_optional(tag::context_constructed(3)).ok_or_else(malformed)? else {
        return Ok(extensions);
    };
    let mut list = explicit.enter(tag::SEQUENCE).ok_or_else(malformed)?;
    let mut all: Vec<Extension<'_>> = Vec::new();
    while !list.is_empty() {
        let extension = list.enter(tag::SEQUENCE).ok_or(ParseError::Malformed("extension"))?;
        let extension = Extension::read(extension)?;
        if all.iter().any(|seen| seen.oid == extension.oid) {
            return Err(ParseError::DuplicateExtension(extension.oid.to_string()));
        }
        all.push(extension);
    }
    for extension in all {
        extensions.add(extension.oid.as_bytes(), extension.is_critical, extension.value)?;
    }
    Ok(extensions)
}

/// One extension, as certificates and revocation lists have it.
pub(crate) struct Extension<'a> {
    pub(crate) oid: Oid<'a>,
    pub(crate) is_critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    fn read(mut fields: Reader<'a>) -> Result<Self, ParseError> {
        let oid = fields.oid().ok_or(ParseError::Malformed("extension OID field"))?;
        let is_critical = if fields.is_next(tag::BOOLEAN) {
            fields.boolean().ok_or(ParseError::Malformed("extension critical field"))?
        } else {
            false
        };
        let value =
            fields.content(tag::OCTET_STRING).ok_or(ParseError::Malformed("extension value field"))?;
        Ok(Self { oid, is_critical, value })
    }
}
