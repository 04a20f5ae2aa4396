//! How a node that runs asks other orderers for blocks.

use raddle_core::bundle::CurrentConfig;
use raddle_proto::common::ConfigGroup;
use raddle_proto::msp::{FabricMspConfig, MspConfig};
use raddle_proto::wire::go_decode;
use raddle_serve::tls::Authorities;

use super::addresses;
use crate::client::{ClientTls, Patience, WireFault};
use crate::config::Cluster;

/// How a node asks other orderers for the blocks of channels that it joins.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// The port on which the node listens: it does not ask itself.
    pub own_port: u16,
    /// TLS towards them; none: they are spoken to without.
    pub tls: Option<Cluster>,
    /// How long one of them may be silent.
    pub patience: Patience,
}

impl Upstream {
    /// The orderers that a config names, this node apart.
    #[must_use]
    pub fn sources(&self, config: &CurrentConfig) -> Vec<String> {
        addresses(config, self.own_port)
    }

    /// TLS towards the orderers of a config, with the certificate that stands in its file now.
    ///
    /// # Errors
    ///
    /// See [`ClientTls::new`].
    ///
    /// Differs: Fabric verifies an orderer by the authorities of its organisation alone, here those of all orderers'
    /// organisations count, and `General.Cluster.RootCAs` beside them.
    ///
    /// Source: fabric v2.5.16 `orderer/common/cluster/util.go` `EndpointconfigFromConfigBlock`,
    /// `orderer/common/cluster/util.go` `StandardDialer`.
    pub fn client_tls(&self, config: &CurrentConfig) -> Result<Option<ClientTls>, WireFault> {
        let Some(cluster) = &self.tls else { return Ok(None) };
        let mut authorities = cluster.authorities.clone();
        authorities.append(orderer_authorities(config));
        ClientTls::new(&authorities, Some(&cluster.pair())).map(Some)
    }
}

/// What the organisations of the orderers name as authorities of TLS.
fn orderer_authorities(config: &CurrentConfig) -> Authorities {
    let root = config.config.channel_group.clone().unwrap_or_default();
    let organisations = root.groups.get("Orderer").map(|group| &group.groups).into_iter().flatten();
    let mut all = Authorities::default();
    for msp in organisations.filter_map(|(_, group)| msp_of(group)) {
        for pem in msp.tls_root_certs.iter().chain(&msp.tls_intermediate_certs) {
            all.append(Authorities::readable(pem));
        }
    }
    all
}

fn msp_of(group: &ConfigGroup) -> Option<FabricMspConfig> {
    let value = group.values.get("MSP")?.value.clone();
    let config: MspConfig = go_decode(value).ok()?;
    go_decode(config.config).ok()
}
