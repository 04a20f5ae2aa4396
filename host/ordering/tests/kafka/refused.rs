//! What Kafka does not do for us, and what the channel says then.

use std::fs;

use raddle_ordering::AppendError;
use raddle_ordering::kafka::{Failure, Sasl, SaslMechanism, Settings};

use crate::broker::{WITH_USERS, tool};
use crate::conformance::{append, identity, read};
use crate::{Admin, Broker, new_channel, open, settings, wait_for_cause};

#[test]
fn a_topic_with_too_few_copies_in_sync_is_named_with_its_brokers() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let admin = Admin::new(broker);
    admin.make(&channel, &[("min.insync.replicas", "2")]);
    let log = open(settings(broker));
    let why = wait_for_cause(&log, &channel, "copies in sync");
    assert_eq!(
        why,
        format!(
            "partition 0 of topic {channel} has 1 copies in sync (brokers 1) of those on brokers 1, \
             min.insync.replicas wants 2: start the other brokers"
        )
    );
}

#[test]
fn a_topic_that_cannot_be_made_is_named_with_the_setting_and_others_work() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let log = open(Settings { topic_replication: 3, ..settings(broker) });
    let there = new_channel();
    Admin::new(broker).make(&there, &[]);
    let why = wait_for_cause(&log, &channel, "cannot be made");
    assert!(why.starts_with(&format!("topic {channel} cannot be made with 3 copies: ")), "{why}");
    assert!(why.ends_with("; look at Kafka.Topic.ReplicationFactor"), "{why}");
    let refused = append(&log, &channel, "x").unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused}");
    append(&log, &there, "x").unwrap();
}

#[test]
fn users_that_kafka_refuses_are_told_so() {
    let broker = Broker::start(WITH_USERS);
    let as_user = |user: &str, password: &str| {
        let sasl = Sasl { mechanism: SaslMechanism::Plain, user: user.into(), password: password.into() };
        open(Settings { sasl: Some(sasl), ..settings(&broker) })
    };
    let channel = new_channel();
    let log = as_user("ann", "right");
    identity(&log, &channel);
    append(&log, &channel, "x").unwrap();

    let wrong = as_user("ann", "wrong");
    let why = wait_for_cause(&wrong, &channel, "refuse the login");
    assert!(why.ends_with("look at the user, the password and the mechanism"), "{why}");
    assert!(!why.contains("wrong"), "{why}");

    let guest = as_user("guest", "guest");
    let why = wait_for_cause(&guest, &channel, "may not");
    assert!(why.starts_with(&format!("the Kafka user may not see topic {channel}: grant it READ")), "{why}");
    let refused = append(&guest, &channel, "x").unwrap_err();
    assert_eq!(refused.to_string(), format!("the ordered log is unavailable: {why}"));

    let nobody = open(settings(&broker));
    wait_for_cause(&nobody, &channel, "no Kafka broker of");
}

/// Lets `guest` do something, by Kafka's own tool.
fn grant(broker: &Broker, operation: &str, topic: &str) {
    let folder = tempfile::tempdir().unwrap();
    let admin = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required username=\"ann\" \
                 password=\"right\";\n";
    fs::write(folder.path().join("admin.properties"), admin).unwrap();
    let address = broker.address();
    let arguments = [
        &["--bootstrap-server", &address, "--command-config", "admin.properties", "--add"][..],
        &["--allow-principal", "User:guest", "--operation", operation, "--topic", topic],
    ];
    let output = tool(folder.path(), "kafka.admin.AclCommand", &arguments.concat());
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_user_who_may_only_read_is_told_so_and_reads() {
    let broker = Broker::start(WITH_USERS);
    let as_user = |user: &str, password: &str, is_idempotent: bool| {
        let sasl = Sasl { mechanism: SaslMechanism::Plain, user: user.into(), password: password.into() };
        open(Settings { sasl: Some(sasl), is_idempotent, ..settings(&broker) })
    };
    let channel = new_channel();
    let log = as_user("ann", "right", true);
    identity(&log, &channel);
    append(&log, &channel, "x").unwrap();
    grant(&broker, "Read", &channel.0);

    let guest = as_user("guest", "guest", false);
    let refused = append(&guest, &channel, "y").unwrap_err();
    // It was sent, and nobody says whether an earlier try of it had arrived.
    let AppendError::OutcomeUnknown { cause } = &refused else { panic!("{refused}") };
    let why = cause.to_string();
    assert!(
        why.starts_with(&format!("the Kafka user may not write to topic {channel}: grant it READ, ")),
        "{why}"
    );
    assert!(cause.get().downcast_ref::<Failure>().unwrap().lets_read(), "{why}");
    assert_eq!(read(&guest, &channel, 0, 1)[0].value, "x");

    // Who may write nowhere may not begin to write idempotently.
    let guest = as_user("guest", "guest", true);
    let refused = append(&guest, &channel, "y").unwrap_err();
    // The library may have had the record already when it learned that it may not begin.
    assert!(refused.to_string().contains(": Kafka does not take idempotent records: "), "{refused}");

    grant(&broker, "Write", &channel.0);
    let guest = as_user("guest", "guest", true);
    identity(&guest, &channel);
    append(&guest, &channel, "z").unwrap();
}
