//! `raddle doctor kafka` at a real broker: what it finds wrong, its own commands mend.

use std::fs;
use std::path::Path;
use std::process::Command;

use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog as _;
use raddle_ordering::kafka::{KafkaLog, Sasl, SaslMechanism, Settings};
use serde_json::Value;
use tempfile::TempDir;

use crate::broker::{Broker, WITH_USERS, tool};
use crate::harness::process::Node;
use crate::settings::{kafka_of, write};

/// The scripts that remedies name, and the classes that they run.
const TOOLS: &[(&str, &str)] =
    &[("kafka-configs.sh", "kafka.admin.ConfigCommand"), ("kafka-acls.sh", "kafka.admin.AclCommand")];

/// What the command says as JSON, and how it ends.
fn doctor(folder: &Path) -> (Value, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
    let output = command.current_dir(folder).args(["doctor", "kafka", "--output", "json"]).output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|_| panic!("{output:?}")), output.status.code().unwrap())
}

/// `subject, what` of all findings with this verdict.
fn with_verdict(report: &Value, verdict: &str) -> Vec<String> {
    let findings = report["clusters"][0]["findings"].as_array().unwrap();
    let of = |it: &&Value| it["verdict"] == verdict;
    let name = |it: &Value| format!("{}, {}", it["subject"].as_str().unwrap(), it["what"].as_str().unwrap());
    findings.iter().filter(of).map(name).collect()
}

fn found<'a>(report: &'a Value, what: &str) -> &'a Value {
    let findings = report["clusters"][0]["findings"].as_array().unwrap();
    findings.iter().find(|it| it["what"] == what).map(|it| &it["found"]).unwrap()
}

/// Types the commands of Kafka's tools that stand in the report; how many there were.
fn follow(report: &Value, folder: &Path) -> usize {
    let findings = report["clusters"][0]["findings"].as_array().unwrap();
    let remedies = findings.iter().flat_map(|it| it["remedy"].as_array().unwrap());
    let mut followed = 0;
    for remedy in remedies.map(|it| it.as_str().unwrap()) {
        let words: Vec<&str> = remedy.split(' ').map(|word| word.trim_matches('\'')).collect();
        let Some((_, class)) = TOOLS.iter().find(|(script, _)| *script == words[0]) else { continue };
        let output = tool(folder, class, &words[1..]);
        assert!(output.status.success(), "{remedy}: {output:?}");
        followed += 1;
    }
    followed
}

/// Makes the system channel's topic, with one record.
async fn make_topic(settings: Settings) {
    let log = KafkaLog::open(settings).unwrap();
    let append = log.append(&ChannelId("syschannel".to_owned()), "record".into());
    assert_eq!(append.await.unwrap(), Offset(0));
    tokio::task::spawn_blocking(move || drop(log)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_wrong_are_mended_by_the_commands_that_are_printed() {
    let wrong = ["log.retention.ms=604800000", "message.max.bytes=1048588", "log.cleanup.policy=compact"];
    let (broker, folder) = (Broker::start(&wrong), TempDir::new().unwrap());
    write(folder.path(), &broker);
    let (empty, exit) = doctor(folder.path());
    assert_eq!(found(&empty, "topic"), "is not there; would be made with 1 copies");
    assert_eq!(exit, 1);
    make_topic(kafka_of(&broker)).await;

    let (before, exit) = doctor(folder.path());
    assert_eq!(exit, 1);
    let alone = [
        "this node, Kafka.Topic.ReplicationFactor",
        "cluster, brokers that are up",
        "topic syschannel, copies",
    ];
    let settings = [
        "broker 1, min.insync.replicas",
        "broker 1, default.replication.factor",
        "broker 1, log.retention.ms",
        "broker 1, log.cleanup.policy",
        "broker 1, message.max.bytes",
        "topic syschannel, min.insync.replicas",
        "topic syschannel, retention.ms",
        "topic syschannel, cleanup.policy",
        "topic syschannel, max.message.bytes",
    ];
    let mut expected: Vec<&str> = alone.into_iter().chain(settings).collect();
    expected.sort_unstable();
    let mut wrong = with_verdict(&before, "wrong");
    wrong.sort_unstable();
    assert_eq!(wrong, expected);
    assert_eq!(with_verdict(&before, "warning"), ["broker 1, authorizer.class.name"]);
    assert_eq!(with_verdict(&before, "unseen"), Vec::<String>::new());
    assert_eq!(found(&before, "first offset"), "0, end 1");

    // All but the one that stands in the broker's file.
    assert_eq!(follow(&before, folder.path()), settings.len() - 1);
    let (after, exit) = doctor(folder.path());
    let left = [alone[0], alone[1], settings[1], alone[2], "topic syschannel, copies in sync"];
    assert_eq!(with_verdict(&after, "wrong"), left);
    assert_eq!(exit, 1);
    assert_eq!(found(&after, "first offset"), "0, end 1", "looking leaves no record behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_missing_are_granted_by_the_commands_that_are_printed() {
    let (broker, folder) = (Broker::start(WITH_USERS), TempDir::new().unwrap());
    let sasl = Sasl { mechanism: SaslMechanism::Plain, user: "ann".into(), password: "right".into() };
    make_topic(Settings { sasl: Some(sasl), ..kafka_of(&broker) }).await;
    write(folder.path(), &broker);
    let file = folder.path().join("orderer.yaml");
    let guest = "  SASLPlain: {Enabled: true, User: guest, Password: guest}\n";
    fs::write(&file, fs::read_to_string(&file).unwrap() + guest).unwrap();
    let admin = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required username=\"ann\" \
                 password=\"right\";\n";
    fs::write(folder.path().join("admin.properties"), admin).unwrap();

    let (report, exit) = doctor(folder.path());
    assert_eq!(exit, 1);
    assert_eq!(with_verdict(&report, "unseen"), ["broker 1, settings"]);
    assert!(with_verdict(&report, "wrong").contains(&"topic syschannel, DESCRIBE".to_owned()), "{report}");
    assert_eq!(follow(&report, folder.path()), 2);

    let (report, _) = until(folder.path(), |report| with_verdict(report, "unseen").len() == 1);
    assert_eq!(with_verdict(&report, "unseen"), ["topic syschannel, settings"]);
    let wrong = with_verdict(&report, "wrong");
    assert!(wrong.contains(&"topic syschannel, READ".to_owned()), "{report}");
    assert!(wrong.contains(&"topic syschannel, WRITE".to_owned()), "{report}");
    assert_eq!(found(&report, "authorizer.class.name"), "set");
    // Of Kafka's settings the topic's cannot be seen, and the brokers' are mended too: as many as are wrong there.
    assert!(follow(&report, folder.path()) >= 3);

    let (report, _) = until(folder.path(), |report| with_verdict(report, "unseen").is_empty());
    for what in ["READ", "WRITE"] {
        assert_eq!(found(&report, what), "allowed");
    }
    assert_eq!(found(&report, "first offset"), "0, end 1", "looking leaves no record behind");
}

#[test]
fn beside_a_node_of_dev_its_brokers_and_its_topic_are_looked_at() {
    let (broker, folder) = (Broker::shared(), TempDir::new().unwrap());
    let node = Node::start_in(folder.path(), &["--kafka", &broker.address()]);
    let (report, _) = doctor(folder.path());
    assert_eq!(report["clusters"][0]["brokers"][0], broker.address());
    assert_eq!(report["clusters"][0]["channels"][0], "demo");
    assert_eq!(found(&report, "first offset"), "0, end 1", "the node's greeting");
    assert!(node.stop().status.success());
}

/// Looks again until the broker has heard of what its controller has agreed to.
fn until(folder: &Path, is_so: impl Fn(&Value) -> bool) -> (Value, i32) {
    std::iter::repeat_with(|| doctor(folder)).take(20).find(|(report, _)| is_so(report)).unwrap()
}
