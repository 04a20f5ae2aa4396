//! The demo's envelopes: some thousands that pass, on several streams at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use tokio::task::JoinSet;

use super::cast::{BATCH_SIZE, CHANNEL, Cast};
use crate::cli::{Code, Exit, Failure};
use crate::client::{self, Answer, Client};

/// Streams at work at once.
pub const STREAMS: usize = 8;

/// Envelopes of each stream, by the size of what they carry.
const SHAPES: [(usize, usize); 3] = [
    (600, 1 << 10),
    // Alone in its block: larger than PreferredMaxBytes.
    (1, BATCH_SIZE.preferred_max_bytes as usize + 1),
    // The last of these fill no block: they wait for the batch timeout.
    (60, 20 << 10),
];

/// A bar for less than this is noise.
const QUIET: Duration = Duration::from_secs(1);

/// Envelopes, signed beforehand: signing is the clients' work, and not to be counted as the orderer's.
pub struct Load {
    streams: Vec<Vec<common::Envelope>>,
}

/// What became of it.
pub struct Sent {
    /// Envelopes that were answered SUCCESS, which are all.
    pub envelopes: usize,
    /// From the first to the last answer.
    pub elapsed: Duration,
}

impl Load {
    /// Signs everything.
    ///
    /// # Errors
    ///
    /// The cryptographic library fails.
    pub fn sign(cast: &Cast) -> Result<Self, Failure> {
        let channel = ChannelId(CHANNEL.into());
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let mut envelopes = Vec::new();
            for (count, bytes) in SHAPES {
                for _ in 0..count {
                    let data = vec![b'x'; bytes];
                    let envelope =
                        cast.client.envelope(&channel, HeaderType::Message, data, SystemTime::now())?;
                    envelopes.push(client::message(&envelope));
                }
            }
            streams.push(envelopes);
        }
        Ok(Self { streams })
    }

    /// By which each envelope is known again: no two signatures are alike.
    #[must_use]
    pub fn signatures(&self) -> BTreeSet<Bytes> {
        self.streams.iter().flatten().map(|envelope| envelope.signature.clone()).collect()
    }

    /// Sends everything, a stream beside the other.
    ///
    /// # Errors
    ///
    /// An envelope is refused, or the orderer does not answer.
    pub async fn send(self, orderer: &Client) -> Result<Sent, Failure> {
        let bar = bar(self.streams.iter().map(Vec::len).sum());
        let started = Instant::now();
        let mut envelopes = 0;
        let mut streams = JoinSet::new();
        for stream in self.streams {
            let (orderer, bar) = (orderer.clone(), bar.clone());
            streams.spawn(async move { send_stream(&orderer, stream, &bar, started).await });
        }
        while let Some(stream) = streams.join_next().await {
            envelopes += stream.map_err(|error| Failure::new(Code::Bug, Exit::Bug, error.to_string()))??;
        }
        bar.finish_and_clear();
        Ok(Sent { envelopes, elapsed: started.elapsed() })
    }
}

async fn send_stream(
    orderer: &Client,
    envelopes: Vec<common::Envelope>,
    bar: &ProgressBar,
    started: Instant,
) -> Result<usize, Failure> {
    let mut answers = orderer.broadcast(tokio_stream::iter(envelopes));
    let mut taken = 0;
    while let Some(answer) = answers.next().await? {
        if let Answer::Refused(refusal) = answer {
            return Err(refusal.into());
        }
        taken += 1;
        bar.inc(1);
        if bar.is_hidden() && started.elapsed() > QUIET {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
    Ok(taken)
}

fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("  {bar:32} {pos} of {len} envelopes  {eta} left") {
        bar.set_style(style);
    }
    bar
}
