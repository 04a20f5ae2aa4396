//! Clients that want too much.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::Message as _;
use raddle::client::{Answer, Client, Patience, Place, message, range};
use raddle::identity::Signer;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};
use tonic::body::Body;
use tonic::codegen::{Service as _, http};
use tonic::transport::{Channel, Endpoint};

use super::envelope;
use crate::network::channel;

/// Length of an envelope that is larger than a channel takes.
const LARGE: usize = 16 << 20;

/// Parts in which it is sent.
const PART: usize = 64 << 10;

/// How long a client stays at what it does before it begins anew.
const STAY: Duration = Duration::from_secs(8);

/// What was tried, each by a fifth of the crowd.
#[derive(Debug, Default)]
pub struct Tried {
    /// Large envelopes that were sent whole.
    pub floods: u64,
    /// Readers that never read.
    pub readers: u64,
    /// Clients that sent and did not read their answers.
    pub mutes: u64,
    /// Large envelopes that were announced and not sent.
    pub halves: u64,
    /// Envelopes that were sent byte by byte, a frame each.
    pub crumbs: u64,
    /// Of one organisation: envelopes that were sent, and those that were taken.
    pub asked: u64,
    pub taken: u64,
}

#[derive(Default)]
struct Counts([AtomicU64; 7]);

/// Clients at work.
///
/// They have threads of their own, which stand back behind the node and its other clients: those who want too much of a
/// node do not run on its processors elsewhere.
pub struct Crowd {
    is_over: Arc<AtomicBool>,
    counts: Arc<Counts>,
    tasks: Vec<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

impl Crowd {
    /// So many connections, from four addresses of this machine, all of which begin within this time.
    pub fn start(address: &str, reader: &Arc<Signer>, connections: u64, begin_within: Duration) -> Self {
        let (is_over, counts) = (Arc::default(), Arc::<Counts>::default());
        let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
        let seek = reader.seek(&channel(), &seek, SystemTime::now()).unwrap();
        let one = One {
            address: format!("http://{address}"),
            seek: prefixed(&message(&seek).encode_to_vec()),
            small: prefixed(&message(&envelope(reader)).encode_to_vec()),
            part: Bytes::from(vec![7; PART]),
            counts: Arc::clone(&counts),
        };
        let one = Arc::new(one);
        let runtime = runtime();
        let tasks = (0..connections).map(|number| {
            let (one, is_over) = (Arc::clone(&one), Arc::<AtomicBool>::clone(&is_over));
            runtime.spawn(async move {
                // Not all in the same moment: what they do takes them about as long.
                sleep(begin_within.mul_f64(number as f64 / connections as f64)).await;
                while !is_over.load(Ordering::SeqCst) {
                    if one.go(number).await.is_none() {
                        sleep(Duration::from_millis(500)).await;
                    }
                }
            })
        });
        let tasks = tasks.collect();
        Self { is_over, counts, tasks, runtime: Some(runtime) }
    }

    /// Clients of one organisation that send what its budget does not allow: so many envelopes in a second, and after a
    /// delay as fast as they are answered until that is made up for.
    pub fn one_organisation(address: &str, signer: &Arc<Signer>, per_second: u64) -> Self {
        const CLIENTS: u64 = 20;
        let (is_over, counts) = (Arc::<AtomicBool>::default(), Arc::<Counts>::default());
        let pause = Duration::from_secs(CLIENTS).div_f64(per_second as f64);
        let runtime = runtime();
        let tasks = (0..CLIENTS).map(|_| {
            let (address, signer) = (address.to_owned(), Arc::clone(signer));
            let (is_over, counts) = (Arc::clone(&is_over), Arc::clone(&counts));
            runtime.spawn(async move {
                let client = Client::connect(&address, Patience::default()).await.unwrap();
                // Signing costs the machine as much as checking: all send the same.
                let envelope = message(&envelope(&signer));
                let mut due = interval(pause);
                while !is_over.load(Ordering::SeqCst) {
                    due.tick().await;
                    counts.add(5);
                    let mut answers = client.broadcast(tokio_stream::once(envelope.clone()));
                    if matches!(answers.next().await, Ok(Some(Answer::Taken))) {
                        counts.add(6);
                    }
                }
            })
        });
        let tasks = tasks.collect();
        Self { is_over, counts, tasks, runtime: Some(runtime) }
    }

    pub async fn end(mut self) -> Tried {
        self.is_over.store(true, Ordering::SeqCst);
        for task in &self.tasks {
            task.abort();
        }
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
        let [floods, readers, mutes, halves, crumbs, asked, taken] =
            [0, 1, 2, 3, 4, 5, 6].map(|index: usize| self.counts.0[index].load(Ordering::Relaxed));
        Tried { floods, readers, mutes, halves, crumbs, asked, taken }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // A runtime may not be waited for in a task.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
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
    seek: Bytes,
    small: Bytes,
    part: Bytes,
    counts: Arc<Counts>,
}

impl One {
    /// Does its part once; none if the node does not let it.
    async fn go(&self, number: u64) -> Option<()> {
        let channel = self.connect(number).await?;
        match number % 5 {
            0 => {
                let announced = u32::try_from(LARGE).ok()?.to_be_bytes();
                let prefix = Bytes::from([&[0], &announced[..]].concat());
                let parts = stream::iter(vec![self.part.clone(); LARGE / PART]);
                let answered =
                    self.post(&channel, "Broadcast", stream::once(async { prefix }).chain(parts)).await?;
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
            3 => {
                let announced = u32::try_from(LARGE).ok()?.to_be_bytes();
                let prefix = Bytes::from([&[0], &announced[..], &[7; 1000]].concat());
                let half = stream::once(async { prefix }).chain(stream::pending());
                let answered = self.post(&channel, "Broadcast", half).await?;
                self.counts.add(3);
                let _ = timeout(STAY, drain(answered)).await;
            }
            _ => {
                // An envelope that nobody can pay for any more: what comes behind it waits in HTTP/2.
                let announced = u32::try_from(LARGE).ok()?.to_be_bytes();
                let prefix = Bytes::from([&[0], &announced[..]].concat());
                let crumbs = stream::iter(std::iter::repeat_n(self.part.slice(..1), 200_000));
                let answered =
                    self.post(&channel, "Broadcast", stream::once(async { prefix }).chain(crumbs)).await?;
                self.counts.add(4);
                let _ = timeout(STAY, drain(answered)).await;
            }
        }
        Some(())
    }

    async fn connect(&self, number: u64) -> Option<Channel> {
        let last = u8::try_from(2 + number % 4).ok()?;
        Endpoint::from_shared(self.address.clone())
            .ok()?
            .local_address(Some(Ipv4Addr::new(127, 0, 0, last).into()))
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
        let frames = body.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
        let request = http::Request::post(format!("{}/orderer.AtomicBroadcast/{method}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::new(StreamBody::new(frames)))
            .ok()?;
        let mut channel = channel.clone();
        std::future::poll_fn(|context| channel.poll_ready(context)).await.ok()?;
        channel.call(request).await.ok()
    }
}

async fn drain(response: http::Response<Body>) {
    let _ = response.into_body().collect().await;
}

/// A message as gRPC sends it.
fn prefixed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}
