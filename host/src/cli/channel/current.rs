//! The config in force, from a block that was verified.

use std::sync::Arc;

use raddle_core::access::Access;
use raddle_core::bundle::{Bundle, CurrentConfig, read_config_envelope};
use raddle_proto::common::{self, Config};
use raddle_proto::wire::Envelope;

use crate::cli::block::verify_first;
use crate::cli::connection::Connection;
use crate::cli::{Code, Exit, Failure};
use crate::client::{Place, last_config};

/// The config in force.
pub struct Current {
    /// The block that holds it.
    pub block: u64,
    /// The config.
    pub config: Config,
    /// What it says of who may do what.
    pub access: Arc<Access>,
    /// What it says of ordering.
    pub bundle: Arc<Bundle>,
}

/// The number of the block with the config in force.
pub async fn block_number(connection: &Connection) -> Result<u64, Failure> {
    Ok(last_config(&connection.block(Place::Newest).await?.1)?)
}

/// Asks for the config in force.
pub async fn fetch(connection: &Connection) -> Result<Current, Failure> {
    let (header, newest) = connection.block(Place::Newest).await?;
    let number = last_config(&newest)?;
    let block =
        if number == header.number { newest } else { connection.block(Place::Number(number)).await?.1 };
    verify_first(connection, number, &block).await?;
    let unusable = |what: String| {
        let sentence = format!("the config in block {number} cannot be used: {what}");
        Failure::new(Code::ConfigUnusable, Exit::Failed, sentence)
    };
    let envelope = block.data.as_ref().and_then(|data| data.data.first().cloned()).unwrap_or_default();
    let envelope = Envelope::unmarshal(envelope).map_err(|error| unusable(error.to_string()))?;
    let read: common::ConfigEnvelope =
        read_config_envelope(&envelope).map_err(|error| unusable(error.to_string()))?;
    let config = read.config.unwrap_or_default();
    let current = CurrentConfig::read(connection.channel.clone(), config)
        .map_err(|error| unusable(error.to_string()))?;
    let CurrentConfig { config, access, bundle, .. } = current;
    Ok(Current { block: number, config, access, bundle })
}
