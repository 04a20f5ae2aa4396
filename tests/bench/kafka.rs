//! Broadcast over a real Kafka broker, beside a bare producer of the same library: records of the same size, as many
//! under way, acks of all replicas in sync, idempotent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use raddle::logs::Mapping;
use raddle_ordering::kafka::Settings;
use raddle_proto::wire::KafkaMessage;
use rdkafka::ClientConfig;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use crate::broadcast::{Figures, MEASURED, cpu, envelope, measure};
use crate::broker::{Broker, new_topic};

/// Prints for each number of streams and of envelopes in flight on each what Broadcast makes of it, and the producer.
pub fn all() {
    println!(
        "\n{:<24} {:>14} {:>16} {:>10} {:>10}",
        "over Kafka", "a second", "CPU µs each", "p50 ms", "p99 ms"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (streams, in_flight) in [(1, 1), (1, 64), (8, 1), (8, 64)] {
        // A broker for each, since the channel has one name.
        let broker = Broker::start(&[]);
        let settings = Settings {
            brokers: vec![broker.address()],
            topic_replication: 1,
            greeting: Some(KafkaMessage::Connect.marshal()),
            ..Settings::default()
        };
        let ours = runtime.block_on(measure(Mapping::Kafka(Box::new(settings)), streams, in_flight));
        ours.print(&format!("Broadcast {streams} × {in_flight}"));
        let bare = produce(&broker, streams * in_flight);
        bare.print(&format!("bare producer, {}", streams * in_flight));
        println!(
            "{:<24} {:>14.2} {:>16} {:>10.2}",
            "  ratio; p50 over it",
            ours.per_second / bare.per_second,
            "",
            ours.p50_ms - bare.p50_ms
        );
    }
}

/// Hands back when each record was sent.
struct Context(std::sync::mpsc::Sender<Instant>);

impl rdkafka::ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Instant>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Instant>) {
        assert!(result.is_ok(), "{result:?}");
        self.0.send(*sent).unwrap();
    }
}

fn produce(broker: &Broker, in_flight: usize) -> Figures {
    let (answers, answered) = std::sync::mpsc::channel();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("acks", "all").set("enable.idempotence", "true");
    config.set("linger.ms", "0");
    let producer: BaseProducer<Context> = config.create_with_context(Context(answers)).unwrap();
    let (topic, record) = (new_topic(), KafkaMessage::normal(envelope().into(), 1, 0).marshal());
    let mut under_way: VecDeque<()> = VecDeque::new();
    let mut waits = Vec::new();
    // The first makes the topic, and is not counted.
    let mut start: Option<(Instant, Duration)> = None;
    loop {
        let room = if start.is_none() { 1 } else { in_flight };
        while under_way.len() < room {
            let key: &[u8] = b"0";
            let sent = BaseRecord::with_opaque_to(&topic, Box::new(Instant::now()));
            producer
                .send(sent.partition(0).key(key).payload(record.as_ref()))
                .map_err(|(error, _)| error)
                .unwrap();
            under_way.push_back(());
        }
        // The library wakes nobody who waits in milliseconds before they are over.
        producer.poll(Duration::ZERO);
        while let Ok(sent) = answered.try_recv() {
            under_way.pop_front();
            match start {
                Some(_) => waits.push(sent.elapsed()),
                None => start = Some((Instant::now(), cpu())),
            }
        }
        if let Some((began, used)) = start
            && began.elapsed() >= MEASURED
        {
            producer.flush(Duration::from_secs(10)).unwrap();
            return Figures::of(waits, began.elapsed(), cpu() - used);
        }
    }
}
