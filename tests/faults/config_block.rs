//! `kill -9` between the steps of a config block.
//!
//! What survives a `kill -9` is what the process has written, synced or not. On the way of a config update two threads
//! write: the log's, which appends the record, then the ledger's, which appends the block to its file and then writes
//! the index that names it. (The cache of modules may be lost at any time.) So the steps of a config block are the
//! writes of these two threads. The node is let go on for some microseconds at a time, and stopped and looked at in
//! between: the system counts each thread's writes. A first update tells how many there are; then nodes are killed
//! before the first write, behind the first, and so on, round after round.
//!
//! A stopped node may be some writes beyond the one it was to be killed behind, for a transaction's writes follow one
//! another at once: what it was killed behind is what is counted, and the rounds go on until each place between two
//! transactions has been met. That each write and sync of the log and of the ledger may be the last one, also where the
//! power fails, is shown with the log and the ledger themselves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use raddle::admin::modules::{OWNER, Spec, find, with, without};
use raddle::admin::update::{NoDifference, compute};
use raddle::client::{Answer, Client, ClientError, Patience, Verifier, message};
use raddle::network::{DEV_CHANNEL, DevNetwork};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{Config, HeaderType};
use raddle_proto::wire::Envelope;
use raddle_rules::shipped::{EMPTY, EXPIRATION};
use tempfile::TempDir;

use crate::admin::{Admin, filter, with_value};
use crate::process::Node;
use crate::steps::{Steps, Writes};

const KILLS: usize = 50;

/// More rounds than are ever needed.
const KILLS_MAX: usize = 1_000;

/// How often it is counted what an update writes.
const SAMPLES: usize = 5;

/// Between which steps a node was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    BeforeTheRecord,
    InTheRecord,
    BeforeTheBlock,
    BetweenBlockAndIndex,
    InTheIndex,
    BehindTheBlock,
}

/// The places between two transactions.
const PLACES: [Place; 4] =
    [Place::BeforeTheRecord, Place::BeforeTheBlock, Place::BetweenBlockAndIndex, Place::BehindTheBlock];

impl Place {
    /// `whole` is what an update writes from beginning to end.
    fn of(seen: Writes, whole: Writes) -> Self {
        match seen {
            Writes { ledger, .. } if ledger >= whole.ledger => Self::BehindTheBlock,
            Writes { ledger: 2.., .. } => Self::InTheIndex,
            Writes { ledger: 1, .. } => Self::BetweenBlockAndIndex,
            Writes { log: 0, .. } => Self::BeforeTheRecord,
            Writes { log, .. } if log < whole.log => Self::InTheRecord,
            _ => Self::BeforeTheBlock,
        }
    }
}

/// The config of a round: a filter comes, gets other bytes, and goes.
fn change(config: &Config, round: usize) -> Config {
    let version = round.to_string();
    let install = |component: &'static [u8]| {
        let spec = Spec { version: version.clone(), ..filter("guard", component, &[]) };
        with(config, &spec, OWNER).unwrap()
    };
    match (round % 3, find(config, "guard")) {
        (2, Some(_)) => without(config, &["guard".to_owned()]).unwrap(),
        (1, _) => install(EXPIRATION.bytes),
        _ => install(EMPTY.bytes),
    }
}

/// A client of the node of a folder.
struct Scene {
    admin: Admin,
    client: Client,
}

impl Scene {
    async fn of(folder: &Path, node: &Node) -> Self {
        let network = DevNetwork::read(&folder.join("network")).unwrap();
        let client = Client::connect(&node.address, Patience::default()).await.unwrap();
        Self { admin: Admin::of(&network), client }
    }

    /// Sends an envelope; answers once it is in a block, so that the log holds nothing more that is not. All blocks
    /// follow on those that were seen in the node's lives before, and are signed by the orderers of their config.
    async fn settle(&self, verifier: &mut Verifier) {
        let signer = self.admin.client();
        let envelope = signer
            .envelope(self.admin.channel(), HeaderType::Message, b"settle".to_vec(), SystemTime::now())
            .unwrap();
        assert_eq!(self.send(&envelope).await.unwrap(), Some(Answer::Taken));
        let mut blocks = self.admin.blocks_from(&self.client, verifier.next_number());
        loop {
            let block = blocks.next().await.unwrap().unwrap();
            verifier.verify(&block).unwrap();
            if block.data.unwrap().data.contains(&envelope.marshal()) {
                return;
            }
        }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Option<Answer>, ClientError> {
        self.client.broadcast(tokio_stream::once(message(envelope))).next().await
    }

    async fn config(&self) -> Config {
        self.admin.config(&self.client).await.unwrap().config
    }

    /// Changes the config, and waits until the change is in a block.
    async fn change(&self, change: impl FnOnce(&Config) -> Config) {
        let old = self.config().await;
        self.admin.change_now(&self.client, &old, &change(&old)).await.unwrap();
        assert_eq!(self.config().await.sequence, old.sequence + 1);
    }
}

/// What an update writes from beginning to end.
async fn whole(folder: &Path) -> Writes {
    let node = Node::start(folder);
    let scene = Scene::of(folder, &node).await;
    // So that no timer writes to the log.
    scene.change(|config| with_value(config, "/Channel/Orderer/BatchSize/max_message_count", "1")).await;
    let mut verifier = Verifier::from_start(scene.admin.channel().clone());
    let (mut log, mut ledger) = (Vec::new(), Vec::new());
    // A block is seen before its index is written, so that one index may be counted too many, or one too few.
    for sample in 0..SAMPLES {
        scene.settle(&mut verifier).await;
        let steps = Steps::of(node.id());
        // Each installs the same, as a version that no round has.
        scene.change(|config| change(config, 3 * (KILLS_MAX + sample))).await;
        let writes = steps.writes();
        log.push(writes.log);
        ledger.push(writes.ledger);
    }
    node.kill();
    log.sort_unstable();
    ledger.sort_unstable();
    Writes { log: log[SAMPLES / 2], ledger: ledger[SAMPLES / 2] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_any_two_steps_of_a_config_block_leaves_the_old_config_or_the_new_one() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("state");
    let whole = whole(&folder).await;
    assert!(whole.log > 0 && whole.ledger > 1, "{whole:?}");
    let mut places: BTreeMap<Place, usize> = BTreeMap::new();
    let (mut olds, mut news) = (0, 0);
    let mut node = Node::start(&folder);
    let mut verifier = Verifier::from_start(ChannelId(DEV_CHANNEL.into()));
    let mut kills = 0;
    while kills < KILLS || PLACES.iter().any(|place| !places.contains_key(place)) {
        assert!(kills < KILLS_MAX, "{places:?}");
        // No two rounds ask for the same config.
        let round = 1 + 2 * kills;
        let scene = Scene::of(&folder, &node).await;
        scene.settle(&mut verifier).await;
        let old = scene.config().await;
        let new = change(&old, round);
        let update = scene.admin.update(&old, &new);
        let steps = Steps::of(node.id());
        let count = kills as u64 % (whole.all() + 1);
        let stepping = tokio::task::spawn_blocking(move || {
            let seen = steps.until(count);
            node.kill();
            seen
        });
        let answer = scene.send(&update).await;
        let seen = stepping.await.unwrap();
        *places.entry(Place::of(seen, whole)).or_default() += 1;

        node = Node::start(&folder);
        let scene = Scene::of(&folder, &node).await;
        scene.settle(&mut verifier).await;
        let found = scene.config().await;
        if found.sequence == old.sequence {
            assert_eq!(found, old);
            assert!(!matches!(answer, Ok(Some(Answer::Taken))), "{answer:?} behind {seen:?}");
            olds += 1;
        } else {
            assert_eq!(found.sequence, old.sequence + 1);
            assert_eq!(compute(scene.admin.channel(), &found, &new), Err(NoDifference));
            news += 1;
        }
        // And it takes another one.
        scene.change(|config| change(config, round + 1)).await;
        kills += 1;
    }
    assert!(olds > 0 && news > 0, "{olds} old, {news} new; {places:?}");
    let scene = Scene::of(&folder, &node).await;
    scene.settle(&mut Verifier::from_start(scene.admin.channel().clone())).await;
    assert_eq!(node.stop().status.code(), Some(0));
}
