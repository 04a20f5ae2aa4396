//! From a client's config update to the config envelope that is ordered.
//!
//! In this order: the shipped filters; signatures, versions and the next config; the way through maintenance; what the
//! update does to modules, which are compiled and asked about their settings; our signature; the shipped filters again,
//! on what the update became. Nobody without the authority can make us compile.
//!
//! Differs: where the channel's config with an update is beyond AbsoluteMaxBytes, so that Fabric takes no update any
//! more, one that raises AbsoluteMaxBytes is measured by the limit that it sets.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/standardchannel.go` `ProcessConfigUpdateMsg`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::{Bundle, CurrentConfig};
use raddle_core::config_update::{
    FINAL_CHECKS, INITIAL_CHECKS, ProposeError, inspect_maintenance, is_signed_for, payload_to_sign, propose,
};
use raddle_core::ids::ChannelId;
use raddle_core::modules::{Mode, REPAIR_BYTES, Side, Spec, Update, check_update, decode};
use raddle_proto::common::{Config, HeaderType};
use raddle_proto::wire::{self, Envelope};
use raddle_rules::admission::{Filters, RuleSet};
use raddle_rules::store::{ModuleStore, Profile1};
use raddle_rules::{Case, GuestStack, Timestamp};
use raddle_serve::channels::NotTaken;

use super::answers;
use super::denial;
use super::judge::EnvelopeJudge;
use super::logs::Logs;
use super::rules::{Rules, RulesMaker};
use super::usage::Usage;
use crate::config::BatchPolicies;
use crate::identity::Signer;

/// Where the policy stands that installing and removing modules needs.
const ORDERER_GROUP: &str = "/Channel/Orderer/";

/// Most bytes of a CONFIG envelope beside the config and the client's update: this orderer's certificate, mostly.
const ENVELOPE_BYTES: u64 = 64 << 10;

/// Makes config envelopes.
#[derive(Clone)]
pub(super) struct ConfigMaker {
    pub(super) signer: Arc<Signer>,
    pub(super) store: Arc<ModuleStore>,
    pub(super) rules: RulesMaker,
    /// Where the config is to be ordered.
    pub(super) logs: Arc<dyn Logs>,
    pub(super) usage: Arc<Usage>,
    /// Which channels on Kafka may be given batch policies, by this orderer's settings.
    pub(super) batch_policies: Arc<BatchPolicies>,
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
        let wider = self.wider(rules, update);
        let filter = |envelope, prefix| {
            let set = wider.as_ref().unwrap_or(&rules.set);
            self.filter(stack, rules, set, envelope, received, prefix)
        };
        filter(update, INITIAL_CHECKS)?;
        let proposal =
            propose(&rules.config, update).map_err(|error| update_refused(rules, &error, update))?;
        self.install(&rules.config, &proposal.next, update)?;
        let data = proposal.envelope.encode_to_vec().into();
        let envelope = self.sign(rules.config.channel(), HeaderType::Config, data)?;
        filter(&envelope, FINAL_CHECKS)?;
        inspect_maintenance(&rules.config, &proposal).map_err(|error| answers::bad_update(&error.info()))?;
        Ok(envelope)
    }

    /// The shipped filters under the AbsoluteMaxBytes that `update` sets: if it is no larger than a repair is, if it is
    /// signed for, and if the config that it makes might otherwise be too large.
    fn wider(&self, rules: &Rules, update: &Envelope) -> Option<RuleSet> {
        let limit = rules.bundle().batch_size.absolute_max_bytes;
        // What the update adds to the config is at most the update.
        let config = u64::try_from(rules.config.config.encoded_len()).unwrap_or(u64::MAX);
        let made =
            config.saturating_add(update.size_bytes().saturating_mul(2)).saturating_add(ENVELOPE_BYTES);
        if made <= u64::from(limit) || update.size_bytes() > REPAIR_BYTES {
            return None;
        }
        let wider = propose(&rules.config, update).ok()?.next.bundle.batch_size.absolute_max_bytes;
        if wider <= limit {
            return None;
        }
        let mut bundle = Bundle::clone(rules.bundle());
        bundle.batch_size.absolute_max_bytes = wider;
        self.rules.shipped(&Arc::new(bundle)).ok()
    }

    /// Asks the shipped filters; `prefix` stands before the text of a refusal.
    pub(super) fn filter(
        &self,
        stack: GuestStack,
        rules: &Rules,
        set: &RuleSet,
        envelope: &Envelope,
        received: Timestamp,
        prefix: &str,
    ) -> Result<(), NotTaken> {
        let header = wire::signature_header(envelope);
        let judge = EnvelopeJudge::new(
            Arc::clone(rules.access()),
            envelope.clone(),
            &header,
            Arc::clone(&self.usage),
        );
        let case = Case::new(envelope.clone(), wire::channel_header(envelope), received, Box::new(judge));
        set.admit(stack, Filters::Shipped, &case).map_err(|mut refusal| {
            let proof = denial::of_envelope(rules, &refusal, envelope);
            refusal.info.insert_str(0, prefix);
            answers::not_taken(refusal, proof.as_deref())
        })
    }

    /// Compiles what the update installs or changes, and asks it about its settings under the config that is to be. To
    /// switch a module off takes neither: it may be switched off because this orderer cannot compile it any more.
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
        // A channel that runs has its log, whatever the new config names.
        let log = self.logs.log_of(&old.bundle).ok();
        let log_bytes_max = log.and_then(|log| log.record_bytes_max(new.channel()));
        let changed = check_update(
            &Update {
                old: Side { bundle: &old.bundle, config: &old.config },
                new: Side { bundle: &new.bundle, config: &new.config },
                update_bytes: u64::try_from(update.marshal().len()).unwrap_or(u64::MAX),
                log_bytes_max,
                is_signed_by_group: is_signed_for(old, update, &group_policy),
                allows_batch_policies: self.batch_policies.allows(new.channel()),
            },
            &Profile1,
        );
        for spec in changed.map_err(|refusal| answers::bad_module(&refusal))? {
            if spec.mode == Mode::Off && carries(&old.config, &spec) {
                continue;
            }
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

/// An update that is not applied; if it lacks signatures, whose.
fn update_refused(rules: &Rules, error: &ProposeError, update: &Envelope) -> NotTaken {
    let info = error.to_string();
    match error.denied() {
        Some((element, policy)) => {
            let proof = denial::of_update(rules, error, update);
            answers::update_denied(&info, element, policy, proof.as_deref())
        }
        None => answers::bad_update(&info),
    }
}

/// Whether the config has the component already, under the same key.
fn carries(config: &Config, spec: &Spec) -> bool {
    let key = spec.key();
    let group = config.channel_group.as_ref().and_then(|root| root.groups.get("Orderer"));
    let before = group.and_then(|group| group.policies.get(&key));
    before.and_then(|policy| decode(&key, policy).ok()).is_some_and(|before| before.digest == spec.digest)
}
