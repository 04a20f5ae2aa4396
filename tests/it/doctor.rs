//! `raddle doctor kafka` where there is no Kafka. What it finds at a real one, `tests/kafka` shows.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::SystemTime;

use prost::Message as _;
use raddle::admin::modules::{Mode, OWNER, with};
use raddle::network::DevNetwork;
use raddle_core::bundle::read_genesis;
use raddle_proto::common::{self, Block};
use raddle_proto::hash::block_data_hash;

use crate::harness::admin::filter;
use crate::harness::filters::refuses_longer;
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};
use crate::harness::{dist, golden, repository};
use crate::start::{folder, refuses};

fn doctor(folder: &Path, more: &[&str]) -> Output {
    raddle(folder, &[&["doctor", "kafka"], more].concat())
}

/// Nobody waits for long in these tests.
const IMPATIENT: &str = "Kafka:\n  Retry: {NetworkTimeouts: {DialTimeout: 1s}}\n";

fn with_system_channel() -> String {
    format!("  BootstrapFile: {}\n{IMPATIENT}", golden("kafka-genesis.block").display())
}

#[test]
fn a_node_without_kafka_is_told_what_orders_its_channels() {
    let folder = folder(&with_system_channel(), "Ordering: {kafka: local}\n");
    let output = doctor(folder.path(), &[]);
    refuses(&output, 2, "failed RDL-4303  no brokers are named that order a channel of this node");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("\n  channel syschannel is ordered by the log on this node's disk\n"), "{said}");
}

#[test]
fn settings_that_cannot_be_used_end_it_with_2() {
    let folder = folder("  ListenPrt: 1\n", "Ordering: {kafka: [nowhere]}\n");
    refuses(&doctor(folder.path(), &[]), 2, "failed RDL-4012  ");
    assert_eq!(doctor(folder.path(), &["--no-such-flag"]).status.code(), Some(2));
}

#[test]
fn brokers_that_do_not_answer_end_it_with_3() {
    let address = format!("127.0.0.1:{}", free_port());
    let folder = folder(&with_system_channel(), &format!("Ordering: {{kafka: ['{address}']}}\n"));
    let output = doctor(folder.path(), &["--output", "json"]);
    refuses(&output, 3, "failed RDL-4301  no Kafka broker can be asked\n");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cluster = &report["clusters"][0];
    assert_eq!(cluster["brokers"][0], address);
    assert_eq!(cluster["channels"][0], "syschannel");
    let failure = cluster["failure"].as_str().unwrap();
    assert!(failure.starts_with(&format!("no Kafka broker of {address} answers: ")), "{failure}");
    assert!(!folder.path().join("state").exists(), "nothing is made");
}

#[test]
fn a_block_names_the_brokers_of_its_channel() {
    let folder = folder(&format!("  BootstrapMethod: none\n{IMPATIENT}"), "Ordering: {kafka: channel}\n");
    refuses(&doctor(folder.path(), &[]), 2, "failed RDL-4303  ");
    let block = golden("kafka-genesis.block");
    let output = doctor(folder.path(), &["--block", block.to_str().unwrap(), "--channel", "syschannel"]);
    refuses(&output, 3, "failed RDL-4301  ");
    fs::write(folder.path().join("no.block"), "no block").unwrap();
    refuses(&doctor(folder.path(), &["--block", "no.block"]), 2, "failed RDL-4001  no.block: ");
}

#[test]
fn the_ledgers_of_a_running_node_are_left_alone() {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let ordering = format!("Ordering: {{kafka: local, channels: {{trade: ['{nowhere}']}}}}\n");
    let folder = folder(&with_system_channel(), &ordering);
    let node = Node::start_by_settings(folder.path());
    let output = doctor(folder.path(), &[]);
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
    refuses(&output, 3, "failed RDL-4301  ");
    let said = String::from_utf8(output.stdout).unwrap();
    for told in [
        &format!("Kafka cluster at {nowhere}, which orders trade\n"),
        "note   the config of channel syschannel was not read: the ledger ",
        "is open already, in another process or here: close it first\n",
        "trust  whoever may write to a channel's topic can order what it likes",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
}

// === the node's own machine ===

fn part(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let output = raddle(folder, &[&["doctor"], arguments].concat());
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    let printed = if arguments.contains(&"json") { printed } else { unbroken(&printed) };
    (output, printed)
}

/// What was printed, with the cells of its table on one line each. The table fits the page.
pub fn unbroken(printed: &str) -> String {
    let Some((table, rest)) = printed.split_once("\n\n") else { return printed.to_owned() };
    let mut lines = table.lines();
    let header = lines.next().unwrap();
    let mut edges: Vec<_> = ["of", "what", "found", "wanted"].map(|it| header.find(it).unwrap()).into();
    edges.push(usize::MAX);
    let mut text = String::new();
    let mut row: [Vec<String>; 4] = Default::default();
    let mut verdict = String::new();
    for line in lines.chain(["  end"]) {
        let letters: Vec<char> = line.chars().collect();
        assert!(letters.len() <= 100, "{table}");
        let cell = |from: usize, to: usize| -> String {
            letters.iter().take(to).skip(from).collect::<String>().trim().to_owned()
        };
        let begins = cell(0, edges[0]);
        if !begins.is_empty() {
            let cells: Vec<String> = row.iter_mut().map(|parts| std::mem::take(parts).join(" ")).collect();
            text += &format!("{verdict}  {}\n", cells.join("  "));
            verdict = begins;
        }
        for (place, parts) in row.iter_mut().enumerate() {
            parts.extend(Some(cell(edges[place], edges[place + 1])).filter(|part| !part.is_empty()));
        }
    }
    format!("{text}\n{rest}")
}

#[test]
fn an_identity_is_looked_at_with_the_time_that_it_has_left() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (output, printed) = part(there.path(), &["msp", "--output", "json"]);
    assert!(output.status.success(), "{printed}");
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&json["findings"][0]["verdict"], &json["findings"][0]["what"]),
        (&"ok".into(), &"identity".into())
    );
    assert_eq!(json["wrong"], 0);
    // One that has ended, and one whose folder is not there.
    let yaml = fs::read_to_string(there.path().join("orderer.yaml")).unwrap();
    fs::write(there.path().join("orderer.yaml"), yaml.replace("golden/identity", "golden/identity/expired"))
        .unwrap();
    let (output, printed) = part(there.path(), &["msp"]);
    refuses(&output, 1, "failed RDL-4401  the node is not set up as it should be: 1 thing is wrong\n");
    assert!(printed.contains("msp, certificate's time: it ended on 2021-01-01"), "{printed}");
    fs::write(there.path().join("orderer.yaml"), yaml.replace("golden/identity", "golden/gone")).unwrap();
    let (output, printed) = part(there.path(), &["msp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed.contains("which General.LocalMSPDir (./orderer.yaml:3:3) names"), "{printed}");
    assert!(!there.path().join("state").exists(), "nothing is made");
}

#[test]
fn the_folder_of_the_ledgers_is_looked_at_before_it_is_there() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (_, printed) = part(there.path(), &["disk"]);
    assert!(printed.contains("./state, which is made in ."), "{printed}");
    assert!(printed.contains(" GiB on ."), "{printed}");
    fs::write(there.path().join("state"), "a file").unwrap();
    let (output, printed) = part(there.path(), &["disk"]);
    refuses(&output, 1, "failed RDL-4401  ");
    assert!(printed.contains("disk, folder: ./state is no folder; wanted: "), "{printed}");
}

#[test]
fn a_port_that_is_taken_is_told_and_left_alone() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (output, printed) = part(there.path(), &["ports"]);
    assert!(output.status.success() && printed.contains(" is free "), "{printed}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_raddle"))
        .args(["doctor", "ports"])
        .current_dir(there.path())
        .env("ORDERER_GENERAL_LISTENPORT", &port)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(
        printed.contains(&format!("warning  ports, General.ListenAddress: 127.0.0.1:{port} is taken")),
        "{printed}"
    );
    assert!(
        printed.contains(&format!("  do     find out who listens: ss -ltnp 'sport = :{port}'")),
        "{printed}"
    );
}

#[test]
fn ledgers_are_opened_one_by_one_unless_a_node_has_them() {
    let there = folder(&with_system_channel(), "Ordering: {kafka: local}\n");
    let (output, printed) = part(there.path(), &["store"]);
    assert!(output.status.success() && printed.contains("none in ./state/ledgers"), "{printed}");
    let node = Node::start_by_settings(there.path());
    let (output, printed) = part(there.path(), &["store"]);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("unseen  store, ledger of syschannel: the ledger "), "{printed}");
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
    let (output, printed) = part(there.path(), &["store"]);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("1 block, ordered by the log on this disk"), "{printed}");
    // Not mapped any more, and then not a ledger any more.
    fs::write(there.path().join("raddle.yaml"), "Ordering: {channels: {syschannel: none}}\n").unwrap();
    let (output, printed) = part(there.path(), &["store"]);
    refuses(&output, 1, "failed RDL-4401  ");
    assert!(printed.contains("  do     map it under Ordering in raddle.yaml\n"), "{printed}");
    for file in fs::read_dir(there.path().join("state/ledgers/syschannel")).unwrap() {
        fs::write(file.unwrap().path(), "no ledger").unwrap();
    }
    let (output, printed) = part(there.path(), &["store"]);
    refuses(&output, 1, "failed RDL-4401  ");
    assert!(printed.contains("and join the channel again"), "{printed}");
}

/// Findings of the part, all of them: verdict, what, found, a line each.
fn findings(folder: &Path, part_name: &str) -> (Option<i32>, Vec<String>) {
    let (output, printed) = part(folder, &[part_name, "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let text = |it: &serde_json::Value| it.as_str().unwrap().to_owned();
    let line = |it: &serde_json::Value| {
        format!("{} {}: {}", text(&it["verdict"]), text(&it["what"]), text(&it["found"]))
    };
    (output.status.code(), json["findings"].as_array().unwrap().iter().map(line).collect())
}

#[track_caller]
fn begin(lines: &[String], begins: &[&str]) {
    assert_eq!(lines.len(), begins.len(), "{lines:#?}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}\nwanted: {begin}");
    }
}

const ENGINE: [&str; 2] = ["ok engine: ", "ok cache: "];

#[test]
fn modules_of_a_ledger_are_looked_at_with_what_was_made_of_them() {
    let dev = tempfile::TempDir::new().unwrap();
    let node = Node::start_in(dev.path(), &[]);
    let wasm = repository().join("guest-filters/dist/hostile/filter-refuses.wasm");
    let install =
        ["module", "install", wasm.to_str().unwrap(), "--name", "no-way", "--set", "sentence=no", "--yes"];
    let output = raddle(dev.path(), &install);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(node.stop().status.success());
    let there = folder("  BootstrapMethod: none\n", "");
    let yaml = fs::read_to_string(there.path().join("orderer.yaml")).unwrap();
    let state = dev.path().join(".raddle");
    fs::write(there.path().join("orderer.yaml"), yaml.replace("state", state.to_str().unwrap())).unwrap();
    let what = "raddle.filter.no-way of demo";
    let (exit, lines) = findings(there.path(), "modules");
    assert_eq!(exit, Some(0));
    begin(
        &lines,
        &[
            ENGINE[0],
            ENGINE[1],
            &format!("ok {what}: filter "),
            &format!("ok {what}, compiled: "),
            &format!("ok {what}, today: it would be installed"),
        ],
    );
    assert!(lines[2].contains(", enforce, ") && lines[2].contains(", sha256 "), "{lines:?}");
    assert!(lines[3].ends_with(" bytes in the cache, with our mark"), "{lines:?}");
    // One byte of its machine code is another, and then the folder is gone.
    let cache = state.join("modules");
    let files = || fs::read_dir(&cache).unwrap().map(|file| file.unwrap().path());
    let artifact = files().find(|path| path.extension().is_some_and(|it| it == "artifact")).unwrap();
    let mut bytes = fs::read(&artifact).unwrap();
    bytes[100] ^= 1;
    fs::write(&artifact, &bytes).unwrap();
    let before: Vec<_> = files().map(|path| fs::metadata(path).unwrap().modified().unwrap()).collect();
    let (exit, lines) = findings(there.path(), "modules");
    assert_eq!(exit, Some(0));
    assert_eq!(lines[3], format!("warning {what}, compiled: its file in the cache has not our mark"));
    assert_eq!(fs::read(&artifact).unwrap(), bytes, "nothing is written");
    assert_eq!(
        files().map(|path| fs::metadata(path).unwrap().modified().unwrap()).collect::<Vec<_>>(),
        before
    );
    fs::remove_dir_all(&cache).unwrap();
    let (_, lines) = findings(there.path(), "modules");
    assert_eq!(lines[3], format!("ok {what}, compiled: not in the cache: the next start compiles it"));
    assert!(!cache.exists(), "nothing is made");
}

#[test]
fn modules_that_cannot_be_run_are_told_before_the_node_starts() {
    let there = folder("  BootstrapFile: genesis.block\n", "");
    let network =
        DevNetwork::generate(&there.path().join("network"), "127.0.0.1:1", SystemTime::now()).unwrap();
    fs::write(there.path().join("genesis.block"), network.genesis()).unwrap();
    assert_eq!(findings(there.path(), "modules").1, ["ok modules of demo: none but the shipped ones"]);
    let genesis = read_genesis(network.genesis().clone()).unwrap();
    let mut config = genesis.config.config.clone();
    let no_module = filter("no-module", &b"not WebAssembly"[..], &[]);
    let purple = filter("purple", dist("hostile/filter-refuses.wasm"), &[("status", "purple")]);
    let off = raddle::admin::modules::Spec { mode: Mode::Off, ..filter("off", &b"nor this"[..], &[]) };
    let good = filter("good", refuses_longer(), &[("bytes", "1")]);
    for spec in [no_module, purple, off, good] {
        config = with(&config, &spec, OWNER).unwrap();
    }
    fs::write(there.path().join("genesis.block"), block_of(genesis.block, config).encode_to_vec()).unwrap();
    let (exit, lines) = findings(there.path(), "modules");
    assert_eq!(exit, Some(1));
    begin(
        &lines,
        &[
            ENGINE[0],
            ENGINE[1],
            "ok raddle.filter.good of demo: filter ",
            "ok raddle.filter.good of demo, compiled: not in the cache",
            "ok raddle.filter.good of demo, today: it would be installed",
            "wrong raddle.filter.no-module of demo: ",
            "warning raddle.filter.off of demo: ",
            "ok raddle.filter.purple of demo: filter ",
            "ok raddle.filter.purple of demo, compiled: ",
            "warning raddle.filter.purple of demo, today: it does not take its settings: ",
        ],
    );
}

/// The same block with another config.
fn block_of(block: Block, config: common::Config) -> Block {
    let mut block = block;
    let data = block.data.as_mut().unwrap();
    let mut envelope = common::Envelope::decode(data.data[0].clone()).unwrap();
    let mut payload = common::Payload::decode(envelope.payload).unwrap();
    payload.data = common::ConfigEnvelope { config: Some(config), last_update: None }.encode_to_vec().into();
    envelope.payload = payload.encode_to_vec().into();
    data.data = vec![envelope.encode_to_vec().into()];
    let hash = block_data_hash(data.data.iter().map(AsRef::as_ref));
    block.header.as_mut().unwrap().data_hash = hash.to_vec().into();
    block
}

#[test]
fn without_a_part_it_looks_at_all_of_them() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (_, printed) = part(there.path(), &["--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let parts: std::collections::BTreeSet<_> =
        json["findings"].as_array().unwrap().iter().map(|it| it["subject"].as_str().unwrap()).collect();
    assert_eq!(
        parts.into_iter().collect::<Vec<_>>(),
        ["clock", "disk", "modules", "msp", "ports", "store", "tls"]
    );
    refuses(&part(there.path(), &["--config", "gone"]).0, 2, "failed RDL-4012  ");
}

#[test]
fn in_the_folder_of_a_node_of_dev_it_looks_at_that_one_running_or_not() {
    let there = tempfile::TempDir::new().unwrap();
    let node = Node::start_in(there.path(), &[]);
    let (output, running) = part(there.path(), &[]);
    assert!(node.stop().status.success());
    assert!(output.status.success(), "{running}");
    let (output, stopped) = part(there.path(), &["store"]);
    assert!(output.status.success(), "{stopped}");
    for (printed, told) in
        [(running, "unseen  store, ledger of demo: "), (stopped, "ordered by the log on this disk")]
    {
        assert!(printed.contains(told), "{printed}");
    }
}
