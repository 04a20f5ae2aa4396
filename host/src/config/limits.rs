//! `Limits` of `raddle.yaml`: what clients of Broadcast and Deliver may have at once.

use std::time::Duration;

use raddle_serve::broadcast::LaneLimits;
use raddle_serve::guard::GuardLimits;
use raddle_serve::intake::IntakeLimits;
use raddle_serve::server::ServerSettings;

use super::layer::Layer;
use super::{by_table, duration, value};

/// What clients may have at once. Each is a key of `raddle.yaml`; the defaults are those of [`ServerSettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `Limits.Connections`: beyond it connections wait in the system's queue.
    pub connections: usize,
    /// `Limits.StreamsPerConnection`: beyond it streams wait in the client.
    pub streams_per_connection: u32,
    /// `Limits.HeaderBytes`: headers of one request.
    pub header_bytes: u32,
    /// `Limits.ConnectionWindow`: what one connection may send before it is read.
    pub connection_window: u32,
    /// `Limits.StreamEnvelopes` and `Limits.StreamBytes`: what one stream may have under way.
    pub lane: LaneLimits,
    /// `Limits.SmallMessageBytes`, `Limits.LargeMessageBytes`, `Limits.MessageTime`.
    pub intake: IntakeLimits,
    /// `Limits.ConnectionsPerAddress`, `Limits.Streams`, `Limits.StreamsPerClient`, `Limits.DeliverBytes`,
    /// `Limits.ReaderTime`, `Limits.IdleTime`.
    pub guard: GuardLimits,
    /// `Limits.StopTime`: how long envelopes that were received may take to be answered when the node stops.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let settings = ServerSettings::default();
        Self {
            connections: settings.connections_max,
            streams_per_connection: settings.connection_streams_max,
            header_bytes: settings.header_bytes_max,
            connection_window: settings.connection_window_bytes,
            lane: settings.lane,
            intake: settings.intake,
            guard: settings.guard,
            stop_time: settings.drain_max,
        }
    }
}

impl Limits {
    pub(super) fn read(layer: &mut Layer<'_>) -> Self {
        let number = |layer: &mut Layer<'_>, key| {
            let number = by_table(layer, key, |found| value::number(found, u32::MAX.into())).value;
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        let count = |layer: &mut Layer<'_>, key| wide(number(layer, key));
        let size = |layer: &mut Layer<'_>, key| by_table(layer, key, value::size).value;
        let bytes = |layer: &mut Layer<'_>, key| wide(size(layer, key));
        let time = |layer: &mut Layer<'_>, key| duration(layer, key).value;
        Self {
            connections: count(layer, "Limits.Connections"),
            streams_per_connection: number(layer, "Limits.StreamsPerConnection"),
            header_bytes: size(layer, "Limits.HeaderBytes"),
            connection_window: size(layer, "Limits.ConnectionWindow"),
            lane: LaneLimits {
                envelopes_max: count(layer, "Limits.StreamEnvelopes"),
                bytes_max: bytes(layer, "Limits.StreamBytes"),
            },
            intake: IntakeLimits {
                small_bytes_max: bytes(layer, "Limits.SmallMessageBytes"),
                large_bytes_max: bytes(layer, "Limits.LargeMessageBytes"),
                message_time_max: time(layer, "Limits.MessageTime"),
            },
            guard: GuardLimits {
                address_connections_max: count(layer, "Limits.ConnectionsPerAddress"),
                client_streams_max: count(layer, "Limits.StreamsPerClient"),
                streams_max: count(layer, "Limits.Streams"),
                deliver_bytes_max: bytes(layer, "Limits.DeliverBytes"),
                reader_time_max: time(layer, "Limits.ReaderTime"),
                idle_time_max: time(layer, "Limits.IdleTime"),
            },
            stop_time: time(layer, "Limits.StopTime"),
        }
    }

    /// A server's settings with these limits.
    #[must_use]
    pub fn server(&self) -> ServerSettings {
        ServerSettings {
            connections_max: self.connections,
            connection_streams_max: self.streams_per_connection,
            header_bytes_max: self.header_bytes,
            connection_window_bytes: self.connection_window,
            // Half, so that one stream that is not read leaves the others something.
            stream_window_bytes: self.connection_window / 2,
            lane: self.lane,
            intake: self.intake,
            guard: self.guard,
            drain_max: self.stop_time,
            ..ServerSettings::default()
        }
    }
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
