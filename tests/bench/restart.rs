//! How long a node with many channels takes from its start to its first answer, with modules in each channel's config
//! and without.

use std::path::Path;
use std::time::{Duration, Instant};

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
use crate::orderer::{DATA_BYTES, Site, clients, measure_with_cpu, slope, status_kib, verification_us};
use crate::process::Node;
use crate::table::{Row, Table};

const CHANNELS: usize = 1_000;

/// Restarts of each node, after one that is not counted: it compiles.
const ROUNDS: usize = 3;

/// Rows for nodes of 1, 100 and 1,000 channels without modules, and for one of 1,000 with some.
pub fn all(table: &mut Table) {
    let limits_longer = filters::refuses_longer();
    let setting = [("bytes", "1000000")];
    let modules = [
        filter("one", EMPTY.bytes, &[]),
        filter("two", EXPIRATION.bytes, &[]),
        filter("three", limits_longer, &setting),
        filter("four", filters::refuses_shorter(), &[("bytes", "0")]),
    ];
    let mut idle = Vec::new();
    for count in [1, 100] {
        let folder = node_with(count, &[]);
        let rounds: Vec<_> = (0..=ROUNDS).map(|_| restart(folder.path(), count)).skip(1).collect();
        push(table, &format!("{count} channels"), &rounds);
        idle.push((count as f64, rounds[0].1));
    }
    // In turn, so that the disk's moods hit both alike.
    let (with, without) = (node_with(CHANNELS, &modules), node_with(CHANNELS, &[]));
    let rounds: Vec<_> = (0..=ROUNDS)
        .map(|_| (restart(without.path(), CHANNELS), restart(with.path(), CHANNELS)))
        .skip(1)
        .collect();
    let (plain, modules): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    push(table, &format!("{CHANNELS} channels"), &plain);
    idle.push((CHANNELS as f64, plain[0].1));
    let seconds = |rounds: &[(f64, f64)]| rounds.iter().map(|round| round.0).collect::<Vec<_>>();
    let what = format!("start, {CHANNELS} channels of 4 modules each");
    table.push(Row::beside_rounds(what, seconds(&modules), "s", "without modules", seconds(&plain)));
    table.push(Row::new("memory of an idle channel", slope(&idle) * 1024.0, "KiB"));
}

fn push(table: &mut Table, name: &str, rounds: &[(f64, f64)]) {
    let part = |part: fn(&(f64, f64)) -> f64| rounds.iter().map(part).collect::<Vec<_>>();
    table.push(Row::of(format!("start to first answer, {name}"), part(|it| it.0), "s"));
    table.push(Row::of(format!("memory with {name}"), part(|it| it.1), "MiB"));
}

/// Rows for what an envelope costs the orderer that goes to one of 1, 10, 100 or 1,000 channels, each in turn.
pub fn channels(table: &mut Table) {
    let runtime = clients();
    for count in [1, 10, 100, CHANNELS] {
        let site = Site::start_on(node_with(count, &[]));
        let envelopes: Vec<_> = (0..count)
            .map(|number| envelope(&site.client, &format!("channel{number:04}"), DATA_BYTES))
            .collect();
        let (mut costs, mut checks) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let times = (Duration::from_secs(1), Duration::from_secs(2));
            let load = measure_with_cpu(&site.node, &envelopes, (8, 64), times);
            costs.push(runtime.block_on(load).1);
            checks.push(verification_us());
        }
        let what = format!("orderer's CPU, 8 × 64, {count} channels");
        table.push(Row::beside_rounds(what, costs, "µs", "one P-256 verification", checks));
        assert_eq!(site.node.stop().status.code(), Some(0));
    }
}

/// The state of a node whose channels have these modules from their first block on.
pub fn node_with(channels: usize, modules: &[Spec]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Node::start(folder.path()).stop();
    let network = DevNetwork::read(&folder.path().join("network")).unwrap();
    for number in 0..channels {
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

/// Seconds until the node has answered an envelope for its last channel; and its memory then, in MiB.
fn restart(folder: &Path, channels: usize) -> (f64, f64) {
    let start = Instant::now();
    let node = Node::start(folder);
    let admin = Admin::of(&DevNetwork::read(&folder.join("network")).unwrap());
    let envelope = envelope(admin.client(), &format!("channel{:04}", channels - 1), 200);
    clients().block_on(async {
        let client = Client::connect(&node.address, Patience::default()).await.unwrap();
        let mut answers = client.broadcast(tokio_stream::once(envelope));
        assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
    });
    let answer = start.elapsed().as_secs_f64();
    let memory = status_kib(&node, "VmRSS:") as f64 / 1024.0;
    assert_eq!(node.stop().status.code(), Some(0));
    (answer, memory)
}
