//! Certificates as Fabric's cryptogen makes them.
//!
//! Source: fabric v2.5.16 `internal/cryptogen/ca/ca.go`, `internal/cryptogen/msp/msp.go`.
//!
//! Differs: subjects name no country and town. The authority's certificate, too, is signed with the lower `s`, and a
//! member's has a subject key identifier: both make for less to be explained and change no verdict.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, SigningKey, date_time_ymd,
};

use super::{NetworkError, Role, Validity};
use crate::identity::{PrivateKey, SignerError};

/// Bytes of a serial number.
const SERIAL_BYTES: usize = 16;

/// The last second of the year 9999, the last that a certificate can name.
const LAST_SECOND: u64 = 253_402_300_799;

/// What rcgen asks of a key.
struct Key<'a>(&'a PrivateKey);

impl PublicKeyData for Key<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key<'_> {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(bytes).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// An authority's certificate, signed by itself; DER.
pub(super) fn of_authority(
    key: &PrivateKey,
    domain: &str,
    validity: Validity,
) -> Result<Vec<u8>, NetworkError> {
    let certificate = authority(key, domain, validity)?.self_signed(&Key(key));
    certificate.map(|it| it.der().to_vec()).map_err(cannot_be_made)
}

/// A member's certificate, signed by the authority of `domain`; DER.
pub(super) fn of_member(
    key: &PrivateKey,
    (role, common_name): (Role, &str),
    validity: Validity,
    (authority_key, domain): (&PrivateKey, &str),
) -> Result<Vec<u8>, NetworkError> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationalUnitName, role.unit());
    subject.push(DnType::CommonName, common_name);
    let mut parameters = parameters(key, subject, validity)?;
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(authority(authority_key, domain, validity)?, Key(authority_key));
    let certificate = parameters.signed_by(&Key(key), &issuer);
    certificate.map(|it| it.der().to_vec()).map_err(cannot_be_made)
}

/// A TLS certificate for servers and clients alike, signed by the TLS authority of `domain`; DER.
///
/// Source: fabric v2.5.16 `internal/cryptogen/msp/msp.go` `GenerateLocalMSP`.
pub(super) fn of_tls(
    key: &PrivateKey,
    (common_name, hosts): (&str, &[&str]),
    validity: Validity,
    (authority_key, domain): (&PrivateKey, &str),
) -> Result<Vec<u8>, NetworkError> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    let mut parameters = parameters(key, subject, validity)?;
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters.use_authority_key_identifier_extension = true;
    for host in hosts {
        let name = match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.to_string().try_into().map_err(cannot_be_made)?),
        };
        parameters.subject_alt_names.push(name);
    }
    let issuer = Issuer::new(authority(authority_key, domain, validity)?, Key(authority_key));
    let certificate = parameters.signed_by(&Key(key), &issuer);
    certificate.map(|it| it.der().to_vec()).map_err(cannot_be_made)
}

fn authority(key: &PrivateKey, domain: &str, validity: Validity) -> Result<CertificateParams, NetworkError> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, domain);
    subject.push(DnType::CommonName, format!("ca.{domain}"));
    let mut parameters = parameters(key, subject, validity)?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

/// What all certificates have: subject, validity, a random serial number, and the key's id.
fn parameters(
    key: &PrivateKey,
    subject: DistinguishedName,
    validity: Validity,
) -> Result<CertificateParams, NetworkError> {
    let mut serial = [0; SERIAL_BYTES];
    rand::fill(&mut serial).map_err(|_| SignerError::Library)?;
    // Neither negative nor short.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    let (from, to) = seconds(validity)?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = subject;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    // The sum of a day and a duration spares a dependency on the `time` crate; `seconds` keeps it in bounds.
    parameters.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(from);
    parameters.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(to);
    let key_id = digest(&SHA256, key.public_point()).as_ref().to_vec();
    parameters.key_identifier_method = KeyIdMethod::PreSpecified(key_id);
    Ok(parameters)
}

/// Begin and end in whole seconds after 1970.
fn seconds(validity: Validity) -> Result<(u64, u64), NetworkError> {
    let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    let (from, to) = (since_1970(validity.from), since_1970(validity.to));
    let wrong = |why| NetworkError::Validity { from: from.unwrap_or(0), to: to.unwrap_or(0), why };
    match (from, to) {
        (None, _) | (_, None) => Err(wrong("it would begin or end before 1970")),
        (Some(_), Some(to)) if to > LAST_SECOND => Err(wrong("it would end after the year 9999")),
        (Some(from), Some(to)) if from >= to => Err(wrong("it would end before it begins")),
        (Some(from), Some(to)) => Ok((from, to)),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn cannot_be_made(error: rcgen::Error) -> NetworkError {
    match error {
        rcgen::Error::RemoteKeyError => SignerError::Library.into(),
        error => NetworkError::Certificate(error.to_string()),
    }
}
