//! The demo's envelopes: some thousands that pass, on several streams at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use tokio::task::JoinSet;

use super::cast::{BATCH_SIZE, CHANNEL, Cast};
use crate::cli::progress::Progress;
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
        let total: usize = self.streams.iter().map(Vec::len).sum();
        let progress = Arc::new(Progress::new(total as u64, "envelopes"));
        let mut envelopes = 0;
        let mut streams = JoinSet::new();
        for stream in self.streams {
            let (orderer, progress) = (orderer.clone(), Arc::clone(&progress));
            streams.spawn(async move { send_stream(&orderer, stream, &progress).await });
        }
        while let Some(stream) = streams.join_next().await {
            envelopes += stream.map_err(|error| Failure::new(Code::Bug, Exit::Bug, error.to_string()))??;
        }
        Ok(Sent { envelopes, elapsed: progress.elapsed() })
    }
}

async fn send_stream(
    orderer: &Client,
    envelopes: Vec<common::Envelope>,
    progress: &Progress,
) -> Result<usize, Failure> {
    let mut answers = orderer.broadcast(tokio_stream::iter(envelopes));
    let mut taken = 0;
    while let Some(answer) = answers.next().await? {
        if let Answer::Refused(refusal) = answer {
            return Err(refusal.into());
        }
        taken += 1;
        progress.advance();
    }
    Ok(taken)
}
