//! One stream of Broadcast.
//!
//! Fabric works a stream one envelope at a time: receive, judge, append, answer. Here envelopes of a stream are under
//! way together, as many as [`LaneLimits`] allow, and the client sees no difference: answers come in the order of
//! requests, envelopes are appended in that order, and after the first answer other than SUCCESS the stream ends with
//! gRPC's `OK` and nothing behind that envelope is appended. With one exception: when an *append* fails, records
//! behind it may already be in the log. Their envelopes are not answered, and clients take a missing answer as unknown.
//!
//! Each stream is one task. An envelope is read only once there is a place for its answer, so a client that does not
//! read its answers stops its own stream and nothing else; when the client goes, its task is dropped with all it holds.
//!
//! Source: fabric v2.5.16 `orderer/common/broadcast/broadcast.go`.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures_util::{Stream, StreamExt, stream::FuturesUnordered};
use raddle_proto::{orderer::BroadcastResponse, wire::Envelope};
use tokio::{
    select,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tonic::{Code as GrpcCode, Request, Response, Status, Streaming};

pub use crate::answer::REASON_BYTES_MAX;
pub use crate::lane::LaneLimits;
use crate::{
    answer,
    channels::{Admitted, BoxFuture, BroadcastChannel, Channels, Failure, NotTaken},
    classify::{Classified, Unclassified, classify},
    clock::Clock,
    deliver::{Blocks, Reader, Source, deliver},
    guard::{Peer, Seat},
    intake::{Charge, Charges},
    lane::{Lane, Step, Ticket},
    metrics::{Metrics, OfChannel, Processing, UNKNOWN},
    service::atomic_broadcast_server::AtomicBroadcast,
};

/// How far a server is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// What was received of envelopes is answered; nothing more is received, and no more blocks are sent.
    Draining,
    /// Streams end unanswered.
    Over,
}

/// The service, for all streams of a server.
pub(crate) struct Service {
    pub(crate) source: Source,
    pub(crate) limits: LaneLimits,
    pub(crate) phase: watch::Receiver<Phase>,
}

#[tonic::async_trait]
impl AtomicBroadcast for Service {
    type BroadcastStream = Answers;
    type DeliverStream = Blocks;

    async fn broadcast(&self, request: Request<Streaming<Envelope>>) -> Result<Response<Answers>, Status> {
        // One place more than envelopes: the stream's end has its own.
        let (answers, receiver) = mpsc::channel(self.limits.envelopes_max.max(1).saturating_add(1));
        let stream = BroadcastStream {
            charges: request.extensions().get().cloned().unwrap_or_default(),
            requests: request.into_inner(),
            channels: Arc::clone(&self.source.channels),
            clock: Arc::clone(&self.source.clock),
            phase: self.phase.clone(),
            lane: Lane::new(self.limits),
            last: Arc::clone(self.source.metrics.broadcasts.of_nobody()),
            metrics: Arc::clone(&self.source.metrics),
            admissions: FuturesUnordered::new(),
            appends: FuturesUnordered::new(),
        };
        let task = tokio::spawn(stream.run(answers));
        Ok(Response::new(Answers { receiver, task, has_ended: false }))
    }

    async fn deliver(&self, request: Request<Streaming<Envelope>>) -> Result<Response<Blocks>, Status> {
        let charges = request.extensions().get().cloned().unwrap_or_default();
        let client = request.extensions().get::<Peer>().and_then(|peer| peer.certificate.clone());
        let room = request.extensions().get::<Seat>().map(|Seat(room)| room.clone());
        let reader = Reader { client, room, requests: request.into_inner(), charges };
        let blocks = deliver(self.source.clone(), reader, self.phase.clone());
        Ok(Response::new(blocks))
    }
}

/// What a client receives: answers, then how its stream ended. Dropped when the client goes.
pub(crate) struct Answers {
    receiver: mpsc::Receiver<Result<BroadcastResponse, Status>>,
    task: JoinHandle<()>,
    has_ended: bool,
}

impl Stream for Answers {
    type Item = Result<BroadcastResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let answer = std::task::ready!(self.receiver.poll_recv(context));
        // The task always sends an end, unless it panicked. Fabric ends such a stream with `OK`, which a client cannot
        // tell from its own half-close.
        let answer = answer.unwrap_or_else(|| Err(Status::internal("the stream failed within the orderer")));
        self.has_ended = answer.is_err();
        Poll::Ready(Some(answer))
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is appended, and where.
type Append = (Arc<dyn BroadcastChannel>, Admitted);
type Admission = Numbered<Arc<dyn BroadcastChannel>, Result<Admitted, NotTaken>>;

/// What is kept of an envelope until it is answered.
struct Kept {
    processing: Option<Processing>,
    _charge: Option<Charge>,
}

impl Kept {
    fn answered(self, response: &BroadcastResponse) {
        if let Some(processing) = self.processing {
            processing.answered(response.status());
        }
    }
}

/// A stream at work.
struct BroadcastStream {
    charges: Charges,
    requests: Streaming<Envelope>,
    channels: Arc<dyn Channels>,
    clock: Arc<dyn Clock>,
    phase: watch::Receiver<Phase>,
    lane: Lane<Append, Kept>,
    metrics: Arc<Metrics>,
    /// The counters of the channel that the last envelope was for.
    last: Arc<OfChannel>,
    admissions: FuturesUnordered<Admission>,
    appends: FuturesUnordered<Numbered<(), Result<(), Failure>>>,
}

type Places<'a> = VecDeque<mpsc::Permit<'a, Result<BroadcastResponse, Status>>>;

impl BroadcastStream {
    async fn run(mut self, answers: mpsc::Sender<Result<BroadcastResponse, Status>>) {
        let Ok(end) = answers.reserve().await else { return };
        let status = self.work(&answers).await;
        end.send(Err(status));
    }

    /// Works until the stream ends, and says how it does. All answers are sent by then.
    async fn work(&mut self, answers: &mpsc::Sender<Result<BroadcastResponse, Status>>) -> Status {
        // The places of answers that are owed, and the one for the envelope that is received next.
        let mut owed = Places::new();
        let mut next_place = None;
        let mut phase = Phase::Serving;
        // How the stream ends when all that was received is answered.
        let mut ending = None;
        loop {
            if let Some(status) = self.take_steps(&mut owed) {
                return status;
            }
            let may_receive = ending.is_none() && self.lane.has_room();
            if let Some(status) = ending.take_if(|_| self.lane.is_empty()) {
                return status;
            }
            select! {
                // What is under way comes first, so that a client's zeal does not keep its own answers back.
                biased;
                Some((ticket, (), result)) = self.appends.next() => {
                    let is_cut_off = self.lane.appended(ticket, result);
                    self.drop_admissions(is_cut_off, ticket);
                }
                Some((ticket, channel, verdict)) = self.admissions.next() => {
                    self.was_judged(ticket, verdict.is_ok());
                    let is_cut_off = self.lane.admitted(ticket, verdict.map(|admitted| (channel, admitted)));
                    self.drop_admissions(is_cut_off, ticket);
                }
                next = wait_for_phase(&mut self.phase, phase) => {
                    phase = next;
                    let status = Status::unavailable("the orderer is stopping");
                    if phase == Phase::Over {
                        return status;
                    }
                    ending.get_or_insert(status);
                }
                Ok(place) = answers.reserve(), if may_receive && next_place.is_none() => next_place = Some(place),
                request = self.requests.next(), if may_receive && next_place.is_some() => match request {
                    Some(Ok(envelope)) => {
                        owed.extend(next_place.take());
                        self.receive(envelope);
                    }
                    Some(Err(status)) => ending = Some(receive_error(status)),
                    None => ending = Some(Status::new(GrpcCode::Ok, "")),
                },
            }
        }
    }

    /// Does all that can be done now. A status if the stream has had its last answer.
    fn take_steps(&mut self, owed: &mut Places<'_>) -> Option<Status> {
        loop {
            let (response, ending) = match self.lane.next()? {
                Step::Append(ticket, (channel, admitted)) => {
                    let append = channel.append(admitted);
                    self.appends.push(Numbered { ticket, with: Some(()), future: append });
                    continue;
                }
                Step::Success(kept) => {
                    let response = answer::success();
                    kept.answered(&response);
                    (response, None)
                }
                Step::End(not_taken, kept) => {
                    let code = not_taken.code();
                    let (response, status) = answer::last(not_taken);
                    let channel = kept.processing.as_ref().map_or(UNKNOWN, Processing::channel);
                    self.metrics.refusals.add(channel, code, &response);
                    kept.answered(&response);
                    (response, Some(status))
                }
            };
            if let Some(place) = owed.pop_front() {
                place.send(Ok(response));
            }
            if ending.is_some() {
                return ending;
            }
        }
    }

    fn receive(&mut self, envelope: Envelope) {
        let began = Instant::now();
        let kept = Kept { processing: None, _charge: self.charges.next() };
        let ticket = self.lane.received(envelope.marshal().len(), kept);
        match classify(&*self.channels, envelope, self.clock.now()) {
            Ok(Classified { channel, received, is_config_update }) => {
                let header = &received.channel_header;
                self.counts(ticket, began, Some((&header.channel_id, header.r#type)));
                let future = if is_config_update {
                    channel.admit_config_update(received)
                } else {
                    channel.admit(received)
                };
                self.admissions.push(Numbered { ticket, with: Some(channel), future });
            }
            Err(Unclassified { refusal, of }) => {
                self.counts(ticket, began, of.as_ref().map(|(channel, kind)| (channel.as_str(), *kind)));
                // It is the last envelope received: no admission has a later ticket.
                self.lane.admitted(ticket, Err(refusal.into()));
            }
        }
    }

    /// Has an envelope counted, under the name of a channel that exists or none.
    fn counts(&mut self, ticket: Ticket, began: Instant, of: Option<(&str, i32)>) {
        let (kind, broadcasts) = (of.map(|(_, kind)| kind), &self.metrics.broadcasts);
        match of {
            Some((channel, _)) if channel == self.last.channel() => {}
            // A system channel takes envelopes for channels that do not exist.
            Some((channel, _)) if self.channels.find_blocks(channel).is_some() => {
                self.last = broadcasts.of(channel);
            }
            _ => self.last = Arc::clone(broadcasts.of_nobody()),
        }
        if let Some(kept) = self.lane.kept(ticket) {
            kept.processing = Some(Processing::begin(Arc::clone(&self.last), began, kind));
        }
    }

    fn was_judged(&mut self, ticket: Ticket, is_admitted: bool) {
        if is_admitted && let Some(Kept { processing: Some(processing), .. }) = self.lane.kept(ticket) {
            processing.admitted();
        }
    }

    /// Stops admissions whose verdicts nobody waits for.
    fn drop_admissions(&mut self, is_cut_off: bool, behind: Ticket) {
        if is_cut_off {
            let admissions = std::mem::take(&mut self.admissions);
            self.admissions = admissions.into_iter().filter(|admission| admission.ticket < behind).collect();
        }
    }
}

/// Waits until the server is beyond `phase`. It is over, too, when it was dropped.
pub(crate) async fn wait_for_phase(receiver: &mut watch::Receiver<Phase>, phase: Phase) -> Phase {
    receiver.wait_for(|next| *next > phase).await.map_or(Phase::Over, |next| *next)
}

/// The status that ends a stream whose next request cannot be received.
///
/// Source: grpc-go v1.79.3 `rpc_util.go` `recvMsg`: a message over the limit is `ResourceExhausted`. Of what tonic
/// reports while it receives, only this is `OutOfRange`.
pub(crate) fn receive_error(status: Status) -> Status {
    match status.code() {
        GrpcCode::OutOfRange => Status::resource_exhausted(status.message()),
        _ => status,
    }
}

/// A future that knows which envelope it is for.
struct Numbered<W, T> {
    ticket: Ticket,
    /// Handed back with the result.
    with: Option<W>,
    future: BoxFuture<T>,
}

impl<W: Unpin, T> Future for Numbered<W, T> {
    type Output = (Ticket, W, T);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let output = std::task::ready!(self.future.as_mut().poll(context));
        match self.with.take() {
            Some(with) => Poll::Ready((self.ticket, with, output)),
            None => Poll::Pending,
        }
    }
}
