//! A client of any orderer of Fabric's: what `raddle send` and `raddle block` are made of.
//!
//! - [`Client`]: a connection; [`Client::broadcast`] sends envelopes, [`Client::deliver`] asks for blocks
//! - [`ClientConfig`]: which orderer, channel and identity the commands of a folder use: `.raddle/client.yaml`
//! - [`Signer`](crate::identity::Signer): that identity
//! - [`list_channels`]: what an orderer tells its admins
//! - [`Verifier`]: whether the blocks that came are the channel's
//!
//! Nothing here knows whether a Raddle or a stock orderer answers. Only the details of a refusal are richer with ours.

mod broadcast;
mod config;
mod deliver;
mod error;
mod fault;
mod incoming;
mod participation;
mod verify;
mod wire;

use std::time::Duration;

use raddle_proto::wire::Envelope;
use raddle_serve::client::AtomicBroadcastClient;
use raddle_serve::client::node::{ModulesReport, NodeClient};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

pub use broadcast::{Answer, Answers, message};
pub use config::{Admin, ClientConfig, ConfigError, ConfigPlace, FILE, yaml_complaint};
pub use deliver::{Deliveries, Place, range};
pub use error::{ClientError, Detail, Refusal};
pub use fault::{BlockFault, ConfigFault};
pub use participation::{ChannelStanding, list_channels};
pub(crate) use verify::envelopes;
pub use verify::{Config, Verifier, Vouched, block_hash, config_in_force, last_config, offsets};
pub use wire::{ClientTls, WireFault};

/// Longest envelope sent and longest block received: 100 MiB, as Fabric's orderers and peers have it.
///
/// Source: fabric v2.5.16 `internal/pkg/comm/config.go` `MaxRecvMsgSize`.
pub const MESSAGE_BYTES_MAX: usize = 100 << 20;

/// How long a client waits. The defaults suit people at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection; 5 s.
    pub connect: Duration,
    /// For the next answer or block of a stream that owes one; 30 s.
    pub answer: Duration,
}

/// How often a silent connection is asked whether it is there. Go's orderers end one that asks more often.
///
/// Source: fabric v2.5.16 `sampleconfig/orderer.yaml` `General.Keepalive.ServerMinInterval`.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(65);

/// What an orderer may send on one stream before we have read it.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// The same of a connection. Larger, so that a stream that is not read does not hold the others.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// A connection to an orderer. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    patience: Patience,
    stub: AtomicBroadcastClient<Channel>,
    node: NodeClient<Channel>,
    hash: Option<[u8; 32]>,
    fault: wire::Fault,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(30) }
    }
}

// === impl Client ===

impl Client {
    /// Connects to `host:port`, without TLS.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`] if that is no address, [`ClientError::Unreachable`] if nobody answers there.
    pub async fn connect(address: &str, patience: Patience) -> Result<Self, ClientError> {
        Self::connect_with(address, patience, None).await
    }

    /// The same, with TLS if `tls` says how.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`], and [`ClientError::Wire`] if the two sides do not get into conversation. That the
    /// orderer wants TLS, or does not take the client's certificate, may be told by a stream instead.
    pub async fn connect_with(
        address: &str,
        patience: Patience,
        tls: Option<ClientTls>,
    ) -> Result<Self, ClientError> {
        check_address(address)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| ClientError::address(address, &error.to_string()))?
            .connect_timeout(patience.connect)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(Duration::from_secs(20));
        let hash = tls.as_ref().and_then(ClientTls::certificate_hash);
        let fault = wire::Fault::default();
        let connector = {
            let (address, fault) = (address.to_owned(), fault.clone());
            service_fn(move |_| wire::connect(address.clone(), tls.clone(), fault.clone()))
        };
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|error| ClientError::unreachable(address, &error))?;
        let node = NodeClient::new(channel.clone());
        let stub = AtomicBroadcastClient::new(channel)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self { address: address.to_owned(), patience, stub, node, hash, fault })
    }

    /// Asks one of Raddle's orderers what a channel's modules have done there. `request` is signed as one for blocks.
    ///
    /// # Errors
    ///
    /// The orderer refuses, is not one of Raddle's, breaks off, or does not answer in time.
    pub async fn modules(&self, request: &Envelope) -> Result<ModulesReport, ClientError> {
        let mut node = self.node.clone();
        match timeout(self.patience.answer, node.modules(message(request))).await {
            Ok(Ok(report)) => Ok(report.into_inner()),
            Ok(Err(status)) => Err(ClientError::of_grpc(&self.address, &status, self.fault.get())),
            Err(_) => {
                Err(ClientError::Silent { address: self.address.clone(), silence: self.patience.answer })
            }
        }
    }

    /// The same connection, whose streams wait so long for an answer.
    #[must_use]
    pub fn waiting(mut self, answer: Duration) -> Self {
        self.patience.answer = answer;
        self
    }

    /// SHA-256 of the certificate that the connection is made with, if it is made with one.
    #[must_use]
    pub const fn certificate_hash(&self) -> Option<[u8; 32]> {
        self.hash
    }

    /// The orderer's address, as it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// `host:port`, where an IPv6 host stands in brackets, and nothing of a URL beside it.
fn check_address(address: &str) -> Result<(), ClientError> {
    let bad = |what: &str| Err(ClientError::address(address, what));
    if address.contains("://") {
        return bad("an address has no scheme");
    }
    let Some((host, port)) = address.rsplit_once(':') else { return bad("it has no port") };
    if port.parse::<u16>().is_err() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return bad("its port is none of 0 to 65535");
    }
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !is_bracketed) || host.contains(['/', '@', '?', '#']) {
        return bad("its host is no name and no IP address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:7050", "orderer.example.com:7050", "[::1]:7050", "localhost:0"] {
            assert_eq!(check_address(good).map_err(|error| error.to_string()), Ok(()), "{good}");
        }
        for (bad, what) in [
            ("", "no port"),
            ("orderer", "no port"),
            ("orderer:", "port is none of"),
            ("orderer:70500", "port is none of"),
            ("orderer:+7", "port is none of"),
            (":7050", "host is no name"),
            ("::1:7050", "host is no name"),
            ("a/b:7050", "host is no name"),
            ("http://a:7050", "no scheme"),
        ] {
            let said = check_address(bad).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(what), "{bad}: {said}");
        }
    }
}
