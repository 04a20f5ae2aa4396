//! The way to an orderer below gRPC: a socket, under TLS or not, that notices when the two sides do not speak the same.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use aws_lc_rs::digest::{SHA256, digest};
use hyper_util::rt::TokioIo;
use raddle_serve::tapped::{Tap, Tapped};
use raddle_serve::tls::{Authorities, KeyPair, in_words, plain_names};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How an alert of TLS begins, whatever its version.
const ALERT: [u8; 2] = [0x15, 0x03];

/// How a client makes connections under TLS.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    hash: Option<[u8; 32]>,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireFault {
    /// The orderer speaks TLS, and the client does not.
    #[error("it speaks TLS, and no authority is named to verify its certificate by")]
    SpeaksTls,
    /// The client speaks TLS, and the orderer does not.
    #[error("it speaks no TLS")]
    NoTls,
    /// Its certificate was issued by somebody else than the client was told.
    #[error("none of the authorities that were named issued its certificate")]
    UnknownAuthority,
    /// Its certificate is for other names.
    #[error("its certificate is for {}, and {asked} was asked for", in_words(has))]
    WrongName {
        /// The host of the address.
        asked: String,
        /// The certificate's.
        has: Vec<String>,
    },
    /// Its certificate has expired.
    #[error("its certificate has expired")]
    Expired,
    /// Its certificate will not do for another reason.
    #[error("its certificate is not to be trusted: {0}")]
    Certificate(String),
    /// It asks for a certificate of the client's, which has none.
    #[error("it takes only clients with a certificate, and none is named to present")]
    CertificateRequired,
    /// It does not take the client's certificate.
    #[error("it does not take the certificate presented to it: alert {0}")]
    NotTaken(String),
    /// Something else went wrong with TLS.
    #[error("TLS failed: {0}")]
    Other(String),
}

/// What went wrong on a connection that stood, once it is known.
pub(super) type Fault = Arc<OnceLock<WireFault>>;

/// Why there is no connection, in the form in which it passes through tonic.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotConnected {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error("{0}")]
    Wire(WireFault),
}

// === impl ClientTls ===

impl ClientTls {
    /// Orderers are verified by `authorities`, and presented `pair` if they ask for a certificate.
    ///
    /// # Errors
    ///
    /// [`WireFault::Other`], of which none is known.
    pub fn new(authorities: &Authorities, pair: Option<&KeyPair>) -> Result<Self, WireFault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.ders().cloned());
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| WireFault::Other(error.to_string()))?
            .with_root_certificates(roots);
        let mut config = match pair {
            Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair.key()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Nothing is resumed: whoever connects anew presents its certificate anew.
        config.resumption = rustls::client::Resumption::disabled();
        let hash = pair.and_then(|pair| pair.chain().first()).map(|certificate| {
            let mut hash = [0; 32];
            hash.copy_from_slice(digest(&SHA256, certificate.der()).as_ref());
            hash
        });
        Ok(Self { config: Arc::new(config), hash })
    }

    /// The same for HTTP without gRPC.
    #[must_use]
    pub fn for_http(&self) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config: Arc::new(config), hash: self.hash }
    }

    /// SHA-256 of the certificate that is presented, to which requests for blocks are bound.
    #[must_use]
    pub const fn certificate_hash(&self) -> Option<[u8; 32]> {
        self.hash
    }
}

/// Connects to `host:port`.
pub(super) async fn connect(
    address: String,
    tls: Option<ClientTls>,
    fault: Fault,
) -> Result<TokioIo<Box<dyn Wire>>, NotConnected> {
    let socket = TcpStream::connect(&address).await?;
    socket.set_nodelay(true)?;
    let Some(ClientTls { config, .. }) = tls else {
        return Ok(TokioIo::new(Box::new(Tapped { socket, tap: Answers { fault, has_begun: false } })));
    };
    let has_certificate = config.client_auth_cert_resolver.has_certs();
    let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host.clone());
    let name = name.map_err(|error| NotConnected::Wire(WireFault::Other(error.to_string())))?;
    match TlsConnector::from(config).connect(name, socket).await {
        Ok(socket) => Ok(TokioIo::new(Box::new(Tapped { socket, tap: Alerts { fault, has_certificate } }))),
        Err(error) => Err(match tls_error(&error) {
            Some(error) => NotConnected::Wire(WireFault::new(error, &host, has_certificate)),
            None => error.into(),
        }),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

impl WireFault {
    fn new(error: &rustls::Error, host: &str, has_certificate: bool) -> Self {
        use rustls::Error;
        match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NoTls,
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => Self::UnknownAuthority,
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => Self::Expired,
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
                Self::WrongName { asked: host.to_owned(), has: plain_names(presented) }
            }
            Error::InvalidCertificate(other) => Self::Certificate(other.to_string()),
            Error::AlertReceived(alert) => Self::of_alert(*alert, has_certificate),
            other => Self::Other(other.to_string()),
        }
    }

    fn of_alert(alert: AlertDescription, has_certificate: bool) -> Self {
        match alert {
            AlertDescription::CertificateRequired => Self::CertificateRequired,
            // What stands for it in TLS 1.2.
            AlertDescription::HandshakeFailure | AlertDescription::BadCertificate if !has_certificate => {
                Self::CertificateRequired
            }
            other => Self::NotTaken(format!("{other:?}")),
        }
    }

    /// The fault that stands behind an error of tonic's.
    pub(super) fn behind(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(NotConnected::Wire(fault)) = error.downcast_ref() {
                return Some(fault.clone());
            }
            cause = error.source();
        }
        None
    }
}

/// A socket under gRPC.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Beside a socket without TLS: notices an answer in TLS.
struct Answers {
    fault: Fault,
    has_begun: bool,
}

/// Beside a socket under TLS: notices alerts. Of a client's certificate the other side says in TLS 1.3 only afterwards
/// what it thinks.
struct Alerts {
    fault: Fault,
    has_certificate: bool,
}

impl Tap for Answers {
    fn after_read(
        &mut self,
        _: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        news: &[u8],
    ) -> Poll<io::Result<()>> {
        if !self.has_begun && !news.is_empty() {
            self.has_begun = true;
            if news.starts_with(&ALERT) {
                let _ = self.fault.set(WireFault::SpeaksTls);
            }
        }
        read
    }
}

impl Tap for Alerts {
    fn after_read(
        &mut self,
        _: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        _: &[u8],
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = &read
            && let Some(rustls::Error::AlertReceived(alert)) = tls_error(error)
        {
            let _ = self.fault.set(WireFault::of_alert(*alert, self.has_certificate));
        }
        read
    }
}
