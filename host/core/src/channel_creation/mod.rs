//! Creating channels through a system channel.
//!
//! A client sends the system channel a config update for a channel that does not exist. The orderer makes a config for
//! that channel from its own ([`SystemChannel::template`]), applies the update to it, which is where signatures are
//! asked for, and orders the result as an ORDERER_TRANSACTION of the system channel. Every orderer that meets the
//! record makes block 0 of the new channel from it: [`NewChannel`].
//!
//! | step | who | here |
//! |---|---|---|
//! | a client's update | [`SystemChannel::create`] | gives a [`Creation`], which the caller signs and wraps |
//! | the wrapped envelope, at admission | [`SystemChannel::inspect`] | the last filter of a system channel |
//! | a stale record | [`update_in`] | finds the client's update, which goes through all of it again |
//! | a record at its place | [`NewChannel::read`] | block 0, the same on every orderer |
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel{,filter}.go`,
//! `orderer/common/multichannel/{registrar,blockwriter}.go`.

mod error;
mod inspect;
mod new_channel;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::wire::{Envelope, go_decode};
use raddle_proto::{common, orderer};

pub use error::{CreationRefusal, InspectionRefusal, TemplateError};
pub use inspect::{UpdateInError, update_in};
pub use new_channel::{NewChannel, NewChannelError};

use crate::bundle::{Bundle, CurrentConfig};
use crate::config_update::apply;
use crate::ids::ChannelId;

/// A system channel at one config: what new channels are made of. Immutable.
pub struct SystemChannel {
    bundle: Arc<Bundle>,
    root: common::ConfigGroup,
    /// Most channels that the orderers serve beside the system channel; 0 is no limit.
    channels_max: u64,
}

/// A channel that its creators have authorised. Not signed and not ordered yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Creation {
    /// The new channel.
    pub channel: ChannelId,
    /// Its first config, and the client's update.
    pub config: common::ConfigEnvelope,
}

impl SystemChannel {
    /// The system channel of this config; none if the config is an ordinary channel's.
    #[must_use]
    pub fn new(config: &CurrentConfig) -> Option<Self> {
        let bundle = &config.bundle;
        if !bundle.has_consortiums {
            return None;
        }
        let root = config.channel_group()?.clone();
        // The bundle exists, so the value can be read; one that is absent is Fabric's default.
        let restrictions: orderer::ChannelRestrictions = root
            .groups
            .get("Orderer")
            .and_then(|ordering| ordering.values.get("ChannelRestrictions"))
            .and_then(|value| go_decode(value.value.clone()).ok())
            .unwrap_or_default();
        Some(Self { bundle: Arc::clone(bundle), root, channels_max: restrictions.max_count })
    }

    /// Authorises the creation of a channel by a CONFIG_UPDATE envelope that names a channel other than this one.
    ///
    /// The envelope's own signature is not asked for: those inside the update count. To be sent, the answer is signed
    /// twice, see [`Creation::config_data`]; what comes out goes through the system channel's filters, the last of
    /// which is [`SystemChannel::inspect`].
    ///
    /// # Errors
    ///
    /// The client's fault, in Fabric's words.
    ///
    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `ProcessConfigUpdateMsg`.
    pub fn create(&self, update: &Envelope) -> Result<Creation, CreationRefusal> {
        let template = self.template(update)?;
        let channel = template.channel().clone();
        match apply(&template, update) {
            Ok(config) => Ok(Creation { channel, config }),
            Err(reason) => Err(CreationRefusal::NotAuthorised { channel, reason: Box::new(reason) }),
        }
    }
}

impl Creation {
    /// What goes, signed by the orderer, into a CONFIG envelope of [`Creation::channel`]. That envelope's bytes go,
    /// signed again, into an ORDERER_TRANSACTION envelope of the system channel.
    #[must_use]
    pub fn config_data(&self) -> Bytes {
        self.config.encode_to_vec().into()
    }
}
