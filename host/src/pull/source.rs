//! The orderers that have a channel's blocks.

use std::net::{ToSocketAddrs as _, UdpSocket};
use std::time::SystemTime;

use raddle_core::bundle::CurrentConfig;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_proto::common::{self, ConfigGroup};
use raddle_proto::hash::{Sha256Hash, hex};
use raddle_proto::orderer::SeekInfo;
use raddle_proto::orderer::seek_info::SeekErrorResponse;
use raddle_proto::wire::go_decode;
use tokio::sync::mpsc;

use super::{Pull, SourceFault, Told};
use crate::client::{BlockFault, Client, ClientError, Deliveries, Place, block_hash, range};
use crate::identity::Signer;

/// The orderers that a channel's config names, this node apart, which listens on `own_port`.
///
/// Source: fabric v2.5.16 `orderer/common/cluster/util.go` `EndpointconfigFromConfigBlock`.
#[must_use]
pub fn addresses(config: &CurrentConfig, own_port: u16) -> Vec<String> {
    let root = config.config.channel_group.clone().unwrap_or_default();
    let organisations = root.groups.get("Orderer").map(|group| &group.groups).into_iter().flatten();
    let mut named: Vec<_> = organisations.flat_map(|(_, group)| listed(group, "Endpoints")).collect();
    if named.is_empty() {
        named = listed(&root, "OrdererAddresses");
    }
    let mut addresses = Vec::new();
    for address in named {
        if !addresses.contains(&address) && !is_own(&address, own_port) {
            addresses.push(address);
        }
    }
    addresses
}

fn listed(group: &ConfigGroup, key: &str) -> Vec<String> {
    let value = group.values.get(key).map(|value| value.value.clone()).unwrap_or_default();
    go_decode::<common::OrdererAddresses>(value).map(|it| it.addresses).unwrap_or_default()
}

/// Whether an address leads to this machine, and there to the port. A socket can be bound to own addresses only.
fn is_own(address: &str, own_port: u16) -> bool {
    let is_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse() == Ok(own_port));
    is_port
        && address
            .to_socket_addrs()
            .is_ok_and(|mut found| found.any(|it| UdpSocket::bind((it.ip(), 0)).is_ok()))
}

/// An orderer that has the given block.
pub(super) struct Source<'a> {
    client: Client,
    channel: &'a ChannelId,
    signer: &'a Signer,
}

impl<'a> Source<'a> {
    /// Connects, and makes sure that the orderer's chain is the one that is wanted: it has the given block, and the
    /// last one that is kept. Answers its newest block's number, which is its word and nothing more.
    pub(super) async fn find(
        address: &str,
        pull: &'a Pull,
        kept: Option<(BlockNumber, Sha256Hash)>,
    ) -> Result<(Self, u64), SourceFault> {
        let client = Client::connect_with(address, pull.patience, pull.tls.clone()).await?;
        let source = Self { client, channel: pull.joined.channel(), signer: &pull.signer };
        let newest = source.header(Place::Newest, 0).await?.number;
        let wanted = pull.joined.number;
        if newest < wanted.0 {
            return Err(SourceFault::Behind { newest, wanted });
        }
        let found = source.hash(wanted).await?;
        if found != pull.joined.hash {
            let (expected, found) = (hex(&pull.joined.hash), hex(&found));
            return Err(SourceFault::OtherBlock { number: wanted, expected, found });
        }
        if let Some((number, kept)) = kept.filter(|(number, _)| number.0 <= newest && *number != wanted) {
            let found = source.hash(number).await?;
            if found != kept {
                let (kept, found) = (hex(&kept), hex(&found));
                return Err(SourceFault::OtherKept { number, kept, found });
            }
        }
        Ok((source, newest))
    }

    async fn hash(&self, number: BlockNumber) -> Result<Sha256Hash, SourceFault> {
        let header = self.header(Place::Number(number.0), number.0).await?;
        if header.number != number.0 {
            return Err(BlockFault::Number { expected: number.0, found: header.number }.into());
        }
        Ok(block_hash(&header))
    }

    async fn header(&self, place: Place, expected: u64) -> Result<common::BlockHeader, SourceFault> {
        let block = self.ask(place, place)?.next().await?.ok_or(SourceFault::Nothing)?;
        Ok(block.header.ok_or(BlockFault::NoHeader { expected })?)
    }

    /// Also an orderer whose brokers are away delivers what it has.
    fn ask(&self, start: Place, stop: Place) -> Result<Deliveries, SourceFault> {
        let seek =
            SeekInfo { error_response: SeekErrorResponse::BestEffort.into(), ..range(start, stop, false) };
        let hash = self.client.certificate_hash();
        let seek = self.signer.bound_seek(self.channel, &seek, SystemTime::now(), hash);
        let seek = seek.map_err(|error| ClientError::Unsigned { cause: error.to_string() })?;
        Ok(self.client.deliver(&seek))
    }

    /// Puts the blocks from `first` to `last` into the queue; ends early when nobody takes them any more.
    pub(super) async fn deliver(
        &self,
        first: u64,
        last: u64,
        queue: &mpsc::Sender<common::Block>,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<(), SourceFault> {
        let mut blocks = self.ask(Place::Number(first), Place::Number(last))?;
        for next in first..=last {
            let block = blocks.next().await?.ok_or(SourceFault::Short { next, newest: last })?;
            if queue.send(block).await.is_err() {
                return Ok(());
            }
            tell(Told::Block);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::pull::JoinBlock;

    #[test]
    fn the_orderers_of_a_config_are_asked_but_not_the_node_itself() {
        let block = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/fabric-2.5/mychannel.block");
        let joined = JoinBlock::read(std::fs::read(block).unwrap().into()).unwrap();
        let mut config = CurrentConfig::read(joined.channel().clone(), joined.config.config.clone()).unwrap();
        assert_eq!(addresses(&config, 7150), ["127.0.0.1:7050"]);
        assert_eq!(addresses(&config, 7050), [""; 0], "this machine's");
        // Those of organisations count before those of the channel.
        let root = config.config.channel_group.as_mut().unwrap();
        let organisation = root.groups.get_mut("Orderer").unwrap().groups.values_mut().next().unwrap();
        let list =
            common::OrdererAddresses { addresses: vec!["192.0.2.1:7050".into(), "192.0.2.1:7050".into()] };
        let value =
            common::ConfigValue { value: prost::Message::encode_to_vec(&list).into(), ..Default::default() };
        organisation.values.insert("Endpoints".into(), value);
        assert_eq!(addresses(&config, 7050), ["192.0.2.1:7050"], "another machine's");
    }
}
