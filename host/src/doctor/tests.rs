//! One thing is wrong at a time: what is found, and the remedy.
#![allow(clippy::unwrap_used)]

use raddle_core::ids::Offset;
use raddle_ordering::kafka::inspect::{Broker, Config, Described, Topic, TopicState};

use super::*;

const TEN_MIB: u64 = 10 << 20;

fn configs(entries: &[(&str, &str)]) -> Configs {
    let config =
        |value: &str| Config { value: Some(value.to_owned()), is_read_only: false, is_of_one_broker: false };
    entries.iter().map(|(key, value)| ((*key).to_owned(), config(value))).collect()
}

fn broker(id: i32) -> Broker {
    let mut configs = configs(&[
        ("unclean.leader.election.enable", "false"),
        ("min.insync.replicas", "2"),
        ("default.replication.factor", "3"),
        ("log.retention.ms", "-1"),
        ("log.retention.bytes", "-1"),
        ("log.cleanup.policy", "delete"),
        ("message.max.bytes", "104857600"),
        ("replica.fetch.max.bytes", "104857600"),
        ("socket.request.max.bytes", "121634816"),
        ("authorizer.class.name", "a.b.C"),
    ]);
    for key in ["default.replication.factor", "replica.fetch.max.bytes", "socket.request.max.bytes"] {
        configs.get_mut(key).unwrap().is_read_only = true;
    }
    Broker { id, address: format!("kafka{id}:9092"), configs: Ok(configs) }
}

fn topic() -> Described {
    Described {
        partitions: 1,
        leader: Some(1),
        replicas: vec![1, 2, 3],
        in_sync: vec![3, 2, 1],
        bounds: Ok((Offset(0), Offset(7))),
        reading: Ok(()),
        writing: Ok(()),
        configs: Ok(configs(&[
            ("unclean.leader.election.enable", "false"),
            ("min.insync.replicas", "2"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
            ("cleanup.policy", "delete"),
            ("compression.type", "producer"),
            ("max.message.bytes", "104857600"),
        ])),
    }
}

/// Four brokers and a topic, all as they should be.
fn good() -> (Cluster, Wanted) {
    let state = TopicState::There(Box::new(topic()));
    let cluster = Cluster {
        id: Some("abc".to_owned()),
        brokers: [1, 2, 3, 4].map(broker).into(),
        topics: vec![Topic { name: "trade".to_owned(), state }],
    };
    let channel = Channel {
        id: ChannelId("trade".to_owned()),
        absolute_max_bytes: Some(TEN_MIB),
        built_from: Some("abc".to_owned()),
    };
    let tools = Tools {
        brokers: vec!["kafka1:9092".to_owned(), "kafka2:9092".to_owned()],
        need_login: true,
        principal: "User:o'neil".to_owned(),
    };
    (cluster, Wanted { replication: 3, channels: vec![channel], tools })
}

/// What is not well, a line each: verdict, whose, what, found; then the remedies.
fn complaints(cluster: &Cluster, wanted: &Wanted) -> Vec<String> {
    let mut lines = Vec::new();
    for it in check(cluster, wanted).iter().filter(|it| it.verdict != Verdict::Ok) {
        lines.push(format!(
            "{} {}, {}: {}; wanted: {}",
            it.verdict.word(),
            it.subject,
            it.what,
            it.found,
            it.wanted
        ));
        assert!(!it.why.is_empty(), "{it:?}");
        lines.extend(it.remedy.clone());
    }
    lines
}

/// One thing is changed in what is good; so are the complaints.
fn differs(change: impl FnOnce(&mut Cluster, &mut Wanted), expected: &[&str]) {
    let (mut cluster, mut wanted) = good();
    change(&mut cluster, &mut wanted);
    assert_eq!(complaints(&cluster, &wanted), expected);
}

fn set(cluster: &mut Cluster, ids: &[i32], key: &str, value: &str) {
    for broker in cluster.brokers.iter_mut().filter(|it| ids.contains(&it.id)) {
        let configs = broker.configs.as_mut().unwrap();
        configs.get_mut(key).unwrap().value = (!value.is_empty()).then(|| value.to_owned());
    }
}

fn described(cluster: &mut Cluster) -> &mut Described {
    match &mut cluster.topics.first_mut().unwrap().state {
        TopicState::There(described) => described,
        other => unreachable!("{other:?}"),
    }
}

fn set_topic(key: &'static str, value: &'static str) -> impl FnOnce(&mut Cluster, &mut Wanted) {
    move |cluster, _| {
        let configs = described(cluster).configs.as_mut().unwrap();
        configs.get_mut(key).unwrap().value = Some(value.to_owned());
    }
}

#[test]
fn what_is_as_it_should_be_is_ok() {
    let (cluster, wanted) = good();
    assert_eq!(complaints(&cluster, &wanted), Vec::<String>::new());
    assert_eq!(check(&cluster, &wanted).len(), 12 + 14);
}

const CONFIGS: &str =
    "kafka-configs.sh --bootstrap-server kafka1:9092,kafka2:9092 --command-config admin.properties --alter";

#[test]
fn a_setting_of_a_topic_is_mended_by_a_command() {
    for (key, found, wanted, value, verdict) in [
        ("unclean.leader.election.enable", "true", "false", "false", "wrong"),
        ("min.insync.replicas", "1", "2 or more, below 3", "2", "wrong"),
        ("min.insync.replicas", "3", "2 or more, below 3", "2", "wrong"),
        ("retention.ms", "604800000", "-1", "-1", "wrong"),
        ("retention.bytes", "1073741824", "-1", "-1", "wrong"),
        ("cleanup.policy", "compact", "delete", "delete", "wrong"),
        ("cleanup.policy", "compact,delete", "delete", "delete", "wrong"),
        ("compression.type", "gzip", "producer", "producer", "warning"),
        ("compression.type", "zstd", "producer", "producer", "wrong"),
        ("max.message.bytes", "11534335", "11534336 or more", "11534336", "wrong"),
        ("max.message.bytes", "1048588", "11534336 or more", "11534336", "wrong"),
    ] {
        let line = format!("{verdict} topic trade, {key}: {found}; wanted: {wanted}");
        let remedy = format!("{CONFIGS} --entity-type topics --entity-name trade --add-config {key}={value}");
        differs(set_topic(key, found), &[&line, &remedy]);
    }
    differs(set_topic("max.message.bytes", "11534336"), &[]);
}

#[test]
fn a_setting_of_brokers_is_mended_by_a_command_or_in_the_file() {
    for (key, found, wanted, value) in [
        ("unclean.leader.election.enable", "true", "false", "false"),
        ("min.insync.replicas", "1", "2 or more, below 3", "2"),
        ("log.retention.ms", "604800000", "-1", "-1"),
        ("log.retention.bytes", "1000", "-1", "-1"),
        ("log.cleanup.policy", "compact", "delete", "delete"),
        ("message.max.bytes", "1048588", "11534336 or more", "11534336"),
    ] {
        let line = format!("wrong brokers 2, 4, {key}: {found}; wanted: {wanted}");
        let remedy = format!("{CONFIGS} --entity-type brokers --entity-default --add-config {key}={value}");
        differs(|cluster, _| set(cluster, &[2, 4], key, found), &[&line, &remedy]);
    }
    for (key, found, wanted, value) in [
        ("default.replication.factor", "1", "3 or more", "3"),
        ("replica.fetch.max.bytes", "1048576", "11534336 or more", "11534336"),
        ("socket.request.max.bytes", "104857600", "more than message.max.bytes (104857600)", "105906176"),
    ] {
        let line = format!("wrong broker 3, {key}: {found}; wanted: {wanted}");
        let remedy = format!(
            "write `{key}={value}` into server.properties of broker 3, and restart one after the other"
        );
        differs(|cluster, _| set(cluster, &[3], key, found), &[&line, &remedy]);
    }
}

#[test]
fn what_one_broker_was_told_is_mended_there() {
    differs(
        |cluster, _| {
            set(cluster, &[1], "min.insync.replicas", "1");
            let configs = cluster.brokers.first_mut().unwrap().configs.as_mut().unwrap();
            configs.get_mut("min.insync.replicas").unwrap().is_of_one_broker = true;
        },
        &[
            "wrong broker 1, min.insync.replicas: 1; wanted: 2 or more, below 3",
            &format!("{CONFIGS} --entity-type brokers --entity-name 1 --add-config min.insync.replicas=2"),
        ],
    );
}

#[test]
fn hours_count_where_milliseconds_are_not_set() {
    let hours = |value: &'static str| {
        move |cluster: &mut Cluster, _: &mut Wanted| {
            set(cluster, &[1, 2, 3, 4], "log.retention.ms", "");
            for broker in &mut cluster.brokers {
                broker.configs.as_mut().unwrap().extend(configs(&[("log.retention.hours", value)]));
            }
        }
    };
    differs(hours("-1"), &[]);
    differs(
        hours("168"),
        &[
            "wrong brokers 1, 2, 3, 4, log.retention.ms: 604800000 (log.retention.hours); wanted: -1",
            &format!("{CONFIGS} --entity-type brokers --entity-default --add-config log.retention.ms=-1"),
        ],
    );
}

#[test]
fn brokers_are_counted_against_copies() {
    const START: &str = "start those that are down, or add brokers";
    differs(
        |cluster, _| drop(cluster.brokers.pop()),
        &["warning cluster, brokers that are up: 3 (brokers 1, 2, 3); wanted: more than 3", START],
    );
    differs(
        |cluster, wanted| {
            wanted.replication = 2;
            cluster.brokers.truncate(2);
        },
        &[
            "wrong this node, Kafka.Topic.ReplicationFactor: 2; wanted: 3 or more",
            "write `Kafka: {Topic: {ReplicationFactor: 3}}` into orderer.yaml",
            "wrong cluster, brokers that are up: 2 (brokers 1, 2); wanted: more than 3",
            START,
        ],
    );
}

#[test]
fn copies_of_a_topic_are_counted_and_who_is_behind_is_named() {
    let reassign = "kafka-reassign-partitions.sh --bootstrap-server kafka1:9092,kafka2:9092 --command-config \
                    admin.properties --reassignment-json-file more.json --execute";
    differs(
        |cluster, _| {
            let topic = described(cluster);
            (topic.replicas, topic.in_sync) = (vec![2], vec![2]);
            topic.configs.as_mut().unwrap().extend(configs(&[("min.insync.replicas", "1")]));
        },
        &[
            "wrong topic trade, copies: 1 (broker 2); wanted: 3 or more",
            "echo '{\"version\":1,\"partitions\":[{\"topic\":\"trade\",\"partition\":0,\"replicas\":[2,1,3]}]}' > \
             more.json",
            reassign,
            "wrong topic trade, min.insync.replicas: 1; wanted: 2 or more, below 3",
            &format!("{CONFIGS} --entity-type topics --entity-name trade --add-config min.insync.replicas=2"),
        ],
    );
    for (in_sync, leader, verdict, found) in [
        (vec![1, 3], Some(1), "warning", "2 (brokers 1, 3), broker 1 leads"),
        (vec![3], Some(3), "wrong", "1 (broker 3), broker 3 leads"),
        (vec![1, 3], None, "wrong", "2 (brokers 1, 3), nobody leads"),
    ] {
        let behind = if in_sync.len() == 1 { "brokers 1, 2" } else { "broker 2" };
        differs(
            |cluster, _| (described(cluster).in_sync, described(cluster).leader) = (in_sync, leader),
            &[
                &format!("{verdict} topic trade, copies in sync: {found}; wanted: all 3"),
                &format!("start {behind}, and look at its log"),
            ],
        );
    }
}

#[test]
fn what_the_user_may_not_is_granted_by_a_command() {
    let acls = |operation: &str, of: &str| {
        format!(
            "kafka-acls.sh --bootstrap-server kafka1:9092,kafka2:9092 --command-config admin.properties --add \
             --allow-principal 'User:o'\\''neil' --operation {operation} {of}"
        )
    };
    differs(
        |cluster, _| described(cluster).reading = Err(Unseen::Denied),
        &["wrong topic trade, READ: denied; wanted: allowed", &acls("Read", "--topic trade")],
    );
    differs(
        |cluster, _| described(cluster).writing = Err(Unseen::Denied),
        &["wrong topic trade, WRITE: denied; wanted: allowed", &acls("Write", "--topic trade")],
    );
    differs(
        |cluster, _| described(cluster).configs = Err(Unseen::Denied),
        &[
            "unseen topic trade, settings: denied; wanted: to be seen",
            &acls("DescribeConfigs", "--topic trade"),
        ],
    );
    differs(
        |cluster, _| cluster.brokers.iter_mut().skip(1).for_each(|it| it.configs = Err(Unseen::Denied)),
        &[2, 3, 4]
            .iter()
            .flat_map(|id| {
                let line = format!("unseen broker {id}, settings: denied; wanted: to be seen");
                [line, acls("DescribeConfigs", "--cluster")]
            })
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    let state = |state| {
        move |cluster: &mut Cluster, wanted: &mut Wanted| {
            cluster.topics.first_mut().unwrap().state = state;
            wanted.channels.first_mut().unwrap().built_from = None;
        }
    };
    differs(
        state(TopicState::Unseen(Unseen::Denied)),
        &["wrong topic trade, DESCRIBE: denied; wanted: to be seen", &acls("Describe", "--topic trade")],
    );
    differs(state(TopicState::Missing { making: Ok(()) }), &[]);
    differs(
        state(TopicState::Missing { making: Err(Unseen::Denied) }),
        &[
            "wrong topic trade, topic: is not there, cannot be made; wanted: to be there or to be made",
            &acls("Create", "--topic trade"),
        ],
    );
}

#[test]
fn the_channels_ledger_and_config_count() {
    differs(
        |cluster, _| cluster.id = Some("other".to_owned()),
        &[
            "wrong topic trade, cluster: other; wanted: abc",
            "name the brokers of that cluster in Ordering of raddle.yaml, or in the channel's config",
        ],
    );
    differs(
        |cluster, _| cluster.topics.first_mut().unwrap().state = TopicState::Missing { making: Ok(()) },
        &[
            "wrong topic trade, topic: is not there; wanted: the one that the ledger was built from",
            "put the topic back with its records, or look whether these are the right brokers",
        ],
    );
    differs(
        |_, wanted| wanted.channels.first_mut().unwrap().absolute_max_bytes = None,
        &[
            "unseen topic trade, max.message.bytes: 104857600; wanted: 1 MiB more than AbsoluteMaxBytes",
            "stop the node, or name a config block of the channel with --block",
        ],
    );
    differs(
        |cluster, _| described(cluster).bounds = Ok((Offset(5), Offset(7))),
        &[
            "warning topic trade, first offset: 5, end 7; wanted: 0",
            "give such orderers a copy of the ledger of one that has the blocks",
        ],
    );
    differs(
        |cluster, _| described(cluster).partitions = 3,
        &["warning topic trade, partitions: 3; wanted: 1"],
    );
}

#[test]
fn brokers_without_an_authorizer_are_open_to_all() {
    differs(
        |cluster, _| set(cluster, &[4], "authorizer.class.name", ""),
        &[
            "warning broker 4, authorizer.class.name: not set; wanted: set",
            "write `authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer` into \
             server.properties of broker 4, and restart one after the other, with super.users for the brokers and for \
             who administers them",
        ],
    );
}
