//! What Kafka does not do for us, and what the channel says then.

use raddle_ordering::AppendError;
use raddle_ordering::kafka::{Sasl, SaslMechanism, Settings};

use crate::broker::WITH_USERS;
use crate::conformance::{append, identity};
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
