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
use crate::table::{Row, Table};

/// How long an orderer is at work before anything is measured: a broker compiles what it does often, on the same
/// processors, for that long.
const WARM: Duration = Duration::from_secs(20);

/// What a Go orderer does over one broker on such a machine (another day): envelopes a second, and its p99 at 8 × 64.
const GO: [f64; 4] = [836.0, 1_257.0, 2_724.0, 3_382.0];
const GO_P99_MS: f64 = 212.0;

/// For each number of streams and of envelopes in flight on each what Broadcast makes of it, beside the producer.
pub fn all(table: &mut Table) {
    // A broker at work has been up for long.
    broker::compile_fully();
    let scene = Scene::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for ((streams, in_flight), go) in [(1, 1), (1, 64), (8, 1), (8, 64)].into_iter().zip(GO) {
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
        let bare = produce(&broker, &record, streams * in_flight);
        let name = format!("Kafka, Broadcast {streams} × {in_flight}");
        let than = format!("bare producer, {}", streams * in_flight);
        let row = |what: &str, value, unit| Row::new(format!("{name}, {what}"), value, unit);
        table.push(row("a second", ours.per_second, "/s").beside("Go orderer, another day", go));
        table.push(row("of a producer's", ours.per_second, "/s").beside(&than, bare.per_second));
        table.push(row("p50", ours.p50_ms, "ms").beside(&than, bare.p50_ms));
        let p99 = row("p99", ours.p99_ms, "ms");
        let is_full = (streams, in_flight) == (8, 64);
        table.push(if is_full { p99.beside("Go orderer, another day", GO_P99_MS) } else { p99 });
        table.push(row("CPU, client's too", ours.cpu_us, "µs").beside(&than, bare.cpu_us));
        table.push(row("broker's CPU", ours.other_us.unwrap(), "µs"));
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
