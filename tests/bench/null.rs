//! An `AtomicBroadcast` service that answers SUCCESS at once: what is left is the client's own cost.

use std::convert::Infallible;
use std::task::{Context, Poll};

use raddle_proto::common;
use raddle_proto::orderer::BroadcastResponse;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// The argument with which this program is such a server, until it is killed.
pub const SERVE: &str = "null-server";

/// Serves, and prints where.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let router = tonic::transport::Server::builder()
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .add_service(Null);
        router.serve_with_incoming(incoming).await.unwrap();
    });
}

#[derive(Clone)]
struct Null;

impl NamedService for Null {
    const NAME: &'static str = "orderer.AtomicBroadcast";
}

impl Service<http::Request<Body>> for Null {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async { Ok(Grpc::new(ProstCodec::default()).streaming(Null, request).await) })
    }
}

impl StreamingService<common::Envelope> for Null {
    type Response = BroadcastResponse;
    type ResponseStream = std::pin::Pin<Box<dyn Stream<Item = Result<BroadcastResponse, Status>> + Send>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<common::Envelope>>) -> Self::Future {
        let success = |envelope: Result<common::Envelope, Status>| {
            envelope.map(|_| BroadcastResponse { status: 200, info: String::new() })
        };
        std::future::ready(Ok(Response::new(Box::pin(request.into_inner().map(success)))))
    }
}
