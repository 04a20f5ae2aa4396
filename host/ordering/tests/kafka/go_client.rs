//! Beside Go orderers: their Kafka client writes and reads the same topics.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::{OrderedLog as _, Record};

use crate::conformance::{block_on, identity, read, value};
use crate::recorded::recorded;
use crate::{Broker, new_channel, open, settings};

/// A record as a Go orderer gets it.
struct Consumed {
    offset: i64,
    key: Vec<u8>,
    value: Vec<u8>,
    milliseconds: i64,
}

/// A Go orderer's producer.
struct Producer {
    child: Child,
    offsets: Lines<BufReader<ChildStdout>>,
}

impl Producer {
    fn start(topic: &ChannelId) -> Self {
        let mut command = go_client("produce", topic);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let offsets = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, offsets }
    }

    fn send(&mut self, value: &[u8]) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{}", STANDARD.encode(value)).unwrap();
    }

    /// Where the next value stands that was sent.
    fn offset(&mut self) -> i64 {
        self.offsets.next().expect("an offset").unwrap().parse().unwrap()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.offsets.next().is_none(), "more offsets than values");
        assert!(self.child.wait().unwrap().success());
    }
}

fn consume(topic: &ChannelId, from: i64, count: usize) -> Vec<Consumed> {
    let mut command = go_client("consume", topic);
    command.args([from.to_string(), count.to_string()]).stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success());
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        Consumed {
            offset: word().parse().unwrap(),
            key: STANDARD.decode(word()).unwrap(),
            value: STANDARD.decode(word()).unwrap(),
            milliseconds: word().parse().unwrap(),
        }
    };
    String::from_utf8(output.stdout).unwrap().lines().map(parse).collect()
}

fn go_client(action: &str, topic: &ChannelId) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(build));
    command.args([action, &Broker::shared().address(), &topic.0]);
    command
}

fn build() -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-kafka");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&program).arg(".");
    go.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/go-kafka"));
    // Without a C compiler there is no zstd, which no orderer asks for.
    let status = go.env("CGO_ENABLED", "0").status().expect("Go is needed: https://go.dev/dl");
    assert!(status.success());
    program
}

fn seen(records: &[Record]) -> Vec<(i64, &[u8])> {
    records.iter().map(|it| (it.offset.0, &it.value[..])).collect()
}

fn seen_by_go(records: &[Consumed]) -> Vec<(i64, &[u8])> {
    records.iter().map(|it| (it.offset, &it.value[..])).collect()
}

#[test]
fn what_a_go_client_produces_is_read_each_record_at_its_own_offset() {
    let log = open(settings(Broker::shared()));
    for channel in ["mychannel", "syschannel"] {
        let (records, topic) = (recorded(channel), new_channel());
        identity(&log, &topic);
        let mut producer = Producer::start(&topic);
        records.iter().for_each(|it| producer.send(&it.value));
        for offset in (0..).take(records.len()) {
            assert_eq!(producer.offset(), offset);
        }
        producer.end();
        let expected: Vec<_> = (0..).zip(records.iter().map(|it| &it.value[..])).collect();
        let found = read(&log, &topic, 0, records.len());
        assert!(seen(&found) == expected, "{channel} is read otherwise");
    }
}

#[test]
fn what_is_appended_is_consumed_by_a_go_client_byte_for_byte_whatever_its_kind() {
    let log = open(settings(Broker::shared()));
    let mut kinds = BTreeSet::new();
    for channel in ["mychannel", "syschannel"] {
        let (records, topic) = (recorded(channel), new_channel());
        let appends: Vec<_> = records.iter().map(|it| log.append(&topic, it.value.clone())).collect();
        for (append, offset) in appends.into_iter().zip(0..) {
            assert_eq!(block_on(append).unwrap(), Offset(offset));
        }
        // From any place, as an orderer that was restarted.
        for from in [0, i64::try_from(records.len() / 2).unwrap()] {
            let rest = &records[usize::try_from(from).unwrap()..];
            let found = consume(&topic, from, rest.len());
            let expected: Vec<_> = (from..).zip(rest.iter().map(|it| &it.value[..])).collect();
            assert!(seen_by_go(&found) == expected, "{channel} from {from} on is consumed otherwise");
            assert!(found.iter().all(|it| it.key == b"0" && it.milliseconds > 0));
        }
        kinds.extend(records.into_iter().map(|it| it.kind));
    }
    assert_eq!(kinds, ["CONFIG", "CONNECT", "NORMAL", "TIME_TO_CUT"].map(str::to_owned).into());
}

#[test]
fn both_write_to_one_topic_at_the_same_time_and_both_read_one_order() {
    const ROUNDS: usize = 20;
    let (log, topic) = (open(settings(Broker::shared())), new_channel());
    identity(&log, &topic);
    let mut producer = Producer::start(&topic);
    let mut placed = BTreeMap::new();
    for round in 1..=ROUNDS {
        // The first round is one after the other; then both have ever more under way.
        let ours: Vec<_> = (0..round).map(|it| value(1_000 * round + it)).collect();
        let mut theirs: Vec<_> = (0..round).map(|it| value(1_000_000 + 1_000 * round + it)).collect();
        if round == ROUNDS / 2 {
            // More than a Go orderer fetches at first.
            theirs.push(Bytes::from(vec![7; 2 << 20]));
        }
        theirs.iter().for_each(|it| producer.send(it));
        let appends: Vec<_> = ours.iter().map(|it| log.append(&topic, it.clone())).collect();
        placed.extend(appends.into_iter().map(|it| block_on(it).unwrap().0).zip(ours));
        placed.extend(theirs.into_iter().map(|it| (producer.offset(), it)));
    }
    producer.end();
    let expected: Vec<_> = placed.iter().map(|(offset, value)| (*offset, &value[..])).collect();
    assert!(placed.keys().copied().eq((0..).take(ROUNDS * (ROUNDS + 1) + 1)));
    let (found, found_by_go) = (read(&log, &topic, 0, expected.len()), consume(&topic, 0, expected.len()));
    assert!(seen(&found) == expected, "we read otherwise");
    assert!(seen_by_go(&found_by_go) == expected, "the Go client reads otherwise");
}
