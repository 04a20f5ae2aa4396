//! Fabric's wire: its messages, its hashes, and the reading of bytes exactly as Go's protobuf library reads them.
//!
//! - [`common`], [`orderer`], [`etcdraft`], [`msp`], [`peer`]: Fabric's messages, from our own `.proto` files under
//!   `fabric/`
//! - [`module`]: a Raddle module as a channel's config carries it
//! - [`wire`]: envelopes, log records and messages read with Go's rules; whatever comes from outside goes this way
//! - [`hash`]: hashes of block headers and block data
//! - [`go_text`]: values as they stand in texts that Go's programs print
//!
//! The WIT worlds of Raddle's modules lie in `wit/`.
//!
//! The generated types' own `decode` is stricter than Go: it fails, for example, where a known field has a wrong wire
//! type. So bytes from outside are read by [`wire::go_decode`] and never by `decode`. Their `encode` is deterministic,
//! since maps are sorted, and gives Go's bytes with one exception: in an entry of a map it leaves out an empty key
//! or value, which Go writes.

pub mod go_text;
pub mod hash;
pub mod wire;

/// Envelopes, headers, blocks, the config tree and signature policies: proto package `common`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod common {
    include!(concat!(env!("OUT_DIR"), "/common.rs"));
}

/// Broadcast, Deliver, log records and the values of `/Channel/Orderer`: proto package `orderer`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod orderer {
    include!(concat!(env!("OUT_DIR"), "/orderer.rs"));
}

/// The consensus metadata of a channel of type `etcdraft`: proto package `etcdraft`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod etcdraft {
    include!(concat!(env!("OUT_DIR"), "/etcdraft.rs"));
}

/// Identities and the config of MSPs: proto package `msp`. Principals belong to [`common`].
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod msp {
    include!(concat!(env!("OUT_DIR"), "/msp.rs"));
}

/// What the config's group `Application` says to peers: proto package `protos`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod peer {
    include!(concat!(env!("OUT_DIR"), "/protos.rs"));
}

/// A Raddle module as a channel's config carries it: proto package `raddle.module.v1`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod module {
    include!(concat!(env!("OUT_DIR"), "/raddle.module.v1.rs"));
}
