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
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

/// How long nothing is accepted after a connection could not be. Mostly the process has no file descriptor left, and
/// until it has one the system says so again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes that every client of HTTP/2 sends first.
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// A connection that counts for as long as it is there.
pub(crate) struct Connection<S> {
    pub(crate) socket: S,
    /// Until its first bytes are there: when they must be, and how many are missing.
    begins: Option<(Pin<Box<Sleep>>, usize)>,
    _place: OwnedSemaphorePermit,
}

/// Accepts connections while there are less than `connections_max`; at least one is accepted. Others wait in the
/// system's queue. One that does not begin within `begin_max` fails, and makes place for another.
pub(crate) fn limited<S>(
    incoming: impl Stream<Item = io::Result<S>> + Unpin,
    connections_max: usize,
    begin_max: Duration,
) -> impl Stream<Item = io::Result<Connection<S>>> {
    let places = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    stream::unfold((incoming, places), move |(mut incoming, places)| async move {
        // Never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        loop {
            match incoming.next().await? {
                Ok(socket) => {
                    let begins = Some((Box::pin(sleep(begin_max)), PREFACE_BYTES));
                    return Some((Ok(Connection { socket, begins, _place: place }), (incoming, places)));
                }
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
        let Self { socket, begins, .. } = &mut *self;
        let Some((deadline, missing)) = begins else { return Pin::new(socket).poll_read(context, buffer) };
        let before = buffer.filled().len();
        let read = Pin::new(socket).poll_read(context, buffer);
        *missing = missing.saturating_sub(buffer.filled().len() - before);
        if *missing == 0 {
            *begins = None;
        } else if read.is_pending() && deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn failing() -> io::Result<char> {
        Err(io::Error::other("too many open files"))
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_error_the_next_connection_is_accepted_a_little_later() {
        let began = tokio::time::Instant::now();
        let mut accepted = Box::pin(limited(stream::iter([failing(), failing(), Ok('a')]), 1, PAUSE));
        assert_eq!(accepted.next().await.unwrap().unwrap().socket, 'a');
        assert_eq!(began.elapsed(), 2 * PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_begin_in_time_fails_and_makes_place() {
        const BEGIN_MAX: Duration = Duration::from_secs(5);
        let (mut client, server) = tokio::io::duplex(64);
        let (mut silent, other) = tokio::io::duplex(64);
        let sockets = stream::iter([Ok::<_, io::Error>(server), Ok(other)]);
        let mut accepted = Box::pin(limited(sockets, 2, BEGIN_MAX));
        let mut connection = accepted.next().await.unwrap().unwrap();
        let mut late = accepted.next().await.unwrap().unwrap();
        // One that has begun may be silent for as long as it likes.
        client.write_all(&[0; PREFACE_BYTES]).await.unwrap();
        connection.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap();
        silent.write_all(&[0; PREFACE_BYTES - 1]).await.unwrap();
        let began = tokio::time::Instant::now();
        let error = late.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, BEGIN_MAX));
        assert!(tokio::time::timeout(10 * BEGIN_MAX, connection.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn no_more_than_the_limit_are_there_at_once() {
        for (connections_max, expected) in [(0, 1), (1, 1), (3, 3)] {
            let mut accepted =
                Box::pin(limited(stream::iter("abcdef".chars().map(Ok)), connections_max, PAUSE));
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
