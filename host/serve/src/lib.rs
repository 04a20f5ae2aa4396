//! Fabric's `AtomicBroadcast` on gRPC: what comes in over the network, and in which form it is answered.
//!
//! - [`channels`]: the seam. What an orderer has to offer so that it can be served: channels that admit and append,
//!   and whose blocks can be had
//! - [`broadcast`]: one stream of Broadcast, from envelope to answer
//! - [`deliver`]: one stream of Deliver, from a range asked for to its blocks
//! - [`intake`]: what all streams of a server may hold together
//! - [`guard`]: what clients may have open and hold, and what becomes of those that do not let go
//! - [`server`]: the socket, its limits, health and reflection
//! - [`tls`]: TLS on a socket, for this listener and any other
//! - [`participation`]: channel participation over HTTP, for admins
//! - [`operations`]: health, version, log levels and metrics over HTTP, for operators
//! - [`clock`]: the time of day, which tests may set
//! - [`client`]: the client's side of the same service
//!
//! Start reading at [`broadcast`]. The order of a stream's answers is decided in `lane`, which knows nothing of gRPC.

mod answer;
pub mod broadcast;
pub mod channels;
mod classify;
pub mod clock;
mod code;
mod codec;
mod connections;
pub mod deliver;
pub mod guard;
pub mod intake;
mod lane;
pub mod metrics;
mod node;
pub mod operations;
pub mod participation;
pub mod server;
pub mod tapped;
pub mod tls;
mod web;

/// The client's side of `AtomicBroadcast`, generated from `proto/fabric/orderer/ab.proto`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod client {
    include!(concat!(env!("OUT_DIR"), "/client/orderer.rs"));
    pub use atomic_broadcast_client::AtomicBroadcastClient;

    /// What Raddle's orderers tell beside Fabric's, generated from `proto/raddle/node.proto`.
    pub mod node {
        include!(concat!(env!("OUT_DIR"), "/client/raddle.node.v1.rs"));
        pub use node_client::NodeClient;
    }
}

/// The server's side, with envelopes as [`raddle_proto::wire::Envelope`] reads them.
#[allow(missing_docs, clippy::all, rustdoc::all)]
mod service {
    include!(concat!(env!("OUT_DIR"), "/server/orderer.rs"));

    pub mod node {
        include!(concat!(env!("OUT_DIR"), "/server/raddle.node.v1.rs"));
    }
}

/// Marshalled `FileDescriptorSet` of `orderer/ab.proto`, of `node.proto` and of all that it imports, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
