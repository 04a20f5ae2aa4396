//! Why a handshake failed, in words for the log of an operator.

use std::{io, time::Duration};

use rustls::{
    AlertDescription, CertificateError, Error, client::verify_server_name, server::ParsedCertificate,
    sign::CertifiedKey,
};
use rustls_pki_types::ServerName;

/// A record of TLS that holds a part of a handshake, of any version.
const HANDSHAKE: [u8; 2] = [0x16, 0x03];

/// Where the version stands in a client's hello.
const HELLO_VERSION: std::ops::Range<usize> = 9..11;

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The client went without a word, as those do that only look whether a port is open.
    #[error("it connected and went without a word")]
    Silent,
    /// The client went in the middle.
    #[error("it went in the middle of the handshake: {0}")]
    Broken(String),
    /// The client took too long.
    #[error("the handshake was not done within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// Something else than TLS came.
    #[error("it speaks no TLS: {0}")]
    NotTls(&'static str),
    /// The client speaks a TLS that is too old.
    #[error("it speaks {0} at most, and TLS 1.2 is the oldest that is taken")]
    OldVersion(&'static str),
    /// The client has no certificate.
    #[error("it presents no certificate, and TLS.ClientAuthRequired asks for one")]
    NoCertificate,
    /// No authority that is trusted issued the client's certificate.
    #[error("no authority that is trusted here vouches for its certificate ({0})")]
    UnknownAuthority(String),
    /// The client's certificate has ended.
    #[error("its certificate has expired{ago} ({subject})")]
    Expired {
        /// Since when, if that is known: ` N s ago`.
        ago: String,
        /// Whose it is.
        subject: String,
    },
    /// The client's certificate does not hold yet.
    #[error("its certificate is not valid yet ({0}); compare the clocks")]
    NotYetValid(String),
    /// The client's certificate will not do for another reason.
    #[error("its certificate is not taken: {why} ({subject})")]
    BadCertificate {
        /// Why.
        why: String,
        /// Whose it is.
        subject: String,
    },
    /// The client asked for a name that is not ours.
    #[error("it asked for {asked:?}, and the certificate here is for {}", has.join(", "))]
    WrongName {
        /// Whom it wanted.
        asked: String,
        /// The names of our certificate.
        has: Vec<String>,
    },
    /// The client does not take our certificate, for a reason that it does not tell.
    #[error(
        "it does not take the certificate presented here (alert {0}); perhaps its list of authorities is another"
    )]
    NotTaken(String),
    /// The client ends the handshake by another alert.
    #[error("it ended the handshake with alert {0}")]
    Alert(String),
    /// Client and listener have nothing in common.
    #[error("{0}")]
    Other(String),
}

/// What is known of a client whose handshake failed.
pub(super) struct Known<'a> {
    /// How it began.
    pub(super) first: Vec<u8>,
    /// Whom it asked for.
    pub(super) asked: Option<&'a str>,
    /// Whose certificate it presented.
    pub(super) subject: Option<&'a str>,
    /// What was presented to it.
    pub(super) presented: &'a CertifiedKey,
}

/// Names of a certificate as people write them. Rustls has them as `DnsName("orderer")` and `IpAddress(127.0.0.1)`.
#[must_use]
pub fn plain_names(presented: &[String]) -> Vec<String> {
    let inner = |name: &str| Some(name.split_once('(')?.1.strip_suffix(')')?.trim_matches('"').to_owned());
    presented.iter().map(|name| inner(name).unwrap_or_else(|| name.clone())).collect()
}

/// Those names in a sentence.
#[must_use]
pub fn in_words(names: &[String]) -> String {
    if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") }
}

impl HandshakeError {
    pub(super) fn new(error: &io::Error, known: &Known<'_>) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            None if known.first.is_empty() => Self::Silent,
            None if !known.begins_as_tls() => Self::NotTls(known.protocol()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Broken("no more came".to_owned()),
            None => Self::Broken(error.to_string()),
            Some(Error::InvalidMessage(_)) if !known.begins_as_tls() => Self::NotTls(known.protocol()),
            Some(Error::PeerIncompatible(why)) => match known.version() {
                Some(old) => Self::OldVersion(old),
                None => Self::Other(format!("it has nothing in common with this listener: {why:?}")),
            },
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(error)) => Self::of_certificate(error, known),
            Some(Error::AlertReceived(alert)) => Self::of_alert(*alert, known),
            Some(error) => Self::Other(error.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError, known: &Known<'_>) -> Self {
        let subject = known.subject.unwrap_or("unknown").to_owned();
        match error {
            CertificateError::UnknownIssuer => Self::UnknownAuthority(subject),
            CertificateError::Expired => Self::Expired { ago: String::new(), subject },
            CertificateError::ExpiredContext { time, not_after } => {
                let seconds = time.as_secs().saturating_sub(not_after.as_secs());
                Self::Expired { ago: format!(" {seconds} s ago"), subject }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid(subject)
            }
            other => Self::BadCertificate { why: other.to_string(), subject },
        }
    }

    /// Clients do not tell well what they dislike; but whom they asked for stands in their hello.
    fn of_alert(alert: AlertDescription, known: &Known<'_>) -> Self {
        let text = format!("{alert:?}");
        match alert {
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA => match known.wrong_name() {
                Some((asked, has)) => Self::WrongName { asked, has },
                None => Self::NotTaken(text),
            },
            _ => Self::Alert(text),
        }
    }
}

impl Known<'_> {
    fn begins_as_tls(&self) -> bool {
        self.first.starts_with(&HANDSHAKE)
    }

    fn protocol(&self) -> &'static str {
        let methods = [&b"GET "[..], b"PUT ", b"POST", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN"];
        match self.first.as_slice() {
            first if first.starts_with(b"PRI * HTTP/2") => "HTTP/2 without TLS came, as from a gRPC client",
            first if methods.iter().any(|method| first.starts_with(method)) => "HTTP without TLS came",
            first if first.starts_with(b"SSH-") => "SSH came",
            _ => "bytes of some other protocol came",
        }
    }

    /// The version of an old client's hello; none of one that is new enough.
    fn version(&self) -> Option<&'static str> {
        match self.first.get(HELLO_VERSION)? {
            [3, 0] => Some("SSL 3.0"),
            [3, 1] => Some("TLS 1.0"),
            [3, 2] => Some("TLS 1.1"),
            _ => None,
        }
    }

    /// The name that the client asked for, and those of the certificate, if it is not among them.
    fn wrong_name(&self) -> Option<(String, Vec<String>)> {
        let asked = self.asked?;
        let name = ServerName::try_from(asked).ok()?;
        let certificate = ParsedCertificate::try_from(self.presented.end_entity_cert().ok()?).ok()?;
        let has = match verify_server_name(&certificate, &name) {
            Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                presented, ..
            })) => plain_names(&presented),
            Err(_) => Vec::new(),
            Ok(()) => return None,
        };
        let none = || vec!["no name at all".to_owned()];
        Some((asked.to_owned(), if has.is_empty() { none() } else { has }))
    }
}
