//! `raddle channel join` behind block 0, from orderers that lie, break off, or are another channel's.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{block_hash, last_config};
use raddle::identity::Signer;
use raddle_core::block::{BlockHash, UnsignedBlock};
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_ledger::{Ledger, Settings};
use raddle_proto::common;
use raddle_proto::hash::{block_data_hash, hex};
use tempfile::TempDir;

use super::block::{flip, flip_signature};
use super::double::{Double, Manner, Reaction};
use super::{Said, raddle};
use crate::harness::eventually::eventually_blocking;
use crate::harness::{Recorded, golden};
use crate::start::folder;

/// A config block of mychannel, somewhere in the middle, and its newest block.
const JOINED: usize = 118;
const NEWEST: usize = 261;

/// A node whose channels are on Kafka. Joining asks no broker.
fn node() -> TempDir {
    folder("  BootstrapMethod: none\n", "Ordering: {kafka: ['127.0.0.1:1']}\n")
}

fn join_by(folder: &Path, block: &common::Block, from: &[&str]) -> Said {
    fs::write(folder.join("joined.block"), block.encode_to_vec()).unwrap();
    let mut arguments = vec!["channel", "join", "joined.block"];
    arguments.extend(from.iter().flat_map(|address| ["--from", address]));
    raddle(folder, &arguments)
}

fn join(folder: &Path, from: &[&str]) -> Said {
    join_by(folder, &Recorded::mychannel().blocks[JOINED], from)
}

/// The ledger holds the first blocks of mychannel, as they were pulled.
fn holds(folder: &Path, height: usize) {
    let path = folder.join("state/ledgers/mychannel");
    let ledger = Ledger::open(&path, &ChannelId("mychannel".into()), &Settings::default()).unwrap();
    ledger.verify(|_, _| {}).unwrap();
    assert_eq!(ledger.height(), height as u64);
    for (number, recorded) in (0..).zip(&Recorded::mychannel().blocks[..height]) {
        assert_eq!(ledger.block(BlockNumber(number)).unwrap().unwrap(), recorded.encode_to_vec());
    }
}

fn has_ledger(folder: &Path) -> bool {
    folder.join("state/ledgers/mychannel").exists()
}

/// The command does not join the channel, says this, and keeps so many blocks; with a fair orderer it then does.
#[track_caller]
fn keeps(double: &Double, exit: i32, says: &str, kept: usize) {
    let folder = node();
    let said =
        join(folder.path(), &[&double.address]).ill(exit, "failed RDL-4015  no orderer gives the blocks");
    assert!(said.contains(&format!("\n  {}: {says}", double.address)), "{said}\nwanted: {says}");
    assert!(said.contains(&format!("by; {kept} blocks are kept\n")), "{said}");
    assert!(!has_ledger(folder.path()), "a node would order it");
    let fair = Double::of_mychannel(|_| {});
    let printed = join(folder.path(), &[&fair.address]).well();
    assert_eq!(
        printed.contains(&format!("\nkept   {kept} blocks of an earlier call\n")),
        kept > 0,
        "{printed}"
    );
    assert!(printed.contains(&format!("\npulled blocks {kept} to 261 from {}\n", fair.address)), "{printed}");
    holds(folder.path(), NEWEST + 1);
}

#[test]
fn blocks_are_pulled_to_the_newest_and_it_says_how_they_were_verified() {
    let (folder, double) = (node(), Double::of_mychannel(|_| {}));
    let printed = join(folder.path(), &[&double.address]).well();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "joined mychannel, type kafka: ./state/ledgers/mychannel");
    assert_eq!(lines[1], format!("pulled blocks 0 to 261 from {}", double.address));
    assert!(
        lines[2].starts_with("verified  data hashes, previous hashes up to the block of joined.block, "),
        "{printed}"
    );
    assert!(lines[3].starts_with("goes on   behind block 261, which was cut at offset "), "{printed}");
    assert!(lines[4].starts_with("next   "), "{printed}");
    holds(folder.path(), NEWEST + 1);
    join(folder.path(), &[&double.address])
        .ill(1, "failed RDL-4014  ./state/ledgers/mychannel exists already");
}

#[test]
fn with_a_source_the_first_block_is_pulled_behind_too() {
    let (folder, double) = (node(), Double::of_mychannel(|_| {}));
    let first = &Recorded::mychannel().blocks[0];
    let printed = join_by(folder.path(), first, &[&double.address]).well();
    assert!(printed.contains(&format!("\npulled blocks 0 to 261 from {}\n", double.address)), "{printed}");
    holds(folder.path(), NEWEST + 1);
    // Without one it begins with the first record.
    let folder = node();
    join_by(folder.path(), first, &[]).well();
    holds(folder.path(), 1);
}

#[test]
fn wrong_blocks_are_not_kept_and_those_before_them_are() {
    let change = |change: fn(&mut Vec<common::Block>)| Double::of_mychannel(change);
    let double = change(|blocks| flip(&mut blocks[30].data.as_mut().unwrap().data[0]));
    keeps(&double, 1, "block 30 holds other data than its header says: expected data hash ", 30);
    let double = change(|blocks| flip_signature(&mut blocks[30]));
    let says =
        "the signatures of block 30 do not satisfy /Channel/Orderer/BlockValidation of the config in block ";
    keeps(&double, 1, says, 30);
    let double = change(|blocks| flip(&mut blocks[30].header.as_mut().unwrap().previous_hash));
    keeps(&double, 1, "block 30 does not follow block 29: expected previous hash ", 30);
    let double = change(|blocks| blocks[30] = blocks[31].clone());
    keeps(&double, 1, "block 31 came where block 30 was to come", 30);
    let double = change(|blocks| blocks[0].header = None);
    keeps(&double, 1, "a block came without a header where block 0 was to come", 0);
    let double = change(|blocks| drop(blocks.remove(JOINED)));
    keeps(&double, 1, "block 119 came where block 118 was to come", 0);
}

#[test]
fn orderers_of_other_chains_are_found_out_before_a_block_is_pulled() {
    let double = Double::of_mychannel(|blocks| blocks.truncate(JOINED));
    keeps(&double, 1, "its newest block is 117, the channel is joined by block 118", 0);
    let double = Double::of_mychannel(|blocks| fork(blocks, JOINED));
    let theirs = hash_of(&Recorded::mychannel().blocks[JOINED]);
    keeps(&double, 1, "its block 118 has hash ", 0);
    let folder = node();
    let said = join(folder.path(), &[&double.address]).ill(1, "failed RDL-4015  ");
    assert!(said.contains(&format!("the file's block 118 has {theirs}: it is not the same chain")), "{said}");
    let nothing =
        Arc::new(|_: &[common::Block], _: &common::Envelope| Reaction { blocks: Vec::new(), refusal: None });
    let double = Double::reacting("another", Recorded::syschannel().blocks, nothing);
    keeps(&double, 1, "the orderer answers 404 NOT_FOUND and gives no reason", 0);
}

#[test]
fn orderers_that_go_away_leave_what_they_gave() {
    let double = |manner| Double::start(Recorded::mychannel().blocks, manner);
    let ended = double(Manner::BreaksAfter(40));
    let says = format!(
        "the orderer at {} ended the stream early: no status came after the last block",
        ended.address
    );
    keeps(&ended, 3, &says, 41);
    let says = "it ended after block 40, and had promised blocks up to 261";
    keeps(&double(Manner::StopsAfter(40)), 1, says, 41);
    keeps(&double(Manner::DeliversNothing), 1, "it sends no block where one was asked for", 0);
    let folder = node();
    let said = join(folder.path(), &["127.0.0.1:1"])
        .ill(3, "failed RDL-4015  no orderer gives the blocks of mychannel ");
    assert!(said.contains("\n  127.0.0.1:1: no orderer answers at 127.0.0.1:1: "), "{said}");
    assert!(said.contains("--from HOST:PORT"), "{said}");
}

#[test]
fn behind_the_given_block_what_is_wrong_ends_the_pull_and_not_the_join() {
    let folder = node();
    let wrong = Double::of_mychannel(|blocks| flip_signature(&mut blocks[200]));
    let printed = join(folder.path(), &[&wrong.address]).well();
    assert!(printed.contains(&format!("\npulled blocks 0 to 199 from {}\n", wrong.address)), "{printed}");
    let less = format!("\nless   {}: the signatures of block 200 do not satisfy ", wrong.address);
    assert!(printed.contains(&less), "{printed}");
    holds(folder.path(), 200);
}

#[test]
fn the_next_orderer_goes_on_where_one_fails() {
    let folder = node();
    let away = Double::start(Recorded::mychannel().blocks, Manner::BreaksAfter(40));
    let wrong = Double::of_mychannel(|blocks| flip(&mut blocks[90].data.as_mut().unwrap().data[0]));
    let fair = Double::of_mychannel(|_| {});
    let from = ["127.0.0.1:1", &away.address, &wrong.address, &fair.address];
    let printed = join(folder.path(), &from).well();
    for (double, blocks) in [(&away, "0 to 40"), (&wrong, "41 to 89"), (&fair, "90 to 261")] {
        assert!(
            printed.contains(&format!("\npulled blocks {blocks} from {}\n", double.address)),
            "{printed}"
        );
    }
    assert!(printed.contains("\nless   127.0.0.1:1: no orderer answers"), "{printed}");
    holds(folder.path(), NEWEST + 1);
}

#[test]
fn a_chain_that_is_true_to_itself_is_dropped_where_the_given_block_does_not_stand_on_it() {
    let folder = node();
    let forged = Double::start(forged(), Manner::Fair);
    let said = join(folder.path(), &[&forged.address]).ill(1, "failed RDL-4015  ");
    let says =
        "block 118 is the file's, and does not follow the 118 blocks that came before it: expected previous ";
    assert!(said.contains(says) && said.contains("all of them are wrong and were dropped"), "{said}");
    assert!(said.contains("by; 0 blocks are kept\n"), "{said}");
    assert_eq!(fs::read_dir(folder.path().join("state/ledgers")).unwrap().count(), 0);
}

#[test]
fn blocks_of_an_orderer_that_lied_and_left_are_told_from_those_of_another() {
    let folder = node();
    let forged = Double::start(forged(), Manner::BreaksAfter(10));
    join(folder.path(), &[&forged.address]).ill(3, "failed RDL-4015  ");
    let fair = Double::of_mychannel(|_| {});
    let said = join(folder.path(), &[&fair.address]).ill(1, "failed RDL-4015  ");
    let theirs = hash_of(&Recorded::mychannel().blocks[10]);
    let says = format!("its block 10 has hash {theirs}, the one that is kept from an earlier source has ");
    assert!(said.contains(&says), "{said}");
    assert!(said.contains("remove ./state/ledgers/.joining-mychannel"), "{said}");
    fs::remove_dir_all(folder.path().join("state/ledgers/.joining-mychannel")).unwrap();
    join(folder.path(), &[&fair.address]).well();
    holds(folder.path(), NEWEST + 1);
}

#[test]
fn what_was_pulled_for_another_block_is_not_gone_on_with() {
    let folder = node();
    let away = Double::start(Recorded::mychannel().blocks, Manner::BreaksAfter(40));
    join(folder.path(), &[&away.address]).ill(3, "failed RDL-4015  ");
    let mut blocks = Recorded::mychannel().blocks;
    fork(&mut blocks, 17);
    let said = join_by(folder.path(), &blocks[17], &[&away.address]);
    let said =
        said.ill(1, "failed RDL-4015  ./state/ledgers/.joining-mychannel holds blocks of an earlier join");
    assert!(said.contains("whose block 17 has hash "), "{said}");
}

#[test]
fn a_pull_that_is_killed_is_gone_on_with_and_two_at_once_are_one_too_many() {
    let folder = node();
    let stalls = Double::start(Recorded::mychannel().blocks, Manner::StallsAfter(100));
    fs::write(folder.path().join("joined.block"), Recorded::mychannel().blocks[JOINED].encode_to_vec())
        .unwrap();
    let mut first = Command::new(env!("CARGO_BIN_EXE_raddle"))
        .args(["channel", "join", "joined.block", "--from", &stalls.address])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let blocks = folder.path().join("state/ledgers/.joining-mychannel/blocks");
    let has_some = || blocks.metadata().is_ok_and(|file| file.len() > 100_000);
    eventually_blocking("some blocks are pulled", || {
        assert!(first.try_wait().unwrap().is_none(), "it ended");
        has_some()
    });
    let second = join(folder.path(), &[&stalls.address]).ill(1, "failed RDL-4009  ");
    assert!(second.contains("is open already, in another process or here"), "{second}");
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!has_ledger(folder.path()));
    let fair = Double::of_mychannel(|_| {});
    let printed = join(folder.path(), &[&fair.address]).well();
    let kept = printed.lines().find_map(|line| line.strip_prefix("kept   ")).unwrap();
    let kept: usize = kept.split(' ').next().unwrap().parse().unwrap();
    assert!((1..=101).contains(&kept), "{printed}");
    assert!(printed.contains(&format!("\npulled blocks {kept} to 261 from {}\n", fair.address)), "{printed}");
    holds(folder.path(), NEWEST + 1);
}

#[test]
fn what_cannot_be_pulled_is_refused_before_anybody_is_asked() {
    let local = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local}\n");
    let said = join(local.path(), &["127.0.0.1:1"]);
    said.ill(
        1,
        "failed RDL-4014  mychannel is ordered by this node's own log, which holds no record of the blocks",
    );
    let folder = node();
    let said = join_by(folder.path(), &Recorded::mychannel().blocks[1], &["127.0.0.1:1"]);
    said.ill(
        2,
        "failed RDL-4001  joined.block: not a config block: its envelope is of type 0, and a config is ",
    );
    let said = join(folder.path(), &["nowhere"]).ill(1, "failed RDL-4015  ");
    assert!(
        said.contains("nowhere: \"nowhere\" is no address of the form host:port: it has no port"),
        "{said}"
    );
    assert!(!local.path().join("state").exists(), "nothing was made");
}

// === chains that never were ===

fn hash_of(block: &common::Block) -> String {
    hex(&block_hash(block.header.as_ref().unwrap()))
}

/// Puts another block at this place, of the same config, that would be valid but for its signatures.
fn fork(blocks: &mut [common::Block], number: usize) {
    let block = &mut blocks[number];
    let data = &mut block.data.as_mut().unwrap().data;
    // A field that nobody knows.
    data[0] = [data[0].as_ref(), &[0x78, 0x01]].concat().into();
    let hash = block_data_hash(data.iter().map(AsRef::as_ref));
    block.header.as_mut().unwrap().data_hash = Bytes::copy_from_slice(&hash);
}

/// mychannel as one of its orderers could have made it up.
fn forged() -> Vec<common::Block> {
    let signer = Signer::from_msp_dir("OrdererMSP", &golden("orderer-msp")).unwrap();
    let mut blocks = Recorded::mychannel().blocks;
    forge(&mut blocks, JOINED, &signer);
    blocks
}

/// Makes another block 0, and all others up to the given one upon it and signed; from there on they are the true ones.
pub fn forge(blocks: &mut [common::Block], joined: usize, signer: &Signer) {
    fork(blocks, 0);
    for number in 1..joined {
        let previous = BlockHash(block_hash(blocks[number - 1].header.as_ref().unwrap()));
        let last_config = BlockNumber(last_config(&blocks[number]).unwrap());
        let data = blocks[number].data.clone().unwrap().data;
        let unsigned =
            UnsignedBlock::new(BlockNumber(number as u64), previous, data, last_config, Bytes::new());
        let signature = signer.sign_block(&unsigned).unwrap();
        blocks[number] = unsigned.into_block(vec![signature]);
    }
}
