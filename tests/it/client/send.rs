//! `raddle send`: what a node says of envelopes, and where they end.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use raddle::client::{Client, ClientError, Patience, message};
use raddle_proto::common::{self, Status};
use raddle_proto::wire::Envelope;
use serde_json::Value;

use super::double::{Double, Manner, Reaction};
use super::{Folder, said};
use crate::harness::orderer::Background;
use crate::harness::{Recorded, repository};

/// A node with the recorded channel, whose members' keys nobody has.
fn node() -> Background {
    Background::start(Recorded::mychannel().genesis)
}

#[test]
fn each_refusal_of_a_node_is_told_with_status_module_code_and_hint() {
    let node = node();
    let folder = Folder::of(&node.address);
    fs::write(folder.path().join("big.bin"), vec![7; 3 << 20]).unwrap();
    let expired = repository().join("tests/golden/identity/expired").display().to_string();
    for (arguments, sentence, details) in [
        (
            &["hello"][..],
            "refused RDL-1104  implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy \
             requires 1 of the 'Writers' sub-policies to be satisfied: permission denied\n",
            "  status 403 FORBIDDEN\n  module signature\n  hint   --msp-id and --msp-dir say who signs",
        ),
        (
            &["--file", "big.bin"],
            "refused RDL-1104  message payload is ",
            "  status 400 BAD_REQUEST\n  module max-bytes\n  hint   send less; the limit is ",
        ),
        (
            &["--msp-dir", &expired, "hello"],
            "refused RDL-1104  broadcast client identity expired\n",
            "  status 400 BAD_REQUEST\n  module expiration\n  hint   have the certificate renewed",
        ),
        (
            &["--channel", "other", "hello"],
            "refused RDL-1102  channel creation request not allowed because the orderer system channel is not \
             defined\n",
            "  status 400 BAD_REQUEST\n  hint   --channel says which channel",
        ),
    ] {
        let said = folder.raddle(&[&["send"], arguments].concat());
        assert_eq!(said.stdout, "");
        let said = said.ill(1, sentence);
        assert!(said.contains(details), "{said}\nwanted: {details}");
    }
    let arguments = ["send", "--output", "json", "hello", "there"];
    let said = folder.raddle(&arguments);
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((told["total"].as_u64(), told["taken"].as_u64()), (Some(2), Some(0)));
    assert_eq!((&told["refusal"]["status"], &told["refusal"]["code"]), (&403.into(), &"RDL-1104".into()));
    assert_eq!(told["refusal"]["reason"]["module"], "signature");
    assert_eq!(
        (&told["envelopes"][0]["answer"], &told["envelopes"][1]["answer"]),
        (&"refused".into(), &"not taken".into())
    );
    let said = said.ill(1, "refused RDL-1104  ");
    assert!(said.contains("\n  taken  0 of 2 were taken; nothing behind the refused one is\n"), "{said}");
}

#[test]
fn what_is_taken_is_told_one_by_one_or_in_sum_and_with_its_place() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let text = folder.raddle(&["send", "one", "fünf"]).well();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("taken by mychannel   tx ") && lines[0].ends_with("   3 bytes"), "{text}");
    assert!(lines[1].ends_with("   5 bytes"), "{text}");
    assert_eq!(lines[3], "Next:");
    assert!(lines[4].ends_with(" block show newest"), "{text}");
    let text = folder.raddle(&["send", "--wait", "x"]).well();
    assert!(
        text.contains("   1 byte   block 264, place 0\n") && text.contains(" block show 264\n"),
        "{text}"
    );
    let text = folder.raddle(&["send", "--wait=20", "--count", "300", "ab", "c"]).well();
    assert!(
        text.starts_with("taken by mychannel   600 envelopes   900 bytes   blocks 265 to 864\n"),
        "{text}"
    );
    // The suggested command would not find an orderer that flags name.
    let text = folder.raddle(&["send", "--orderer", &double.address, "x"]).well();
    assert!(!text.contains("Next:"), "{text}");
    let json = folder.raddle(&["send", "--wait", "--output", "json", "x", "y"]).well();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["envelopes"][1]["answer"], &json["envelopes"][1]["index"]),
        (&"taken".into(), &0.into())
    );
    assert_eq!((&json["envelopes"][1]["block"], &json["refusal"]), (&867.into(), &Value::Null));
}

#[test]
fn files_and_stdin_are_sent_as_they_are() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    fs::write(folder.path().join("a"), [0, 0xff, 7]).unwrap();
    fs::write(folder.path().join("b"), []).unwrap();
    folder.raddle(&["send", "--wait", "--file", "a", "--file", "b"]).well();
    let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
    let mut child = command
        .args(["send", "--wait", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"from\0stdin").unwrap();
    said(child.wait_with_output().unwrap()).well();
    for (block, data) in [(262, &[0, 0xff, 7][..]), (263, b""), (264, b"from\0stdin")] {
        assert_eq!(double.data_of(block), data, "{block}");
    }
}

#[test]
fn what_cannot_be_sent_is_told_before_anybody_is_asked() {
    let folder = Folder::of("127.0.0.1:1");
    let huge = fs::File::create(folder.path().join("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    folder.raddle(&["send", "--file", "huge"]).ill(
        2,
        "failed RDL-1004  huge, with 1099511627776 bytes, is longer than the 104792064 bytes that one envelope can",
    );
    folder.raddle(&["send", "--file", "no"]).ill(2, "failed RDL-4006  no cannot be read: No such file");
    folder.raddle(&["send", "--file", "."]).ill(2, "failed RDL-4006  . cannot be read: Is a directory");
    folder
        .raddle(&["send", "--count", "100000", "a", "b"])
        .ill(2, "failed RDL-1004  200000 envelopes are more than the 100000 of one call");
    for arguments in [
        &["send"][..],
        &["send", "text", "--file", "huge"],
        &["send", "--count", "0", "text"],
        &["send", "--wait=soon", "text"],
        &["send", "--output", "yaml", "text"],
    ] {
        assert_eq!(folder.raddle(arguments).exit, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_refusal_midway_tells_how_many_were_taken_and_where() {
    let blocks = Recorded::mychannel().blocks;
    let double = Double::start(blocks.clone(), Manner::RefusesAfter(3));
    let said = Folder::of(&double.address).raddle(&["send", "--wait", "--count", "5", "x"]);
    assert_eq!(said.stdout.matches("taken by mychannel").count(), 3);
    assert!(said.stdout.contains("block 264, place 0"), "{}", said.stdout);
    let text = said.ill(1, "refused RDL-1008  no more of these\n  status 403 FORBIDDEN\n");
    assert!(text.contains("\n  taken  3 of 5 were taken; nothing behind the refused one is\n"), "{text}");
    let double = Double::start(blocks, Manner::EndsAfter(2));
    let said = Folder::of(&double.address).raddle(&["send", "a", "b", "c", "d"]);
    assert_eq!(said.stdout.matches("taken by mychannel").count(), 2);
    let text = said.ill(3, "failed RDL-1007  the orderer at ");
    assert!(text.contains("\n  taken  2 of 4 were taken; 2 envelopes may be ordered, or not\n"), "{text}");
}

#[test]
fn an_orderer_that_is_not_ready_is_asked_again() {
    let (info, asked) =
        ("backing Kafka cluster has not completed booting; try again later", AtomicU32::new(0));
    let react = move |_: &[common::Block], _: &common::Envelope| Reaction {
        blocks: Vec::new(),
        refusal: (asked.fetch_add(1, Ordering::Relaxed) < 2)
            .then(|| (Status::ServiceUnavailable, info.to_owned())),
    };
    let double = Double::reacting("mychannel", Recorded::mychannel().blocks, Arc::new(react));
    let said = Folder::of(&double.address).raddle(&["send", "x", "y"]);
    assert_eq!((said.exit, said.stderr), (Some(0), format!("waiting 20s at most: {info}\n")));
    assert_eq!(said.stdout.matches("taken by mychannel").count(), 2);
}

#[test]
fn waiting_has_an_end() {
    let double = Double::start(Recorded::mychannel().blocks, Manner::Hoards);
    let said = Folder::of(&double.address).raddle(&["send", "--wait=1", "x", "y"]);
    assert_eq!(said.stdout.matches("taken by mychannel").count(), 2);
    said.ill(1, "failed RDL-1009  2 envelopes are taken, but in no block after 1s");
}

#[test]
fn nobody_at_the_address_is_exit_3_with_the_address_and_what_to_do() {
    // A port of which the system gives none to anybody.
    let address = "127.0.0.1:1";
    let folder = Folder::of(address);
    for arguments in
        [&["send", "x"][..], &["send", "--wait", "x"], &["block", "show"], &["block", "export", "--out", "o"]]
    {
        let said =
            folder.raddle(arguments).ill(3, &format!("failed RDL-1006  no orderer answers at {address}: "));
        assert!(
            said.contains("Connection refused") && said.contains("\n  hint   look whether it runs; "),
            "{said}"
        );
    }
    assert_eq!(folder.left(), [""; 0]);
}

/// A server that takes connections and never says a word.
#[tokio::test]
async fn a_silent_orderer_is_left_after_some_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Duration::from_millis(50);
    let client = Client::connect(&address, Patience { answer, ..Patience::default() }).await.unwrap();
    let envelope = Envelope::new(b"payload", b"signature");
    let began = Instant::now();
    let silent = ClientError::Silent { address, silence: answer };
    let mut answers = client.broadcast(tokio_stream::iter([message(&envelope)]));
    assert_eq!(answers.next().await, Err(silent.clone()));
    let mut blocks = client.deliver(&envelope);
    assert_eq!(blocks.next().await, Err(silent));
    assert!(began.elapsed() >= 2 * answer);
    drop(listener);
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_from_one_that_is_not_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let hanging_up = tokio::spawn(async move {
        loop {
            drop(listener.accept().await);
        }
    });
    let envelope = Envelope::new(b"payload", b"signature");
    for _ in 0..20 {
        // It depends on who is faster whether the connection or the stream fails.
        let error = match Client::connect(&address, Patience::default()).await {
            Ok(client) => client.deliver(&envelope).next().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, ClientError::Broken { .. } | ClientError::Unreachable { .. }), "{error:?}");
    }
    hanging_up.abort();
}
