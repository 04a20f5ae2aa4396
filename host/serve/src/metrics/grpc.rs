//! Calls of gRPC: how many, how long, how they ended, and how many messages went each way.
//!
//! Source: fabric v2.5.16 `common/grpcmetrics/interceptor.go`, `internal/pkg/comm/metrics.go`.

mod body;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http_body::Body as _;
use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry};
use tonic::Code;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_service::Service;

use super::{counters, histograms};
use crate::channels::BoxFuture;
use body::{Counting, Ending};

/// Methods, by their paths. No other is a label.
const METHODS: [(&str, Manner); 5] = [
    ("/orderer.AtomicBroadcast/Broadcast", Manner::Stream),
    ("/orderer.AtomicBroadcast/Deliver", Manner::Stream),
    ("/raddle.node.v1.Node/Modules", Manner::Unary),
    ("/grpc.health.v1.Health/Check", Manner::Unary),
    ("/grpc.health.v1.Health/Watch", Manner::Stream),
];

/// Whether a method is called with one message and answered with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Unary,
    Stream,
}

/// The counters of all methods.
pub(crate) struct Calls {
    methods: HashMap<&'static str, Arc<Method>>,
}

/// The counters of one method.
struct Method {
    service: String,
    method: &'static str,
    received: IntCounter,
    completed: IntCounterVec,
    duration: HistogramVec,
    /// Messages that came, and that went; of streams alone.
    messages: Option<(IntCounter, IntCounter)>,
}

/// A call that is under way. It is completed when this is dropped: then its client has gone, unless another end was
/// told.
struct Call {
    method: Arc<Method>,
    began: Instant,
    code: Code,
}

impl Calls {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let (of_unary, of_streams) = (Families::new(registry, "unary")?, Families::new(registry, "stream")?);
        let labels = ["service", "method"];
        let name = "grpc_server_stream_messages_received";
        let came = counters(registry, name, "The number of stream messages received.", &labels)?;
        let name = "grpc_server_stream_messages_sent";
        let went = counters(registry, name, "The number of stream messages sent.", &labels)?;
        let method = |(path, manner): (&'static str, Manner)| {
            let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
            // As Fabric does.
            let service = service.replace('.', "_");
            let families = if manner == Manner::Unary { &of_unary } else { &of_streams };
            let labels = [&service, method];
            let is_stream = manner == Manner::Stream;
            let made = Method {
                received: families.received.with_label_values(&labels),
                completed: families.completed.clone(),
                duration: families.duration.clone(),
                messages: is_stream
                    .then(|| (came.with_label_values(&labels), went.with_label_values(&labels))),
                service: service.clone(),
                method,
            };
            (path, Arc::new(made))
        };
        Ok(Self { methods: METHODS.into_iter().map(method).collect() })
    }

    fn begin(&self, path: &str) -> Option<Call> {
        let method = Arc::clone(self.methods.get(path)?);
        method.received.inc();
        Some(Call { method, began: Instant::now(), code: Code::Cancelled })
    }
}

/// The counters of calls of one manner.
struct Families {
    received: IntCounterVec,
    completed: IntCounterVec,
    duration: HistogramVec,
}

impl Families {
    fn new(registry: &Registry, manner: &str) -> Result<Self, prometheus::Error> {
        let name = |what: &str| format!("grpc_server_{manner}_{what}");
        let (of_method, of_end) = (["service", "method"], ["service", "method", "code"]);
        let received = format!("The number of {manner} requests received.");
        let completed = format!("The number of {manner} requests completed.");
        let duration = format!("The time to complete a {manner} request.");
        Ok(Self {
            received: counters(registry, &name("requests_received"), &received, &of_method)?,
            completed: counters(registry, &name("requests_completed"), &completed, &of_end)?,
            duration: histograms(registry, &name("request_duration"), &duration, &of_end)?,
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Method { service, method, completed, duration, .. } = &*self.method;
        let labels = [service, *method, code_name(self.code)];
        completed.with_label_values(&labels).inc();
        duration.with_label_values(&labels).observe(self.began.elapsed().as_secs_f64());
    }
}

/// A code's name in Go.
///
/// Source: grpc-go v1.79.3 `codes/code_string.go`.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// A service whose calls are counted.
#[derive(Clone)]
pub(crate) struct Counted<S> {
    service: S,
    calls: Arc<Calls>,
}

impl<S> Counted<S> {
    pub(crate) const fn new(service: S, calls: Arc<Calls>) -> Self {
        Self { service, calls }
    }
}

impl<S: NamedService> NamedService for Counted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Counted<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Some(mut call) = self.calls.begin(request.uri().path()) else {
            return Box::pin(self.service.call(request));
        };
        let (came, went) = call.method.messages.clone().unzip();
        let request = request.map(|inner| Body::new(Counting::new(inner, came, None)));
        let answering = self.service.call(request);
        Box::pin(async move {
            let answer = answering.await?;
            if let Some(status) = tonic::Status::from_header_map(answer.headers()) {
                call.code = status.code();
            }
            let ends_here = answer.body().is_end_stream();
            let ending = (!ends_here).then(|| Ending(call));
            Ok(answer.map(|inner| Body::new(Counting::new(inner, went, ending))))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_methods_that_there_are_are_counted() {
        let registry = Registry::new();
        let calls = Calls::new(&registry).unwrap();
        assert!(calls.begin("/orderer.AtomicBroadcast/Broadcasts").is_none());
        let mut call = calls.begin("/orderer.AtomicBroadcast/Deliver").unwrap();
        call.code = Code::Ok;
        drop(call);
        drop(calls.begin("/grpc.health.v1.Health/Check"));
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let of_stream = r#"{code="OK",method="Deliver",service="orderer_AtomicBroadcast"}"#;
        let of_unary = r#"{code="Canceled",method="Check",service="grpc_health_v1_Health"}"#;
        for line in [
            format!("grpc_server_stream_requests_completed{of_stream} 1"),
            format!("grpc_server_stream_request_duration_count{of_stream} 1"),
            format!("grpc_server_unary_requests_completed{of_unary} 1"),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
    }
}
