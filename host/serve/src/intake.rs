//! What all streams of a server may hold together.
//!
//! A message is charged from its first bytes, which announce its length, to its answer. One that cannot be paid for
//! waits where it is: in the client and in HTTP/2's windows. No room is made for it, since nobody is told its length.
//! Large messages have an account of their own, so that nobody who announces a few of them and sends nothing keeps back
//! the small ones, which are nearly all.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::{Status, server::NamedService};
use tower_service::Service;

use crate::channels::BoxFuture;

/// Messages up to this length are small: 256 KiB.
pub const SMALL_BYTES_MAX: usize = 256 << 10;

/// What an envelope under way costs beside its own bytes: decoded headers, futures, places in queues. Rounded up.
const OVERHEAD_BYTES: u32 = 1024;

/// Flag and length, in front of each message of gRPC.
const PREFIX_BYTES: usize = 5;

/// What messages may cost, for all streams of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Bytes of all messages of up to [`SMALL_BYTES_MAX`] from their first bytes to their answers. At least what one
    /// of them costs is taken.
    pub small_bytes_max: usize,
    /// The same for longer ones. At least what the longest message that is received costs is taken.
    pub large_bytes_max: usize,
    /// How long a message may take to arrive, and how long it may wait until it can be paid for.
    ///
    /// Differs: Fabric waits for ever.
    pub message_time_max: Duration,
}

impl Default for IntakeLimits {
    /// 256 MiB each, and a minute: 100 MiB at 14 Mbit/s.
    fn default() -> Self {
        Self {
            small_bytes_max: 256 << 20,
            large_bytes_max: 256 << 20,
            message_time_max: Duration::from_secs(60),
        }
    }
}

/// Keeps a message paid for, until it is dropped.
#[derive(Debug)]
pub(crate) struct Charge(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// Charges of one stream's messages that have arrived and were not asked for, in the order of the messages.
#[derive(Clone, Default)]
pub(crate) struct Charges(Arc<Mutex<VecDeque<Charge>>>);

impl Charges {
    /// The charge of the next message. To be taken for each message once.
    pub(crate) fn next(&self) -> Option<Charge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, charge: Charge) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(charge);
    }
}

/// The accounts of a server.
#[derive(Clone)]
struct Accounts {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    message_bytes_max: usize,
    message_time_max: Duration,
}

/// A service whose requests are charged. Puts [`Charges`] among a request's extensions.
#[derive(Clone)]
pub(crate) struct Intake<S> {
    service: S,
    accounts: Accounts,
}

impl<S> Intake<S> {
    /// `message_bytes_max` is the length beyond which the service itself ends a stream.
    pub(crate) fn new(service: S, limits: IntakeLimits, message_bytes_max: usize) -> Self {
        let account = |bytes_max: usize, one_bytes_max: usize| {
            let bytes_least = one_bytes_max.saturating_add(OVERHEAD_BYTES as usize);
            Arc::new(Semaphore::new(bytes_max.max(bytes_least).min(Semaphore::MAX_PERMITS)))
        };
        let accounts = Accounts {
            small: account(limits.small_bytes_max, SMALL_BYTES_MAX),
            large: account(limits.large_bytes_max, message_bytes_max),
            message_bytes_max,
            message_time_max: limits.message_time_max,
        };
        Self { service, accounts }
    }
}

impl<S: NamedService> NamedService for Intake<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<tonic::body::Body>> for Intake<S>
where
    S: Service<http::Request<tonic::body::Body>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> S::Future {
        let charges = Charges::default();
        request.extensions_mut().insert(charges.clone());
        let accounts = self.accounts.clone();
        self.service
            .call(request.map(|inner| tonic::body::Body::new(ChargedBody::new(inner, accounts, charges))))
    }
}

/// Where in a sequence of messages a body is.
#[derive(Default)]
struct Walk {
    /// What has come of a message's prefix.
    prefix: Vec<u8>,
    /// What is to come of the message behind it.
    missing_bytes: usize,
    /// The message's own.
    charge: Option<Charge>,
    /// Behind a message that is too long nothing is read.
    is_over: bool,
}

impl Walk {
    fn is_inside_message(&self) -> bool {
        !self.prefix.is_empty()
    }
}

type Waiting = BoxFuture<Result<OwnedSemaphorePermit, AcquireError>>;

/// The body of a request whose messages are charged.
struct ChargedBody {
    inner: tonic::body::Body,
    accounts: Accounts,
    charges: Charges,
    /// Received and not handed on.
    rest: Bytes,
    walk: Walk,
    /// Until the message whose prefix was read last can be paid for.
    waiting: Option<Waiting>,
    /// Whether the first byte of the rest is the last of such a prefix. Who has the whole prefix makes room for the
    /// message.
    is_prefix_held: bool,
    /// Runs while a message is awaited, and starts anew for each.
    timer: Option<Pin<Box<Sleep>>>,
}

impl ChargedBody {
    fn new(inner: tonic::body::Body, accounts: Accounts, charges: Charges) -> Self {
        Self {
            inner,
            accounts,
            charges,
            rest: Bytes::new(),
            walk: Walk::default(),
            waiting: None,
            is_prefix_held: false,
            timer: None,
        }
    }

    /// Goes on through what was received: to its end, or to the last byte of the prefix of a message that must wait.
    /// Gives what is to be handed on.
    fn advance(&mut self) -> Bytes {
        let mut at = usize::from(std::mem::take(&mut self.is_prefix_held));
        while let Some(left) = self.rest.get(at..).filter(|left| !left.is_empty() && !self.walk.is_over) {
            if self.walk.prefix.len() < PREFIX_BYTES {
                let taken = left.len().min(PREFIX_BYTES - self.walk.prefix.len());
                self.walk.prefix.extend(left.iter().take(taken));
                at += taken;
                if self.walk.prefix.len() == PREFIX_BYTES && !self.begin_message() {
                    break;
                }
            } else {
                let taken = left.len().min(self.walk.missing_bytes);
                self.walk.missing_bytes -= taken;
                at += taken;
            }
            self.end_message_if_whole();
        }
        if self.walk.is_over {
            return std::mem::take(&mut self.rest);
        }
        self.is_prefix_held = self.waiting.is_some();
        self.rest.split_to(at - usize::from(self.is_prefix_held))
    }

    /// Reads a prefix. False if the message must wait.
    fn begin_message(&mut self) -> bool {
        let length = self.walk.prefix.get(1..).map_or(0, |mut length| length.get_u32());
        self.walk.missing_bytes = length as usize;
        if self.walk.missing_bytes > self.accounts.message_bytes_max {
            self.walk.is_over = true;
            return true;
        }
        let is_small = self.walk.missing_bytes <= SMALL_BYTES_MAX;
        let account = if is_small { &self.accounts.small } else { &self.accounts.large };
        let cost = length.saturating_add(OVERHEAD_BYTES);
        match Arc::clone(account).try_acquire_many_owned(cost) {
            Ok(permit) => self.walk.charge = Some(Charge(permit)),
            Err(_) => self.waiting = Some(Box::pin(Arc::clone(account).acquire_many_owned(cost))),
        }
        self.waiting.is_none()
    }

    fn end_message_if_whole(&mut self) {
        if self.walk.prefix.len() == PREFIX_BYTES && self.walk.missing_bytes == 0 && self.waiting.is_none() {
            self.walk.prefix.clear();
            self.timer = None;
            if let Some(charge) = self.walk.charge.take() {
                self.charges.push(charge);
            }
        }
    }

    /// Ready with an error when a message has been awaited for too long.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let time_max = self.accounts.message_time_max;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(time_max)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(if self.waiting.is_some() {
            Status::unavailable(format!("the orderer has had too much under way for {time_max:?}"))
        } else {
            Status::deadline_exceeded(format!("the message took more than {time_max:?} to arrive"))
        })
    }

    /// Waits until the message whose prefix was read can be paid for.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let Some(waiting) = &mut self.waiting else { return Poll::Ready(Ok(())) };
        let Poll::Ready(permit) = waiting.as_mut().poll(context) else {
            return self.poll_timer(context).map(Err);
        };
        self.waiting = None;
        self.timer = None;
        // Accounts are never closed.
        self.walk.charge = permit.ok().map(Charge);
        self.end_message_if_whole();
        Poll::Ready(Ok(()))
    }
}

impl Body for ChargedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Err(status) = ready!(self.poll_waiting(context)) {
                return Poll::Ready(Some(Err(status)));
            }
            while self.rest.is_empty() {
                match Pin::new(&mut self.inner).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => self.rest = data,
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    },
                    Poll::Ready(end) => return Poll::Ready(end),
                    Poll::Pending if self.walk.is_inside_message() => {
                        return self.poll_timer(context).map(|status| Some(Err(status)));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
            let data = self.advance();
            // Nothing, where all that came is the byte that is held.
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt as _;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    /// A message of zeros as gRPC sends it.
    fn sent(length: usize) -> Vec<u8> {
        let announced = u32::try_from(length).unwrap().to_be_bytes();
        [&[0], &announced[..], &vec![0; length]].concat()
    }

    #[tokio::test]
    async fn who_reads_a_body_learns_of_a_message_when_it_is_paid_for() {
        let all = [sent(3), sent(2000), sent(0), sent(70)].concat();
        for part_bytes in [1, 2, 5, 7, 8, 12, 13, 14, all.len()] {
            let cost = 2000 + OVERHEAD_BYTES as usize;
            let accounts = Accounts {
                small: Arc::new(Semaphore::new(cost)),
                large: Arc::new(Semaphore::new(0)),
                message_bytes_max: cost,
                message_time_max: Duration::from_secs(60),
            };
            let parts: Vec<_> = all
                .chunks(part_bytes)
                .map(|part| Ok::<_, Status>(Frame::data(part.to_vec().into())))
                .collect();
            let inner = tonic::body::Body::new(StreamBody::new(futures_util::stream::iter(parts)));
            let charges = Charges::default();
            let mut body = ChargedBody::new(inner, accounts, charges.clone());
            let (mut read, mut waits_at) = (Vec::new(), Vec::new());
            loop {
                match body.frame().now_or_never() {
                    Some(Some(frame)) => read.extend(frame.unwrap().into_data().unwrap()),
                    Some(None) => break,
                    None => {
                        waits_at.push(read.len());
                        drop(charges.next().unwrap());
                    }
                }
            }
            assert_eq!(read, all, "{part_bytes}");
            // The second message waits for the first one's answer, and the third for the second one's.
            let [first, second] = [3, 2000].map(|length| sent(length).len());
            let held = PREFIX_BYTES - 1;
            assert_eq!(waits_at, [first + held, first + second + held], "{part_bytes}");
        }
    }
}
