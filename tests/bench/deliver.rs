//! Deliver over loopback beside plain tonic streams of the same bytes.
//!
//! Both send from memory, in one process with their readers, which take the bytes and look at nothing. The plain
//! service is the least that tonic can do: an iterator over finished messages. Ours reads and judges a request, and for
//! each block asks a channel for its standing, for the block and for its config sequence.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut, Bytes};
use prost::Message as _;
use raddle::client::{Client, Patience, Place, message, range};
use raddle::identity::Signer;
use raddle::network::DEV_CHANNEL;
use raddle_core::ids::{BlockNumber, ChannelId, ConfigSequence};
use raddle_proto::common::{Block, BlockData, ChannelHeader, Envelope, Header, Payload};
use raddle_proto::orderer::seek_position::Type;
use raddle_proto::orderer::{DeliverResponse, SeekInfo, SeekPosition, SeekSpecified, deliver_response};
use raddle_proto::wire;
use raddle_serve::channels::{
    BlockUnavailable, BoxFuture, Channels, Condition, DeliverChannel, Found, NotRead, Standing,
};
use raddle_serve::server::{Server, ServerSettings};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Service, http, tokio_stream};
use tonic::server::{NamedService, ServerStreamingService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::table::{Row, Table};
use crate::{Line, ROUNDS, Subject};

const DELIVER: &str = "/orderer.AtomicBroadcast/Deliver";
const PLAIN: &str = "/bench.Plain/Deliver";

/// Sent in each round, to all readers together.
const ROUND_BYTES: usize = 256 << 20;

/// Different blocks, sent over and over: as many bytes as a ledger keeps of its tail.
const TAIL_BYTES: usize = 32 << 20;

/// Measures all pairs of readers and sizes of blocks.
pub fn all(measure: &mut dyn FnMut(Line<'_>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (readers, size, name) in [
        (1, 1 << 20, "1 MB"),
        (16, 1 << 20, "1 MB"),
        (1, 20_000, "20 KB"),
        (16, 20_000, "20 KB"),
        (100, 20_000, "20 KB"),
    ] {
        let memory = Arc::new(Memory::new(size, ROUND_BYTES / size / readers));
        let ours = runtime.block_on(serve(Arc::clone(&memory), readers));
        let plain = runtime.block_on(serve_plain(Arc::clone(&memory), readers));
        let subject = |name: String, path, clients| Subject {
            name,
            units: memory.count * readers,
            work: work(&runtime, path, clients, Arc::clone(&memory)),
        };
        measure(Line {
            subject: subject(format!("Deliver, blocks of {name}, {readers} readers"), DELIVER, ours),
            beside: subject("plain tonic, the same bytes".to_owned(), PLAIN, plain),
        });
    }
}

/// A row for all blocks of a node that runs, from its disk, for one reader.
pub fn from_disk(table: &mut Table, address: &str, signer: &Signer) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let channel = ChannelId(DEV_CHANNEL.to_owned());
    let seek = |start, stop| signer.seek(&channel, &range(start, stop, true), SystemTime::now()).unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let client = Client::connect(address, Patience::default()).await.unwrap();
        let newest = client.deliver(&seek(Place::Newest, Place::Newest)).next().await.unwrap().unwrap();
        let last = newest.header.unwrap().number;
        let reader = connect(address.parse().unwrap(), 1).await.remove(0);
        let mut plain = None;
        for _ in 0..ROUNDS {
            let request = message(&seek(Place::Number(1), Place::Number(last))).encode_to_vec().into();
            let count = last as usize;
            let start = Instant::now();
            let bytes = read(reader.clone(), DELIVER, request, count).await;
            let mb = bytes as f64 / 1e6;
            ours.push(start.elapsed().as_secs_f64() * 1e6 / mb);
            if plain.is_none() {
                plain = Some(serve_plain(Arc::new(Memory::new(bytes / count, count)), 1).await);
            }
            let start = Instant::now();
            let plain = plain.as_ref().unwrap()[0].clone();
            read(plain, PLAIN, request_of(last - 1), count).await;
            theirs.push(start.elapsed().as_secs_f64() * 1e6 / mb);
        }
    });
    let what = "Deliver from block 1, from disk, 1 MB";
    table.push(Row::beside_rounds(what, ours, "µs", "plain tonic, from memory", theirs));
}

/// Blocks in memory, and as many messages made of them as one reader gets.
struct Memory {
    blocks: Vec<Bytes>,
    messages: Vec<Bytes>,
    count: usize,
    standing: watch::Sender<Standing>,
}

impl Memory {
    fn new(size: usize, count: usize) -> Self {
        let data = |number: usize| BlockData { data: vec![vec![number as u8; size - 5].into()] };
        let blocks =
            (0..TAIL_BYTES / size).map(|number| Block { data: Some(data(number)), ..Default::default() });
        let blocks: Vec<_> = blocks.collect();
        let message = |block: &Block| {
            let r#type = Some(deliver_response::Type::Block(block.clone()));
            DeliverResponse { r#type }.encode_to_vec().into()
        };
        Self {
            messages: blocks.iter().map(message).collect(),
            blocks: blocks.iter().map(|block| block.encode_to_vec().into()).collect(),
            count,
            standing: watch::Sender::new(Standing { height: count as u64, condition: Condition::Serving }),
        }
    }
}

impl DeliverChannel for Memory {
    fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    fn block(&self, number: BlockNumber) -> BoxFuture<Result<Bytes, BlockUnavailable>> {
        let block = self.blocks[number.0 as usize % self.blocks.len()].clone();
        Box::pin(std::future::ready(Ok(block)))
    }

    fn config_sequence(&self) -> ConfigSequence {
        ConfigSequence(1)
    }

    fn may_read(&self, _: &wire::Envelope) -> BoxFuture<Result<ConfigSequence, NotRead>> {
        Box::pin(std::future::ready(Ok(ConfigSequence(1))))
    }

    fn session_ends(&self, _: &wire::Envelope) -> Option<SystemTime> {
        Some(SystemTime::now() + Duration::from_secs(3600))
    }
}

struct OneChannel(Arc<Memory>);

impl Channels for OneChannel {
    fn find(&self, _: &str) -> Found {
        Found::Unknown
    }

    fn find_blocks(&self, _: &str) -> Option<Arc<dyn DeliverChannel>> {
        Some(Arc::clone(&self.0) as _)
    }
}

async fn serve(memory: Arc<Memory>, readers: usize) -> Vec<Channel> {
    let address = "127.0.0.1:0".parse().unwrap();
    let channels = Arc::new(OneChannel(memory));
    let server = Server::bind(address, channels, ServerSettings::default()).await.unwrap();
    let address = server.local_address().unwrap();
    tokio::spawn(server.run(std::future::pending()));
    connect(address, readers).await
}

async fn serve_plain(memory: Arc<Memory>, readers: usize) -> Vec<Channel> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let router = tonic::transport::Server::builder().add_service(Plain(memory));
    tokio::spawn(router.serve_with_incoming(incoming));
    connect(address, readers).await
}

/// Each reader has a connection of its own.
async fn connect(address: SocketAddr, readers: usize) -> Vec<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true);
    let mut clients = Vec::new();
    for _ in 0..readers {
        clients.push(endpoint.connect().await.unwrap());
    }
    clients
}

/// All readers read everything once, at the same time.
fn work<'a>(
    runtime: &'a Runtime,
    path: &'static str,
    clients: Vec<Channel>,
    memory: Arc<Memory>,
) -> Box<dyn FnMut() + 'a> {
    Box::new(move || {
        runtime.block_on(async {
            let mut readers = Vec::new();
            for client in &clients {
                let request = request_of(memory.count as u64 - 1);
                readers.push(tokio::spawn(read(client.clone(), path, request, memory.count)));
            }
            for reader in readers {
                reader.await.unwrap();
            }
        });
    })
}

async fn read(client: Channel, path: &'static str, request: Bytes, count: usize) -> usize {
    let mut client = Grpc::new(client).max_decoding_message_size(usize::MAX);
    client.ready().await.unwrap();
    let requests = Request::new(tokio_stream::once(request));
    let path = PathAndQuery::from_static(path);
    let mut messages = client.streaming(requests, path, BytesCodec).await.unwrap().into_inner();
    let (mut blocks, mut bytes) = (0, 0);
    while let Some(message) = messages.message().await.unwrap() {
        match message.first_byte {
            0x12 => (blocks, bytes) = (blocks + 1, bytes + message.bytes),
            // SUCCESS, after the last block of Deliver.
            _ => assert_eq!(message.bytes, 3),
        }
    }
    assert_eq!(blocks, count);
    bytes
}

fn request_of(last: u64) -> Bytes {
    let mut channel_header = ChannelHeader { channel_id: "mychannel".to_owned(), ..Default::default() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    channel_header.timestamp.get_or_insert_default().seconds = now.as_secs() as i64;
    let header = Header { channel_header: channel_header.encode_to_vec().into(), ..Default::default() };
    let at = |number| Some(SeekPosition { r#type: Some(Type::Specified(SeekSpecified { number })) });
    let seek = SeekInfo { start: at(0), stop: at(last), ..Default::default() };
    let payload = Payload { header: Some(header), data: seek.encode_to_vec().into() };
    Envelope { payload: payload.encode_to_vec().into(), ..Default::default() }.encode_to_vec().into()
}

/// The least service of streams.
#[derive(Clone)]
struct Plain(Arc<Memory>);

impl NamedService for Plain {
    const NAME: &'static str = "bench.Plain";
}

impl Service<http::Request<Body>> for Plain {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = tonic::codegen::BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let messages = Messages(Arc::clone(&self.0));
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(BytesCodec);
            Ok(grpc.server_streaming(messages, request).await)
        })
    }
}

struct Messages(Arc<Memory>);

impl ServerStreamingService<Seen> for Messages {
    type Response = Bytes;
    type ResponseStream = tokio_stream::Iter<Box<dyn Iterator<Item = Result<Bytes, Status>> + Send>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<Seen>) -> Self::Future {
        let memory = Arc::clone(&self.0);
        let message = move |number: usize| Ok(memory.messages[number % memory.messages.len()].clone());
        let messages: Box<dyn Iterator<Item = _> + Send> = Box::new((0..self.0.count).map(message));
        std::future::ready(Ok(Response::new(tokio_stream::iter(messages))))
    }
}

/// What a reader looks at.
struct Seen {
    first_byte: u8,
    bytes: usize,
}

struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Seen;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.len());
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Seen;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Seen>, Status> {
        let bytes = buffer.remaining();
        let first_byte = buffer.chunk().first().copied().unwrap_or_default();
        buffer.advance(bytes);
        Ok(Some(Seen { first_byte, bytes }))
    }
}
