//! Connections, as many as a server may have.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tonic::transport::server::Connected;

/// How long nothing is accepted after a connection could not be. Mostly the process has no file descriptor left, and
/// until it has one the system says so again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection that counts for as long as it is there.
pub(crate) struct Connection<S> {
    socket: S,
    _place: OwnedSemaphorePermit,
}

/// Accepts connections while there are less than `connections_max`; at least one is accepted. Others wait in the
/// system's queue.
pub(crate) fn limited<S>(
    incoming: impl Stream<Item = io::Result<S>> + Unpin,
    connections_max: usize,
) -> impl Stream<Item = io::Result<Connection<S>>> {
    let places = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    stream::unfold((incoming, places), |(mut incoming, places)| async move {
        // Never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        loop {
            match incoming.next().await? {
                Ok(socket) => return Some((Ok(Connection { socket, _place: place }), (incoming, places))),
                Err(_) => sleep(PAUSE).await,
            }
        }
    })
}

impl<S: Connected> Connected for Connection<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.socket.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;

    fn failing() -> io::Result<char> {
        Err(io::Error::other("too many open files"))
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_error_the_next_connection_is_accepted_a_little_later() {
        let began = tokio::time::Instant::now();
        let mut accepted = Box::pin(limited(stream::iter([failing(), failing(), Ok('a')]), 1));
        assert_eq!(accepted.next().await.unwrap().unwrap().socket, 'a');
        assert_eq!(began.elapsed(), 2 * PAUSE);
    }

    #[tokio::test]
    async fn no_more_than_the_limit_are_there_at_once() {
        for (connections_max, expected) in [(0, 1), (1, 1), (3, 3)] {
            let mut accepted = Box::pin(limited(stream::iter("abcdef".chars().map(Ok)), connections_max));
            let mut connections = Vec::new();
            while let Some(connection) = accepted.next().now_or_never() {
                connections.push(connection.unwrap().unwrap());
            }
            assert_eq!(connections.len(), expected);
            connections.pop();
            assert!(accepted.next().now_or_never().is_some());
        }
    }
}
