//! From a client's config update to the config envelope that is ordered.
//!
//! In this order: the shipped filters; signatures, versions and the next config; the way through maintenance; what the
//! update does to modules, which are compiled and asked about their settings; our signature; the shipped filters again,
//! on what the update became. Nobody without the authority can make us compile.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/standardchannel.go` `ProcessConfigUpdateMsg`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::CurrentConfig;
use raddle_core::config_update::{
    FINAL_CHECKS, INITIAL_CHECKS, inspect_maintenance, is_signed_for, payload_to_sign, propose,
};
use raddle_core::ids::ChannelId;
use raddle_core::modules::{Side, Update, check_update};
use raddle_proto::common::HeaderType;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::admission::Filters;
use raddle_rules::store::{ModuleStore, Profile1};
use raddle_rules::{Case, GuestStack, Timestamp};
use raddle_serve::channels::NotTaken;

use super::answers;
use super::judge::EnvelopeJudge;
use super::rules::Rules;
use super::usage::Usage;
use crate::identity::Signer;

/// Where the policy stands that installing and removing modules needs.
const ORDERER_GROUP: &str = "/Channel/Orderer/";

/// Makes config envelopes.
#[derive(Clone)]
pub(super) struct ConfigMaker {
    pub(super) signer: Arc<Signer>,
    pub(super) store: Arc<ModuleStore>,
    pub(super) usage: Arc<Usage>,
    /// Whether a channel on Kafka may be given batch policies, by this orderer's settings.
    pub(super) allows_batch_policies: bool,
}

impl ConfigMaker {
    /// Judges a client's CONFIG_UPDATE envelope by `rules`, and makes the CONFIG envelope of it. `received` is the time
    /// that the filters are shown.
    ///
    /// # Errors
    ///
    /// Fabric's answer; for modules ours.
    pub(super) fn make(
        &self,
        stack: GuestStack,
        rules: &Rules,
        update: &Envelope,
        received: Timestamp,
    ) -> Result<Envelope, NotTaken> {
        self.filter(stack, rules, update, received, INITIAL_CHECKS)?;
        let proposal =
            propose(&rules.config, update).map_err(|error| answers::bad_update(&error.to_string()))?;
        self.install(&rules.config, &proposal.next, update)?;
        let data = proposal.envelope.encode_to_vec().into();
        let envelope = self.sign(rules.config.channel(), HeaderType::Config, data)?;
        self.filter(stack, rules, &envelope, received, FINAL_CHECKS)?;
        inspect_maintenance(&rules.config, &proposal).map_err(|error| answers::bad_update(&error.info()))?;
        Ok(envelope)
    }

    /// Asks the shipped filters; `prefix` stands before the text of a refusal.
    pub(super) fn filter(
        &self,
        stack: GuestStack,
        rules: &Rules,
        envelope: &Envelope,
        received: Timestamp,
        prefix: &str,
    ) -> Result<(), NotTaken> {
        let header = wire::signature_header(envelope);
        let access = Arc::clone(rules.access());
        let judge = EnvelopeJudge::new(access, envelope.clone(), &header, Arc::clone(&self.usage));
        let case = Case::new(envelope.clone(), wire::channel_header(envelope), received, Box::new(judge));
        rules.set.admit(stack, Filters::Shipped, &case).map_err(|mut refusal| {
            refusal.info.insert_str(0, prefix);
            answers::not_taken(refusal, None)
        })
    }

    /// Compiles what the update installs or changes, and asks it about its settings under the config that is to be.
    pub(super) fn install(
        &self,
        old: &CurrentConfig,
        new: &CurrentConfig,
        update: &Envelope,
    ) -> Result<(), NotTaken> {
        let group = old.config.channel_group.as_ref().and_then(|root| root.groups.get("Orderer"));
        let group_policy = group.map(|group| group.mod_policy.as_str()).unwrap_or_default();
        let group_policy = match group_policy.starts_with('/') {
            true => group_policy.to_owned(),
            false => format!("{ORDERER_GROUP}{group_policy}"),
        };
        let changed = check_update(
            &Update {
                old: Side { bundle: &old.bundle, config: &old.config },
                new: Side { bundle: &new.bundle, config: &new.config },
                update_bytes: u64::try_from(update.marshal().len()).unwrap_or(u64::MAX),
                log_bytes_max: None,
                is_signed_by_group: is_signed_for(old, update, &group_policy),
                allows_batch_policies: self.allows_batch_policies,
            },
            &Profile1,
        );
        for spec in changed.map_err(|refusal| answers::bad_module(&refusal))? {
            self.store
                .install(&new.channel().0, &spec, &new.bundle)
                .map_err(|error| answers::not_installed(&spec.name, &error))?;
        }
        Ok(())
    }

    /// An envelope of ours.
    pub(super) fn sign(
        &self,
        channel: &ChannelId,
        header_type: HeaderType,
        data: Bytes,
    ) -> Result<Envelope, NotTaken> {
        let failed = |_| NotTaken::from(answers::not_signed());
        let header = self.signer.signature_header().map_err(failed)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let payload = payload_to_sign(channel, header_type, data, seconds, header.creator, header.nonce);
        let signature = self.signer.sign(&payload).map_err(failed)?;
        Ok(Envelope::new(&payload, &signature))
    }
}
