//! The modules that come with Raddle. They are guests like any other.

/// A module inside this binary.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// The standard rule: where Fabric's block cutter cuts.
pub const BATCH_COUNT_AND_BYTES: Shipped = Shipped {
    name: "batch-count-and-bytes",
    bytes: include_bytes!("../../../guest-filters/dist/batch-count-and-bytes.wasm"),
};

/// Refuses an envelope without a payload.
pub const EMPTY: Shipped =
    Shipped { name: "empty", bytes: include_bytes!("../../../guest-filters/dist/empty.wasm") };

/// Refuses an envelope larger than any block may be.
pub const MAX_BYTES: Shipped =
    Shipped { name: "max-bytes", bytes: include_bytes!("../../../guest-filters/dist/max-bytes.wasm") };

/// Refuses an envelope whose creator's certificate has ended.
pub const EXPIRATION: Shipped =
    Shipped { name: "expiration", bytes: include_bytes!("../../../guest-filters/dist/expiration.wasm") };

/// Refuses an envelope whose signature does not satisfy the channel's policy for writers.
pub const SIGNATURE: Shipped =
    Shipped { name: "signature", bytes: include_bytes!("../../../guest-filters/dist/signature.wasm") };

/// The filters of every channel, in the order in which they are asked.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/standardchannel.go` `CreateStandardChannelFilters`.
pub const FILTERS: [Shipped; 4] = [EMPTY, MAX_BYTES, EXPIRATION, SIGNATURE];
