//! `raddle block`: what Go orderers wrote is shown and written, and what differs by a bit is not.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common;
use serde_json::Value;

use super::double::{Double, Manner};
use super::{Folder, said};
use crate::harness::{Recorded, gunzip, read_blocks};

pub fn flip(bytes: &mut Bytes) {
    let mut changed = bytes.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    *bytes = changed.into();
}

fn change_signatures(block: &mut common::Block, change: impl FnOnce(&mut Vec<common::MetadataSignature>)) {
    let entry = &mut block.metadata.as_mut().unwrap().metadata[0];
    let mut metadata = common::Metadata::decode(entry.clone()).unwrap();
    change(&mut metadata.signatures);
    *entry = metadata.encode_to_vec().into();
}

/// Flips a bit of the block's one signature.
pub fn flip_signature(block: &mut common::Block) {
    change_signatures(block, |signatures| flip(&mut signatures[0].signature));
}

#[test]
fn a_block_is_shown_with_its_envelopes_and_what_was_verified() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let text = folder.raddle(&["block", "show", "1"]).well();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "block 1 of mychannel");
    assert_eq!(lines[4], "  size           10916 bytes");
    assert_eq!(lines[5], "  last config    block 0");
    assert_eq!(
        lines[6],
        "  offsets        last persisted 11, last original processed 0, last resubmitted config 0"
    );
    assert_eq!(lines[7], "  signed by      CN=orderer.example.com,OU=orderer (OrdererMSP)");
    let verified = "  verified       data hash, previous hash against block 0, signatures by \
                    /Channel/Orderer/BlockValidation of the config in block 0";
    assert_eq!(lines[8], verified);
    assert_eq!(
        lines[10].split_whitespace().collect::<Vec<_>>(),
        ["#", "type", "bytes", "creator", "tx", "id"]
    );
    assert_eq!(lines.len(), 11 + 10);
    assert!(lines[11].trim_start().starts_with("0  MESSAGE "), "{text}");
    assert!(
        lines[11].contains("  CN=User1@org1.example.com,OU=client (Org1MSP)  5a553b1fa60bbf9b"),
        "{text}"
    );
    assert!(lines[13].trim_start().starts_with("2  ENDORSER_TRANSACTION "), "{text}");
}

#[test]
fn blocks_are_found_by_number_and_by_name() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    for (which, number, config) in [
        (&["0"][..], 0, None),
        (&["oldest"], 0, None),
        (&["17"], 17, Some(0)),
        (&["18"], 18, Some(17)),
        (&["newest"], 261, Some(260)),
        (&[], 261, Some(260)),
        (&["config"], 261, Some(260)),
    ] {
        let arguments = [&["block", "show", "--output", "json"], which].concat();
        let view: Value = serde_json::from_str(&folder.raddle(&arguments).well()).unwrap();
        assert_eq!((view["number"].as_u64(), view["verified"]["config_in"].as_u64()), (Some(number), config));
    }
    let first = folder.raddle(&["block", "show", "0"]).well();
    assert!(
        first.contains("verified       data hash; a first block has no block before it and no signatures")
    );
    assert!(first.contains("previous hash  none, as it is the first block"));
}

#[test]
fn json_holds_all_of_a_block() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let recorded = Recorded::mychannel().blocks.swap_remove(3);
    let text = folder.raddle(&["block", "show", "3", "--output", "json"]).well();
    let view: Value = serde_json::from_str(&text).unwrap();
    let bytes = |value: &Value| Bytes::from(STANDARD.decode(value.as_str().unwrap()).unwrap());
    let entries = |name: &str| view[name].as_array().unwrap().clone();
    let envelopes: Vec<Bytes> = entries("envelopes").iter().map(|it| bytes(&it["marshalled"])).collect();
    let metadata: Vec<Bytes> = entries("metadata").iter().map(bytes).collect();
    assert_eq!(envelopes, recorded.data.unwrap().data);
    assert_eq!(metadata, recorded.metadata.unwrap().metadata);
    assert_eq!(view["envelopes"][0]["creator"]["msp_id"], "Org1MSP");
    // Every field is explained.
    let manual = folder.raddle(&["help", "block"]).well();
    let mut names: Vec<&String> = view.as_object().unwrap().keys().collect();
    for part in [
        "/offsets",
        "/verified",
        "/signatures/0",
        "/envelopes/0",
        "/envelopes/0/creator",
        "/envelopes/0/made_at",
    ] {
        names.extend(view.pointer(part).unwrap().as_object().unwrap().keys());
    }
    assert!(names.len() > 30);
    for name in names {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn an_export_is_what_the_orderer_has_and_nothing_else_is_left() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let recorded = Recorded::mychannel().blocks;
    for (arguments, first, last) in [
        (&["--out", "all.blocks.gz"][..], 0, 261),
        (&["--from", "17", "--to", "58", "--out", "all.blocks.gz"], 17, 58),
        (&["--from", "18", "--to", "18", "--out", "all.blocks.gz"], 18, 18),
        (&["--from", "0", "--to", "0", "--out", "all.blocks.gz"], 0, 0),
        (&["--from", "250", "--to", "newest", "--out", "all.blocks.gz"], 250, 261),
    ] {
        let said = folder.raddle(&[&["block", "export"], arguments].concat()).well();
        let blocks = read_blocks(gunzip(&folder.path().join("all.blocks.gz")));
        assert!(blocks == recorded[first..=last], "{arguments:?}");
        assert!(said.contains(&format!("of mychannel, {first} to {last}, ")), "{said}");
        assert!(said.contains("\n  verified       numbers, data hashes, "), "{said}");
    }
    let arguments = ["block", "export", "--to", "4", "--out", "plain", "--output", "json"];
    let said: Value = serde_json::from_str(&folder.raddle(&arguments).well()).unwrap();
    assert_eq!((said["blocks"].as_u64(), said["last"].as_u64()), (Some(5), Some(4)));
    let plain = fs::read(folder.path().join("plain")).unwrap();
    assert_eq!(
        said["size_bytes"].as_u64().unwrap(),
        recorded[..5].iter().map(|it| it.encoded_len() as u64).sum::<u64>()
    );
    assert!(read_blocks(plain) == recorded[..5]);
    let mut left = folder.left();
    left.sort();
    assert_eq!(left, ["all.blocks.gz", "plain"]);
}

/// A lie about blocks.
type Lie = (&'static str, fn(&mut Vec<common::Block>), &'static str);

/// Lies about block 40 or the one before it, each with the sentence that tells it.
const LIES: [Lie; 8] = [
    (
        "data",
        |blocks| flip(&mut blocks[40].data.as_mut().unwrap().data[0]),
        "block 40 holds other data than its header says: expected data hash ",
    ),
    (
        "an envelope less",
        |blocks| drop(blocks[40].data.as_mut().unwrap().data.pop()),
        "block 40 holds other data than its header says: expected data hash ",
    ),
    (
        "previous hash",
        |blocks| flip(&mut blocks[40].header.as_mut().unwrap().previous_hash),
        "block 40 does not follow block 39: expected previous hash ",
    ),
    (
        "signature",
        |blocks| flip_signature(&mut blocks[40]),
        "the signatures of block 40 do not satisfy /Channel/Orderer/BlockValidation of the config in block 17: ",
    ),
    (
        "no signature",
        |blocks| change_signatures(&mut blocks[40], Vec::clear),
        "the signatures of block 40 do not satisfy /Channel/Orderer/BlockValidation of the config in block 17: ",
    ),
    (
        "number",
        |blocks| blocks[40].header.as_mut().unwrap().number = 41,
        "block 41 came where block 40 was to come",
    ),
    ("order", |blocks| blocks.swap(40, 41), "block 41 came where block 40 was to come"),
    ("header", |blocks| blocks[40].header = None, "a block came without a header where block 40 was to come"),
];

#[test]
fn a_lie_is_told_and_nothing_is_written() {
    for (name, lie, sentence) in LIES {
        let double = Double::of_mychannel(lie);
        let folder = Folder::of(&double.address);
        for arguments in [
            &["block", "show", "40"][..],
            &["block", "export", "--from", "38", "--to", "45", "--out", "out.blocks"],
            &["block", "export", "--from", "40", "--to", "45", "--out", "out.blocks"],
            &["block", "export", "--out", "out.blocks"],
        ] {
            let said = folder.raddle(arguments);
            assert_eq!(said.stdout, "", "{name}");
            let said = said.ill(1, &format!("failed RDL-1301  {sentence}"));
            assert!(said.contains("\n  hint   ask another orderer"), "{name}: {said}");
            assert_eq!(folder.left(), [""; 0], "{name}: {arguments:?}");
        }
    }
}

#[test]
fn signatures_that_do_not_do_are_told_with_who_signed_and_what_was_needed() {
    let double = Double::of_mychannel(|blocks| flip_signature(&mut blocks[40]));
    let said = Folder::of(&double.address).raddle(&["block", "show", "40"]).ill(1, "failed RDL-1301  ");
    assert!(
        said.contains("/Channel/Orderer/BlockValidation is not satisfied by no valid signature\n"),
        "{said}"
    );
    assert!(said.contains("signature 1 (OrdererMSP) does not count: it is invalid: "), "{said}");
}

#[test]
fn a_signature_that_somebody_added_does_no_harm_and_is_told() {
    let double = Double::of_mychannel(|blocks| {
        change_signatures(&mut blocks[40], |signatures| {
            let mut another = signatures[0].clone();
            another.signature_header = Bytes::new();
            signatures.insert(0, another);
            signatures.push(signatures[1].clone());
        });
    });
    let folder = Folder::of(&double.address);
    let text = folder.raddle(&["block", "show", "40"]).well();
    for line in [
        "  not signed by  nobody: the signature does not count: its identity is invalid: ",
        "  signed by      CN=orderer.example.com,OU=orderer (OrdererMSP)\n",
        "  not signed by  CN=orderer.example.com,OU=orderer (OrdererMSP): the signature does not count: its identity \
         has signed before\n",
    ] {
        assert!(text.contains(line), "{text}\nwanted: {line}");
    }
}

#[test]
fn a_config_block_that_lies_vouches_for_nothing() {
    // The config that block 18 names is of another channel, or is none.
    let other = |blocks: &mut Vec<common::Block>| {
        blocks[17].data = Recorded::syschannel().blocks[0].data.clone();
    };
    let double = Double::of_mychannel(other);
    Folder::of(&double.address).raddle(&["block", "show", "20"]).ill(
        1,
        "failed RDL-1301  the config in block 17 cannot be used: it is of channel \"syschannel\", not of \"mychannel\"",
    );
    let double = Double::of_mychannel(|blocks| blocks[17].data = blocks[1].data.clone());
    Folder::of(&double.address)
        .raddle(&["block", "show", "20"])
        .ill(1, "failed RDL-1301  the config in block 17 cannot be used: it is no config block: ");
}

#[test]
fn an_orderer_that_breaks_off_is_told_from_one_that_has_no_such_block() {
    let blocks = Recorded::mychannel().blocks;
    let double = Double::start(blocks.clone(), Manner::Fair);
    let folder = Folder::of(&double.address);
    let said = folder
        .raddle(&["block", "show", "262"])
        .ill(1, "refused RDL-1008  the orderer answers 404 NOT_FOUND and gives no reason");
    assert!(said.contains("\n  status 404 NOT_FOUND\n"), "{said}");
    folder.raddle(&["block", "show", "--channel", "other"]).ill(1, "refused RDL-1008  ");
    folder.raddle(&["block", "export", "--to", "262", "--out", "o"]).ill(1, "refused RDL-1008  ");
    let double = Double::start(blocks.clone(), Manner::DeliversOne);
    let folder = Folder::of(&double.address);
    folder
        .raddle(&["block", "export", "--to", "5", "--out", "o"])
        .ill(3, &format!("failed RDL-1007  the orderer at {} ended the stream early", double.address));
    let double = Double::start(blocks, Manner::DeliversNothing);
    let folder = Folder::of(&double.address);
    folder.raddle(&["block", "show"]).ill(3, "failed RDL-1007  the orderer at ");
    folder
        .raddle(&["block", "export", "--to", "5", "--out", "o"])
        .ill(3, "failed RDL-1007  the orderer ended before block 0, as if all had come");
    assert_eq!(folder.left(), [""; 0]);
}

#[test]
fn an_export_that_fails_on_its_way_names_the_file_that_was_asked_for() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    // Without the trap the system would end the process where a write fails.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" block export --out all.blocks";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_raddle")]).current_dir(folder.path());
    let sentence = "all.blocks cannot be written: File too large (os error 27)\n";
    said(command.output().unwrap()).ill(1, &format!("failed RDL-4006  {sentence}"));
    assert_eq!(folder.left(), [""; 0]);
}

#[test]
fn a_range_that_ends_before_it_begins_and_a_file_that_cannot_be_are_told_before_anything() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let export = |arguments: &[&str]| folder.raddle(&[&["block", "export"], arguments].concat());
    export(&["--from", "5", "--to", "4", "--out", "o"])
        .ill(2, "failed RDL-1005  blocks 5 to 4 are no range: it ends before it begins");
    export(&["--from", "300", "--out", "o"]).ill(2, "failed RDL-1005  blocks 300 to 261 are no range");
    let sentence = "no/out cannot be written: No such file or directory (os error 2)\n";
    export(&["--out", "no/out"]).ill(1, &format!("failed RDL-4006  {sentence}"));
    for arguments in
        [&["block", "show", "-1"][..], &["block", "show", "latest"], &["block", "export"], &["block"]]
    {
        assert_eq!(folder.raddle(arguments).exit, Some(2), "{arguments:?}");
    }
    assert_eq!(folder.left(), [""; 0]);
}
