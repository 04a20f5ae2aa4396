//! Streams of all services, as many as there may be, and what is sent on them.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body as _, Frame, SizeHint};
use tonic::{Status, body::Body};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Client, ClientId, Counters, Guard, NotOpened,
    connection::{Connection, Peer, millis},
    outflow::Room,
};
use crate::{
    answer,
    channels::{BoxFuture, Code, Detail},
};

/// Longest part of a message that is handed to HTTP/2 at once. A client that takes one has moved.
const PART_BYTES_MAX: usize = 256 << 10;

/// Characters of a path that are kept: it is whatever a client wrote.
const PATH_CHARS_MAX: usize = 100;

/// Lets streams in.
#[derive(Clone)]
pub(crate) struct Guarding(pub(crate) Arc<Guard>);

/// A service whose streams are guarded. Puts a [`Seat`] among a request's extensions.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    service: S,
    guard: Arc<Guard>,
}

/// What a stream may take. Among the extensions of its request.
#[derive(Clone)]
pub(crate) struct Seat(pub(crate) Room);

/// A stream, as it is watched.
#[derive(Debug)]
pub(crate) struct Open {
    number: u64,
    id: ClientId,
    path: String,
    connection: Arc<Connection>,
    /// Bytes that were handed to HTTP/2 and have not left it.
    bytes: AtomicUsize,
    /// Milliseconds of the guard's time at which the client last took something.
    moved: AtomicU64,
    /// Where what is sent comes from, until the stream is given up.
    source: Mutex<Option<Body>>,
    is_given_up: AtomicBool,
    /// Of the task that sends.
    task: AtomicWaker,
}

/// Keeps a stream among those of a guard.
struct Place {
    guard: Arc<Guard>,
    client: Arc<Client>,
    open: Arc<Open>,
}

/// What is sent on a stream.
struct Sent {
    place: Place,
    /// Counted, and not handed on.
    rest: Bytes,
    has_ended: bool,
}

impl Guard {
    /// Opens a stream.
    fn open(self: &Arc<Self>, peer: &Peer, path: &str) -> Result<Place, NotOpened> {
        let (id, limits) = (peer.client(), &self.limits);
        let mut held = self.held();
        if held.streams.len() >= limits.streams_max.max(1) {
            return Err(NotOpened::All { limit: limits.streams_max });
        }
        let client = Arc::clone(held.clients.entry(id).or_default());
        if client.streams.load(Ordering::SeqCst) >= limits.client_streams_max.max(1) {
            return Err(NotOpened::Client { client: id, limit: limits.client_streams_max });
        }
        client.streams.fetch_add(1, Ordering::SeqCst);
        let open = Arc::new(Open {
            number: self.number(),
            id,
            path: path.chars().take(PATH_CHARS_MAX).collect(),
            connection: Arc::clone(&peer.connection),
            bytes: AtomicUsize::new(0),
            moved: AtomicU64::new(millis(self.now())),
            source: Mutex::new(None),
            is_given_up: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        held.streams.insert(open.number, Arc::clone(&open));
        drop(held);
        peer.connection.stream_opens();
        Counters::add(&self.counters.streams_opened);
        Counters::add(&self.counters.streams_open);
        Ok(Place { guard: Arc::clone(self), client, open })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.guard.held();
        held.streams.remove(&self.open.number);
        if self.client.streams.fetch_sub(1, Ordering::SeqCst) == 1 {
            held.clients.remove(&self.open.id);
        }
        drop(held);
        self.open.connection.stream_ends(self.guard.now());
        Counters::take(&self.guard.counters.streams_open);
        // What the guard still looks at holds nothing more.
        drop(self.open.take_source());
    }
}

// === impl Open ===

impl Open {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Bytes were handed to HTTP/2.
    pub(super) fn gave(&self, count: usize) {
        self.bytes.fetch_add(count, Ordering::SeqCst);
    }

    /// Bytes have left HTTP/2.
    pub(super) fn took(&self, count: usize, now: Duration) {
        self.moved.store(millis(now), Ordering::SeqCst);
        self.bytes.fetch_sub(count, Ordering::SeqCst);
    }

    /// For how long its client has taken nothing, if there is something to take.
    pub(super) fn stalled(&self, now: Duration) -> Option<Duration> {
        let since = Duration::from_millis(self.moved.load(Ordering::SeqCst));
        (self.bytes.load(Ordering::SeqCst) > 0).then(|| now.saturating_sub(since))
    }

    /// Nothing more is sent. False if that was said before.
    pub(super) fn give_up(&self) -> bool {
        let is_news = !self.is_given_up.swap(true, Ordering::SeqCst);
        drop(self.take_source());
        // It may wait for more of the source.
        self.task.wake();
        is_news
    }

    fn take_source(&self) -> Option<Body> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What is sent next; none at the end.
    fn poll_source(&self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        match source.as_mut() {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, id, path, connection, .. } = self;
        let bytes = self.bytes.load(Ordering::SeqCst);
        write!(f, "stream {number} of {id}, {path:?}, {connection}; {bytes} bytes not taken")
    }
}

// === impl Guarding, Guarded ===

impl<S> Layer<S> for Guarding {
    type Service = Guarded<S>;

    fn layer(&self, service: S) -> Guarded<S> {
        Guarded { service, guard: Arc::clone(&self.0) }
    }
}

impl<S> Service<http::Request<Body>> for Guarded<S>
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

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let Some(peer) = request.extensions().get::<Peer>().cloned() else {
            return Box::pin(self.service.call(request));
        };
        let place = match self.guard.open(&peer, request.uri().path()) {
            Ok(place) => place,
            Err(not_opened) => {
                Counters::add(&self.guard.counters.streams_refused);
                let response = Status::from(not_opened).into_http();
                return Box::pin(std::future::ready(Ok(response)));
            }
        };
        let room = Room::new(Arc::clone(&self.guard), Arc::clone(&place.client));
        request.extensions_mut().insert(Seat(room));
        let responding = self.service.call(request);
        Box::pin(async move {
            let (head, body) = responding.await?.into_parts();
            *place.open.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
            let sent = Sent { place, rest: Bytes::new(), has_ended: false };
            Ok(http::Response::from_parts(head, Body::new(sent)))
        })
    }
}

// === impl Sent ===

impl Sent {
    fn part(&mut self) -> Frame<Bytes> {
        Frame::data(self.rest.split_to(self.rest.len().min(PART_BYTES_MAX)))
    }

    /// How a stream ends that was given up, for a client that begins to read again.
    fn end(&mut self) -> Frame<Bytes> {
        self.has_ended = true;
        self.rest = Bytes::new();
        let time = self.place.guard.limits.reader_time_max;
        let text = format!(
            "nothing was read for {time:?}, and at most that (Limits.ReaderTime) is waited; ask again from where you \
             are"
        );
        let detail = answer::trailers(Detail::from(Code::READER_TOO_SLOW));
        let status = Status::with_metadata(tonic::Code::DeadlineExceeded, text, detail);
        let mut trailers = http::HeaderMap::new();
        // Fails for no text that can be written.
        let _ = status.add_header(&mut trailers);
        Frame::trailers(trailers)
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        // Asked for more: what was given before has room.
        let open = Arc::clone(&self.place.open);
        open.task.register(context.waker());
        if open.is_given_up.load(Ordering::SeqCst) {
            return Poll::Ready(Some(Ok(self.end())));
        }
        open.moved.store(millis(self.place.guard.now()), Ordering::SeqCst);
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.part())));
        }
        let frame = match ready!(open.poll_source(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(status)) => return Poll::Ready(Some(Err(status))),
            None if open.is_given_up.load(Ordering::SeqCst) => return Poll::Ready(Some(Ok(self.end()))),
            None => return Poll::Ready(None),
        };
        match frame.into_data() {
            Ok(data) => {
                let room = Room::new(Arc::clone(&self.place.guard), Arc::clone(&self.place.client));
                self.rest = room.counted(data, Some(open));
                Poll::Ready(Some(Ok(self.part())))
            }
            Err(trailers) => Poll::Ready(Some(Ok(trailers))),
        }
    }

    /// A refusal without answers must be one frame for clients to understand it.
    fn is_end_stream(&self) -> bool {
        let open = &self.place.open;
        let source = open.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_ended || self.rest.is_empty() && source.as_ref().is_some_and(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
