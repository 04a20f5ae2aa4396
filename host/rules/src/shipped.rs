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
