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
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use crate::tapped::{Tap, Tapped};

/// How long nothing is accepted after a connection could not be. Mostly the process has no file descriptor left, and
/// until it has one the system says so again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes that every client of HTTP/2 sends first.
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// A place among the connections of a server. It is free again when this is gone.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// When the client's first bytes must be there, and how many are missing; none once they are there.
pub(crate) struct Begins(Option<(Pin<Box<Sleep>>, usize)>);

/// Accepts connections while there are less than `connections_max`; at least one is accepted. Others wait in the
/// system's queue.
pub(crate) fn limited<S>(
    incoming: impl Stream<Item = io::Result<S>> + Unpin,
    connections_max: usize,
) -> impl Stream<Item = io::Result<Tapped<S, Place>>> {
    let places = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    stream::unfold((incoming, places), move |(mut incoming, places)| async move {
        // Never closed.
        let permit = Arc::clone(&places).acquire_owned().await.ok()?;
        loop {
            match incoming.next().await? {
                Ok(socket) => {
                    let tap = Place { _permit: permit };
                    return Some((Ok(Tapped { socket, tap }), (incoming, places)));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    })
}

/// The same connections; one that does not begin to speak HTTP/2 within `begin_max` fails, and makes place for
/// another. Under TLS the time runs from the end of the handshake, which has a limit of its own.
pub(crate) fn beginning<S>(
    connections: impl Stream<Item = io::Result<S>>,
    begin_max: Duration,
) -> impl Stream<Item = io::Result<Tapped<S, Begins>>> {
    connections.map(move |accepted| {
        let tap = Begins(Some((Box::pin(sleep(begin_max)), PREFACE_BYTES)));
        accepted.map(|socket| Tapped { socket, tap })
    })
}

impl<S: Connected> Connected for Tapped<S, Place> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.socket.connect_info()
    }
}

impl<S: Connected> Connected for Tapped<S, Begins> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.socket.connect_info()
    }
}

impl Tap for Place {}

impl Tap for Begins {
    fn after_read(
        &mut self,
        context: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        news: &[u8],
    ) -> Poll<io::Result<()>> {
        let Some((deadline, missing)) = &mut self.0 else { return read };
        *missing = missing.saturating_sub(news.len());
        if *missing == 0 {
            self.0 = None;
        } else if read.is_pending() && deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
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
        let mut accepted = Box::pin(limited(stream::iter([failing(), failing(), Ok('a')]), 1));
        assert_eq!(accepted.next().await.unwrap().unwrap().socket, 'a');
        assert_eq!(began.elapsed(), 2 * PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_begin_in_time_fails_and_makes_place() {
        const BEGIN_MAX: Duration = Duration::from_secs(5);
        let (mut client, server) = tokio::io::duplex(64);
        let (mut silent, other) = tokio::io::duplex(64);
        let sockets = stream::iter([Ok::<_, io::Error>(server), Ok(other)]);
        let mut accepted = Box::pin(beginning(limited(sockets, 2), BEGIN_MAX));
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
            let sockets = stream::iter("abcdef".chars().map(Ok));
            let mut accepted = Box::pin(limited(sockets, connections_max));
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
