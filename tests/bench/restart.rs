//! How long a node with many channels takes from its start to its first answer, with modules in each channel's config
//! and without.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use prost::Message as _;
use raddle::admin::modules::{OWNER, Spec, with};
use raddle::client::{Answer, Client, Patience};
use raddle::network::DevNetwork;
use raddle_core::bundle::read_genesis;
use raddle_core::ids::ChannelId;
use raddle_ledger::{Ledger, Settings};
use raddle_proto::{common, hash};
use raddle_rules::shipped::{EMPTY, EXPIRATION};
use tempfile::TempDir;

use crate::admin::{Admin, filter};
use crate::filters;
use crate::load::envelope;
use crate::median;
use crate::memory::status;
use crate::process::Node;

const CHANNELS: usize = 1_000;

/// Restarts of each node, after one that is not counted: it compiles.
const ROUNDS: usize = 3;

/// Prints a line for a node with modules and one for a node without.
pub fn all() {
    println!(
        "\n{:<46} {:>12} {:>12} {:>12}",
        format!("restart with {CHANNELS} channels"),
        "ready s",
        "answer s",
        "memory MiB"
    );
    let limits_longer = filters::refuses_longer();
    let setting = [("bytes", "1000000")];
    let modules = [
        filter("one", EMPTY.bytes, &[]),
        filter("two", EXPIRATION.bytes, &[]),
        filter("three", limits_longer, &setting),
        filter("four", filters::refuses_shorter(), &[("bytes", "0")]),
    ];
    let (folders, mut answers) = ([node_with(&modules), node_with(&[])], [Vec::new(), Vec::new()]);
    let (mut readies, mut memories) = ([Vec::new(), Vec::new()], [0, 0]);
    for round in 0..=ROUNDS {
        for which in 0..2 {
            let (ready, answer, memory) = restart(folders[which].path());
            if round > 0 {
                readies[which].push(ready);
                answers[which].push(answer);
                memories[which] = memories[which].max(memory);
            }
        }
    }
    let mut ratios: Vec<_> =
        answers[0].iter().zip(&answers[1]).map(|(with, without)| with / without).collect();
    for (which, name) in ["4 modules in each, which all share", "no modules"].into_iter().enumerate() {
        println!(
            "{:<46} {:>12.2} {:>12.2} {:>12}",
            name,
            median(&mut readies[which]),
            median(&mut answers[which]),
            memories[which]
        );
    }
    println!("{:<46} {:>12} {:>12.2}", "ratio", "", median(&mut ratios));
}

/// The state of a node whose channels have these modules from their first block on.
fn node_with(modules: &[Spec]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Node::start(folder.path()).stop();
    let network = DevNetwork::read(&folder.path().join("network")).unwrap();
    for number in 0..CHANNELS {
        let channel = ChannelId(format!("channel{number:04}"));
        let genesis = genesis(&network, &channel, modules);
        let path = folder.path().join("ledgers").join(&channel.0);
        drop(Ledger::create(&path, &channel, &genesis, &Settings::default()).unwrap());
    }
    folder
}

/// The network's block 0 as that of another channel, with modules in its config.
fn genesis(network: &DevNetwork, channel: &ChannelId, modules: &[Spec]) -> Bytes {
    let genesis = read_genesis(network.genesis().clone()).unwrap();
    let mut block = genesis.block;
    let mut config = genesis.config.config.clone();
    for module in modules {
        config = with(&config, module, OWNER).unwrap();
    }
    let mut envelope = common::Envelope::decode(block.data.as_ref().unwrap().data[0].clone()).unwrap();
    let mut payload = common::Payload::decode(envelope.payload).unwrap();
    let mut header = payload.header.unwrap();
    let mut channel_header = common::ChannelHeader::decode(header.channel_header).unwrap();
    channel_header.channel_id.clone_from(&channel.0);
    header.channel_header = channel_header.encode_to_vec().into();
    payload.header = Some(header);
    let config = common::ConfigEnvelope { config: Some(config), last_update: None };
    payload.data = config.encode_to_vec().into();
    envelope.payload = payload.encode_to_vec().into();
    let data = vec![Bytes::from(envelope.encode_to_vec())];
    let data_hash = hash::block_data_hash(data.iter().map(AsRef::as_ref));
    block.header.as_mut().unwrap().data_hash = data_hash.to_vec().into();
    block.data = Some(common::BlockData { data });
    block.encode_to_vec().into()
}

/// Seconds until the node says that it is ready, and until it has answered an envelope for its last channel; and its
/// memory then.
fn restart(folder: &Path) -> (f64, f64, u64) {
    let start = Instant::now();
    let node = Node::start(folder);
    let ready = start.elapsed().as_secs_f64();
    let admin = Admin::of(&DevNetwork::read(&folder.join("network")).unwrap());
    let envelope = envelope(admin.client(), &format!("channel{:04}", CHANNELS - 1), 200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connect(&node.address, Patience::default()).await.unwrap();
        let mut answers = client.broadcast(tokio_stream::once(envelope));
        assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
    });
    let answer = start.elapsed().as_secs_f64();
    let memory = status(&node, "VmRSS:");
    assert_eq!(node.stop().status.code(), Some(0));
    (ready, answer, memory)
}
