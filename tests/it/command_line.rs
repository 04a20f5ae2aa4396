//! The command as people call it: what it prints, how it ends, and what it leaves.

use std::fs;
use std::io::Write as _;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use raddle_core::bundle::read_genesis;
use raddle_proto::hash;
use tempfile::TempDir;

use crate::harness::process::raddle;
use crate::harness::{golden, gunzip, read_blocks};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a genesis block and a topic of the test's making.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(genesis: &[u8], topic: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("genesis.block"), genesis).unwrap();
        fs::write(folder.path().join("topic.jsonl"), topic).unwrap();
        Self { folder }
    }

    fn replay(&self) -> Output {
        let arguments =
            ["replay", "--genesis", "genesis.block", "--topic", "topic.jsonl", "--out", "out.blocks"];
        raddle(self.folder.path(), &arguments)
    }

    /// The replay fails with this exit, code and sentence, and leaves nothing behind.
    fn refuses(&self, exit: i32, code: &str, sentence: &str) {
        let output = self.replay();
        let said = text(&output.stderr);
        assert!(
            said.starts_with(&format!("failed {code}  {sentence}\n")),
            "{said}\nwanted: {code}  {sentence}"
        );
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(said.trim_end().ends_with(&format!("help {code}")), "{said}");
        let mut left: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["genesis.block", "topic.jsonl"], "nothing half-written");
    }
}

fn genesis() -> Vec<u8> {
    fs::read(golden("mychannel.block")).unwrap()
}

fn topic() -> String {
    text(&gunzip(&golden("mychannel.topic.jsonl.gz")))
}

fn line(offset: i64, value: &[u8]) -> String {
    format!("{{\"offset\":{offset},\"key\":\"0\",\"value\":\"{}\"}}\n", STANDARD.encode(value))
}

const CONNECT: &[u8] = &[0x1a, 0];

#[test]
fn bare_raddle_prints_where_to_begin() {
    let folder = TempDir::new().unwrap();
    let output = raddle(folder.path(), &[]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 3);
}

#[test]
fn the_demo_ends_well_from_any_folder() {
    let folder = TempDir::new().unwrap();
    let output = raddle(folder.path(), &["demo"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for told in [
        "all 262 blocks are theirs, byte for byte",
        "every envelope in exactly one",
        "  400  max-bytes         too large",
        "  400  expiration        certificate ended yesterday",
        "  403  signature         signed by a peer, which may only read",
        "  400  before filters    empty",
        "count: MaxMessageCount reached",
        "bytes: the next envelope does not fit",
        "bytes: the envelope fills a block alone",
        "time: a time-to-cut record",
        "  400  deny              this channel takes no envelopes of type MESSAGE",
        "  403  deny              Org2MSP may not write to this channel",
        "all that was taken is there once",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "colours are for terminals");
    the_demo_tells_each_step_before_what_comes_of_it(&said);
    the_demos_filter_refuses_what_it_should(&said);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the demo leaves nothing");
}

/// No bar is shown where the output is no terminal's.
fn the_demo_tells_each_step_before_what_comes_of_it(said: &str) {
    let mut rest = said;
    for told in [
        "\nA network out of nothing\n  … making organisations and a first block, and starting an orderer\n  channel ",
        "\nEnvelopes\n  … signing them\n  … sending them\n",
        "\nBlocks\n  … pulling them until ",
        "  … sending under the first config\n",
        "  … update 1 of 3: + deny  deny-types=MESSAGE\n",
        "  … update 2 of 3: ~ deny  deny-msps=Org2MSP\n",
        "  … update 3 of 3: - deny\n  … waiting until all that was taken is in a block\n",
        "\n  sequence  update ",
        "\nBeside Fabric\n  … replaying a recorded topic\n",
    ] {
        (_, rest) = rest.split_once(told).unwrap_or_else(|| panic!("{told}: {said}"));
    }
}

/// In the table of config sequences: a filter comes, changes and goes, each with a config block, and refuses something
/// for as long as it is there.
fn the_demos_filter_refuses_what_it_should(said: &str) {
    let (_, table) = said.split_once("\n  sequence  update ").unwrap();
    let mut last_block = None;
    for ((line, update), refuses) in table
        .lines()
        .skip(1)
        .zip([
            "0         –",
            "1         + deny  deny-types=MESSAGE",
            "2         ~ deny  deny-msps=Org2MSP",
            "3         - deny",
        ])
        .zip([false, true, true, false])
    {
        let amounts = line.trim().strip_prefix(update).unwrap_or_else(|| panic!("{update}: {said}"));
        let amounts: Vec<u64> = amounts.split_whitespace().filter_map(|amount| amount.parse().ok()).collect();
        let [block, committed, refused, twice, then_refused, _gap] = amounts[..] else { panic!("{line}") };
        assert!(last_block < Some(block) && committed > 0 && twice >= then_refused, "{line}");
        assert_eq!(refused > 0, refuses, "{line}");
        last_block = Some(block);
    }
    assert_eq!(table.lines().nth(5), Some(""), "{said}");
}

#[test]
fn every_code_and_topic_is_explained() {
    let folder = TempDir::new().unwrap();
    for code in raddle::cli::Code::ALL {
        let output = raddle(folder.path(), &["help", &code.to_string()]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains(code.explanation()));
    }
    let overview = text(&raddle(folder.path(), &["help"]).stdout);
    for code in raddle::cli::Code::ALL {
        assert!(overview.contains(&code.to_string()));
    }
    let unknown = raddle(folder.path(), &["help", "nothing-of-the-kind"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).starts_with("failed RDL-1001  there is no topic or code"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        &["replay"][..],
        &["repaly"],
        &["replay", "--genesis", "a", "--topic", "b", "--out", "c", "--msp-id", "M"],
    ] {
        assert_eq!(raddle(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_replay_writes_the_blocks_and_a_line_for_each_when_asked() {
    let case = Case::new(&genesis(), topic().as_bytes());
    let arguments = [
        "replay",
        "--genesis",
        "genesis.block",
        "--topic",
        "topic.jsonl",
        "--out",
        "out.blocks.gz",
        "--verbose",
    ];
    let output = raddle(case.folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert_eq!(said.lines().filter(|line| line.starts_with("block ")).count(), 261);
    assert!(said.contains("line 156: offset 155: a copy of offset 144, which is settled up to 144: dropped"));
    assert!(said.contains("1958 records in "));
    let blocks = read_blocks(gunzip(&case.folder.path().join("out.blocks.gz")));
    assert_eq!(blocks.len(), 262);
}

#[test]
fn a_bad_line_is_named() {
    let good = line(0, CONNECT);
    for (bad, sentence) in [
        ("{\"offset\":1,", "topic.jsonl, line 2: is no record: EOF while parsing a value at column 12"),
        ("nonsense", "topic.jsonl, line 2: is no record: expected ident at column 2"),
        ("{\"value\":\"GgA=\"}", "topic.jsonl, line 2: is no record: missing field `offset` at column 16"),
        (
            "{\"offset\":1,\"value\":\"G?A=\"}",
            "topic.jsonl, line 2: has a value that is no base64: Invalid symbol 63, offset 1.",
        ),
        (
            "{\"offset\":99999999999999999999,\"value\":\"\"}",
            "topic.jsonl, line 2: is no record: invalid type: floating point `1e+20`, expected i64 at column 30",
        ),
    ] {
        Case::new(&genesis(), format!("{good}{bad}\n").as_bytes()).refuses(1, "RDL-4003", sentence);
    }
}

#[test]
fn a_gap_a_double_and_a_late_start_are_named() {
    let lines = |offsets: &[i64]| offsets.iter().map(|&offset| line(offset, CONNECT)).collect::<String>();
    for (offsets, sentence) in [
        (&[0, 1, 4][..], "topic.jsonl, line 3: offset 4 where 2 is next: 2 records are missing"),
        (&[1], "topic.jsonl, line 1: offset 1 where 0 is next: 1 record is missing"),
        (&[0, 1, 1], "topic.jsonl, line 3: offset 1 where 2 is next: the record is doubled or out of order"),
        (
            &[0, 1, -1],
            "topic.jsonl, line 3: offset -1 where 2 is next: the record is doubled or out of order",
        ),
    ] {
        Case::new(&genesis(), lines(offsets).as_bytes()).refuses(1, "RDL-4004", sentence);
    }
}

#[test]
fn a_dump_that_is_cut_off_is_refused() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(topic().as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    let case = Case::new(&genesis(), &whole[..whole.len() / 2]);
    let said = text(&case.replay().stderr);
    assert!(said.starts_with("failed RDL-4003  topic.jsonl, line "), "{said}");
    assert!(!case.folder.path().join("out.blocks").exists());
}

#[test]
fn what_is_no_record_and_a_wrong_key_are_told_and_taken_as_orderers_take_them() {
    let records = format!(
        "{}{}\n{}",
        line(0, CONNECT),
        "{\"offset\":1,\"key\":\"7\",\"value\":null,\"kind\":\"?\"}\n",
        line(2, &[0xff, 0xff])
    );
    let case = Case::new(&genesis(), records.as_bytes());
    let output = case.replay();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("line 2: key \"7\" where orderers write \"0\""));
    assert!(text(&output.stdout).contains("2 records were left out, as orderers leave them out"));
    let arguments =
        ["replay", "--genesis", "genesis.block", "--topic", "topic.jsonl", "--out", "o", "--verbose"];
    let said = text(&raddle(case.folder.path(), &arguments).stdout);
    assert!(said.contains("line 2: offset 1: skipped: a KafkaMessage of no kind"), "{said}");
    assert!(said.contains("line 4: offset 2: skipped: not a KafkaMessage: "), "{said}");
}

#[test]
fn what_is_no_genesis_block_gets_one_sentence() {
    let not_first = {
        let blocks = read_blocks(gunzip(&golden("mychannel.blocks.gz")));
        blocks[3].encode_to_vec()
    };
    let mut other_data = genesis();
    let last_name = other_data.windows(9).rposition(|window| window == b"mychannel").unwrap();
    other_data[last_name] = b'M';
    for (bytes, sentence) in [
        (b"nonsense".to_vec(), "genesis.block: not a block: wire type 6 at byte 0 does not exist"),
        (Vec::new(), "genesis.block: the block has no header"),
        (not_first, "genesis.block: the block is number 3, and a genesis block is number 0"),
        (other_data, "genesis.block: the block's data do not match the data hash in its header"),
    ] {
        let case = Case::new(&bytes, line(0, CONNECT).as_bytes());
        case.refuses(2, "RDL-4001", sentence);
    }
}

/// The recorded genesis block with one capability renamed, and the data hash made to match again.
#[test]
fn a_genesis_block_with_unsupported_capabilities_is_refused_by_name() {
    let mut block = read_genesis(genesis().into()).unwrap().block;
    let mut envelope = block.data.as_ref().unwrap().data[0].to_vec();
    let name = envelope.windows(4).position(|window| window == b"V2_0").unwrap();
    envelope[name + 1] = b'9';
    block.header.as_mut().unwrap().data_hash = hash::block_data_hash([envelope.as_slice()]).to_vec().into();
    block.data.as_mut().unwrap().data[0] = envelope.into();
    let case = Case::new(&block.encode_to_vec(), line(0, CONNECT).as_bytes());
    let said = text(&case.replay().stderr);
    let sentence = "genesis.block: the channel's config cannot be used: ";
    assert!(said.starts_with(&format!("failed RDL-4001  {sentence}")), "{said}");
    assert!(said.contains("capability V9_0 is required but not supported\n"), "{said}");
    assert_eq!(case.replay().status.code(), Some(2));
}

#[test]
fn a_genesis_block_of_another_channel_is_told_from_the_topic() {
    let sentence = "topic.jsonl holds envelopes of channel \"mychannel\", but the genesis block is of channel \
                    \"appkafka\"";
    let appkafka = fs::read(golden("appkafka.block")).unwrap();
    Case::new(&appkafka, topic().as_bytes()).refuses(2, "RDL-4002", sentence);
    // Fewer envelopes than would stop it at once.
    let few: String = topic().lines().take(5).map(|line| format!("{line}\n")).collect();
    Case::new(&appkafka, few.as_bytes()).refuses(2, "RDL-4002", sentence);
}

#[test]
fn files_that_are_not_there_are_named() {
    let case = Case::new(&genesis(), line(0, CONNECT).as_bytes());
    for (arguments, exit, sentence) in [
        (
            ["no.block", "topic.jsonl", "out"],
            2,
            "no.block cannot be read: No such file or directory (os error 2)",
        ),
        ([".", "topic.jsonl", "out"], 2, ". cannot be read: Is a directory (os error 21)"),
        (
            ["genesis.block", "no.jsonl", "out"],
            2,
            "no.jsonl cannot be opened: No such file or directory (os error 2)",
        ),
        (["genesis.block", ".", "out"], 2, ". cannot be opened: it is a folder"),
        (["genesis.block", "topic.jsonl", "no/out"], 1, "no/out cannot be written: "),
        (["genesis.block", "topic.jsonl", "."], 1, ". cannot be written: it is a folder"),
    ] {
        let [genesis, topic, out] = arguments;
        let output =
            raddle(case.folder.path(), &["replay", "--genesis", genesis, "--topic", topic, "--out", out]);
        let said = text(&output.stderr);
        assert!(said.starts_with(&format!("failed RDL-4006  {sentence}")), "{said}");
        assert_eq!(output.status.code(), Some(exit), "{said}");
    }
}
