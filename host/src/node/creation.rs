//! From a client's request for a new channel to the envelope that is ordered in the system channel.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `ProcessConfigUpdateMsg`.

use raddle_core::bundle::CurrentConfig;
use raddle_core::channel_creation::{Creation, SystemChannel};
use raddle_proto::common::{ChannelHeader, HeaderType};
use raddle_proto::wire::{self, Envelope};
use raddle_rules::{GuestStack, Timestamp};
use raddle_serve::channels::NotTaken;

use super::answers;
use super::config::ConfigMaker;
use super::rules::Rules;

impl ConfigMaker {
    /// Judges a client's CONFIG_UPDATE envelope by `rules`: it is for their channel, or, if that is a system channel,
    /// for one that it is to create. See [`ConfigMaker::make`] and [`ConfigMaker::create`].
    pub(super) fn make_or_create(
        &self,
        stack: GuestStack,
        rules: &Rules,
        update: &Envelope,
        received: Timestamp,
        channels: u64,
    ) -> Result<Envelope, NotTaken> {
        let is_for_another = |header: &ChannelHeader| header.channel_id != rules.config.channel().0;
        match SystemChannel::new(&rules.config) {
            Some(system) if wire::channel_header(update).is_ok_and(|header| is_for_another(&header)) => {
                self.create(stack, rules, &system, update, received, channels)
            }
            _ => self.make(stack, rules, update, received),
        }
    }

    /// Judges a CONFIG_UPDATE envelope for a channel that does not exist by the rules of the system channel, and makes
    /// the ORDERER_TRANSACTION envelope of it. `channels` are those that the node serves, the system channel among
    /// them.
    ///
    /// # Errors
    ///
    /// Fabric's answer; for modules ours.
    fn create(
        &self,
        stack: GuestStack,
        rules: &Rules,
        system: &SystemChannel,
        update: &Envelope,
        received: Timestamp,
        channels: u64,
    ) -> Result<Envelope, NotTaken> {
        let creation = system.create(update).map_err(|refusal| answers::not_created(&refusal))?;
        self.install_at_creation(system, &creation, update)?;
        let inner = self.sign(&creation.channel, HeaderType::Config, creation.config_data())?;
        let channel = rules.config.channel();
        let envelope = self.sign(channel, HeaderType::OrdererTransaction, inner.marshal())?;
        self.filter(stack, rules, &rules.set, &envelope, received, "")?;
        let inspected = system.inspect(&envelope, channels);
        inspected.map_err(|refusal| answers::creation_refused(&refusal))?;
        Ok(envelope)
    }

    /// A channel may begin with modules of its own. A config that is none is refused by the last filter.
    fn install_at_creation(
        &self,
        system: &SystemChannel,
        creation: &Creation,
        update: &Envelope,
    ) -> Result<(), NotTaken> {
        let template = system.template(update).map_err(|error| answers::not_created(&error.into()))?;
        let config = creation.config.config.clone().unwrap_or_default();
        match CurrentConfig::read(creation.channel.clone(), config) {
            Ok(new) => self.install(&template, &new, update),
            Err(_) => Ok(()),
        }
    }
}
