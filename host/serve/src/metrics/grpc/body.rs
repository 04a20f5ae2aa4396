//! A body of gRPC whose messages are counted as they pass.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use prometheus::IntCounter;
use tonic::Status;

use super::Call;

/// Flag and length, in front of each message.
const PREFIX_BYTES: usize = 5;

/// A body, and what it counts.
pub(super) struct Counting {
    inner: tonic::body::Body,
    messages: Option<IntCounter>,
    walk: Walk,
    ending: Option<Ending>,
}

/// A call that ends with its answer's body.
pub(super) struct Ending(pub(super) Call);

/// Where among messages a body is.
#[derive(Default)]
struct Walk {
    /// What has come of a prefix.
    prefix: [u8; PREFIX_BYTES],
    prefix_bytes: usize,
    /// What is to come of the message behind it.
    missing_bytes: u64,
}

impl Counting {
    pub(super) fn new(
        inner: tonic::body::Body,
        messages: Option<IntCounter>,
        ending: Option<Ending>,
    ) -> Self {
        Self { inner, messages, walk: Walk::default(), ending }
    }
}

impl Walk {
    /// Goes on over these bytes; answers how many messages have begun in them.
    fn over(&mut self, mut bytes: &[u8]) -> u64 {
        let mut begun = 0;
        while !bytes.is_empty() {
            let inside = usize::try_from(self.missing_bytes).unwrap_or(usize::MAX).min(bytes.len());
            self.missing_bytes -= inside as u64;
            bytes = bytes.get(inside..).unwrap_or_default();
            for (place, byte) in self.prefix.iter_mut().skip(self.prefix_bytes).zip(bytes) {
                *place = *byte;
            }
            let taken = bytes.len().min(PREFIX_BYTES - self.prefix_bytes);
            self.prefix_bytes += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.prefix_bytes == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                self.missing_bytes = u32::from_be_bytes(length).into();
                self.prefix_bytes = 0;
                begun += 1;
            }
        }
        begun
    }
}

impl Body for Counting {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match &polled {
            Some(Ok(frame)) => {
                if let (Some(messages), Some(data)) = (&this.messages, frame.data_ref()) {
                    messages.inc_by(this.walk.over(data));
                }
                if let (Some(Ending(call)), Some(trailers)) = (&mut this.ending, frame.trailers_ref()) {
                    call.code = Status::from_header_map(trailers).map_or(call.code, |status| status.code());
                }
            }
            Some(Err(status)) => {
                if let Some(Ending(call)) = &mut this.ending {
                    call.code = status.code();
                }
            }
            None => drop(this.ending.take()),
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_are_counted_however_they_are_cut(
            lengths in proptest::collection::vec(0_usize..70, 0..20),
            cuts in proptest::collection::vec(1_usize..40, 1..20),
        ) {
            let mut bytes = Vec::new();
            for length in &lengths {
                bytes.push(0);
                bytes.extend(u32::try_from(*length).unwrap_or_default().to_be_bytes());
                bytes.extend(vec![7; *length]);
            }
            let (mut walk, mut begun, mut rest) = (Walk::default(), 0, bytes.as_slice());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                begun += walk.over(now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(begun, lengths.len() as u64);
            prop_assert_eq!((walk.missing_bytes, walk.prefix_bytes), (0, 0));
        }
    }
}
