//! Where operators put the standard rule in the place of a channel's batch policy.

use prost::Message as _;
use raddle_core::ids::Offset;
use raddle_ledger::Ledger;
use raddle_proto::{common, orderer};

use super::NodeError;
use super::registrar::config_block;
use crate::config::BatchPolicyOverride;

/// The record from which the standard rule cuts in the channel of `ledger`; nothing if the setting is another
/// channel's, or has done its work: a config block came after that record.
pub(super) fn standard_from(
    setting: Option<&BatchPolicyOverride>,
    ledger: &Ledger,
) -> Result<Option<Offset>, NodeError> {
    let Some(BatchPolicyOverride { offset, .. }) = setting.filter(|it| it.channel == *ledger.channel())
    else {
        return Ok(None);
    };
    let (channel, config) = (ledger.channel(), offset_of(&config_block(ledger)?));
    if *offset < config {
        tracing::info!(%channel, %offset, %config, "BatchPolicyOverride has done its work and can be removed");
        return Ok(None);
    }
    tracing::warn!(%channel, %offset, "the standard rule cuts from there on, by the setting BatchPolicyOverride");
    Ok(Some(*offset))
}

/// The record that a config block was cut for. What was not cut from this log comes before all of it.
fn offset_of(block: &common::Block) -> Offset {
    let metadata = block.metadata.as_ref().and_then(|metadata| metadata.metadata.first());
    let value = |bytes: &bytes::Bytes| Some(common::Metadata::decode(bytes.clone()).ok()?.value);
    let own = metadata.and_then(value).and_then(|it| common::OrdererBlockMetadata::decode(it).ok());
    let kafka = own.as_ref().and_then(|own| value(&own.consenter_metadata)).filter(|it| !it.is_empty());
    let kafka = kafka.and_then(|it| orderer::KafkaMetadata::decode(it).ok());
    kafka.map_or(Offset::NOTHING_READ, |kafka| Offset(kafka.last_offset_persisted))
}
