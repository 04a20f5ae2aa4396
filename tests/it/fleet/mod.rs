//! Orderers of one channel that share its log: what its admins change, they all change at the same place.

mod batch_policy;
mod budgets;
mod conflicts;
mod forks;
mod hostile;
mod join;
mod lockout;
mod owners;
mod settings;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use raddle::admin::edit;
use raddle::admin::modules::{Kind, Mode, Spec};
use raddle::admin::update::{Draft, compute};
use raddle::client::{Answer, Client, Patience, Refusal, message};
use raddle::identity::Signer;
use raddle::network::{ConsensusDraft, Role, Validity};
use raddle::node::{Channel, Modules, Node, NodeParts, NodeSettings};
use raddle_core::bundle::BatchSize;
use raddle_core::ids::BlockNumber;
use raddle_ordering::local;
use raddle_proto::common::{self, Config, HeaderType};
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::Digest;
use raddle_rules::artifact::CompileWorker;
use raddle_rules::profile::ModuleLimits;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::harness::node::{Moody, Served, Told, parts, start_on};
use crate::harness::orderer::{reach, worker};
use crate::network::{Team, channel, draft};

/// A channel typed `kafka` of two members, its log, and everybody who has to do with it.
struct Fleet {
    genesis: Bytes,
    orderers: Team,
    log: Arc<Moody>,
    orderer: Arc<Signer>,
    /// Of the orderers, of Org1 and of Org2.
    admins: [Signer; 3],
    /// Of Org1 and of Org2.
    users: [Signer; 2],
    folder: TempDir,
}

/// One orderer of the channel at work.
struct Member {
    node: Arc<Node>,
    served: Served,
    told: Arc<Told>,
    client: Client,
}

/// Envelopes in a block that is full by the standard rule.
const BLOCK_ENVELOPES: u32 = 10;

// === impl Fleet ===

impl Fleet {
    fn new() -> Self {
        Self::with_log(&local::Settings::default())
    }

    fn with_log(settings: &local::Settings) -> Self {
        let (orderers, members) = (Team::new("Orderer"), [Team::new("Org1"), Team::new("Org2")]);
        let mut draft = draft(&orderers, &members);
        let kafka_brokers = vec!["kafka.example.com:9092".to_owned()];
        draft.consensus = ConsensusDraft { kind: "kafka".into(), metadata: Bytes::new(), kafka_brokers };
        draft.batch_size = BatchSize { max_message_count: BLOCK_ENVELOPES, ..draft.batch_size };
        draft.batch_timeout = Duration::from_millis(200);
        let genesis = draft.genesis(SystemTime::now()).unwrap().encode_to_vec().into();
        let folder = TempDir::new().unwrap();
        Self {
            genesis,
            log: Moody::create_with(folder.path(), settings),
            orderer: Arc::new(orderers.signer(Role::Orderer)),
            admins: [&orderers, &members[0], &members[1]].map(|team| team.signer(Role::Admin)),
            users: [&members[0], &members[1]].map(|team| team.signer(Role::Client)),
            orderers,
            folder,
        }
    }

    /// Starts the orderer of this name, or starts it again.
    async fn start(&self, name: &str, settings: NodeSettings, worker: CompileWorker) -> Member {
        let told = Arc::new(Told::default());
        let modules = Modules { worker, cache: None };
        let (signer, observer) = (Arc::clone(&self.orderer), Arc::clone(&told) as _);
        let (folder, genesis) = (self.folder.path().join(name), self.genesis.clone());
        std::fs::create_dir_all(&folder).unwrap();
        let parts = NodeParts { signer, observer, modules, ..parts(&folder, &self.log) };
        let node = spawn_blocking(move || start_on(&genesis, parts, settings)).await.unwrap();
        let node = Arc::new(node);
        let served = Served::start(&node).await;
        let client = Client::connect(&served.address.to_string(), Patience::default()).await.unwrap();
        Member { node, served, told, client }
    }

    /// Writes the MSP folder of an orderer.
    fn write_orderer(&self, folder: &Path) {
        let (organisation, validity) = (&self.orderers.organisation, Validity::ten_years(SystemTime::now()));
        let issued = organisation.issue(Role::Orderer, "orderer.example.com", validity).unwrap();
        organisation.write_identity(&issued, folder).unwrap();
    }

    async fn start_usual(&self, name: &str) -> Member {
        self.start(name, NodeSettings::default(), worker()).await
    }

    /// The update from one config to another, signed by these.
    fn update(&self, from: &Config, to: &Config, admins: &[&Signer]) -> common::Envelope {
        let mut draft = Draft::new(compute(&channel(), from, to).unwrap());
        for admin in admins {
            draft.sign(admin).unwrap();
        }
        message(&draft.envelope(&self.users[0], SystemTime::now()).unwrap())
    }

    fn envelope(&self, user: usize) -> common::Envelope {
        let envelope =
            self.users[user].envelope(&channel(), HeaderType::Message, vec![7; 50], SystemTime::now());
        message(&envelope.unwrap())
    }
}

// === impl Member ===

impl Member {
    fn channel(&self) -> Arc<Channel> {
        self.node.channel(&channel().0).unwrap()
    }

    fn config(&self) -> Config {
        self.channel().rules().config.config.clone()
    }

    async fn wait_for_height(&self, height: u64) {
        reach(&self.channel(), height).await;
    }

    async fn wait_for_sequence(&self, sequence: u64) {
        let channel = self.channel();
        let mut standing = channel.board().standing();
        standing.wait_for(|_| channel.rules().bundle().sequence.0 >= sequence).await.unwrap();
    }

    async fn send(&self, envelope: common::Envelope) -> Result<(), Refusal> {
        send_one(&self.client, envelope).await
    }

    /// Changes the config by an update that these sign; waits until it is in force here.
    async fn change(
        &self,
        fleet: &Fleet,
        admins: &[&Signer],
        change: impl FnOnce(&Config) -> Config,
    ) -> Result<(), Refusal> {
        let config = self.config();
        self.send(fleet.update(&config, &change(&config), admins)).await?;
        self.wait_for_sequence(config.sequence + 1).await;
        Ok(())
    }

    fn blocks(&self, count: u64) -> Vec<common::Block> {
        let ledger = self.channel().ledger().clone();
        let block = |number| ledger.block(BlockNumber(number)).unwrap().unwrap();
        (0..count).map(|number| common::Block::decode(block(number)).unwrap()).collect()
    }

    async fn stop(self) {
        let Self { node, served, client, .. } = self;
        drop(client);
        served.stop().await;
        let ledger = node.channel(&channel().0).unwrap().ledger().clone();
        spawn_blocking(move || {
            node.stop();
            ledger.close();
        })
        .await
        .unwrap();
    }
}

async fn send_one(client: &Client, envelope: common::Envelope) -> Result<(), Refusal> {
    match client.broadcast(tokio_stream::once(envelope)).next().await.unwrap() {
        Some(Answer::Taken) => Ok(()),
        Some(Answer::Refused(refusal)) => Err(refusal),
        None => panic!("no answer"),
    }
}

// === configs, envelopes, workers ===

/// The config with places of it set to a text.
fn set(config: &Config, places: &[(&str, &str)]) -> Config {
    let mut json = edit::show(config).unwrap();
    for (path, text) in places {
        edit::set(&mut json, &format!("/Channel/Orderer/{path}"), text).unwrap();
    }
    edit::edited(config, &json).unwrap()
}

/// The config with the capability for batch policies.
fn with_capability(config: &Config) -> Config {
    set(config, &[("Capabilities/capabilities/RADDLE_1_0", "{}")])
}

fn spec(name: &str, kind: Kind, component: Vec<u8>) -> Spec {
    let limits = match kind {
        Kind::Filter => ModuleLimits::of_filter(),
        Kind::BatchPolicy => ModuleLimits::default(),
    };
    Spec {
        name: name.into(),
        version: "1".into(),
        kind,
        mode: Mode::Enforce,
        order: 100,
        settings: Vec::new(),
        fuel: limits.fuel_per_call(),
        memory_bytes: limits.memory_bytes(),
        digest: Digest::of(&component),
        component: component.into(),
    }
}

/// Config or not, and whose.
fn kind_and_msp(envelope: &Bytes) -> (bool, String) {
    let envelope = Envelope::unmarshal(envelope.clone()).unwrap();
    let is_config = wire::channel_header(&envelope).unwrap().r#type == i32::from(HeaderType::Config);
    let creator = wire::signature_header(&envelope).unwrap().creator;
    (is_config, SerializedIdentity::decode(creator).map(|it| it.mspid).unwrap_or_default())
}

/// A worker that runs this shell script, in which `$raddle` is the command.
fn scripted(script: &str) -> CompileWorker {
    let script = format!("raddle='{}'; {script}", env!("CARGO_BIN_EXE_raddle"));
    CompileWorker::new("/bin/sh", ["-c", &script, "worker"])
}

/// A worker that never compiles anything.
fn broken_worker() -> CompileWorker {
    scripted("exit 1")
}
