//! Orderers that begin with another's blocks: one in the place of a Go orderer, one in the place of one of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Client, Deliveries, Patience, Place, last_config, offsets, range};
use raddle::identity::Signer;
use raddle::network::DevNetwork;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog as _;
use raddle_ordering::kafka::{self, KafkaLog};
use raddle_proto::common::Block;
use raddle_proto::wire::KafkaMessage;
use tempfile::TempDir;

use crate::broker::{Broker, free_port};
use crate::harness::admin::{Admin, with_value};
use crate::harness::eventually::{eventually_blocking, in_time};
use crate::harness::http;
use crate::harness::orderer::{append, put_blocks, same, settings, wait_for_channel};
use crate::harness::process::{Node, succeeds};
use crate::harness::sender::Sender;
use crate::harness::{Recorded, golden, metadata_values};
use crate::settings::{write, write_for};

/// Bytes of an envelope's data.
const BYTES: usize = 2000;

/// Joins a channel by a block, as operators do; answers what was printed.
fn join(folder: &Path, block: &Block, from: &str) -> String {
    fs::write(folder.join("joined.block"), block.encode_to_vec()).unwrap();
    succeeds(folder, &["channel", "join", "joined.block", "--from", from])
}

/// The first blocks of an orderer's channel, as soon as they are there.
async fn blocks(address: &str, channel: &str, height: usize) -> Vec<Block> {
    let client = Client::connect(address, Patience::default()).await.unwrap();
    let signer = Signer::from_msp_dir("OrdererMSP", &golden("orderer-msp")).unwrap();
    let seek = range(Place::Number(0), Place::Number(height as u64 - 1), true);
    let seek = signer.seek(&ChannelId(channel.into()), &seek, SystemTime::now()).unwrap();
    read(client.deliver(&seek), height).await
}

async fn read(mut deliveries: Deliveries, height: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    while blocks.len() < height {
        let block = in_time("another block comes", deliveries.next_whenever()).await;
        blocks.push(block.unwrap().unwrap());
    }
    blocks
}

/// A topic with these records, at the offsets that they had.
async fn produce(broker: &Broker, channel: &str, records: &[Bytes]) {
    let settings = kafka::Settings {
        brokers: vec![broker.address()],
        topic_replication: 1,
        greeting: None,
        ..kafka::Settings::default()
    };
    let (log, id) = (KafkaLog::open(settings).unwrap(), ChannelId(channel.into()));
    let appends: Vec<_> = records.iter().map(|record| log.append(&id, record.clone())).collect();
    for (append, offset) in appends.into_iter().zip(0..) {
        assert_eq!(append.await.unwrap(), Offset(offset), "{channel}");
    }
    tokio::task::spawn_blocking(move || drop(log)).await.unwrap();
}

/// An orderer that serves what Go orderers wrote, byte for byte, up to these blocks. Its log holds no more.
async fn source(folder: &Path, channels: &[(&str, &Recorded, usize)]) -> Orderer {
    for (channel, recorded, tip) in channels {
        put_blocks(folder, channel, &recorded.blocks[..=*tip]);
        let end = offsets(&recorded.blocks[*tip]).map_or(0, |it| it.last_offset_persisted + 1);
        append(folder, channel, &recorded.records()[..usize::try_from(end).unwrap()]).await;
    }
    let settings = OrdererSettings { genesis: Vec::new(), ..settings(folder, Bytes::new()) };
    let orderer = Orderer::start(settings).await.unwrap();
    for (channel, _, _) in channels {
        wait_for_channel(&orderer, channel).await;
    }
    orderer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_in_the_place_of_a_go_orderer_makes_the_blocks_that_it_made() {
    let (broker, source_folder, folder) =
        (Broker::start(&[]), TempDir::new().unwrap(), TempDir::new().unwrap());
    let (system, mine) = (Recorded::syschannel(), Recorded::mychannel());
    produce(&broker, "syschannel", &system.records()).await;
    produce(&broker, "mychannel", &mine.records()).await;
    let (tip, system_tip) = (mine.cut_by_time(), system.blocks.len() - 1);
    let channels = [("mychannel", &mine, tip), ("syschannel", &system, system_tip)];
    let source = source(source_folder.path(), &channels).await;
    let from = source.address().to_string();
    write(folder.path(), &broker);
    let joined = usize::try_from(last_config(&mine.blocks[tip]).unwrap()).unwrap();
    let printed = tokio::task::spawn_blocking({
        let (folder, from) = (folder.path().to_owned(), from.clone());
        let (block, system_block) = (mine.blocks[joined].clone(), system.blocks[0].clone());
        move || [join(&folder, &block, &from), join(&folder, &system_block, &from)]
    });
    let printed = printed.await.unwrap();
    let [mine_printed, system_printed] = &printed;
    assert!(mine_printed.contains(&format!("\npulled blocks 0 to {tip} from {from}\n")), "{mine_printed}");
    let says = format!("\npulled blocks 0 to {system_tip} from {from}\n");
    assert!(
        system_printed.contains(&says) && system_printed.contains("\nalso   join the channels"),
        "{system_printed}"
    );
    source.stop().await.unwrap();
    let node = Node::start_by_settings(folder.path());
    let made = blocks(&node.address, "mychannel", mine.blocks.len()).await;
    assert_eq!(&made[..=tip], &mine.blocks[..=tip], "as the Go orderer signed them");
    same(&made, &mine.blocks);
    same(&blocks(&node.address, "syschannel", system.blocks.len()).await, &system.blocks);
    node.kill();
    let node = Node::start_by_settings(folder.path());
    same(&blocks(&node.address, "mychannel", mine.blocks.len()).await, &mine.blocks);
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_did_not_order_the_channel_halts_it_and_no_other() {
    let (broker, source_folder, folder) =
        (Broker::start(&[]), TempDir::new().unwrap(), TempDir::new().unwrap());
    let (system, mine) = (Recorded::syschannel(), Recorded::mychannel());
    let (tip, system_tip) = (mine.cut_by_time(), system.blocks.len() - 1);
    produce(&broker, "syschannel", &system.records()).await;
    // A topic of the same name, longer than the one that is meant.
    let connects = vec![KafkaMessage::Connect.marshal(); mine.records().len() + 5];
    produce(&broker, "mychannel", &connects).await;
    let channels = [("mychannel", &mine, tip), ("syschannel", &system, system_tip)];
    let source = source(source_folder.path(), &channels).await;
    let from = source.address().to_string();
    write(folder.path(), &broker);
    let joined = usize::try_from(last_config(&mine.blocks[tip]).unwrap()).unwrap();
    tokio::task::spawn_blocking({
        let (folder, block, system_block) =
            (folder.path().to_owned(), mine.blocks[joined].clone(), system.blocks[0].clone());
        move || {
            join(&folder, &block, &from);
            join(&folder, &system_block, &from);
        }
    })
    .await
    .unwrap();
    source.stop().await.unwrap();
    let mut node = Node::start_by_settings(folder.path());
    node.wait_for("failed RDL-4103  channel mychannel: block ");
    node.wait_for("it is not the log that the blocks were cut from");
    same(&blocks(&node.address, "syschannel", system.blocks.len()).await, &system.blocks);
    let ended = node.stop();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.said);
}

/// A network, and the folders of two nodes of it over one broker. All of it is below the first.
fn two_nodes(broker: &Broker) -> (TempDir, DevNetwork, [PathBuf; 2]) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("network");
    let network = DevNetwork::generate(&path, "127.0.0.1:7050", SystemTime::now()).unwrap();
    let folders = ["old", "new"].map(|name| folder.path().join(name));
    for folder in &folders {
        fs::create_dir(folder).unwrap();
        write_for(folder, &network, broker);
    }
    (folder, network, folders)
}

/// Both take envelopes, the old one stops, and the new one takes more: it has all of it in one block each.
async fn new_goes_on_without_old((old, mut of_old): (Node, Sender), (new, of_new): (&Node, &mut Sender)) {
    let refused =
        tokio::join!(of_old.send_some(&old.address, BYTES, 200), of_new.send_some(&new.address, BYTES, 200));
    assert_eq!([refused.0, refused.1].concat(), [""; 0]);
    let ended = old.stop();
    assert!(ended.status.success(), "{}", ended.said);
    assert_eq!(of_new.send_some(&new.address, BYTES, 200).await, [""; 0]);
    of_new.acknowledged.extend(of_old.acknowledged);
    of_new.all_is_in_one_block_each(&new.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_in_the_place_of_another_has_its_blocks_and_goes_on_when_it_has_gone() {
    let broker = Broker::start(&[]);
    let (_folder, network, [old_folder, new_folder]) = two_nodes(&broker);
    let (admin, mut of_old, mut of_new) = (Admin::of(&network), Sender::of(&network), Sender::of(&network));
    let old = Node::start_by_settings(&old_folder);
    let client = Client::connect(&old.address, Patience::default()).await.unwrap();
    assert_eq!(of_old.send_some(&old.address, BYTES, 300).await, [""; 0]);
    let config = admin.config(&client).await.unwrap().config.clone();
    let changed = with_value(&config, "/Channel/Orderer/BatchTimeout/timeout", "1s");
    admin.change_now(&client, &config, &changed).await.unwrap();
    assert_eq!(of_old.send_some(&old.address, BYTES, 300).await, [""; 0]);
    let number = last_config(&admin.newest(&client).await.unwrap()).unwrap();
    let block = admin.blocks_from(&client, number).next().await.unwrap().unwrap();
    // The channel is in use meanwhile.
    let joining = tokio::task::spawn_blocking({
        let (folder, from) = (new_folder.clone(), old.address.clone());
        move || join(&folder, &block, &from)
    });
    let (refused, printed) = tokio::join!(of_old.send_some(&old.address, BYTES, 300), joining);
    assert_eq!(refused, [""; 0]);
    let printed = printed.unwrap();
    assert!(printed.starts_with("joined demo, type "), "{printed}");
    let new = Node::start_by_settings(&new_folder);
    new_goes_on_without_old((old, of_old), (&new, &mut of_new)).await;
    let old = Node::start_by_settings(&old_folder);
    of_new.all_is_in_one_block_each(&old.address).await;
    let mut ledgers = Vec::new();
    for node in [&new, &old] {
        let client = Client::connect(&node.address, Patience::default()).await.unwrap();
        let height = admin.newest(&client).await.unwrap().header.unwrap().number + 1;
        ledgers.push(read(admin.blocks_from(&client, 0), usize::try_from(height).unwrap()).await);
    }
    let [new_blocks, old_blocks] = ledgers.try_into().ok().unwrap();
    for (ours, theirs) in new_blocks.iter().zip(&old_blocks) {
        assert_eq!((&ours.header, &ours.data), (&theirs.header, &theirs.data));
        assert_eq!(metadata_values(ours), metadata_values(theirs));
    }
    for node in [new, old] {
        let ended = node.stop();
        assert!(ended.status.success(), "{}", ended.said);
    }
}

/// Adds to the settings of a node that its admins are served, and that it begins without a channel; answers where.
fn serve_admins(folder: &Path) -> String {
    let (path, admin) = (folder.join("orderer.yaml"), format!("127.0.0.1:{}", free_port()));
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("BootstrapFile:", "BootstrapMethod: none\n  BootstrapFile:");
    let text =
        format!("{text}Admin: {{ListenAddress: '{admin}'}}\nChannelParticipation: {{Enabled: true}}\n");
    fs::write(path, text).unwrap();
    admin
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_runs_joins_over_http_while_the_channel_is_in_use_and_orders_with_the_other() {
    let broker = Broker::start(&[]);
    let (_folder, network, [old_folder, new_folder]) = two_nodes(&broker);
    let address = serve_admins(&new_folder);
    let (admin, mut of_old, mut of_new) = (Admin::of(&network), Sender::of(&network), Sender::of(&network));
    let (old, new) = (Node::start_by_settings(&old_folder), Node::start_by_settings(&new_folder));
    let client = Client::connect(&old.address, Patience::default()).await.unwrap();
    assert_eq!(of_old.send_some(&old.address, BYTES, 300).await, [""; 0]);
    let config = admin.config(&client).await.unwrap().config.clone();
    let changed = with_value(&config, "/Channel/Orderer/OrdererOrg/Endpoints/addresses/0", &old.address);
    admin.change_now(&client, &config, &changed).await.unwrap();
    let number = last_config(&admin.newest(&client).await.unwrap()).unwrap();
    let block = admin.blocks_from(&client, number).next().await.unwrap().unwrap().encode_to_vec();
    let joining = tokio::task::spawn_blocking(move || {
        let reply = http::join(&address, &block);
        assert!(reply.code() == 201 && reply.text().contains("\"onboarding\",\"height\":0}"), "{reply:?}");
        eventually_blocking("it is active", || http::info(&address, "demo").text().contains("\"active\""));
    });
    let (refused, joined) = tokio::join!(of_old.send_some(&old.address, BYTES, 300), joining);
    joined.unwrap();
    assert_eq!(refused, [""; 0]);
    new_goes_on_without_old((old, of_old), (&new, &mut of_new)).await;
    let ended = new.stop();
    assert!(ended.status.success(), "{}", ended.said);
}
