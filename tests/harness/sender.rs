//! Clients of a node: some send as fast as they are answered, one follows the blocks and verifies them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use raddle::client::{Answer, Client, Patience, Place, Verifier, message, range};
use raddle::identity::Signer;
use raddle::network::DevNetwork;
use raddle_core::ids::ChannelId;
use raddle_proto::common::HeaderType;
use raddle_proto::wire::Envelope;
use tokio::sync::watch;

/// Streams that send at once.
const STREAMS: usize = 4;

/// Envelopes of a stream that are not answered yet.
const IN_FLIGHT: usize = 32;

/// A client of the node of a folder, through all its lives.
pub struct Sender {
    signer: Arc<Signer>,
    channel: ChannelId,
    /// Makes no two envelopes alike.
    serial: Arc<AtomicU64>,
    /// Signatures of the envelopes that were answered SUCCESS.
    pub acknowledged: BTreeSet<Bytes>,
}

impl Sender {
    pub fn new(folder: &Path) -> Self {
        Self::of(&DevNetwork::read(&folder.join("network")).unwrap())
    }

    /// A client of a network.
    pub fn of(network: &DevNetwork) -> Self {
        let (msp_id, msp_dir) = network.client();
        Self {
            signer: Arc::new(Signer::from_msp_dir(msp_id, &msp_dir).unwrap()),
            channel: ChannelId("demo".into()),
            serial: Arc::default(),
            acknowledged: BTreeSet::new(),
        }
    }

    /// Sends on several streams until these end; `end` is called once after `count` answers. Answers the refusals.
    pub async fn send(
        &mut self,
        address: &str,
        bytes: usize,
        count: usize,
        end: impl FnOnce(),
    ) -> Vec<String> {
        self.send_until(address, bytes, count, Arc::default(), end).await
    }

    /// Sends on several streams, and ends them after `count` answers. Answers the refusals.
    pub async fn send_some(&mut self, address: &str, bytes: usize, count: usize) -> Vec<String> {
        let is_enough = Arc::new(AtomicBool::new(false));
        let end = || is_enough.store(true, Ordering::SeqCst);
        self.send_until(address, bytes, count, Arc::clone(&is_enough), end).await
    }

    async fn send_until(
        &mut self,
        address: &str,
        bytes: usize,
        count: usize,
        is_enough: Arc<AtomicBool>,
        end: impl FnOnce(),
    ) -> Vec<String> {
        let answered = Arc::new(AtomicUsize::new(0));
        let (reached, mut is_reached) = watch::channel(false);
        let reached = Arc::new(reached);
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let stream = Stream {
                client: Client::connect(address, Patience::default()).await.unwrap(),
                signer: Arc::clone(&self.signer),
                channel: self.channel.clone(),
                serial: Arc::clone(&self.serial),
                bytes,
                is_enough: Arc::clone(&is_enough),
            };
            let (answered, reached) = (Arc::clone(&answered), Arc::clone(&reached));
            streams.push(tokio::spawn(stream.run(move || {
                if answered.fetch_add(1, Ordering::SeqCst) + 1 >= count {
                    reached.send_replace(true);
                }
            })));
        }
        drop(reached);
        // Over, too, when all streams have ended before.
        let _ = is_reached.wait_for(|is_reached| *is_reached).await;
        end();
        let mut refusals = Vec::new();
        for stream in streams {
            let (acknowledged, refusal) = stream.await.unwrap();
            self.acknowledged.extend(acknowledged);
            refusals.extend(refusal);
        }
        refusals
    }

    /// Follows the channel from block 0 until all that was acknowledged has come; no envelope may come twice.
    pub async fn all_is_in_one_block_each(&self, address: &str) {
        let client = Client::connect(address, Patience::default()).await.unwrap();
        let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
        let mut blocks = client.deliver(&self.signer.seek(&self.channel, &seek, SystemTime::now()).unwrap());
        let mut verifier = Verifier::from_start(self.channel.clone());
        let mut missing = self.acknowledged.clone();
        let mut seen = BTreeMap::new();
        while !missing.is_empty() {
            let block = blocks.next().await.unwrap().unwrap();
            let number = verifier.verify(&block).unwrap().number;
            for envelope in block.data.unwrap().data {
                let envelope = Envelope::unmarshal(envelope).unwrap();
                missing.remove(envelope.signature());
                if let Some(before) = seen.insert(envelope.signature().clone(), number) {
                    panic!("an envelope is in block {before} and in block {number}");
                }
            }
        }
    }
}

/// One stream of envelopes.
struct Stream {
    client: Client,
    signer: Arc<Signer>,
    channel: ChannelId,
    serial: Arc<AtomicU64>,
    bytes: usize,
    /// Nothing more is sent, and the stream ends when all is answered.
    is_enough: Arc<AtomicBool>,
}

impl Stream {
    /// Sends until the node ends it, or it is enough; answers what was acknowledged and, if one was refused, why.
    async fn run(self, on_answer: impl Fn()) -> (Vec<Bytes>, Option<String>) {
        let (queue, envelopes) = tokio::sync::mpsc::channel(IN_FLIGHT);
        let mut queue = Some(queue);
        let mut answers = self.client.broadcast(tokio_stream::wrappers::ReceiverStream::new(envelopes));
        let mut owed = std::collections::VecDeque::new();
        let mut acknowledged = Vec::new();
        loop {
            if self.is_enough.load(Ordering::SeqCst) {
                queue = None;
            }
            while let Some(queue) = queue.as_ref().filter(|_| owed.len() < IN_FLIGHT) {
                let envelope = self.envelope();
                owed.push_back(envelope.signature().clone());
                if queue.send(message(&envelope)).await.is_err() {
                    break;
                }
            }
            match answers.next().await {
                Ok(Some(Answer::Taken)) => {
                    acknowledged.extend(owed.pop_front());
                    on_answer();
                }
                Ok(Some(Answer::Refused(refusal))) => return (acknowledged, Some(refusal.info)),
                // Killed.
                Ok(None) | Err(_) => return (acknowledged, None),
            }
        }
    }

    fn envelope(&self) -> Envelope {
        let mut data = vec![b'x'; self.bytes];
        data[..8].copy_from_slice(&self.serial.fetch_add(1, Ordering::SeqCst).to_le_bytes());
        self.signer.envelope(&self.channel, HeaderType::Message, data, SystemTime::now()).unwrap()
    }
}
