//! A connection whose handshake is done.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

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

/// What requests of a connection know of its client. Tonic hands it on among their extensions.
#[derive(Clone, Debug)]
pub struct TlsClient(pub Option<Arc<ClientCertificate>>);

/// A connection under TLS.
pub struct Secured<S> {
    stream: TlsStream<Watched<S>>,
    client: TlsClient,
}

/// A socket that remembers how its peer began.
pub(super) struct Watched<S> {
    socket: S,
    first: [u8; FIRST_BYTES],
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
        Self { client: TlsClient(client), stream }
    }

    /// The client's certificate, if it has one.
    #[must_use]
    pub fn client(&self) -> Option<&Arc<ClientCertificate>> {
        self.client.0.as_ref()
    }
}

impl<S> Connected for Secured<S> {
    type ConnectInfo = TlsClient;

    fn connect_info(&self) -> TlsClient {
        self.client.clone()
    }
}

// === impl Watched ===

impl<S> Watched<S> {
    pub(super) const fn new(socket: S) -> Self {
        Self { socket, first: [0; FIRST_BYTES], kept: 0 }
    }

    /// What the peer began with.
    pub(super) fn first(&self) -> Vec<u8> {
        self.first.iter().take(self.kept).copied().collect()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if self.kept < FIRST_BYTES {
            let Self { first, kept, .. } = &mut *self;
            let news = buffer.filled().iter().skip(before);
            for (place, byte) in first.iter_mut().skip(*kept).zip(news) {
                *place = *byte;
                *kept += 1;
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
