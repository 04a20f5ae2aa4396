//! Sending envelopes.

use raddle_proto::common::{self, Status};
use raddle_proto::orderer::BroadcastResponse;
use raddle_proto::wire::Envelope;
use tokio_stream::Stream;

use super::incoming::Incoming;
use super::{Client, ClientError, Refusal};

/// An orderer's answer to one envelope.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// SUCCESS: it is in the log, and will be in a block.
    Taken,
    /// It is not taken. The orderer ends the stream after this, and takes nothing behind it.
    Refused(Refusal),
}

/// The answers to the envelopes of a stream, in their order.
pub struct Answers {
    incoming: Incoming<BroadcastResponse>,
    is_over: bool,
}

// === impl Client ===

impl Client {
    /// Sends envelopes on a stream of its own, as fast as the orderer reads them. Must be called within tokio.
    ///
    /// The stream is opened at once, and sending goes on whether or not answers are read.
    pub fn broadcast(&self, envelopes: impl Stream<Item = common::Envelope> + Send + 'static) -> Answers {
        let mut stub = self.stub.clone();
        let opening = async move { stub.broadcast(envelopes).await };
        let incoming = Incoming::new(self, opening);
        Answers { incoming, is_over: false }
    }
}

// === impl Answers ===

impl Answers {
    /// The answer to the next envelope; none when the orderer has ended the stream, as it does when all are answered
    /// and after a refusal.
    ///
    /// # Errors
    ///
    /// The stream broke, or no answer came in time: what was sent and not answered may be ordered, or not.
    pub async fn next(&mut self) -> Result<Option<Answer>, ClientError> {
        if self.is_over {
            return Ok(None);
        }
        let Some(BroadcastResponse { status, info }) = self.incoming.next().await? else {
            self.is_over = true;
            return Ok(None);
        };
        if status == i32::from(Status::Success) {
            return Ok(Some(Answer::Taken));
        }
        self.is_over = true;
        Ok(Some(Answer::Refused(Refusal { status, info, detail: self.incoming.detail().await })))
    }
}

/// The envelope as gRPC sends it. Fields that Fabric does not know stay behind.
#[must_use]
pub fn message(envelope: &Envelope) -> common::Envelope {
    common::Envelope { payload: envelope.payload().clone(), signature: envelope.signature().clone() }
}
