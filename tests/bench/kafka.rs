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

use crate::broadcast::{Figures, MEASURED, Scene, cpu};
use crate::broker::{self, Broker, new_topic};

/// How long an orderer is at work before anything is measured: a broker compiles what it does often, on the same
/// processors, for that long.
const WARM: Duration = Duration::from_secs(20);

/// Prints for each number of streams and of envelopes in flight on each what Broadcast makes of it, and the producer.
pub fn all() {
    println!(
        "\n{:<24} {:>14} {:>16} {:>10} {:>10} {:>16}",
        "over Kafka", "a second", "CPU µs each", "p50 ms", "p99 ms", "broker µs each"
    );
    // A broker at work has been up for long.
    broker::compile_fully();
    let scene = Scene::new();
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
        let record = KafkaMessage::normal(scene.envelope().into(), 1, 0).marshal();
        // Both are measured on a broker that is warm.
        produce(&broker, &record, streams * in_flight);
        let (logs, process) = (Mapping::Kafka(Box::new(settings)), broker.process());
        let ours = runtime.block_on(scene.measure(logs, streams, in_flight, WARM, Some(&process)));
        ours.print(&format!("Broadcast {streams} × {in_flight}"));
        let bare = produce(&broker, &record, streams * in_flight);
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

fn produce(broker: &Broker, record: &[u8], in_flight: usize) -> Figures {
    let (answers, answered) = std::sync::mpsc::channel();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("acks", "all").set("enable.idempotence", "true");
    config.set("linger.ms", "0");
    let producer: BaseProducer<Context> = config.create_with_context(Context(answers)).unwrap();
    let topic = new_topic();
    let mut under_way: VecDeque<()> = VecDeque::new();
    let mut waits = Vec::new();
    // The first makes the topic, and is not counted.
    let mut start: Option<(Instant, Duration)> = None;
    loop {
        let room = if start.is_none() { 1 } else { in_flight };
        while under_way.len() < room {
            let key: &[u8] = b"0";
            let sent = BaseRecord::with_opaque_to(&topic, Box::new(Instant::now()));
            producer.send(sent.partition(0).key(key).payload(record)).map_err(|(error, _)| error).unwrap();
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
