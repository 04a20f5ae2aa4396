//! What can be wrong with a certificate's bytes.

use super::time::TimeError;

/// Why bytes are no certificate. The texts are those of Go 1.26 `crypto/x509/parser.go`, which reach logs and,
/// in checks of config updates, clients.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// An element is not where or what it should be.
    #[error("x509: malformed {0}")]
    Malformed(&'static str),
    /// An element means nothing.
    #[error("x509: invalid {0}")]
    Invalid(&'static str),
    /// A subject or issuer that cannot be read; the text says how far it could.
    #[error("x509: invalid RDNSequence{0}")]
    Name(&'static str),
    /// A value in a subject or issuer has letters that its type does not have.
    #[error("x509: invalid RDNSequence: invalid attribute value: invalid {0}")]
    Text(&'static str),
    /// A value in a subject or issuer has a type that is not read.
    #[error("x509: invalid RDNSequence: invalid attribute value: unsupported string type: {0}")]
    TextType(u8),
    /// A time that cannot be read.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// A serial number below zero.
    #[error("x509: negative serial number")]
    NegativeSerial,
    /// The two places that name the signature algorithm differ.
    #[error("x509: inner and outer signature algorithm identifiers don't match")]
    AlgorithmsDiffer,
    /// Bytes after the certificate.
    #[error("x509: trailing data")]
    TrailingData,
    /// An extension given twice, by its object identifier.
    #[error("x509: certificate contains duplicate extension with OID \"{0}\"")]
    DuplicateExtension(String),
    /// An extension is marked critical that must not be.
    #[error("x509: {0} incorrectly marked critical")]
    WronglyCritical(&'static str),
    /// An RSA key without the parameter NULL.
    #[error("x509: RSA key missing NULL parameters")]
    RsaParameters,
    /// A part of an RSA key that is zero or below.
    #[error("x509: RSA {0} is not a positive number")]
    RsaNotPositive(&'static str),
    /// A curve that Go does not know.
    #[error("x509: unsupported elliptic curve")]
    UnsupportedCurve,
    /// A point that is compressed, has a wrong length or does not lie on its curve.
    #[error("{0}")]
    Point(&'static str),
    /// An Ed25519 key with parameters.
    #[error("x509: Ed25519 key encoded with illegal parameters")]
    Ed25519Parameters,
    /// A key of Ed25519 with another length than 32.
    #[error("x509: wrong Ed25519 public key size")]
    Ed25519Size,
    /// A DSA key with a number that is not positive.
    #[error("x509: zero or negative DSA parameter")]
    DsaNotPositive,
    /// A subject alternative name that cannot be read, by its kind.
    #[error("x509: SAN {0} is malformed")]
    AltName(&'static str),
    /// A URI that cannot be read.
    #[error("x509: cannot parse URI {uri}: {reason}")]
    Uri {
        /// The URI, quoted.
        uri: String,
        /// What Go says of it.
        reason: String,
    },
    /// A URI whose host is no domain, quoted.
    #[error("x509: cannot parse URI {0}: invalid domain")]
    UriDomain(String),
    /// An IP address that has neither 4 nor 16 bytes.
    #[error("x509: cannot parse IP address of length {0}")]
    IpLength(usize),
    /// A name constraint that constrains nothing.
    #[error("x509: empty name constraints extension")]
    NoConstraints,
    /// A name constraint with letters beyond ASCII, quoted.
    #[error("x509: invalid constraint value: x509: {0} cannot be encoded as an IA5String")]
    ConstraintText(String),
    /// A name constraint that is no name.
    #[error("x509: failed to parse {kind} constraint {value}")]
    Constraint {
        /// What kind of name.
        kind: &'static str,
        /// The constraint, quoted.
        value: String,
    },
    /// A constraint on URIs that is an IP address.
    #[error("x509: failed to parse URI constraint {0}: cannot be IP address")]
    ConstraintIsIp(String),
    /// A constraint on IP addresses that has neither 8 nor 32 bytes.
    #[error("x509: IP constraint contained value of length {0}")]
    ConstraintIpLength(usize),
    /// A constraint on IP addresses whose mask is not ones and then zeros, in hexadecimal.
    #[error("x509: IP constraint contained invalid mask {0}")]
    ConstraintMask(String),
}
