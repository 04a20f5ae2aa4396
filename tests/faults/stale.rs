//! `kill -9` while the channel's config changes under load: envelopes that were admitted under the config before are
//! judged and appended again, and the node is killed in the midst of it.
//!
//! The channel has the capability RADDLE_1_0: without it copies are treated as Go orderers treat them, which put an
//! envelope into the channel twice when it goes stale twice and an orderer is started again in between.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;

use raddle::admin::modules::{OWNER, Spec, with};
use raddle::client::{Client, ClientError, Patience};
use raddle::network::DevNetwork;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog as _;
use raddle_ordering::local::{LocalLog, Settings, system_clock};
use raddle_proto::common::Config;
use raddle_proto::wire::KafkaMessage;
use raddle_rules::shipped::EMPTY;
use tempfile::TempDir;
use tokio_stream::StreamExt as _;

use crate::admin::{Admin, filter, with_value};
use crate::client::Sender;
use crate::process::Node;

/// At least so many, and until the config has grown: some kills come before the update does.
const KILLS: u64 = 15;
const KILLS_MAX: u64 = 10 * KILLS;

/// Changes the config again and again, until the node is gone. An update that was on its way at the last kill may come
/// first: then the next one is refused, and made anew.
async fn change(admin: &Admin, address: &str) -> Result<(), ClientError> {
    let client = Client::connect(address, Patience::default()).await?;
    let change = |config: &Config| {
        let spec = Spec { version: config.sequence.to_string(), ..filter("guard", EMPTY.bytes, &[]) };
        with(config, &spec, OWNER).unwrap()
    };
    while admin.change_until_taken(&client, change).await? {}
    Ok(())
}

/// Records in the log of a node that has ended: all, and those that were appended again.
async fn records(folder: &Path) -> (usize, usize) {
    let log = LocalLog::open(&folder.join("log.redb"), &Settings::default(), system_clock()).unwrap();
    let channel = ChannelId("demo".into());
    let (mut all, mut again) = (0, 0);
    let end = log.append(&channel, KafkaMessage::Connect.marshal()).await.unwrap();
    let mut records = log.read(&channel, Offset(0));
    loop {
        let record = records.next().await.unwrap().unwrap();
        if record.offset == end {
            return (all, again);
        }
        all += 1;
        let message = KafkaMessage::unmarshal(record.value).unwrap();
        again += usize::from(matches!(message, KafkaMessage::Regular(it) if it.original_offset > 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_under_an_older_config_survives_kills_at_any_moment() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("state");
    let random = RandomState::new();
    let mut node = Node::start(&folder);
    let mut sender = Sender::new(&folder);
    let admin = Admin::of(&DevNetwork::read(&folder.join("network")).unwrap());
    let client = Client::connect(&node.address, Patience::default()).await.unwrap();
    let config = admin.config(&client).await.unwrap().config;
    let capable = with_value(&config, "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0", "{}");
    admin.change_now(&client, &config, &capable).await.unwrap();
    for kill in 0.. {
        let address = node.address.clone();
        let moment = 500 + (random.hash_one(kill) % 1500) as usize;
        let (refusals, _) =
            tokio::join!(sender.send(&address, 700, moment, || node.kill()), change(&admin, &address));
        assert_eq!(refusals, [""; 0]);
        node = Node::start(&folder);
        let client = Client::connect(&node.address, Patience::default()).await.unwrap();
        if kill + 1 >= KILLS && admin.config(&client).await.unwrap().config.sequence > 2 {
            break;
        }
        assert!(kill < KILLS_MAX, "no update comes before a kill");
    }
    sender.all_is_in_one_block_each(&node.address).await;
    assert_eq!(node.stop().status.code(), Some(0));
    let (all, again) = records(&folder).await;
    assert!(again > 0, "none of {all} records was appended again");
}
