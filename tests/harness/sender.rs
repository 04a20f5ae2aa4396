//! Clients of a node: some send as fast as they are answered, one follows the blocks and verifies them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use raddle::client::{Answer, Client, Patience, Place, Refusal, Verifier, message, range};
use raddle::identity::Signer;
use raddle::network::DevNetwork;
use raddle_core::ids::ChannelId;
use raddle_proto::common::HeaderType;
use raddle_proto::wire::Envelope;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// Streams that send at once.
const STREAMS: usize = 4;

/// Envelopes of a stream that are not answered yet.
const IN_FLIGHT: usize = 32;

/// How long a stream that was refused waits before it sends again.
const PAUSE: Duration = Duration::from_millis(200);

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

    /// Sends on several streams until told that it is enough; one that is refused is followed by another. Each refusal
    /// is told as it comes.
    pub async fn send_on(
        &mut self,
        address: &str,
        bytes: usize,
        is_enough: Arc<AtomicBool>,
        refused: mpsc::UnboundedSender<Refusal>,
    ) {
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let stream = self.stream(address, bytes, &is_enough).await;
            let (is_enough, refused) = (Arc::clone(&is_enough), refused.clone());
            streams.push(tokio::spawn(async move {
                let mut all = Vec::new();
                while !is_enough.load(Ordering::SeqCst) {
                    let (acknowledged, refusal) = stream.clone().run(|| {}).await;
                    all.extend(acknowledged);
                    if let Some(refusal) = refusal {
                        let _ = refused.send(refusal);
                        sleep(PAUSE).await;
                    }
                }
                all
            }));
        }
        for stream in streams {
            self.acknowledged.extend(stream.await.unwrap());
        }
    }

    async fn stream(&self, address: &str, bytes: usize, is_enough: &Arc<AtomicBool>) -> Stream {
        Stream {
            client: Client::connect(address, Patience::default()).await.unwrap(),
            signer: Arc::clone(&self.signer),
            channel: self.channel.clone(),
            serial: Arc::clone(&self.serial),
            bytes,
            is_enough: Arc::clone(is_enough),
        }
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
            let stream = self.stream(address, bytes, &is_enough).await;
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
            refusals.extend(refusal.map(|refusal| refusal.info));
        }
        refusals
    }

    /// Follows the channel from block 0 until all that was acknowledged has come; no envelope may come twice.
    pub async fn all_is_in_one_block_each(&self, address: &str) {
        let followed = self.follow(address).await;
        assert_eq!(followed.doubles().collect::<Vec<_>>(), [], "envelopes that are in several blocks");
    }

    /// Follows the channel from block 0 until all that was acknowledged has come.
    pub async fn follow(&self, address: &str) -> Followed {
        let client = Client::connect(address, Patience::default()).await.unwrap();
        let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
        let mut blocks = client.deliver(&self.signer.seek(&self.channel, &seek, SystemTime::now()).unwrap());
        let mut verifier = Verifier::from_start(self.channel.clone());
        let mut missing = self.acknowledged.clone();
        let mut followed = Followed::default();
        while !missing.is_empty() {
            let block = blocks.next().await.unwrap().unwrap();
            let number = verifier.verify(&block).unwrap().number;
            followed.height = number + 1;
            for envelope in block.data.unwrap().data {
                let envelope = Envelope::unmarshal(envelope).unwrap();
                missing.remove(envelope.signature());
                // Not a part of the block, which would stay as long.
                let signature = Bytes::copy_from_slice(envelope.signature());
                followed.places.entry(signature).or_default().push(number);
            }
        }
        followed
    }
}

/// What stands in a channel's blocks.
#[derive(Default)]
pub struct Followed {
    pub height: u64,
    /// The blocks of each envelope, by its signature.
    pub places: BTreeMap<Bytes, Vec<u64>>,
}

impl Followed {
    /// Envelopes that stand there more than once.
    pub fn doubles(&self) -> impl Iterator<Item = (&Bytes, &Vec<u64>)> {
        self.places.iter().filter(|(_, blocks)| blocks.len() > 1)
    }
}

/// One stream of envelopes.
#[derive(Clone)]
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
    async fn run(self, on_answer: impl Fn()) -> (Vec<Bytes>, Option<Refusal>) {
        let (queue, envelopes) = mpsc::channel(IN_FLIGHT);
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
                Ok(Some(Answer::Refused(refusal))) => return (acknowledged, Some(refusal)),
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
