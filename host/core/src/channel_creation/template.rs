//! The config that a new channel starts from: the system channel's, cut down to what the update names.

use raddle_proto::common;
use raddle_proto::wire::{Envelope, go_decode};

use super::SystemChannel;
use super::error::TemplateError;
use crate::bundle::CurrentConfig;
use crate::ids::ChannelId;

const APPLICATION: &str = "Application";
const CONSORTIUMS: &str = "Consortiums";
const ORDERER: &str = "Orderer";
const CONSORTIUM: &str = "Consortium";
const ADMINS: &str = "Admins";
const CHANNEL_CREATION_POLICY: &str = "ChannelCreationPolicy";

/// What an update asks for, as far as the template depends on it.
struct Request {
    channel: ChannelId,
    application: common::ConfigGroup,
    consortium: String,
}

impl SystemChannel {
    /// Makes the new channel's config that an update is applied to, at sequence 0. No block ever holds it.
    ///
    /// - values and policies of the channel group, and the whole group `Orderer`, are the system channel's
    /// - `Application` holds the named organisations as the consortium has them, and is governed by the consortium's
    ///   policy for creating channels
    /// - all versions are zero, if the orderers have the capability for that
    ///
    /// Differs: of several organisations outside the consortium the first by name is named; Fabric names any.
    ///
    /// # Errors
    ///
    /// See [`TemplateError`].
    ///
    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `NewChannelConfig`.
    pub fn template(&self, update: &Envelope) -> Result<CurrentConfig, TemplateError> {
        let request = Request::read(update)?;
        let application = self.application(&request)?;
        let mut root = common::ConfigGroup {
            values: self.root.values.clone(),
            policies: self.root.policies.clone(),
            ..common::ConfigGroup::default()
        };
        if let Some(ordering) = self.root.groups.get(ORDERER) {
            root.groups.insert(ORDERER.to_owned(), ordering.clone());
        }
        root.groups.insert(APPLICATION.to_owned(), application);
        root.values.insert(CONSORTIUM.to_owned(), consortium_value(&request.consortium));
        // Before V1_1 the versions and the missing mod policy of the root went into new channels.
        if ["V1_1", "V1_4_2", "V2_0"].iter().any(|name| self.bundle.has_orderer_capability(name)) {
            root.mod_policy = self.root.mod_policy.clone();
            zero_versions(&mut root);
        }
        let config = common::Config { sequence: 0, channel_group: Some(root) };
        CurrentConfig::read(request.channel, config).map_err(|error| TemplateError::Config(Box::new(error)))
    }

    fn application(&self, request: &Request) -> Result<common::ConfigGroup, TemplateError> {
        let consortium = self
            .root
            .groups
            .get(CONSORTIUMS)
            .and_then(|consortiums| consortiums.groups.get(&request.consortium))
            .ok_or_else(|| TemplateError::UnknownConsortium(request.consortium.clone()))?;
        let policy = self.governing_policy(&request.application);
        // What it says was read with the system channel's config; absent, it is a policy of no kind, which is refused.
        let governing: common::Policy = consortium
            .values
            .get(CHANNEL_CREATION_POLICY)
            .and_then(|value| go_decode(value.value.clone()).ok())
            .unwrap_or_default();
        let mut application =
            common::ConfigGroup { mod_policy: policy.to_owned(), ..common::ConfigGroup::default() };
        application.policies.insert(
            policy.to_owned(),
            common::ConfigPolicy { version: 0, policy: Some(governing), mod_policy: policy.to_owned() },
        );
        // A consortium without members takes anybody: they come with the update itself.
        if consortium.groups.is_empty() {
            return Ok(application);
        }
        if request.application.groups.is_empty() {
            return Err(TemplateError::NoMembers);
        }
        for name in request.application.groups.keys() {
            let member =
                consortium.groups.get(name).ok_or_else(|| TemplateError::NotAMember(name.clone()))?;
            application.groups.insert(name.clone(), member.clone());
        }
        Ok(application)
    }

    /// Under which name the policy for creating channels governs the new group.
    ///
    /// An update of an old configtxgen writes `Admins` at version 0, as new; there the policy must not be in the way.
    ///
    /// Source: fabric v2.5.16 `common/capabilities/orderer.go` `UseChannelCreationPolicyAsAdmins`.
    fn governing_policy(&self, application: &common::ConfigGroup) -> &'static str {
        let writes_policies = !application.policies.is_empty();
        let adds_admins = application.policies.get(ADMINS).is_some_and(|admins| admins.version == 0);
        match self.bundle.has_orderer_capability("V2_0") && writes_policies && !adds_admins {
            true => ADMINS,
            false => CHANNEL_CREATION_POLICY,
        }
    }
}

impl Request {
    fn read(update: &Envelope) -> Result<Self, TemplateError> {
        let payload: common::Payload = go_decode(update.payload().clone()).map_err(TemplateError::Payload)?;
        let signed: common::ConfigUpdateEnvelope =
            go_decode(payload.data).map_err(TemplateError::UpdateEnvelope)?;
        let header = payload.header.ok_or(TemplateError::NoHeader)?;
        let header: common::ChannelHeader =
            go_decode(header.channel_header).map_err(TemplateError::ChannelHeader)?;
        let update: common::ConfigUpdate = go_decode(signed.config_update).map_err(TemplateError::Update)?;
        if update.channel_id != header.channel_id {
            let (update, header) = (update.channel_id, header.channel_id);
            return Err(TemplateError::TwoChannels { update, header });
        }
        let mut write_set = update.write_set.ok_or(TemplateError::NoWriteSet)?;
        let application = write_set.groups.remove(APPLICATION).ok_or(TemplateError::NoApplication)?;
        if application.version != 1 {
            return Err(TemplateError::ApplicationVersion(application.version));
        }
        let consortium = write_set.values.remove(CONSORTIUM).ok_or(TemplateError::NoConsortium)?;
        let consortium: common::Consortium =
            go_decode(consortium.value).map_err(TemplateError::Consortium)?;
        Ok(Self { channel: ChannelId(update.channel_id), application, consortium: consortium.name })
    }
}

fn consortium_value(name: &str) -> common::ConfigValue {
    let value = prost::Message::encode_to_vec(&common::Consortium { name: name.to_owned() });
    common::ConfigValue { version: 0, value: value.into(), mod_policy: ADMINS.to_owned() }
}

/// Groups are inside one another at most as deep as the decoder lets them be.
fn zero_versions(group: &mut common::ConfigGroup) {
    group.version = 0;
    group.values.values_mut().for_each(|value| value.version = 0);
    group.policies.values_mut().for_each(|policy| policy.version = 0);
    group.groups.values_mut().for_each(zero_versions);
}
