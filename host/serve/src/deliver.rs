//! One stream of Deliver.
//!
//! A client asks for a range of blocks, gets them and then SUCCESS, and may ask for another range. Any other status
//! ends the stream with gRPC's `OK`, as in Fabric; why, for which Fabric has no text, stands in the trailers.
//!
//! A block is taken from the channel when the connection has room for it, and goes out as the bytes it came in. So a
//! client that does not read holds nobody else, and its stream holds the request, the blocks that HTTP/2 has taken but
//! not sent — up to 400 KiB of them and one more — and one that it has not taken, each as a copy for this stream. What
//! all streams hold together is bounded by [`guard`](crate::guard), which ends those whose clients do not read. When
//! the client goes, its stream is dropped with all it holds.
//!
//! Source: fabric v2.5.16 `common/deliver/deliver.go`.

mod not_delivered;
mod seek;
mod session;

use std::{panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use raddle_proto::{common, wire::Envelope};
use tokio::{select, sync::watch};
use tonic::{Status, Streaming};

pub(crate) use self::not_delivered::NotDelivered;
pub use self::seek::SEEK_BYTES_MAX;
use self::{
    seek::Request,
    session::{Access, Session},
};
use crate::{
    answer,
    broadcast::{Phase, receive_error, wait_for_phase},
    channels::{Channels, Code, DeliverChannel, Detail},
    clock::Clock,
    codec::Delivered,
    guard::Room,
    intake::Charges,
    metrics::{Metrics, OpenRequest, OpenStream},
    tls::ClientCertificate,
};

/// What a client receives. Dropped when the client goes.
pub(crate) type Blocks = Pin<Box<dyn Stream<Item = Result<Delivered, Status>> + Send>>;

/// What all streams of a server have in common.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) channels: Arc<dyn Channels>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) time_window: Duration,
    pub(crate) send_bytes_max: usize,
    /// Whether requests must be bound to the certificates of who sends them.
    pub(crate) is_bound: bool,
    pub(crate) metrics: Arc<Metrics>,
}

impl Source {
    /// Reads a request: the channel that it names, and whatever else it says.
    fn read(
        &self,
        client: Option<&ClientCertificate>,
        envelope: Envelope,
    ) -> Result<(Arc<dyn DeliverChannel>, Request), NotDelivered> {
        let request = Request::read(envelope, self.clock.now(), self.time_window)?;
        if self.is_bound {
            request.check_binding(client)?;
        }
        let channel = self.channels.find_blocks(&request.channel_id).ok_or(NotDelivered::UnknownChannel)?;
        Ok((channel, request))
    }
}

/// The channel that a request is about, if whoever signed it may read it now.
pub(crate) async fn channel_to_read(
    source: &Source,
    client: Option<&ClientCertificate>,
    envelope: Envelope,
) -> Result<Arc<dyn DeliverChannel>, NotDelivered> {
    let (channel, request) = source.read(client, envelope)?;
    Access::new(&*channel, request.envelope, Arc::clone(&source.clock)).check(&*channel).await?;
    Ok(channel)
}

/// A client's side of a stream.
pub(crate) struct Reader {
    /// The certificate that its connection was made with.
    pub(crate) client: Option<Arc<ClientCertificate>>,
    /// What it may take; none: as much as it likes.
    pub(crate) room: Option<Room>,
    pub(crate) requests: Streaming<Envelope>,
    pub(crate) charges: Charges,
}

/// Serves a stream for as long as `phase` says so.
pub(crate) fn deliver(source: Source, reader: Reader, phase: watch::Receiver<Phase>) -> Blocks {
    let _open = source.metrics.delivers.open();
    let stream = Box::new(DeliverStream { source, reader, session: None, _open });
    let blocks = stream::try_unfold(State::Open(stream, phase), |state| async {
        let (mut stream, mut phase) = match state {
            State::Open(stream, phase) => (stream, phase),
            State::Ending(status) => return Err(status),
        };
        let step = select! {
            biased;
            // Nothing is owed to a follower, and waiting for one would take for ever.
            _ = wait_for_phase(&mut phase, Phase::Serving) => {
                return Err(Status::unavailable("the orderer is stopping"));
            }
            step = stream.next() => step?,
        };
        Ok(match step {
            Step::More(delivered) => Some((delivered, State::Open(stream, phase))),
            Step::Last(delivered, status) => Some((delivered, State::Ending(status))),
            Step::HungUp => None,
        })
    });
    // Fabric ends a stream whose handler panicked with `OK`, which a client cannot tell from its own half-close.
    let blocks = AssertUnwindSafe(blocks).catch_unwind();
    let failed = || Status::internal("the stream failed within the orderer");
    Box::pin(blocks.map(move |block| block.unwrap_or_else(|_| Err(failed()))))
}

enum State {
    Open(Box<DeliverStream>, watch::Receiver<Phase>),
    /// All is sent but how the stream ends.
    Ending(Status),
}

enum Step {
    More(Delivered),
    /// And how the stream ends after it.
    Last(Delivered, Status),
    /// The client has nothing more to ask.
    HungUp,
}

struct DeliverStream {
    source: Source,
    reader: Reader,
    /// The request that is being served.
    session: Option<(Session, OpenRequest)>,
    _open: OpenStream,
}

impl DeliverStream {
    /// What the client gets next.
    ///
    /// # Errors
    ///
    /// How the stream ends without a status of Fabric's.
    async fn next(&mut self) -> Result<Step, Status> {
        let ended = loop {
            if let Some((session, request)) = &mut self.session {
                match session.next().await {
                    Ok(Some(block)) => {
                        request.sent();
                        return self.send(block);
                    }
                    Ok(None) => {
                        if let Some((_, request)) = self.session.take() {
                            request.succeeded();
                        }
                        return Ok(Step::More(Delivered::Status(common::Status::Success)));
                    }
                    Err(ended) => break ended,
                }
            }
            match self.reader.requests.next().await {
                Some(Ok(envelope)) => match self.open(envelope).await {
                    Ok(session) => self.session = Some(session),
                    Err(ended) => break ended,
                },
                Some(Err(status)) => return Err(receive_error(status)),
                None => return Ok(Step::HungUp),
            }
        };
        let status = Delivered::Status(ended.status());
        Ok(Step::Last(status, answer::end(ended.into_detail())))
    }

    async fn open(&self, envelope: Envelope) -> Result<(Session, OpenRequest), NotDelivered> {
        // Given back when the request is judged: readers stay for months, and must not eat what Broadcast lives on.
        let _charge = self.reader.charges.next();
        let (channel, request) = self.source.read(self.reader.client.as_deref(), envelope)?;
        let counted = self.source.metrics.delivers.request(&request.channel_id);
        let room = self.reader.room.clone();
        Ok((Session::open(channel, request, room, Arc::clone(&self.source.clock)).await?, counted))
    }

    /// Source: grpc-go v1.79.3 `server.go` `serverStream.SendMsg` for the text.
    fn send(&self, block: Bytes) -> Result<Step, Status> {
        let block = Delivered::Block(block);
        let (bytes, bytes_max) = (block.encoded_len(), self.source.send_bytes_max);
        if bytes <= bytes_max {
            return Ok(Step::More(block));
        }
        let text = format!("trying to send message larger than max ({bytes} vs. {bytes_max})");
        let detail = Detail::from(Code::BLOCK_TOO_LONG);
        Err(Status::with_metadata(tonic::Code::ResourceExhausted, text, answer::trailers(detail)))
    }
}
