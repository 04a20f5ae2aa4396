//! A connection that ends when its client does not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::tapped::{Tap, Tapped};

/// How long nothing may go out of what should.
///
/// Differs: in Fabric it is the time for all of an answer.
///
/// Source: fabric v2.5.16 `common/fabhttp/server.go` `initializeServer`.
const STALL_MAX: Duration = Duration::from_secs(2 * 60);

/// A socket that ends when nothing goes out for too long.
pub(super) const fn patient<S>(socket: S) -> Tapped<S, Patience> {
    Tapped { socket, tap: Patience { stalled: None } }
}

/// Since when nothing goes out.
pub(super) struct Patience {
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Tap for Patience {
    fn after_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_MAX)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_let_go_and_a_slow_one_is_not() {
        let (mut client, server) = tokio::io::duplex(4);
        let mut server = patient(server);
        let reading = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(STALL_MAX / 2).await;
                client.read_exact(&mut [0; 4]).await.unwrap();
            }
            client
        });
        server.write_all(&[0; 12]).await.unwrap();
        let _client = reading.await.unwrap();
        let began = tokio::time::Instant::now();
        let error = server.write_all(&[0; 12]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, STALL_MAX));
    }
}
