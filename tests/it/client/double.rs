//! An orderer that serves whatever blocks it is given, true or not, over a real socket.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common::{self, Status};
use raddle_proto::orderer::{BroadcastResponse, DeliverResponse, SeekInfo, SeekPosition, seek_position};
use raddle_proto::orderer::{deliver_response, seek_info::SeekBehavior};
use raddle_proto::wire::{Envelope, go_decode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Streaming};
use tonic_prost::ProstCodec;

use crate::harness::Recorded;

/// How it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As an orderer should, but that it signs nothing and reads no policy.
    #[default]
    Fair,
    /// Takes so many envelopes and refuses the next, as a stock orderer does.
    RefusesAfter(u64),
    /// Takes so many envelopes and ends the stream without a word.
    EndsAfter(u64),
    /// Takes envelopes and never puts them into blocks.
    Hoards,
    /// Puts envelopes into blocks, and answers none of them.
    Mute,
    /// Delivers one block and ends the stream without a status.
    DeliversOne,
    /// Says SUCCESS where blocks were asked for.
    DeliversNothing,
    /// Of several blocks delivers those up to this one, and ends the stream without a status.
    BreaksAfter(u64),
    /// Of several blocks delivers those up to this one, and then says nothing more.
    StallsAfter(u64),
    /// Of several blocks delivers those up to this one, and says SUCCESS.
    StopsAfter(u64),
}

/// What an orderer of a test's own makes of an envelope: blocks that come, and whether the envelope is refused.
pub struct Reaction {
    pub blocks: Vec<common::Block>,
    pub refusal: Option<(Status, String)>,
}

/// Decides that, from the blocks so far.
pub type React = dyn Fn(&[common::Block], &common::Envelope) -> Reaction + Send + Sync;

/// Runs until it is dropped.
pub struct Double {
    pub address: String,
    blocks: Arc<watch::Sender<Vec<common::Block>>>,
    _stop: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Orderer {
    channel: &'static str,
    manner: Manner,
    react: Option<Arc<React>>,
    blocks: Arc<watch::Sender<Vec<common::Block>>>,
}

struct Broadcast(Orderer);
struct Deliver(Orderer);
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, tonic::Status>> + Send>>;

/// Serves on a thread of its own until the answer is dropped; answers where.
pub fn serve_in_thread<F: Future<Output = ()> + Send>(
    serve: impl FnOnce(std::net::TcpListener, oneshot::Receiver<()>) -> F + Send + 'static,
) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.unwrap().block_on(serve(listener, stopped));
    });
    (address, stop)
}

impl Double {
    /// Serves the blocks of a Go orderer, after `change`.
    pub fn of_mychannel(change: impl FnOnce(&mut Vec<common::Block>)) -> Self {
        let mut blocks = Recorded::mychannel().blocks;
        change(&mut blocks);
        Self::start(blocks, Manner::Fair)
    }

    pub fn start(blocks: Vec<common::Block>, manner: Manner) -> Self {
        Self::serve("mychannel", blocks, manner, None)
    }

    /// Serves another channel, once it has blocks.
    pub fn of(channel: &'static str, manner: Manner) -> Self {
        Self::serve(channel, Vec::new(), manner, None)
    }

    /// Serves another channel, and does with envelopes what `react` says.
    pub fn reacting(channel: &'static str, blocks: Vec<common::Block>, react: Arc<React>) -> Self {
        Self::serve(channel, blocks, Manner::Fair, Some(react))
    }

    fn serve(
        channel: &'static str,
        blocks: Vec<common::Block>,
        manner: Manner,
        react: Option<Arc<React>>,
    ) -> Self {
        let blocks = Arc::new(watch::Sender::new(blocks));
        let orderer = Orderer { channel, manner, react, blocks: Arc::clone(&blocks) };
        let (address, stop) = serve_in_thread(move |listener, stopped| async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            tonic::transport::Server::builder()
                .add_service(orderer)
                .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
        Self { address: address.to_string(), blocks, _stop: stop }
    }

    /// How many blocks there are.
    pub fn height(&self) -> usize {
        self.blocks.borrow().len()
    }

    /// Serves these blocks from now on.
    pub fn serve_blocks(&self, blocks: Vec<common::Block>) {
        self.blocks.send_replace(blocks);
    }

    /// The data of a block's first envelope.
    pub fn data_of(&self, number: usize) -> Bytes {
        let envelope = self.blocks.borrow()[number].data.as_ref().unwrap().data[0].clone();
        let envelope = Envelope::unmarshal(envelope).unwrap();
        go_decode::<common::Payload>(envelope.payload().clone()).unwrap().data
    }
}

impl NamedService for Orderer {
    const NAME: &'static str = "orderer.AtomicBroadcast";
}

impl Service<http::Request<Body>> for Orderer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let orderer = self.clone();
        Box::pin(async move {
            Ok(if request.uri().path().ends_with("/Broadcast") {
                Grpc::new(ProstCodec::default()).streaming(Broadcast(orderer), request).await
            } else {
                Grpc::new(ProstCodec::default()).streaming(Deliver(orderer), request).await
            })
        })
    }
}

impl StreamingService<common::Envelope> for Broadcast {
    type Response = BroadcastResponse;
    type ResponseStream = Answers<BroadcastResponse>;
    type Future = BoxFuture<Response<Self::ResponseStream>, tonic::Status>;

    fn call(&mut self, request: Request<Streaming<common::Envelope>>) -> Self::Future {
        let (sender, answers) = mpsc::channel(64);
        tokio::spawn(broadcast(self.0.clone(), request.into_inner(), sender));
        Box::pin(late(answers))
    }
}

/// As Go's servers do it: headers go out with the first answer.
async fn late<T: Send + 'static>(
    mut answers: mpsc::Receiver<Result<T, tonic::Status>>,
) -> Result<Response<Answers<T>>, tonic::Status> {
    let first = tokio_stream::iter(answers.recv().await);
    Ok(Response::new(Box::pin(first.chain(ReceiverStream::new(answers)))))
}

/// Takes each envelope, and puts it into a block of its own.
async fn broadcast(
    orderer: Orderer,
    mut envelopes: Streaming<common::Envelope>,
    answers: mpsc::Sender<Result<BroadcastResponse, tonic::Status>>,
) {
    let mut taken = 0;
    while let Ok(Some(envelope)) = envelopes.message().await {
        if let Some(react) = &orderer.react {
            let Reaction { blocks, refusal } = react(&orderer.blocks.borrow(), &envelope);
            orderer.blocks.send_modify(|all| all.extend(blocks));
            if let Some((status, info)) = refusal {
                let _ = answers.send(Ok(BroadcastResponse { status: status.into(), info })).await;
                return;
            }
            let _ = answers.send(Ok(BroadcastResponse { status: 200, info: String::new() })).await;
            continue;
        }
        match orderer.manner {
            Manner::RefusesAfter(count) if count == taken => {
                let info = "no more of these".to_owned();
                let _ = answers.send(Ok(BroadcastResponse { status: 403, info })).await;
                return;
            }
            Manner::EndsAfter(count) if count == taken => return,
            Manner::Hoards => {}
            _ => orderer.blocks.send_modify(|blocks| {
                let header = common::BlockHeader { number: blocks.len() as u64, ..Default::default() };
                let data = common::BlockData { data: vec![envelope.encode_to_vec().into()] };
                blocks.push(common::Block { header: Some(header), data: Some(data), metadata: None });
            }),
        }
        taken += 1;
        if orderer.manner == Manner::Mute {
            continue;
        }
        let _ = answers.send(Ok(BroadcastResponse { status: 200, info: String::new() })).await;
    }
}

impl StreamingService<common::Envelope> for Deliver {
    type Response = DeliverResponse;
    type ResponseStream = Answers<DeliverResponse>;
    type Future = BoxFuture<Response<Self::ResponseStream>, tonic::Status>;

    fn call(&mut self, request: Request<Streaming<common::Envelope>>) -> Self::Future {
        let (sender, answers) = mpsc::channel(4);
        tokio::spawn(deliver(self.0.clone(), request.into_inner(), sender));
        Box::pin(late(answers))
    }
}

async fn deliver(
    orderer: Orderer,
    mut requests: Streaming<common::Envelope>,
    answers: mpsc::Sender<Result<DeliverResponse, tonic::Status>>,
) {
    let status =
        |status: Status| Ok(DeliverResponse { r#type: Some(deliver_response::Type::Status(status.into())) });
    while let Ok(Some(request)) = requests.message().await {
        if let Err(refusal) = deliver_range(&orderer, &request, &answers).await {
            let _ = answers.send(status(refusal)).await;
            return;
        }
        if matches!(orderer.manner, Manner::DeliversOne | Manner::BreaksAfter(_)) {
            return;
        }
        let _ = answers.send(status(Status::Success)).await;
    }
}

async fn deliver_range(
    orderer: &Orderer,
    request: &common::Envelope,
    answers: &mpsc::Sender<Result<DeliverResponse, tonic::Status>>,
) -> Result<(), Status> {
    let seek = seek_info(request, orderer.channel)?;
    let newest = orderer.blocks.borrow().len() as u64 - 1;
    let place = |position: Option<SeekPosition>| match position.and_then(|it| it.r#type) {
        Some(seek_position::Type::Newest(_)) => Ok(newest),
        Some(seek_position::Type::Oldest(_)) => Ok(0),
        Some(seek_position::Type::Specified(it)) => Ok(it.number),
        _ => Err(Status::BadRequest),
    };
    let (start, stop) = (place(seek.start)?, place(seek.stop)?);
    let mut blocks = orderer.blocks.subscribe();
    for number in start..=stop {
        let index = usize::try_from(number).unwrap();
        match orderer.manner {
            Manner::DeliversNothing => return Ok(()),
            Manner::BreaksAfter(last) | Manner::StopsAfter(last) if start < stop && number > last => {
                return Ok(());
            }
            Manner::StallsAfter(last) if start < stop && number > last => {
                answers.closed().await;
                return Ok(());
            }
            _ => {}
        }
        if seek.behavior == i32::from(SeekBehavior::FailIfNotReady) && index >= blocks.borrow().len() {
            return Err(Status::NotFound);
        }
        let block = tokio::select! {
            blocks = blocks.wait_for(|blocks| index < blocks.len()) => blocks.unwrap()[index].clone(),
            () = answers.closed() => return Ok(()),
        };
        let response = DeliverResponse { r#type: Some(deliver_response::Type::Block(block)) };
        if answers.send(Ok(response)).await.is_err() || orderer.manner == Manner::DeliversOne {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a request as an orderer does.
fn seek_info(request: &common::Envelope, channel: &str) -> Result<SeekInfo, Status> {
    let envelope = Envelope::new(&request.payload, &request.signature);
    let header = raddle_proto::wire::channel_header(&envelope).map_err(|_| Status::BadRequest)?;
    if header.channel_id != channel {
        return Err(Status::NotFound);
    }
    if header.timestamp.is_none() || request.signature.is_empty() {
        return Err(Status::BadRequest);
    }
    let payload: common::Payload = go_decode(request.payload.clone()).map_err(|_| Status::BadRequest)?;
    go_decode(payload.data).map_err(|_| Status::BadRequest)
}
