//! Connections whose handshakes are done, as many at a time as may be.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, future::ready};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};
use tonic::transport::server::Connected;

use super::{Acceptor, Secured};
use crate::guard::Peer;

/// Does the handshakes of `connections`, side by side: one that is slow holds up nobody. Those that fail are told in
/// the log and left out. The order is that in which handshakes are done.
pub(crate) fn secured<S>(
    connections: impl Stream<Item = io::Result<S>>,
    acceptor: Acceptor,
) -> impl Stream<Item = io::Result<Secured<S>>>
where
    S: AsyncRead + AsyncWrite + Connected<ConnectInfo = Peer> + Send + Unpin + 'static,
{
    let handshakes_max = acceptor.handshakes_max();
    let handshakes = connections.filter_map(|socket| ready(socket.ok())).map(move |socket| {
        let acceptor = acceptor.clone();
        // On a thread of its own choice: the cryptography of many must not wait for one thread.
        Handshake(tokio::spawn(async move {
            let peer = peer(socket.connect_info().address());
            acceptor.accept(socket, &peer).await.ok()
        }))
    });
    handshakes.buffer_unordered(handshakes_max).filter_map(|done| ready(done.map(Ok)))
}

fn peer(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

/// A handshake that ends when nobody waits for it any more.
struct Handshake<S>(JoinHandle<Option<Secured<S>>>);

impl<S> Future for Handshake<S> {
    type Output = Option<Secured<S>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // What panicked is as good as failed.
        Pin::new(&mut self.0).poll(context).map(|done| done.ok().flatten())
    }
}

impl<S> Drop for Handshake<S> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
