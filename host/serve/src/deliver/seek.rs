//! What a client asks for: reading a request, and where it begins and ends in a channel.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::{bundle::is_config_block, ids::BlockNumber};
use raddle_proto::{
    common::{self, Block, Payload},
    orderer::{
        SeekInfo, SeekPosition, SeekSpecified,
        seek_info::{SeekBehavior, SeekContentType, SeekErrorResponse},
        seek_position::Type,
    },
    wire::{self, Envelope, HeaderError, go_decode},
};

use super::not_delivered::{NotBound, NotDelivered};
use crate::tls::ClientCertificate;

/// Most bytes of a request; 64 KiB. A session keeps its request for as long as it lasts, because the policy is asked
/// again about the same signed bytes. A range of blocks and an identity of any kind take a few KiB.
///
/// Differs: Fabric takes a request as long as any other envelope.
pub const SEEK_BYTES_MAX: usize = 64 * 1024;

/// A request whose headers can be read and whose time is right.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) envelope: Envelope,
    pub(crate) channel_id: String,
    /// SHA-256 of the certificate that the client says its connection was made with.
    tls_cert_hash: Bytes,
    payload: Payload,
}

impl Request {
    /// Reads a request that arrived at `now`. The header's type is not looked at.
    ///
    /// Source: fabric v2.5.16 `common/deliver/deliver.go` `parseEnvelope`, `validateChannelHeader`.
    pub(crate) fn read(envelope: Envelope, now: SystemTime, window: Duration) -> Result<Self, NotDelivered> {
        let bytes = envelope.marshal().len();
        if bytes > SEEK_BYTES_MAX {
            return Err(NotDelivered::TooLong { bytes, bytes_max: SEEK_BYTES_MAX });
        }
        let headers = wire::headers(&envelope);
        let channel_header = headers.channel.map_err(NotDelivered::Unreadable)?;
        headers.signature.map_err(NotDelivered::Unreadable)?;
        let payload = go_decode(envelope.payload().clone());
        let payload = payload.map_err(|error| NotDelivered::Unreadable(HeaderError::Payload(error)))?;
        let timestamp = channel_header.timestamp.ok_or(NotDelivered::NoTimestamp)?;
        let at = i128::from(timestamp.seconds) * 1_000_000_000 + i128::from(timestamp.nanos);
        check_time(at, now, window)?;
        let common::ChannelHeader { channel_id, tls_cert_hash, .. } = channel_header;
        Ok(Self { envelope, channel_id, tls_cert_hash, payload })
    }

    /// Whether who signed the request is who made the connection, with the certificate `client`: nobody may pass on a
    /// request that another signed. To be asked of a request that was read, where clients must have certificates.
    ///
    /// Source: fabric v2.5.16 `common/deliver/binding.go` `mutualTLSBinding`.
    pub(crate) fn check_binding(&self, client: Option<&ClientCertificate>) -> Result<(), NotBound> {
        let claimed = &self.tls_cert_hash;
        match client {
            _ if claimed.is_empty() => Err(NotBound::NotClaimed),
            None => Err(NotBound::NoCertificate),
            Some(client) if client.hash != **claimed => {
                Err(NotBound::Other { claimed: claimed.clone(), actual: client.hash })
            }
            Some(_) => Ok(()),
        }
    }

    /// What is asked for.
    pub(crate) fn seek_info(&self) -> Result<SeekInfo, NotDelivered> {
        go_decode(self.payload.data.clone()).map_err(NotDelivered::NoSeekInfo)
    }
}

const SECOND_NANOS: u128 = 1_000_000_000;

/// Differs: Go's time in nanoseconds wraps beyond the years 1678 and 2262, and what wraps into the window passes.
fn check_time(at_nanos: i128, now: SystemTime, window: Duration) -> Result<(), NotDelivered> {
    let now_nanos = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |nanos| -nanos),
    };
    let ahead_nanos = at_nanos.saturating_sub(now_nanos);
    let apart_nanos = ahead_nanos.unsigned_abs();
    if apart_nanos <= window.as_nanos() {
        return Ok(());
    }
    // Both sides are seconds of 64 bits, so that their distance may take one bit more.
    let seconds = u64::try_from(apart_nanos / SECOND_NANOS).unwrap_or(u64::MAX);
    let apart = Duration::new(seconds, (apart_nanos % SECOND_NANOS) as u32);
    Err(NotDelivered::OutOfTime { apart, is_ahead: ahead_nanos > 0, window })
}

/// How a client wants to be served. Numbers that are unknown mean what 0 means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Blocks that do not exist yet are not waited for.
    pub(crate) fails_if_not_ready: bool,
    /// Blocks are wanted even if the channel is in trouble.
    pub(crate) is_best_effort: bool,
    /// Of a block that holds no config, header and metadata are enough: it attests that the block is there.
    ///
    /// Source: fabric v3.1.5 `common/deliver/deliver.go` `deliverBlocks`. v2.5 does not know it, and delivers whole
    /// blocks.
    pub(crate) is_attestation: bool,
}

impl Manner {
    pub(crate) fn of(seek: &SeekInfo) -> Self {
        Self {
            fails_if_not_ready: seek.behavior == i32::from(SeekBehavior::FailIfNotReady),
            is_best_effort: seek.error_response == i32::from(SeekErrorResponse::BestEffort),
            is_attestation: seek.content_type == i32::from(SeekContentType::HeaderWithSig),
        }
    }

    /// What is sent of a committed block.
    pub(crate) fn of_block(self, block: Bytes) -> Bytes {
        if !self.is_attestation {
            return block;
        }
        match go_decode::<Block>(block.clone()) {
            Ok(read) if !is_config_block(&read) => Block { data: None, ..read }.encode_to_vec().into(),
            _ => block,
        }
    }
}

/// A range of blocks, both ends included.
///
/// `stop` may lie before `start`, as Fabric has it for some seeks: then no block is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: BlockNumber,
    pub(crate) stop: BlockNumber,
}

impl Range {
    /// The range that is asked for in a channel of `height` blocks.
    ///
    /// A start beyond the end is found before a stop that precedes it: Fabric counts such a start as 0.
    ///
    /// Source: fabric v2.5.16 `common/deliver/deliver.go` `deliverBlocks`,
    /// `common/ledger/blockledger/fileledger/impl.go` `Iterator`.
    pub(crate) fn of(seek: &SeekInfo, height: u64) -> Result<Self, NotDelivered> {
        let (Some(start), Some(stop)) = (&seek.start, &seek.stop) else {
            let ends = [("start", seek.start.is_none()), ("stop", seek.stop.is_none())];
            let missing = ends.into_iter().filter_map(|(name, is_missing)| is_missing.then_some(name));
            return Err(NotDelivered::Incomplete { missing: missing.collect() });
        };
        let newest = BlockNumber(height.saturating_sub(1));
        let start = match start.r#type {
            Some(Type::Oldest(_)) => BlockNumber(0),
            Some(Type::Newest(_)) => newest,
            Some(Type::Specified(SeekSpecified { number })) if number > height => {
                return Err(NotDelivered::BeyondEnd { start: BlockNumber(number), height });
            }
            Some(Type::Specified(SeekSpecified { number })) => BlockNumber(number),
            Some(Type::NextCommit(_)) => BlockNumber(height),
            None => return Err(NotDelivered::FromNowhere),
        };
        let stop = stop_of(stop, start, newest)?;
        Ok(Self { start, stop })
    }
}

fn stop_of(
    stop: &SeekPosition,
    start: BlockNumber,
    newest: BlockNumber,
) -> Result<BlockNumber, NotDelivered> {
    match stop.r#type {
        Some(Type::Oldest(_)) => Ok(start),
        Some(Type::Newest(_)) => Ok(newest),
        Some(Type::Specified(SeekSpecified { number })) if number < start.0 => {
            Err(NotDelivered::Reversed { start, stop: BlockNumber(number) })
        }
        Some(Type::Specified(SeekSpecified { number })) => Ok(BlockNumber(number)),
        Some(Type::NextCommit(_)) | None => Ok(BlockNumber(0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_proto::orderer::{SeekNewest, SeekNextCommit, SeekOldest};

    use super::*;

    const HEIGHT: u64 = 10;

    fn position(text: &str) -> Option<SeekPosition> {
        let r#type = match text {
            "-" => return None,
            "oldest" => Some(Type::Oldest(SeekOldest {})),
            "newest" => Some(Type::Newest(SeekNewest {})),
            "next" => Some(Type::NextCommit(SeekNextCommit {})),
            "nothing" => None,
            number => Some(Type::Specified(SeekSpecified { number: number.parse().unwrap() })),
        };
        Some(SeekPosition { r#type })
    }

    fn range(start: &str, stop: &str) -> Result<(u64, u64), (i32, u16)> {
        let seek = SeekInfo { start: position(start), stop: position(stop), ..Default::default() };
        match Range::of(&seek, HEIGHT) {
            Ok(Range { start, stop }) => Ok((start.0, stop.0)),
            Err(error) => Err((error.status().into(), error.into_detail().code.0)),
        }
    }

    #[test]
    fn a_seek_in_a_channel_of_ten_blocks_is_a_range_or_a_status() {
        let max = &u64::MAX.to_string();
        let cases = [
            ("oldest", "newest", Ok((0, 9))),
            ("oldest", "oldest", Ok((0, 0))),
            ("oldest", max, Ok((0, u64::MAX))),
            ("newest", "newest", Ok((9, 9))),
            ("newest", "oldest", Ok((9, 9))),
            ("newest", "8", Err((400, 1206))),
            ("next", max, Ok((10, u64::MAX))),
            ("next", "oldest", Ok((10, 10))),
            ("next", "9", Err((400, 1206))),
            ("4", "4", Ok((4, 4))),
            ("4", "3", Err((400, 1206))),
            ("0", "0", Ok((0, 0))),
            ("10", "10", Ok((10, 10))),
            ("11", "11", Err((404, 1207))),
            ("11", "0", Err((404, 1207))),
            (max, "newest", Err((404, 1207))),
            // Stops that lie before the start, and are not refused: there is no last block.
            ("next", "newest", Ok((10, 9))),
            ("10", "newest", Ok((10, 9))),
            ("4", "nothing", Ok((4, 0))),
            ("4", "next", Ok((4, 0))),
            ("oldest", "nothing", Ok((0, 0))),
            ("nothing", "newest", Err((404, 1208))),
            ("nothing", "nothing", Err((404, 1208))),
            ("-", "newest", Err((400, 1205))),
            ("newest", "-", Err((400, 1205))),
            ("nothing", "-", Err((400, 1205))),
            ("-", "-", Err((400, 1205))),
        ];
        for (start, stop, expected) in cases {
            assert_eq!(range(start, stop), expected, "{start} to {stop}");
        }
    }

    #[test]
    fn the_window_is_open_on_both_sides_and_closed_beyond() {
        let window = Duration::from_secs(900);
        let now = UNIX_EPOCH + Duration::new(1_700_000_000, 5);
        let now_nanos = 1_700_000_000_000_000_005_i128;
        let width = 900_000_000_000_i128;
        for (at, is_in) in [
            (now_nanos, true),
            (now_nanos - width, true),
            (now_nanos + width, true),
            (now_nanos - width - 1, false),
            (now_nanos + width + 1, false),
            // What Go's 64 bits take for this very moment.
            (now_nanos + (1_i128 << 64), false),
            (i128::from(i64::MAX) * 1_000_000_000, false),
            (i128::from(i64::MIN) * 1_000_000_000, false),
        ] {
            assert_eq!(check_time(at, now, window).is_ok(), is_in, "{at}");
        }
        assert!(check_time(-1, UNIX_EPOCH - Duration::from_nanos(1), Duration::ZERO).is_ok());
    }

    #[test]
    fn how_far_a_time_is_off_is_said() {
        let now = UNIX_EPOCH + Duration::from_secs(2000);
        let says = |at: i128| check_time(at, now, Duration::from_secs(900)).unwrap_err().to_string();
        let seconds = 1_000_000_000;
        let text =
            "the request's timestamp is 1000.5 s ahead of this orderer's time, and at most 900 s are allowed";
        assert_eq!(says(3000 * seconds + seconds / 2), text);
        let text =
            "the request's timestamp is 2000 s behind this orderer's time, and at most 900 s are allowed";
        assert_eq!(says(0), text);
        let text = "900.000000001 s behind this orderer's time, and at most 900 s are allowed";
        assert!(says(1100 * seconds - 1).ends_with(text));
    }
}
