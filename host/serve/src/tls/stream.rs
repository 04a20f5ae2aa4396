//! A connection whose handshake is done.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::{
    guard::Peer,
    tapped::{Tap, Tapped},
};

/// What a client began with is kept as far as this: enough to tell a hello of TLS, and its version.
const FIRST_BYTES: usize = 16;

/// The certificate that a client presented, of which it has proved to hold the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// DER.
    pub der: Bytes,
    /// SHA-256 of it, as Fabric's clients bind their requests to it.
    pub hash: [u8; 32],
    /// Whether an authority that is trusted vouches for it.
    pub is_verified: bool,
}

/// The certificate of a connection's client, if it presented one.
#[derive(Clone, Debug)]
pub struct TlsClient(pub Option<Arc<ClientCertificate>>);

/// A connection under TLS, and whose it is.
pub type Secured<S> = Tapped<TlsStream<Watched<S>>, TlsClient>;

/// A socket that remembers how its peer began.
pub type Watched<S> = Tapped<S, First>;

/// The first bytes that a peer sent.
#[derive(Debug, Default)]
pub struct First {
    bytes: [u8; FIRST_BYTES],
    kept: usize,
}

// === impl ClientCertificate, Secured ===

impl ClientCertificate {
    pub(super) fn new(der: &[u8], is_verified: bool) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, der).as_ref());
        Self { der: Bytes::copy_from_slice(der), hash, is_verified }
    }
}

impl<S> Secured<S> {
    pub(super) fn new(stream: TlsStream<Watched<S>>, is_verifying: bool) -> Self {
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let client = leaf.map(|der| Arc::new(ClientCertificate::new(der, is_verifying)));
        Self { tap: TlsClient(client), socket: stream }
    }
}

impl<S: Connected<ConnectInfo = Peer>> Connected for Secured<S> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer { certificate: self.tap.0.clone(), ..self.socket.get_ref().0.socket.connect_info() }
    }
}

impl Tap for TlsClient {}

// === impl First ===

impl First {
    /// What the peer began with.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().take(self.kept).copied().collect()
    }
}

impl Tap for First {
    fn after_read(
        &mut self,
        _: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        news: &[u8],
    ) -> Poll<io::Result<()>> {
        for (place, byte) in self.bytes.iter_mut().skip(self.kept).zip(news) {
            *place = *byte;
            self.kept += 1;
        }
        read
    }
}
