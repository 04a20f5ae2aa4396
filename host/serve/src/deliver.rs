//! One stream of Deliver.
//!
//! A client asks for a range of blocks, gets them and then SUCCESS, and may ask for another range. Any other status
//! ends the stream with gRPC's `OK`, as in Fabric; why, for which Fabric has no text, stands in the trailers.
//!
//! A block is taken from the channel when the connection has room for it, and goes out as the bytes it came in. So a
//! client that does not read holds nobody else, and its stream holds the request, the blocks that HTTP/2 has taken but
//! not sent — up to 400 KiB of them and one more — and one that it has not taken, each as a copy for this stream.
//! When the client goes, its stream is dropped with all it holds.
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
    intake::Charges,
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

/// Serves a stream for as long as `phase` says so. `client` is the certificate that its connection was made with.
pub(crate) fn deliver(
    source: Source,
    client: Option<Arc<ClientCertificate>>,
    requests: Streaming<Envelope>,
    charges: Charges,
    phase: watch::Receiver<Phase>,
) -> Blocks {
    let stream = Box::new(DeliverStream { source, client, requests, charges, session: None });
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
    client: Option<Arc<ClientCertificate>>,
    requests: Streaming<Envelope>,
    charges: Charges,
    session: Option<Session>,
}

impl DeliverStream {
    /// What the client gets next.
    ///
    /// # Errors
    ///
    /// How the stream ends without a status of Fabric's.
    async fn next(&mut self) -> Result<Step, Status> {
        let ended = loop {
            if let Some(session) = &mut self.session {
                match session.next().await {
                    Ok(Some(block)) => return self.send(block),
                    Ok(None) => {
                        self.session = None;
                        return Ok(Step::More(Delivered::Status(common::Status::Success)));
                    }
                    Err(ended) => break ended,
                }
            }
            match self.requests.next().await {
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

    async fn open(&self, envelope: Envelope) -> Result<Session, NotDelivered> {
        // Given back when the request is judged: readers stay for months, and must not eat what Broadcast lives on.
        let _charge = self.charges.next();
        let (channel, request) = self.source.read(self.client.as_deref(), envelope)?;
        Session::open(channel, request, Arc::clone(&self.source.clock)).await
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
