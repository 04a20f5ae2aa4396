//! Which channel an envelope is for and what kind of message it is, by Fabric's rules.

use std::{sync::Arc, time::SystemTime};

use raddle_proto::{
    common::HeaderType,
    wire::{self, Envelope, HeaderError},
};

use crate::channels::{BroadcastChannel, Channels, Code, Found, Received, Refusal, RefusalStatus};

/// An envelope whose channel is known.
pub(crate) struct Classified {
    pub(crate) channel: Arc<dyn BroadcastChannel>,
    pub(crate) received: Received,
    /// Whether it asks for another channel config. Else it is a normal envelope.
    pub(crate) is_config_update: bool,
}

/// An envelope that nobody is asked about.
pub(crate) struct Unclassified {
    pub(crate) refusal: Refusal,
    /// Its channel, which exists, and its type, if it is the type that is not taken.
    pub(crate) of: Option<(String, i32)>,
}

impl From<Refusal> for Unclassified {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, of: None }
    }
}

/// Classifies an envelope that arrived `at`.
///
/// The channel is looked up before the type is looked at, so the text for an unknown channel wins.
///
/// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `BroadcastChannelSupport`,
/// `orderer/common/msgprocessor/standardchannel.go` `ClassifyMsg`.
///
/// # Errors
///
/// An [`Unclassified`] with Fabric's text. Where Go's protobuf library has the last words, ours stand instead.
pub(crate) fn classify(
    channels: &dyn Channels,
    envelope: Envelope,
    at: SystemTime,
) -> Result<Classified, Unclassified> {
    let headers = wire::headers(&envelope);
    let channel_header = headers.channel.map_err(|error| no_channel_id(&error))?;
    let channel = match channels.find(&channel_header.channel_id) {
        Found::Channel(channel) => channel,
        Found::Unknown => {
            let info =
                "channel creation request not allowed because the orderer system channel is not defined";
            return Err(bad_request(info.to_owned(), Code::CHANNEL_UNKNOWN).into());
        }
    };
    let is_config_update = match HeaderType::try_from(channel_header.r#type) {
        Ok(HeaderType::ConfigUpdate) => true,
        Ok(HeaderType::Config | HeaderType::OrdererTransaction) => {
            let info = "message is of type that cannot be processed directly";
            let refusal = bad_request(info.to_owned(), Code::TYPE_NOT_TAKEN);
            return Err(Unclassified {
                refusal,
                of: Some((channel_header.channel_id, channel_header.r#type)),
            });
        }
        // Types that Fabric does not know are normal, too.
        _ => false,
    };
    let received = Received { envelope, channel_header, signature_header: headers.signature, at };
    Ok(Classified { channel, received, is_config_update })
}

/// Source: fabric v2.5.16 `protoutil/commonutils.go` `ChannelHeader`, `protoutil/unmarshalers.go`.
fn no_channel_id(error: &HeaderError) -> Refusal {
    let cause = match error {
        HeaderError::Payload(error) => format!("error unmarshalling Payload: proto: {error}"),
        HeaderError::HeaderNotSet => "header not set".to_owned(),
        HeaderError::ChannelHeaderNotSet => "channel header not set".to_owned(),
        HeaderError::ChannelHeader(error) => {
            format!("error unmarshalling channel header: error unmarshalling ChannelHeader: proto: {error}")
        }
        other => other.to_string(),
    };
    bad_request(format!("could not determine channel ID: {cause}"), Code::ENVELOPE_UNREADABLE)
}

fn bad_request(info: String, code: Code) -> Refusal {
    Refusal { status: RefusalStatus::BadRequest, info, detail: code.into() }
}
