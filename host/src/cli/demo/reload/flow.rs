//! Envelopes that flow all the while: streams that go on over every change of the config.

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;

use super::NAME;
use super::books::{Denials, Kind, who_says};
use crate::cli::Failure;
use crate::cli::demo::bug;
use crate::cli::demo::cast::{CHANNEL, Cast};
use crate::client::{self, Answer, Answers, Client, Refusal};
use crate::identity::Signer;

/// What each stream sends. Nothing ever denies the first.
pub const STREAMS: [Kind; 8] = [STEADY, STEADY, STEADY, STEADY, STEADY, STEADY, MESSAGES, NEIGHBOUR];

/// Never denied: on these streams the gaps are measured.
const STEADY: Kind = Kind { header_type: HeaderType::EndorserTransaction, msp_id: "Org1MSP" };
const MESSAGES: Kind = Kind { header_type: HeaderType::Message, msp_id: "Org1MSP" };
const NEIGHBOUR: Kind = Kind { header_type: HeaderType::EndorserTransaction, msp_id: "Org2MSP" };

/// Envelopes of a stream that are on the way at once.
pub const IN_FLIGHT: usize = 64;

const DATA_BYTES: usize = 1 << 10;

/// What the streams saw of a config.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Answers to what went out while it was known to be in force, on the streams that are never denied anything.
    pub steady: u64,
    /// The longest time between two answers on one of these streams, from the sending of its update to that of the
    /// next.
    pub longest_gap: Duration,
    /// Envelopes that this config refused.
    pub refused: u64,
    /// The first of these refusals.
    pub refusal: Option<Refusal>,
}

/// Streams at work.
pub struct Flow {
    shared: Arc<Shared>,
    streams: JoinSet<Result<Vec<Bytes>, Failure>>,
}

struct Shared {
    /// What is denied, by config sequence.
    rules: Vec<Denials>,
    /// The newest config sequence whose update was sent.
    begun: AtomicUsize,
    /// The newest config sequence that stands in a block.
    in_force: AtomicUsize,
    is_over: AtomicBool,
    /// By config sequence.
    seen: watch::Sender<Vec<Seen>>,
}

// === impl Flow ===

impl Flow {
    /// Begins to send. `rules` is what will be denied, by config sequence.
    pub fn start(orderer: &Client, cast: &Arc<Cast>, rules: Vec<Denials>) -> Self {
        let seen = watch::Sender::new(vec![Seen::default(); rules.len()]);
        let shared = Arc::new(Shared {
            rules,
            begun: AtomicUsize::new(0),
            in_force: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            seen,
        });
        let mut streams = JoinSet::new();
        for kind in STREAMS {
            let (shared, cast, orderer) = (Arc::clone(&shared), Arc::clone(cast), orderer.clone());
            streams.spawn(async move {
                let signer = if kind == NEIGHBOUR { &cast.neighbour } else { &cast.client };
                send(&shared, kind, &orderer, signer).await
            });
        }
        Self { shared, streams }
    }

    /// The update to this config sequence is about to be sent.
    pub fn begins(&self, sequence: usize) {
        self.shared.begun.store(sequence, Ordering::SeqCst);
    }

    /// A block holds the config of this sequence.
    pub fn is_in_force(&self, sequence: usize) {
        self.shared.in_force.store(sequence, Ordering::SeqCst);
    }

    /// Waits until enough is seen at a config sequence.
    ///
    /// # Errors
    ///
    /// A stream failed.
    pub async fn wait(&mut self, sequence: usize, is_enough: impl Fn(&Seen) -> bool) -> Result<(), Failure> {
        let mut seen = self.shared.seen.subscribe();
        tokio::select! {
            _ = seen.wait_for(|seen| seen.get(sequence).is_some_and(&is_enough)) => Ok(()),
            ended = self.streams.join_next() => match ended {
                Some(Ok(Err(failure))) => Err(failure),
                _ => Err(bug("a stream ended before it was told to")),
            },
        }
    }

    /// Lets the streams end; answers what they saw, by config sequence, and the signatures of all that was taken.
    ///
    /// # Errors
    ///
    /// A stream failed.
    pub async fn end(mut self) -> Result<(Vec<Seen>, BTreeSet<Bytes>), Failure> {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let mut acknowledged = BTreeSet::new();
        while let Some(stream) = self.streams.join_next().await {
            acknowledged.extend(stream.map_err(|error| bug(&error.to_string()))??);
        }
        let seen = self.shared.seen.borrow().clone();
        Ok((seen, acknowledged))
    }
}

// === a stream ===

/// An envelope that is on the way.
struct Owed {
    signature: Bytes,
    /// The config sequence that was in force when it went out; it is judged by this one or a newer one.
    since: usize,
}

/// One stream, or several one behind the other: a refusal ends a stream, and the next goes on.
async fn send(shared: &Shared, kind: Kind, orderer: &Client, signer: &Signer) -> Result<Vec<Bytes>, Failure> {
    let mut taken = Vec::new();
    // When the last answer came; what is before the first one is no gap.
    let mut last = None;
    loop {
        let (queue, envelopes) = mpsc::channel(IN_FLIGHT);
        let mut answers = orderer.broadcast(ReceiverStream::new(envelopes));
        let mut owed = VecDeque::new();
        loop {
            fill(shared, kind, signer, &queue, &mut owed).await?;
            let Some(Owed { signature, since }) = owed.pop_front() else {
                if !shared.is_over.load(Ordering::SeqCst) {
                    // The stream takes nothing, and says why.
                    next(&mut answers).await?;
                }
                return Ok(taken);
            };
            let refusal = next(&mut answers).await?;
            let may_be = since..=shared.begun.load(Ordering::SeqCst);
            let said_at = who_says(&shared.rules, may_be.clone(), kind, refusal.is_none());
            let Some(said_at) = said_at else { return Err(wrong(kind, &may_be, refusal)) };
            if kind == STEADY {
                shared.saw_answer(&may_be, &mut last);
            }
            if let Some(refusal) = &refusal {
                shared.saw_refusal(said_at, refusal);
            }
            match refusal {
                None => taken.push(signature),
                // Nothing behind it is taken.
                Some(_) => break,
            }
        }
    }
}

/// Sends until as many as may be are on the way.
async fn fill(
    shared: &Shared,
    kind: Kind,
    signer: &Signer,
    queue: &mpsc::Sender<common::Envelope>,
    owed: &mut VecDeque<Owed>,
) -> Result<(), Failure> {
    let channel = ChannelId(CHANNEL.into());
    while owed.len() < IN_FLIGHT && !shared.is_over.load(Ordering::SeqCst) {
        let since = shared.in_force.load(Ordering::SeqCst);
        let data = vec![b'x'; DATA_BYTES];
        let envelope = signer.envelope(&channel, kind.header_type, data, SystemTime::now())?;
        if queue.send(client::message(&envelope)).await.is_err() {
            // The stream has ended: the answers say why.
            break;
        }
        owed.push_back(Owed { signature: envelope.signature().clone(), since });
    }
    Ok(())
}

/// The filter's refusal in the next answer, if it is one.
async fn next(answers: &mut Answers) -> Result<Option<Refusal>, Failure> {
    match answers.next().await? {
        Some(Answer::Taken) => Ok(None),
        Some(Answer::Refused(refusal)) if refusal.detail.text("module") == Some(NAME) => Ok(Some(refusal)),
        // Nothing else has a reason to refuse.
        Some(Answer::Refused(refusal)) => Err(refusal.into()),
        None => Err(bug("a stream ended that owed an answer")),
    }
}

fn wrong(kind: Kind, may_be: &RangeInclusive<usize>, refusal: Option<Refusal>) -> Failure {
    let (what, since, until) = (kind.header_type.as_str_name(), may_be.start(), may_be.end());
    let said = refusal.map_or_else(|| "was taken".to_owned(), |it| format!("was refused: {it}"));
    let msp_id = kind.msp_id;
    bug(&format!(
        "an envelope of type {what} by {msp_id} {said}; no config from sequence {since} to {until} says so"
    ))
}

impl Shared {
    /// Remembers an answer of a config within `may_be`, and when the one before it came.
    fn saw_answer(&self, may_be: &RangeInclusive<usize>, last: &mut Option<Instant>) {
        let now = Instant::now();
        let gap = last.replace(now).map_or(Duration::ZERO, |last| now - last);
        self.seen.send_modify(|seen| {
            if let Some(since) = seen.get_mut(*may_be.start()) {
                since.steady += 1;
            }
            if let Some(begun) = seen.get_mut(*may_be.end()) {
                begun.longest_gap = begun.longest_gap.max(gap);
            }
        });
    }

    fn saw_refusal(&self, said_at: usize, refusal: &Refusal) {
        self.seen.send_modify(|seen| {
            if let Some(seen) = seen.get_mut(said_at) {
                seen.refused += 1;
                seen.refusal.get_or_insert_with(|| refusal.clone());
            }
        });
    }
}
