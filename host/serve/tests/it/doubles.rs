//! Channels that do what a test tells them, and keep account of it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use prost::Message;
use raddle_core::ids::ConfigSequence;
use raddle_proto::{
    common::{ChannelHeader, Header, Payload},
    wire::{Class, Envelope, go_decode},
};
use raddle_serve::{
    channels::{
        Admitted, BoxFuture, BroadcastChannel, Channels, Code, DeliverChannel, Detail, Failure, Found,
        NotTaken, Received, Refusal, RefusalStatus,
    },
    guard::Guard,
    server::{Health, Server, ServerError, ServerSettings},
};
use serde_json::{Map, json};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

pub use crate::eventually::{at_rest, eventually};

/// The one channel of most tests.
pub const CHANNEL: &str = "mychannel";

/// What a test wants to happen to the envelope of this number.
pub type Script<T> = Box<dyn Fn(u64) -> BoxFuture<T> + Send + Sync>;

/// A future that is ready.
pub fn ready<T: Send + 'static>(value: T) -> BoxFuture<T> {
    Box::pin(std::future::ready(value))
}

/// A future that never is.
pub fn never<T: Send + 'static>() -> BoxFuture<T> {
    Box::pin(std::future::pending())
}

pub fn refusal() -> NotTaken {
    let (status, info) = (RefusalStatus::Forbidden, "permission denied".to_owned());
    let reason = Map::from_iter([("needed".to_owned(), json!(["Org1MSP"]))]);
    Refusal { status, info, detail: Detail { code: Code(1234), reason } }.into()
}

pub fn failure() -> Failure {
    Failure { info: "cannot enqueue".to_owned(), detail: Code(4321).into() }
}

/// A counter of what is held, and of the most that ever was.
#[derive(Clone, Default)]
pub struct Held(Arc<(AtomicUsize, AtomicUsize)>);

impl Held {
    pub fn bytes(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub fn peak(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn hold(&self, bytes: usize) -> Hold {
        let bytes_now = self.0.0.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.0.1.fetch_max(bytes_now, Ordering::SeqCst);
        Hold { held: self.clone(), bytes }
    }
}

struct Hold {
    held: Held,
    bytes: usize,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.0.0.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// A channel whose log is a list of the numbers of envelopes.
pub struct TestChannel {
    pub admit: Script<Result<(), NotTaken>>,
    pub append: Script<Result<(), Failure>>,
    /// What was admitted or is being admitted, in the order of the calls, and whether as a config update.
    pub received: Mutex<Vec<(Received, bool)>>,
    pub log: Mutex<Vec<u64>>,
    /// Bytes of envelopes whose admission or append is under way.
    pub held: Held,
}

impl TestChannel {
    pub fn new(admit: Script<Result<(), NotTaken>>, append: Script<Result<(), Failure>>) -> Arc<Self> {
        let (received, log) = (Mutex::default(), Mutex::default());
        Arc::new(Self { admit, append, received, log, held: Held::default() })
    }

    /// Takes everything at once.
    pub fn open() -> Arc<Self> {
        Self::new(Box::new(|_| ready(Ok(()))), Box::new(|_| ready(Ok(()))))
    }

    /// Takes everything, and appends when the gate is open.
    pub fn gated() -> (watch::Sender<bool>, Arc<Self>) {
        let (open, gate) = watch::channel(false);
        let channel = Self::new(
            Box::new(|_| ready(Ok(()))),
            Box::new(move |_| {
                let mut gate = gate.clone();
                Box::pin(async move {
                    gate.wait_for(|is_open| *is_open).await.unwrap();
                    Ok(())
                })
            }),
        );
        (open, channel)
    }

    pub fn log(&self) -> Vec<u64> {
        self.log.lock().unwrap().clone()
    }

    pub fn received_count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    fn judge(&self, received: Received, is_config_update: bool) -> BoxFuture<Result<Admitted, NotTaken>> {
        let envelope = received.envelope.clone();
        self.received.lock().unwrap().push((received, is_config_update));
        let verdict = (self.admit)(number(&envelope));
        let hold = self.held.hold(envelope.marshal().len());
        Box::pin(async move {
            let _hold = hold;
            verdict.await?;
            Ok(Admitted { envelope, config_sequence: ConfigSequence(1), class: Class::Normal })
        })
    }
}

impl BroadcastChannel for TestChannel {
    fn admit(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>> {
        self.judge(received, false)
    }

    fn admit_config_update(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>> {
        self.judge(received, true)
    }

    fn append(&self, admitted: Admitted) -> BoxFuture<Result<(), Failure>> {
        let number = number(&admitted.envelope);
        self.log.lock().unwrap().push(number);
        let (hold, appended) = (self.held.hold(admitted.envelope.marshal().len()), (self.append)(number));
        Box::pin(async move {
            let _hold = hold;
            appended.await
        })
    }
}

/// Channels by their ids, without a system channel.
pub struct TestChannels(pub HashMap<String, Arc<TestChannel>>);

impl Channels for TestChannels {
    fn find(&self, channel_id: &str) -> Found {
        self.0.get(channel_id).map_or(Found::Unknown, |channel| {
            Found::Channel(Arc::clone(channel) as Arc<dyn BroadcastChannel>)
        })
    }

    fn find_blocks(&self, _: &str) -> Option<Arc<dyn DeliverChannel>> {
        None
    }
}

/// A server that runs until it is dropped, or stopped.
pub struct Running {
    pub address: SocketAddr,
    pub health: Health,
    pub guard: Arc<Guard>,
    pub stop: oneshot::Sender<()>,
    pub task: JoinHandle<Result<(), ServerError>>,
}

pub async fn serve(channel: &Arc<TestChannel>, settings: ServerSettings) -> Running {
    let channels = TestChannels(HashMap::from([(CHANNEL.to_owned(), Arc::clone(channel))]));
    serve_all(channels, settings).await
}

pub async fn serve_all(channels: impl Channels, settings: ServerSettings) -> Running {
    run(Server::bind("127.0.0.1:0".parse().unwrap(), Arc::new(channels), settings).await.unwrap())
}

pub fn run(server: Server) -> Running {
    let (address, health, guard) = (server.local_address().unwrap(), server.health(), server.guard());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Running { address, health, guard, stop, task }
}

/// An envelope of this type for this channel, with a number that is found again in the log.
pub fn envelope_of(channel_id: &str, header_type: i32, number: u64, padding: usize) -> Vec<u8> {
    let channel_header =
        ChannelHeader { r#type: header_type, channel_id: channel_id.to_owned(), ..Default::default() };
    let header = Header { channel_header: channel_header.encode_to_vec().into(), ..Default::default() };
    let mut data = number.to_be_bytes().to_vec();
    data.resize(data.len() + padding, 0);
    let payload = Payload { header: Some(header), data: data.into() };
    Envelope::new(&payload.encode_to_vec(), b"signature").marshal().to_vec()
}

pub fn envelope(number: u64) -> Vec<u8> {
    envelope_of(CHANNEL, 3, number, 0)
}

pub fn envelopes(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(envelope).collect()
}

/// The number in an envelope; of one made elsewhere, the greatest.
fn number(envelope: &Envelope) -> u64 {
    let payload: Payload = go_decode(envelope.payload().clone()).unwrap();
    payload.data.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}
