//! A client that sends bytes instead of messages.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes};
use futures_util::{Stream, StreamExt, stream};
use http::uri::PathAndQuery;
use http_body_util::{BodyExt, Full};
use raddle_proto::orderer::BroadcastResponse;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Request, Status, Streaming,
    body::Body,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstDecoder;
use tower_service::Service;

pub const BROADCAST: &str = "/orderer.AtomicBroadcast/Broadcast";
pub const DELIVER: &str = "/orderer.AtomicBroadcast/Deliver";

#[derive(Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = BroadcastResponse;
    type Encoder = RawEncoder;
    type Decoder = ProstDecoder<BroadcastResponse>;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

pub struct RawEncoder;

impl Encoder for RawEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

/// All that a client sees of a stream: answers, and how it ends.
#[derive(Debug)]
pub struct Seen {
    pub answers: Vec<(i32, String)>,
    pub end: Result<MetadataMap, Status>,
}

impl Seen {
    /// The number of answers, each of which must be SUCCESS.
    pub fn successes(&self) -> u64 {
        assert!(self.answers.iter().all(|answer| *answer == (200, String::new())), "{self:?}");
        self.answers.len() as u64
    }

    /// The number of answers SUCCESS, and the one after it, with which the stream must end.
    pub fn last(mut self) -> (u64, i32, String, MetadataMap) {
        let (status, info) = self.answers.pop().unwrap();
        let successes = self.successes();
        (successes, status, info, self.end.unwrap())
    }

    pub fn trailer(&self, name: &str) -> Option<String> {
        Some(self.end.as_ref().ok()?.get(name)?.to_str().unwrap().to_owned())
    }
}

pub async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Opens a stream.
pub async fn open(
    channel: &Channel,
    requests: impl Stream<Item = Bytes> + Send + 'static,
) -> Streaming<BroadcastResponse> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(BROADCAST);
    client.streaming(Request::new(requests), path, RawCodec).await.unwrap().into_inner()
}

/// Reads a stream to its end.
pub async fn read(mut answers: Streaming<BroadcastResponse>) -> Seen {
    let mut seen = Vec::new();
    loop {
        match answers.next().await {
            Some(Ok(answer)) => seen.push((answer.status, answer.info)),
            Some(Err(status)) => return Seen { answers: seen, end: Err(status) },
            None => {
                let end = answers.trailers().await.map(Option::unwrap_or_default);
                return Seen { answers: seen, end };
            }
        }
    }
}

/// Sends everything, says that there is no more, and reads the stream to its end.
pub async fn send(address: SocketAddr, envelopes: Vec<Vec<u8>>) -> Seen {
    let requests = stream::iter(envelopes.into_iter().map(Bytes::from));
    read(open(&connect(address).await, requests).await).await
}

/// Sends one envelope on a stream of its own.
pub async fn send_one(channel: &Channel, envelope: Vec<u8>) -> Seen {
    read(open(channel, stream::iter([Bytes::from(envelope)])).await).await
}

/// A stream to which more can be sent.
pub async fn open_sender(channel: &Channel) -> (mpsc::UnboundedSender<Bytes>, Streaming<BroadcastResponse>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, open(channel, UnboundedReceiverStream::new(receiver)).await)
}

/// Sends bytes as the body of a request of Broadcast. See [`send_body_to`].
pub async fn send_body(channel: &Channel, body: Vec<u8>) -> (http::StatusCode, Option<i32>) {
    send_body_to(channel, BROADCAST, body).await
}

/// Sends bytes as the body of a request: gRPC's frames, or what is not. Gives HTTP's status and gRPC's.
pub async fn send_body_to(
    channel: &Channel,
    path: &'static str,
    body: Vec<u8>,
) -> (http::StatusCode, Option<i32>) {
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::new(Bytes::from(body))))
        .unwrap();
    let response = call(channel, request).await;
    let (head, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let status = collected.trailers().and_then(|trailers| trailers.get("grpc-status"));
    let status = status.or(head.headers.get("grpc-status"));
    (head.status, status.map(|status| status.to_str().unwrap().parse().unwrap()))
}

/// Sends a request as it is.
pub async fn call(channel: &Channel, request: http::Request<Body>) -> http::Response<Body> {
    let mut channel = channel.clone();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    channel.call(request).await.unwrap()
}
