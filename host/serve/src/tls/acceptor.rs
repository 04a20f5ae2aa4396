//! From a socket to a connection under TLS.

use std::{
    io,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{self, NoServerSessionStorage},
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use rustls_pki_types::UnixTime;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};
use tokio_rustls::LazyConfigAcceptor;

use super::{
    Clients, HandshakeError, KeyPair, Secured,
    clients::Verifier,
    failure::Known,
    report::Failures,
    stream::{First, Watched},
};

/// How long, and for how many bytes, a client is heard out whose handshake failed: a socket that is closed over bytes
/// that nobody read takes the alert with it that says what is wrong.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
const FAREWELL_BYTES_MAX: u64 = 64 << 10;

/// What is spoken above TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Http2,
    /// Anything else of HTTP.
    Http1,
}

/// What a listener with TLS is made of.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// What it is called in the log.
    pub listener: &'static str,
    /// What it presents.
    pub certificate: KeyPair,
    /// What it does about its clients' certificates.
    pub clients: Clients,
    /// What is spoken above TLS.
    pub protocol: Protocol,
    /// By how much the clock is turned back by which certificates are judged; zero.
    ///
    /// Source: fabric v2.5.16 `internal/pkg/comm/config.go` `SecureOptions.TimeShift`.
    pub time_shift: Duration,
    /// How long a handshake may take; 5 s.
    ///
    /// Source: fabric v2.5.16 `internal/pkg/comm/config.go` `DefaultConnectionTimeout`.
    pub handshake_max: Duration,
    /// Handshakes at once; 256. What is beyond waits in the system's queue.
    ///
    /// Differs: Fabric sets no limit.
    pub handshakes_max: usize,
}

impl TlsSettings {
    /// The defaults for gRPC.
    #[must_use]
    pub const fn new(listener: &'static str, certificate: KeyPair, clients: Clients) -> Self {
        Self {
            listener,
            certificate,
            clients,
            protocol: Protocol::Http2,
            time_shift: Duration::ZERO,
            handshake_max: Duration::from_secs(5),
            handshakes_max: 256,
        }
    }
}

/// Makes connections under TLS. Clones are the same acceptor.
#[derive(Clone)]
pub struct Acceptor(Arc<Inner>);

struct Inner {
    settings: TlsSettings,
    presented: RwLock<KeyPair>,
    provider: Arc<CryptoProvider>,
    failures: Failures,
}

// === impl Acceptor ===

impl Acceptor {
    /// An acceptor that presents the settings' certificate until [`Acceptor::present`] says otherwise.
    #[must_use]
    pub fn new(settings: TlsSettings) -> Self {
        Self(Arc::new(Inner {
            presented: RwLock::new(settings.certificate.clone()),
            settings,
            provider: Arc::new(aws_lc_rs::default_provider()),
            failures: Failures::default(),
        }))
    }

    /// From now on new connections are presented this.
    pub fn present(&self, certificate: KeyPair) {
        *self.0.presented.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }

    /// What new connections are presented.
    #[must_use]
    pub fn presented(&self) -> KeyPair {
        self.0.presented.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nobody gets in without a certificate that could be verified.
    #[must_use]
    pub fn requires_certificates(&self) -> bool {
        self.0.settings.clients.is_required()
    }

    /// How many handshakes have failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.failures.all()
    }

    pub(super) fn handshakes_max(&self) -> usize {
        self.0.settings.handshakes_max.max(1)
    }

    /// Does the handshake, and tells the log if it fails. `peer` is who the log says it was.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`].
    pub async fn accept<S>(&self, socket: S, peer: &str) -> Result<Secured<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = self.0.settings.handshake_max;
        let (failed, socket) = match timeout(limit, self.handshake(socket)).await {
            Ok(Ok(secured)) => return Ok(secured),
            Ok(Err((failed, socket))) => (failed, socket),
            Err(_) => (HandshakeError::Slow(limit), None),
        };
        self.0.failures.tell(self.0.settings.listener, peer, &failed);
        if let Some(socket) = socket {
            bid_farewell(socket).await;
        }
        Err(failed)
    }

    async fn handshake<S>(&self, socket: S) -> Result<Secured<S>, (HandshakeError, Option<Watched<S>>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let presented = self.presented().key();
        let watched = Watched { socket, tap: First::default() };
        let mut acceptor = pin!(LazyConfigAcceptor::new(server::Acceptor::default(), watched));
        let begun = match acceptor.as_mut().await {
            Ok(begun) => begun,
            Err(error) => {
                let Some(socket) = acceptor.take_io() else { return Err((HandshakeError::Silent, None)) };
                let first = socket.tap.bytes();
                let known = Known { first, asked: None, subject: None, presented: &presented };
                return Err((HandshakeError::new(&error, &known), Some(socket)));
            }
        };
        let asked = begun.client_hello().server_name().map(str::to_owned);
        let verifier = Arc::new(Verifier::new(&self.0.settings.clients, &self.0.provider));
        let config = self.config(Arc::clone(&presented), Arc::clone(&verifier));
        let config = config.map_err(|failed| (failed, None))?;
        let (error, socket) = match begun.into_stream(Arc::new(config)).into_fallible().await {
            Ok(stream) => return Ok(Secured::new(stream, self.verifies())),
            Err(failed) => failed,
        };
        let known = Known {
            first: socket.tap.bytes(),
            asked: asked.as_deref(),
            subject: verifier.seen.get().map(String::as_str),
            presented: &presented,
        };
        Err((HandshakeError::new(&error, &known), Some(socket)))
    }

    fn verifies(&self) -> bool {
        !matches!(self.0.settings.clients, Clients::NotVerified)
    }

    /// A connection's own: whom it trusts is what is trusted when it comes. Nothing is resumed, because a client whose
    /// authority was struck out must not come back by a ticket; Fabric issues none either.
    fn config(
        &self,
        presented: Arc<CertifiedKey>,
        verifier: Arc<Verifier>,
    ) -> Result<ServerConfig, HandshakeError> {
        let time = Arc::new(Shifted(self.0.settings.time_shift));
        let mut config = ServerConfig::builder_with_details(Arc::clone(&self.0.provider), time)
            .with_safe_default_protocol_versions()
            .map_err(|error| HandshakeError::Other(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(presented)));
        config.alpn_protocols = match self.0.settings.protocol {
            Protocol::Http2 => vec![b"h2".to_vec()],
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
        };
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// Ends a connection so that its client learns why.
async fn bid_farewell<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) {
    let hear_out = async {
        socket.shutdown().await?;
        let (mut rest, mut nowhere) = (socket.take(FAREWELL_BYTES_MAX), tokio::io::sink());
        tokio::io::copy(&mut rest, &mut nowhere).await
    };
    // Whatever comes of it, the connection ends.
    let _: Result<io::Result<u64>, _> = timeout(FAREWELL_MAX, hear_out).await;
}

/// The time by which certificates are judged.
#[derive(Debug)]
struct Shifted(Duration);

impl TimeProvider for Shifted {
    fn current_time(&self) -> Option<UnixTime> {
        let now = DefaultTimeProvider.current_time()?.as_secs();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now).saturating_sub(self.0)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use tokio::io::DuplexStream;

    use super::*;

    /// An acceptor that takes any client.
    fn acceptor() -> Acceptor {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/identity");
        let read = |folder: String| {
            let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
            std::fs::read(file.path()).unwrap()
        };
        let (certificate, key) = (read(format!("{folder}/signcerts")), read(format!("{folder}/keystore")));
        let pair = KeyPair::from_pem(&certificate, &key).unwrap();
        Acceptor::new(TlsSettings::new("test", pair, Clients::NotVerified))
    }

    async fn failed(socket: DuplexStream) -> HandshakeError {
        acceptor().accept(socket, "peer").await.err().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_go_on_is_let_go() {
        for first in [&b""[..], b"\x16\x03\x01\x02\x00"] {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(first).await.unwrap();
            let began = tokio::time::Instant::now();
            assert_eq!(failed(server).await, HandshakeError::Slow(Duration::from_secs(5)));
            assert_eq!(began.elapsed(), Duration::from_secs(5));
            // Nothing holds the connection any more.
            assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_client_that_goes_without_a_word_is_told_apart() {
        let (client, server) = tokio::io::duplex(64);
        drop(client);
        assert_eq!(failed(server).await, HandshakeError::Silent);
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_a_handshake_fails_and_nothing_else_does(
            is_record: bool, bytes in proptest::collection::vec(any::<u8>(), 1..400),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let error = runtime.block_on(async {
                let (mut client, server) = tokio::io::duplex(4096);
                let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                let head = [&[0x16, 3, 1][..], &length].concat();
                let head: &[u8] = if is_record { &head } else { &[] };
                client.write_all(&[head, &bytes].concat()).await.unwrap();
                drop(client);
                failed(server).await
            });
            prop_assert!(!matches!(error, HandshakeError::Slow(_)), "{error}");
        }
    }
}
