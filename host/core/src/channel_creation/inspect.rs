//! The last filter of a system channel, and the way back from a record to the client's update.

use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::{Envelope, WireError, go_decode};

use super::SystemChannel;
use super::error::InspectionRefusal;
use crate::bundle::{ConsensusState, CurrentConfig};
use crate::config_update::apply;
use crate::policy::go_text;

impl SystemChannel {
    /// Judges an envelope that is about to be ordered in the system channel. Only ORDERER_TRANSACTIONs interest it: the
    /// config inside must be what comes out of the update beside it.
    ///
    /// `channels` are those that the orderer serves, the system channel among them.
    ///
    /// Differs: unknown fields of the config are not compared; no orderer's own config has any.
    ///
    /// # Errors
    ///
    /// See [`InspectionRefusal`].
    ///
    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannelfilter.go` `Apply`.
    pub fn inspect(&self, envelope: &Envelope, channels: u64) -> Result<(), InspectionRefusal> {
        let payload: common::Payload =
            go_decode(envelope.payload().clone()).map_err(InspectionRefusal::Payload)?;
        let header = payload.header.ok_or(InspectionRefusal::NoHeader)?;
        let header: common::ChannelHeader =
            go_decode(header.channel_header).map_err(InspectionRefusal::ChannelHeader)?;
        if header.r#type != HeaderType::OrdererTransaction as i32 {
            return Ok(());
        }
        // More, not as many: the system channel does not count.
        if self.channels_max > 0 && channels > self.channels_max {
            return Err(InspectionRefusal::ChannelsMax(self.channels_max));
        }
        if self.bundle.consensus.state != ConsensusState::Normal {
            return Err(InspectionRefusal::Maintenance);
        }
        let inner = Envelope::unmarshal(payload.data).map_err(InspectionRefusal::Inner)?;
        self.inspect_config(&read_inner(&inner)?)
    }

    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannelfilter.go` `authorizeAndInspect`.
    fn inspect_config(&self, carried: &common::ConfigEnvelope) -> Result<(), InspectionRefusal> {
        let update = carried.last_update.as_ref().ok_or(InspectionRefusal::NoUpdate)?;
        let update = Envelope::new(&update.payload, &update.signature);
        let template = self.template(&update).map_err(InspectionRefusal::Template)?;
        let refuse = |refusal| InspectionRefusal::NotAuthorised(Box::new(refusal));
        let proposed = apply(&template, &update).map_err(refuse)?;
        if proposed != *carried {
            return Err(InspectionRefusal::OtherConfig);
        }
        let config = proposed.config.unwrap_or_default();
        let read = CurrentConfig::read(template.channel().clone(), config);
        read.map(|_| ()).map_err(|error| InspectionRefusal::Config(Box::new(error)))
    }
}

fn read_inner(inner: &Envelope) -> Result<common::ConfigEnvelope, InspectionRefusal> {
    let payload: common::Payload =
        go_decode(inner.payload().clone()).map_err(InspectionRefusal::InnerPayload)?;
    let header = payload.header.ok_or(InspectionRefusal::InnerNoHeader)?;
    let header: common::ChannelHeader =
        go_decode(header.channel_header).map_err(InspectionRefusal::InnerChannelHeader)?;
    if header.r#type != HeaderType::Config as i32 {
        return Err(InspectionRefusal::InnerNotConfig);
    }
    go_decode(payload.data).map_err(InspectionRefusal::InnerConfig)
}

/// Why a record does not tell which update it is from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateInError {
    /// The payload of the envelope inside is no such thing, or there is no such envelope.
    #[error("Abort processing config msg because payload data unmarshalling error: {}", go_text(.0))]
    Inner(WireError),
    /// The envelope inside is no CONFIG envelope, or its config has no update beside it.
    #[error("Abort processing config msg because payload data unmarshalling error: {0}")]
    InnerNotConfig(InspectionRefusal),
}

/// The client's update in an ORDERER_TRANSACTION envelope: what is processed anew when the record has grown stale.
///
/// # Errors
///
/// See [`UpdateInError`].
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `ProcessConfigMsg`.
pub fn update_in(envelope: &Envelope) -> Result<Envelope, UpdateInError> {
    let payload: common::Payload = go_decode(envelope.payload().clone()).map_err(UpdateInError::Inner)?;
    let inner = Envelope::unmarshal(payload.data).map_err(UpdateInError::Inner)?;
    let config = read_inner(&inner).map_err(UpdateInError::InnerNotConfig)?;
    let update = config.last_update.ok_or(UpdateInError::InnerNotConfig(InspectionRefusal::NoUpdate))?;
    Ok(Envelope::new(&update.payload, &update.signature))
}
