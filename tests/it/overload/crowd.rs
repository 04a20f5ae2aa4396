//! Clients that want too much, as they are in a process of their own.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use raddle::client::{Answer, Client, Patience};
use raddle_proto::common;
use serde::{Deserialize, Serialize};
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{interval, sleep, timeout};
use tonic::body::Body;
use tonic::codegen::{Service as _, http};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::apart::{Asked, Wants};

/// Length of an envelope that is larger than a channel takes.
const LARGE: usize = 16 << 20;

/// Parts in which it is sent.
const PART: usize = 64 << 10;

/// A frame with a byte in it, and how many of them a client sends: somewhat fewer than HTTP/2 lets it.
const FRAME_BYTES: usize = 10;
const FRAMES_MAX: usize = 65_000;

/// As much of them as is sent at once.
const CRUMBS_BYTES: usize = 500 * FRAME_BYTES;

/// Clients of one organisation that send what its budget does not allow.
const CLIENTS: u64 = 20;

/// How long a client stays at what it does before it begins anew.
const STAY: Duration = Duration::from_secs(8);

/// What was tried, each by a fifth of the crowd.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Large envelopes that were sent whole.
    pub floods: u64,
    /// Readers that never read.
    pub readers: u64,
    /// Clients that sent and did not read their answers.
    pub mutes: u64,
    /// Large envelopes that were announced and not sent.
    pub halves: u64,
    /// Large envelopes that were begun byte by byte, a frame each.
    pub crumbs: u64,
    /// Of one organisation: envelopes that were sent, and those that were taken.
    pub asked: u64,
    pub taken: u64,
}

#[derive(Default)]
struct Counts([AtomicU64; 7]);

/// Clients at work in this process.
pub struct AtWork {
    counts: Arc<Counts>,
    runtime: Runtime,
}

impl AtWork {
    pub fn start(asked: &Asked) -> Self {
        let (counts, runtime) = (Arc::<Counts>::default(), runtime());
        match asked.wants {
            Wants::Everything { connections, begin_within_ms } => {
                let address = format!("http://{}", asked.address);
                let one = One {
                    crumbs: runtime.block_on(crumbs(&address)),
                    address,
                    node: asked.address.parse().unwrap(),
                    seek: prefixed(&asked.seek),
                    small: prefixed(&asked.small),
                    part: Bytes::from(vec![7; PART]),
                    counts: Arc::clone(&counts),
                };
                let (one, within) = (Arc::new(one), Duration::from_millis(begin_within_ms));
                for number in 0..connections {
                    // Not all in the same moment: what they do takes them about as long.
                    let wait = within.mul_f64(number as f64 / connections as f64);
                    runtime.spawn(Arc::clone(&one).go_on(number, wait));
                }
            }
            Wants::Envelopes { per_second } => {
                let pause = Duration::from_secs(CLIENTS).div_f64(per_second as f64);
                // Signing costs the machine as much as checking: all send the same.
                let envelope = common::Envelope::decode(&*asked.small).unwrap();
                for _ in 0..CLIENTS {
                    let (address, envelope) = (asked.address.clone(), envelope.clone());
                    runtime.spawn(send_on(address, envelope, pause, Arc::clone(&counts)));
                }
            }
        }
        Self { counts, runtime }
    }

    pub fn end(self) -> Tried {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        let [floods, readers, mutes, halves, crumbs, asked, taken] =
            [0, 1, 2, 3, 4, 5, 6].map(|index: usize| self.counts.0[index].load(Ordering::Relaxed));
        Tried { floods, readers, mutes, halves, crumbs, asked, taken }
    }
}

/// Sends the same envelope at this pace for as long as it is let.
async fn send_on(address: String, envelope: common::Envelope, pause: Duration, counts: Arc<Counts>) {
    let client = Client::connect(&address, Patience::default()).await.unwrap();
    let mut due = interval(pause);
    loop {
        due.tick().await;
        counts.add(5);
        let mut answers = client.broadcast(tokio_stream::once(envelope.clone()));
        if matches!(answers.next().await, Ok(Some(Answer::Taken))) {
            counts.add(6);
        }
    }
}

/// The threads of a crowd: they run where nobody else wants to.
fn runtime() -> Runtime {
    let stand_back = || {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).unwrap();
    };
    Builder::new_multi_thread().worker_threads(2).on_thread_start(stand_back).enable_all().build().unwrap()
}

impl Counts {
    fn add(&self, index: usize) {
        self.0[index].fetch_add(1, Ordering::Relaxed);
    }
}

/// What all of a crowd have in common.
struct One {
    address: String,
    node: SocketAddr,
    seek: Bytes,
    small: Bytes,
    part: Bytes,
    crumbs: Vec<u8>,
    counts: Arc<Counts>,
}

impl One {
    /// Does its part over and over.
    async fn go_on(self: Arc<Self>, number: u64, wait: Duration) {
        sleep(wait).await;
        loop {
            if self.go(number).await.is_none() {
                sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Does its part once; none if the node does not let it.
    async fn go(&self, number: u64) -> Option<()> {
        if number % 5 == 4 {
            return self.crumble(number).await;
        }
        let channel = self.connect(number).await?;
        match number % 5 {
            0 => {
                let parts = stream::iter(vec![self.part.clone(); LARGE / PART]);
                let parts = stream::once(async { large(&[]) }).chain(parts);
                let answered = self.post(&channel, "Broadcast", parts).await?;
                self.counts.add(0);
                let _ = timeout(STAY, drain(answered)).await;
            }
            1 => {
                let seek = stream::iter([self.seek.clone()]).chain(stream::pending());
                let _held = self.post(&channel, "Deliver", seek).await?;
                self.counts.add(1);
                sleep(STAY).await;
            }
            2 => {
                let envelopes = stream::iter(std::iter::repeat_n(self.small.clone(), 20_000));
                let _held = self.post(&channel, "Broadcast", envelopes).await?;
                self.counts.add(2);
                sleep(STAY).await;
            }
            _ => {
                let half = stream::once(async { large(&[7; 1000]) }).chain(stream::pending());
                let answered = self.post(&channel, "Broadcast", half).await?;
                self.counts.add(3);
                let _ = timeout(STAY, drain(answered)).await;
            }
        }
        Some(())
    }

    /// Sends what `crumbs` gives, for as long as it is let.
    async fn crumble(&self, number: u64) -> Option<()> {
        let socket = TcpSocket::new_v4().ok()?;
        socket.bind((local(number), 0).into()).ok()?;
        let mut socket = socket.connect(self.node).await.ok()?;
        self.counts.add(4);
        for some in self.crumbs.chunks(CRUMBS_BYTES) {
            socket.write_all(some).await.ok()?;
            sleep(STAY.div_f64((self.crumbs.len() / CRUMBS_BYTES) as f64)).await;
        }
        // What it is told is none of this client's business.
        let _ = timeout(STAY, socket.read_to_end(&mut Vec::new())).await;
        Some(())
    }

    async fn connect(&self, number: u64) -> Option<Channel> {
        Endpoint::from_shared(self.address.clone())
            .ok()?
            .local_address(Some(local(number)))
            .connect_timeout(Duration::from_secs(5))
            .initial_stream_window_size(65_535)
            .connect()
            .await
            .ok()
    }

    /// Sends a request with this body; its answer is not read.
    async fn post(
        &self,
        channel: &Channel,
        method: &str,
        body: impl stream::Stream<Item = Bytes> + Send + 'static,
    ) -> Option<http::Response<Body>> {
        let mut channel = channel.clone();
        std::future::poll_fn(|context| channel.poll_ready(context)).await.ok()?;
        channel.call(request(&self.address, method, body)?).await.ok()
    }
}

fn request(
    address: &str,
    method: &str,
    body: impl stream::Stream<Item = Bytes> + Send + 'static,
) -> Option<http::Request<Body>> {
    let frames = body.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    http::Request::post(format!("{address}/orderer.AtomicBroadcast/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(StreamBody::new(frames)))
        .ok()
}

/// The address of this machine that a client has.
fn local(number: u64) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(2 + number % 4).unwrap()).into()
}

/// What a client says that sends a large envelope byte by byte, a frame each, as far as it may before it is answered.
/// Made once: to make it takes a client several times as long as it takes a node to read it.
///
/// Nobody can pay for such an envelope any more: what comes behind its beginning waits in HTTP/2.
async fn crumbs(address: &str) -> Vec<u8> {
    let (ours, mut theirs) = duplex(CRUMBS_BYTES);
    let mut ours = Some(TokioIo::new(ours));
    let connector = service_fn(move |_| ready(ours.take().ok_or_else(|| io::Error::other("one connection"))));
    let mut channel =
        Endpoint::from_shared(address.to_owned()).unwrap().connect_with_connector_lazy(connector);
    let frames = stream::once(async { large(&[]) }).chain(stream::repeat(Bytes::from_static(&[7])));
    let request = request(address, "Broadcast", frames).unwrap();
    let asked = tokio::spawn(async move {
        std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
        channel.call(request).await
    });
    let mut said = vec![0; FRAMES_MAX * FRAME_BYTES];
    theirs.read_exact(&mut said).await.unwrap();
    asked.abort();
    said
}

async fn drain(response: http::Response<Body>) {
    let _ = response.into_body().collect().await;
}

/// How a large envelope begins.
fn large(first: &[u8]) -> Bytes {
    let length = u32::try_from(LARGE).unwrap().to_be_bytes();
    [&[0], &length[..], first].concat().into()
}

/// A message as gRPC sends it.
fn prefixed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}
