//! Envelopes, signed when the connection has room for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::hash::{Sha256Hash, block_data_hash};
use raddle_proto::wire;
use tokio_stream::Stream;

use crate::client;
use crate::identity::{Signer, SignerError};

/// An envelope that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its transaction id, by which people find it.
    pub tx_id: String,
    /// SHA-256 of the marshalled envelope, by which it is found in a block.
    pub hash: Sha256Hash,
    /// Bytes of its data.
    pub data_bytes: usize,
}

/// What was sent until now.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sent: Vec<Sent>,
    failure: Option<SignerError>,
}

/// The hash of a marshalled envelope.
pub fn hash_of(marshalled: &[u8]) -> Sha256Hash {
    block_data_hash([marshalled])
}

/// All inputs, `count` times, and the log of those that the connection has taken. Ends early if one cannot be signed.
pub fn envelopes(
    channel: ChannelId,
    signer: Arc<Signer>,
    inputs: Vec<Bytes>,
    count: u32,
) -> (impl Stream<Item = common::Envelope> + Send, Log) {
    let log = Log::default();
    let writing = log.clone();
    let total = inputs.len().saturating_mul(count as usize);
    let envelopes = inputs.into_iter().cycle().take(total).map_while(move |data| {
        let data_bytes = data.len();
        match signer.envelope(&channel, HeaderType::Message, data, SystemTime::now()) {
            Ok(envelope) => {
                let header = wire::channel_header(&envelope).unwrap_or_default();
                let hash = hash_of(&envelope.marshal());
                writing.state().sent.push(Sent { tx_id: header.tx_id, hash, data_bytes });
                Some(client::message(&envelope))
            }
            Err(error) => {
                writing.state().failure = Some(error);
                None
            }
        }
    });
    (tokio_stream::iter(envelopes), log)
}

// === impl Log ===

impl Log {
    /// Why the stream of envelopes ended early, if it did.
    pub fn failure(&self) -> Option<SignerError> {
        self.state().failure.take()
    }

    /// What was sent, in order.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.state().sent)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
