//! One stream of a load.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use raddle_proto::common;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::pace::Pace;
use super::{Pool, REFUSED_MAX, Shared};
use crate::client::{Answer, Answers, Client, ClientError, Refusal};

/// Is told of a stream's envelopes.
pub trait Recorder: Send + 'static {
    /// The pool's envelope at this place was sent, or was to be sent, at this time.
    fn sent(&mut self, _place: usize, _at: Instant) {}

    /// It was not taken: refused, or behind one that was.
    fn not_taken(&mut self, _place: usize) {}

    /// It was taken.
    fn answered(&mut self, sent: Instant, at: Instant);
}

/// What a stream came to.
#[derive(Debug)]
pub struct Finished<R> {
    /// What was told of its envelopes.
    pub recorder: R,
    /// Envelopes that were sent.
    pub sent: u64,
    /// Refusals by status. After each a stream begins anew.
    pub refused: BTreeMap<i32, u64>,
    /// Of these the first.
    pub first_refusal: Option<Refusal>,
    /// Envelopes that were on their way behind one that was refused: not taken either.
    pub behind: u64,
    /// What ended the stream before its time.
    pub broken: Option<Broken>,
}

/// A stream that ended before its time.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Why; none if the orderer ended it without a word.
    pub error: Option<ClientError>,
    /// Envelopes that were sent and not answered: they may be ordered, or not.
    pub unanswered: u64,
}

/// Sends on a stream and reads its answers.
pub(super) struct Sender<R> {
    pub(super) client: Client,
    pub(super) pool: Arc<Pool>,
    pub(super) shared: Arc<Shared>,
    pub(super) in_flight: usize,
    /// Which stream of how many this is.
    pub(super) index: usize,
    pub(super) streams: usize,
    /// Envelopes sent.
    pub(super) sent: u64,
    /// Envelopes that count and are still to be sent, if there is a count.
    pub(super) left: Option<u64>,
    /// From when on they count.
    pub(super) from: Instant,
    pub(super) pace: Option<Pace>,
    pub(super) recorder: R,
}

/// An envelope on its way.
struct Owed {
    place: usize,
    at: Instant,
}

/// Why a gRPC stream ended.
enum Ended {
    Done,
    Refused(Refusal),
    Broken(Option<ClientError>),
}

// === impl Finished ===

impl<R> Finished<R> {
    /// The recorder, and the rest.
    pub(super) fn split(self) -> (R, Finished<()>) {
        let Self { recorder, sent, refused, first_refusal, behind, broken } = self;
        (recorder, Finished { recorder: (), sent, refused, first_refusal, behind, broken })
    }
}

// === impl Sender ===

impl<R: Recorder> Sender<R> {
    /// Sends until it is over, on a new gRPC stream after each refusal.
    pub(super) async fn run(mut self) -> Finished<R> {
        let (mut refused, mut first_refusal, mut behind) = (BTreeMap::new(), None, 0);
        let broken = loop {
            let (queue, envelopes) = mpsc::channel(self.in_flight);
            let answers = self.client.broadcast(ReceiverStream::new(envelopes));
            let mut owed = VecDeque::with_capacity(self.in_flight);
            let ended = self.exchange(&queue, answers, &mut owed).await;
            let left = owed.len() as u64;
            match ended {
                Ended::Done => break None,
                Ended::Broken(error) => break Some(Broken { error, unanswered: left }),
                Ended::Refused(refusal) => {
                    owed.iter().for_each(|owed| self.recorder.not_taken(owed.place));
                    behind += left.saturating_sub(1);
                    *refused.entry(refusal.status).or_insert(0) += 1;
                    first_refusal.get_or_insert(refusal);
                    self.shared.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let Self { recorder, sent, .. } = self;
        Finished { recorder, sent, refused, first_refusal, behind, broken }
    }

    /// Whether nothing more is to be sent.
    fn is_over(&self) -> bool {
        let Shared { is_stopped, taken, refused } = &*self.shared;
        is_stopped.load(Ordering::Relaxed)
            || self.left == Some(0)
            || (taken.load(Ordering::Relaxed) == 0 && refused.load(Ordering::Relaxed) >= REFUSED_MAX)
    }

    async fn exchange(
        &mut self,
        queue: &mpsc::Sender<common::Envelope>,
        mut answers: Answers,
        owed: &mut VecDeque<Owed>,
    ) -> Ended {
        let due = self.pace.as_ref().map(|pace| Arc::clone(&pace.due));
        loop {
            self.fill(queue, owed);
            if owed.is_empty() {
                match &due {
                    Some(due) if !self.is_over() => due.notified().await,
                    _ => return Ended::Done,
                }
                continue;
            }
            let answer = {
                let mut next = pin!(answers.next());
                loop {
                    match &due {
                        Some(due) if owed.len() < self.in_flight => tokio::select! {
                            biased;
                            answer = &mut next => break answer,
                            () = due.notified() => self.fill(queue, owed),
                        },
                        _ => break next.await,
                    }
                }
            };
            match answer {
                Ok(Some(Answer::Taken)) => {
                    self.shared.taken.fetch_add(1, Ordering::Relaxed);
                    if let Some(owed) = owed.pop_front() {
                        self.recorder.answered(owed.at, Instant::now());
                    }
                }
                Ok(Some(Answer::Refused(refusal))) => return Ended::Refused(refusal),
                Ok(None) => return Ended::Broken(None),
                Err(error) => return Ended::Broken(Some(error)),
            }
        }
    }

    /// Sends as many as are due and have room.
    fn fill(&mut self, queue: &mpsc::Sender<common::Envelope>, owed: &mut VecDeque<Owed>) {
        while owed.len() < self.in_flight && !self.is_over() {
            // Streams take envelopes in turn.
            let number = self.sent * self.streams as u64 + self.index as u64;
            let now = Instant::now();
            let at = self.pace.as_ref().map_or(now, |pace| pace.at(number));
            if at > now {
                return;
            }
            let (place, Some(envelope)) = self.pool.get(number) else { return };
            self.recorder.sent(place, at);
            if queue.try_send(envelope.clone()).is_err() {
                // The stream has ended, and its answer says why.
                self.recorder.not_taken(place);
                return;
            }
            owed.push_back(Owed { place, at });
            self.sent += 1;
            if at >= self.from
                && let Some(left) = &mut self.left
            {
                *left -= 1;
            }
        }
    }
}
