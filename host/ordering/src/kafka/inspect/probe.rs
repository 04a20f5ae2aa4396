//! Whether a user may read and write a topic, found out by trying, without leaving anything behind.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use raddle_core::ids::Offset;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{Offset as Place, TopicPartitionList};

use super::super::client;
use super::super::failure::{Failure, Reason, WRITE};
use super::super::producer::{KEY, PARTITION};
use super::super::settings::Settings;
use super::Unseen;
use crate::lock;

/// How often is looked whether an answer came.
const POLL: Duration = Duration::from_millis(50);

/// So many copies are to confirm a record. No broker since Kafka 0.9 takes such a record: it looks whether the user may
/// write, then refuses the number.
const IMPOSSIBLE_ACKS: &str = "2";

/// Keeps the first answer, and is silent.
#[derive(Default)]
struct Quiet(Mutex<Option<Result<(), RDKafkaErrorCode>>>);

impl Quiet {
    fn answer(&self) -> MutexGuard<'_, Option<Result<(), RDKafkaErrorCode>>> {
        lock(&self.0)
    }
}

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let code = |error: &KafkaError| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        *self.answer() = Some(result.as_ref().map(|_| ()).map_err(|(error, _)| code(error)));
    }
}

/// Whether the user may read a topic that ends at `end`: fetches what is not there yet.
pub(super) fn read(settings: &Settings, topic: &str, end: Offset, patience: Duration) -> Result<(), Unseen> {
    let mut config = client::consumer(settings);
    config.set("enable.partition.eof", "true").remove("debug");
    let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet::default()).map_err(failed)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, PARTITION, Place::Offset(end.0)).map_err(failed)?;
    consumer.assign(&list).map_err(failed)?;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        match consumer.poll(POLL) {
            None => {}
            // The end was reached, or has moved meanwhile.
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) => match error.rdkafka_error_code() {
                // A connection that breaks is made again.
                None
                | Some(
                    RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::NotLeaderForPartition,
                ) => {}
                Some(code) => return Err(Failure::of_code(code, topic, "read", Reason::new(code)).into()),
            },
        }
    }
    Err(Unseen::Failed(Reason::new("no answer in time")))
}

/// Whether the user may write to a topic. Were there a broker that takes the record all the same, it would be the
/// greeting that each orderer posts.
pub(super) fn write(settings: &Settings, topic: &str, patience: Duration) -> Result<(), Unseen> {
    let mut config = client::producer(settings);
    config.set("enable.idempotence", "false").set("acks", IMPOSSIBLE_ACKS);
    let producer: BaseProducer<Quiet> = config.create_with_context(Quiet::default()).map_err(failed)?;
    let value = settings.greeting.clone().unwrap_or_default();
    let record = BaseRecord::to(topic).partition(PARTITION).key(KEY).payload(&value[..]);
    producer.send(record).map_err(|(error, _)| failed(error))?;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        producer.poll(POLL);
        match *producer.context().answer() {
            None => {}
            Some(Ok(()) | Err(RDKafkaErrorCode::InvalidRequiredAcks)) => return Ok(()),
            Some(Err(code)) => {
                return Err(Failure::of_code(code, topic, WRITE, Reason::new(code)).into());
            }
        }
    }
    Err(Unseen::Failed(Reason::new("no answer in time")))
}

fn failed(error: KafkaError) -> Unseen {
    Unseen::Failed(Reason::new(error))
}
