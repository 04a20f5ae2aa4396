//! Deliver of a real node, over a real socket: what readers get while blocks are made, configs change and logs fail.

mod access;
mod config;
mod follow;
mod halt;
mod load;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Answer, Client, ClientError, Deliveries, Patience, Place, Refusal, message, range};
use raddle::identity::Signer;
use raddle::network::Role;
use raddle::node::NodeSettings;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_core::bundle::BatchSize;
use raddle_core::ids::BlockNumber;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::orderer::SeekInfo;
use raddle_proto::orderer::seek_info::SeekErrorResponse;
use tempfile::TempDir;

use crate::harness::orderer::{self, channel as channel_of};
use crate::network::{Team, channel, draft};

/// Envelopes in a block that is full.
const BLOCK_ENVELOPES: usize = 4;

/// Bytes of an envelope's data, where they do not matter.
const ENVELOPE_BYTES: usize = 10;

/// How long an envelope waits for company: so long that tests which count blocks get full ones.
const BATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// A channel of two members: block 0, and everybody who has to do with it.
struct Network {
    orderers: Team,
    org1: Team,
    org2: Team,
    genesis: Bytes,
}

/// An orderer of that channel.
struct Scene {
    network: Network,
    orderer: Orderer,
    folder: TempDir,
}

// === impl Network ===

impl Network {
    fn new(batch_timeout: Duration) -> Self {
        let (orderers, members) = (Team::new("Orderer"), [Team::new("Org1"), Team::new("Org2")]);
        let mut draft = draft(&orderers, &members);
        let max_message_count = BLOCK_ENVELOPES as u32;
        draft.batch_size = BatchSize { max_message_count, ..draft.batch_size };
        draft.batch_timeout = batch_timeout;
        let genesis = draft.genesis(SystemTime::now()).unwrap().encode_to_vec().into();
        let [org1, org2] = members;
        Self { orderers, org1, org2, genesis }
    }

    fn settings(&self, folder: &TempDir) -> OrdererSettings {
        let signer = Arc::new(self.orderers.signer(Role::Orderer));
        OrdererSettings { signer, ..orderer::settings(folder.path(), self.genesis.clone()) }
    }
}

// === impl Scene ===

impl Scene {
    async fn start() -> Self {
        Self::start_with(BATCH_TIMEOUT, NodeSettings::default()).await
    }

    async fn start_with(batch_timeout: Duration, node: NodeSettings) -> Self {
        let (network, folder) = (Network::new(batch_timeout), TempDir::new().unwrap());
        let settings = OrdererSettings { node, ..network.settings(&folder) };
        let orderer = Orderer::start(settings).await.unwrap();
        Self { network, orderer, folder }
    }

    /// Stops, lets `between` do what it likes, and starts again.
    async fn restart(self, between: impl FnOnce(&TempDir)) -> Self {
        let Self { network, orderer, folder } = self;
        orderer.stop().await.unwrap();
        between(&folder);
        let orderer = Orderer::start(network.settings(&folder)).await.unwrap();
        Self { network, orderer, folder }
    }

    /// On a connection of its own.
    async fn client(&self) -> Client {
        connect(&self.orderer.address().to_string()).await
    }

    /// Sends so many envelopes, which must all be taken; answers them as blocks hold them.
    async fn send(&self, signer: &Signer, count: usize) -> Vec<Bytes> {
        let envelopes = envelopes(signer, count, ENVELOPE_BYTES);
        assert_eq!(send(&self.client().await, &envelopes).await, vec![Answer::Taken; count]);
        envelopes.iter().map(|envelope| envelope.encode_to_vec().into()).collect()
    }

    /// Sends an envelope that must not be taken.
    async fn send_refused(&self, signer: &Signer) -> Refusal {
        match send(&self.client().await, &envelopes(signer, 1, ENVELOPE_BYTES)).await.as_slice() {
            [Answer::Refused(refusal)] => refusal.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// So many full blocks beyond those that there are.
    async fn grow(&self, signer: &Signer, blocks: usize) {
        self.grow_by(signer, blocks, ENVELOPE_BYTES).await;
    }

    /// So many full blocks of envelopes with so many bytes each.
    async fn grow_by(&self, signer: &Signer, blocks: usize, bytes: usize) {
        let height = channel_of(&self.orderer).ledger().height() + blocks as u64;
        let envelopes = envelopes(signer, blocks * BLOCK_ENVELOPES, bytes);
        assert_eq!(send(&self.client().await, &envelopes).await, vec![Answer::Taken; envelopes.len()]);
        orderer::wait_for_height(&self.orderer, height).await;
    }

    /// A block as it is stored.
    fn stored(&self, number: u64) -> Bytes {
        channel_of(&self.orderer).ledger().block(BlockNumber(number)).unwrap().unwrap()
    }

    async fn read(&self, signer: &Signer, seek: &SeekInfo) -> Deliveries {
        read(&self.client().await, signer, seek)
    }
}

async fn connect(address: &str) -> Client {
    Client::connect(address, Patience::default()).await.unwrap()
}

fn read(client: &Client, signer: &Signer, seek: &SeekInfo) -> Deliveries {
    client.deliver(&signer.seek(&channel(), seek, SystemTime::now()).unwrap())
}

fn envelopes(signer: &Signer, count: usize, bytes: usize) -> Vec<common::Envelope> {
    let envelope = |_| signer.envelope(&channel(), HeaderType::Message, vec![7; bytes], SystemTime::now());
    (0..count).map(envelope).map(|envelope| message(&envelope.unwrap())).collect()
}

/// Sends envelopes on one stream; answers what came up to its end or a refusal, behind which nothing comes.
async fn send(client: &Client, envelopes: &[common::Envelope]) -> Vec<Answer> {
    let mut answers = client.broadcast(tokio_stream::iter(envelopes.to_vec()));
    let mut got = Vec::new();
    while !matches!(got.last(), Some(Answer::Refused(_)))
        && let Some(answer) = answers.next().await.unwrap()
    {
        got.push(answer);
    }
    got
}

// === what is asked for ===

/// All blocks that there are.
fn all() -> SeekInfo {
    range(Place::Oldest, Place::Newest, false)
}

/// All blocks from one on, for ever.
fn following(start: Place) -> SeekInfo {
    range(start, Place::Number(u64::MAX), true)
}

/// The same blocks, whether or not the channel is at work.
fn best_effort(seek: SeekInfo) -> SeekInfo {
    SeekInfo { error_response: SeekErrorResponse::BestEffort.into(), ..seek }
}

// === what came ===

fn number(block: &common::Block) -> u64 {
    block.header.as_ref().unwrap().number
}

/// The next block, which must come.
async fn next(reader: &mut Deliveries) -> common::Block {
    reader.next().await.unwrap().expect("a block, not the end")
}

/// The numbers of the next blocks, so many of them.
async fn numbers(reader: &mut Deliveries, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(number(&next(reader).await));
    }
    numbers
}

/// Blocks up to the SUCCESS.
async fn rest(mut reader: Deliveries) -> Vec<common::Block> {
    let mut blocks = Vec::new();
    while let Some(block) = reader.next().await.unwrap() {
        blocks.push(block);
    }
    blocks
}

/// What ends the stream, which must be the next to come.
async fn refused(mut reader: Deliveries) -> Refusal {
    match reader.next().await {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// A refusal's status, code and sentence.
fn told(refusal: &Refusal) -> (i32, Option<&str>, String) {
    (refusal.status, refusal.detail.code.as_deref(), refusal.sentence())
}

/// What Fabric says of somebody whom an implicit policy of `name` does not let.
fn denied(name: &str) -> String {
    format!(
        "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the '{name}' \
         sub-policies to be satisfied: permission denied"
    )
}
