//! Asking for blocks.

use futures_util::{StreamExt as _, stream};
use raddle_proto::common::{self, Status};
use raddle_proto::orderer::seek_info::SeekBehavior;
use raddle_proto::orderer::{self, DeliverResponse, deliver_response, seek_position};
use raddle_proto::wire::Envelope;
use tokio::sync::oneshot;

use super::incoming::Incoming;
use super::{Client, ClientError, Refusal, message};

/// A place in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Block 0.
    Oldest,
    /// The block that is the newest when the orderer reads this.
    Newest,
    /// The block of this number.
    Number(u64),
}

/// The blocks of one request. Dropping it ends the stream.
pub struct Deliveries {
    incoming: Incoming<DeliverResponse>,
    is_over: bool,
    /// Dropped with this, it ends the half that sends: as long as that is open, the stream counts as one of those that
    /// the connection may have.
    _asks: oneshot::Sender<()>,
}

/// A request for blocks from `start` to `stop`. With `is_following` blocks that do not exist yet are waited for,
/// otherwise they are refused.
#[must_use]
pub fn range(start: Place, stop: Place, is_following: bool) -> orderer::SeekInfo {
    let behavior = if is_following { SeekBehavior::BlockUntilReady } else { SeekBehavior::FailIfNotReady };
    orderer::SeekInfo {
        start: Some(start.position()),
        stop: Some(stop.position()),
        behavior: behavior.into(),
        ..orderer::SeekInfo::default()
    }
}

// === impl Place ===

impl Place {
    fn position(self) -> orderer::SeekPosition {
        orderer::SeekPosition {
            r#type: Some(match self {
                Self::Oldest => seek_position::Type::Oldest(orderer::SeekOldest {}),
                Self::Newest => seek_position::Type::Newest(orderer::SeekNewest {}),
                Self::Number(number) => seek_position::Type::Specified(orderer::SeekSpecified { number }),
            }),
        }
    }
}

// === impl Client ===

impl Client {
    /// Asks for the blocks that a signed `SeekInfo` names. Must be called within tokio.
    #[must_use]
    pub fn deliver(&self, seek: &Envelope) -> Deliveries {
        let mut stub = self.stub.clone();
        // The sending half stays open: an orderer may take its end for the client's.
        let (asks, ends) = oneshot::channel();
        let requests = tokio_stream::once(message(seek)).chain(stream::pending().take_until(ends));
        let opening = async move { stub.deliver(requests).await };
        let incoming = Incoming::new(self, opening);
        Deliveries { incoming, is_over: false, _asks: asks }
    }
}

// === impl Deliveries ===

impl Deliveries {
    /// The next block; none after the last one asked for.
    ///
    /// # Errors
    ///
    /// The orderer refuses or breaks off, or the stream broke, or no block came in time.
    pub async fn next(&mut self) -> Result<Option<common::Block>, ClientError> {
        if self.is_over {
            return Ok(None);
        }
        let response = self.incoming.next().await;
        self.read(response?).await
    }

    /// The same, however long the block takes to come.
    ///
    /// # Errors
    ///
    /// As [`Deliveries::next`], but time.
    pub async fn next_whenever(&mut self) -> Result<Option<common::Block>, ClientError> {
        if self.is_over {
            return Ok(None);
        }
        let response = self.incoming.next_whenever().await;
        self.read(response?).await
    }

    async fn read(
        &mut self,
        response: Option<DeliverResponse>,
    ) -> Result<Option<common::Block>, ClientError> {
        use deliver_response::Type;
        match response.map(|response| response.r#type) {
            Some(Some(Type::Block(block))) => Ok(Some(block)),
            Some(Some(Type::Status(status))) if status == i32::from(Status::Success) => {
                self.is_over = true;
                Ok(None)
            }
            Some(Some(Type::Status(status))) => {
                self.is_over = true;
                let detail = self.incoming.detail().await;
                Err(ClientError::Refused(Refusal { status, info: String::new(), detail }))
            }
            Some(None) => Err(self.incoming.broken("a response is neither a block nor a status")),
            None => Err(self.incoming.broken("no status came after the last block")),
        }
    }
}
