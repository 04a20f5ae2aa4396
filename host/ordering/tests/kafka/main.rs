//! The Kafka log over a real Apache Kafka. Run by `cargo xtask test --tier kafka`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../../tests/harness/kafka/mod.rs"]
mod broker;
#[macro_use]
#[path = "../conformance/mod.rs"]
mod conformance;

mod broken;
mod copies;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../../../../tests/harness/eventually.rs"]
mod eventually;
mod go_client;
mod identity;
mod recorded;
mod refused;
mod secured;
mod topics;

use std::time::Duration;

use broker::Broker;
use broker::admin::Admin;
use conformance::Subject;
use raddle_core::ids::ChannelId;
use raddle_ordering::kafka::{KafkaLog, Retry, Settings};
use raddle_ordering::{OrderedLog, Readiness};

/// A log on the broker that all share.
struct Kafka {
    log: KafkaLog,
    settings: Settings,
}

impl Subject for Kafka {
    fn log(&self) -> &dyn OrderedLog {
        &self.log
    }

    fn channel(&self) -> ChannelId {
        new_channel()
    }

    fn limited(max_record_bytes: u64) -> Self {
        let settings = Settings { max_record_bytes, ..settings(Broker::shared()) };
        Self { log: KafkaLog::open(settings.clone()).unwrap(), settings }
    }

    fn reopen(self, see: impl FnOnce()) -> Self {
        let Self { log, settings } = self;
        drop(log);
        see();
        Self { log: KafkaLog::open(settings.clone()).unwrap(), settings }
    }
}

fn new_channel() -> ChannelId {
    ChannelId(broker::new_topic())
}

/// For one broker, and tests that do not wait for minutes.
fn settings(broker: &Broker) -> Settings {
    Settings {
        brokers: vec![broker.address()],
        topic_replication: 1,
        retry: Retry { short_interval: Duration::from_millis(500), ..Retry::default() },
        ..Settings::default()
    }
}

fn open(settings: Settings) -> KafkaLog {
    KafkaLog::open(settings).unwrap()
}

/// Waits until the channel does not work for a reason that has `text` in it.
fn wait_for_cause(log: &KafkaLog, channel: &ChannelId, text: &str) -> String {
    let mut state = log.state(channel);
    let why = |it: &Readiness| match it {
        Readiness::Unavailable { cause } => Some(cause.to_string()),
        _ => None,
    };
    let state = conformance::block_on(state.wait_for(|it| why(it).is_some_and(|why| why.contains(text))));
    why(&state.unwrap()).unwrap()
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                conformance::$name(Kafka::limited(50 << 20));
            }
        )*
    };
}

for_each_test!(tests);
