//! A channel as Deliver sees it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use raddle_core::access::PolicyVerdict;
use raddle_core::bundle::ConsensusState;
use raddle_core::ids::{BlockNumber, ConfigSequence};
use raddle_core::policy::{CHANNEL_READERS, ORDERER_READERS};
use raddle_msp::ClaimedIdentity;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::admission::ExpirationChecks;
use raddle_serve::channels::{
    BlockUnavailable, BoxFuture, DeliverChannel, Denied, ModuleReport, ModulesReport, NotRead, Standing,
};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::answers;
use super::channel::Channel;
use super::denial::PROOF_BYTES_MAX;
use super::meters::ModuleUsage;
use super::rules::Rules;

impl DeliverChannel for Channel {
    fn standing(&self) -> watch::Receiver<Standing> {
        self.board().standing()
    }

    fn block(&self, number: BlockNumber) -> BoxFuture<Result<Bytes, BlockUnavailable>> {
        let ledger = self.ledger().clone();
        Box::pin(async move {
            let channel = ledger.channel().clone();
            let read = spawn_blocking(move || ledger.block(number)).await;
            let cause = match read {
                Ok(Ok(Some(block))) => return Ok(block),
                Ok(Ok(None)) => format!("block {number} is not there"),
                Ok(Err(error)) => error.to_string(),
                Err(error) => format!("block {number} was not read: {error}"),
            };
            tracing::error!(%channel, %number, cause, "block unavailable");
            Err(BlockUnavailable { cause })
        })
    }

    fn recent_block(&self, number: BlockNumber) -> Option<Bytes> {
        self.ledger().recent(number)
    }

    fn config_sequence(&self) -> ConfigSequence {
        self.rules().bundle().sequence
    }

    fn may_read(&self, envelope: &Envelope) -> BoxFuture<Result<ConfigSequence, NotRead>> {
        let rules = self.rules();
        let envelope = envelope.clone();
        let judged = self.workers().run(move |_| may_read(&rules, &envelope));
        Box::pin(async { judged.await.unwrap_or_else(|error| Err(answers::not_completed(error).into())) })
    }

    fn session_ends(&self, envelope: &Envelope) -> Option<SystemTime> {
        if self.expiration() == ExpirationChecks::Off {
            return None;
        }
        let creator = wire::signature_header(envelope).ok()?.creator;
        let seconds = ClaimedIdentity::read(creator).ok()?.expires_at();
        // A certificate that ended before 1970 has ended.
        let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        UNIX_EPOCH.checked_add(since)
    }

    fn modules(&self) -> ModulesReport {
        ModulesReport { modules: self.module_usage().iter().map(ModuleReport::from).collect() }
    }
}

impl From<&ModuleUsage> for ModuleReport {
    fn from(usage: &ModuleUsage) -> Self {
        Self {
            name: usage.name.clone(),
            is_enforced: usage.is_enforced,
            calls: usage.calls,
            accepted: usage.accepted,
            refused: usage.refused,
            out_of_fuel: usage.out_of_fuel,
            trapped: usage.trapped,
            over_limit: usage.over_limit,
            bad_answer: usage.bad_answer,
            local_faults: usage.local_faults,
            fuel: usage.fuel,
            nanoseconds: u64::try_from(usage.time.as_nanos()).unwrap_or(u64::MAX),
            refused_by_rules: usage.refused_by_rules,
            left_out: usage.left_out,
            memory_bytes: usage.memory_bytes,
            batches: usage.batches,
            did_not_fit: usage.did_not_fit,
            full: usage.full,
        }
    }
}

/// Source: fabric v2.5.16 `orderer/common/server/server.go` `Deliver`, `common/deliver/acl.go` `Evaluate`,
/// `orderer/common/msgprocessor/sigfilter.go` `Apply`.
fn may_read(rules: &Rules, envelope: &Envelope) -> Result<ConfigSequence, NotRead> {
    let bundle = rules.bundle();
    let policy = match bundle.consensus.state {
        ConsensusState::Normal => CHANNEL_READERS,
        ConsensusState::Maintenance => ORDERER_READERS,
    };
    let text = match rules.access().evaluate(policy, envelope) {
        PolicyVerdict::Satisfied => return Ok(bundle.sequence),
        PolicyVerdict::Denied(text) => format!("{text}: permission denied"),
        PolicyVerdict::Missing => format!("could not find policy {policy}"),
        PolicyVerdict::Unreadable(error) => format!("could not convert message to signedData: {error}"),
    };
    let proof = rules.access().prove(policy, envelope).map(|proof| proof.render(PROOF_BYTES_MAX));
    tracing::debug!(channel = %bundle.channel, text, proof, "reader denied");
    // In maintenance who may usually read the channel may know why it may not now.
    let may_know = policy != CHANNEL_READERS
        && rules.access().evaluate(CHANNEL_READERS, envelope) == PolicyVerdict::Satisfied;
    Err(Denied { text, proof: proof.filter(|_| may_know).map(Value::String) }.into())
}
