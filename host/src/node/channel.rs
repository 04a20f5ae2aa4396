//! One channel of a node: admits what its rules let pass, and appends it to the log.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use raddle_core::bundle::{Bundle, ConsensusState, CurrentConfig};
use raddle_core::ids::ChannelId;
use raddle_ledger::Ledger;
use raddle_ordering::{AppendError, OrderedLog, Readiness};
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::{self, KafkaMessage};
use raddle_rules::admission::{ExpirationChecks, Filters, RuleSetError};
use raddle_rules::{Case, Timestamp};
use raddle_serve::channels::{
    Admitted, BoxFuture, BroadcastChannel, Detail, Failure, NotTaken, Received, Refusal, RefusalStatus,
};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::answers;
use super::board::{Board, Doing};
use super::budgets::{Accounts, Closed, Spent};
use super::config::ConfigMaker;
use super::denial;
use super::judge::EnvelopeJudge;
use super::lease::Lease;
use super::meters::{Meters, ModuleUsage};
use super::registrar::Registrar;
use super::rules::{Rules, RulesMaker};
use super::shadows::Shadows;
use super::usage::Usage;
use super::workers::Workers;

/// How long an envelope waits for a channel that starts, or for a config that is being ordered again, before its client
/// is told to try elsewhere.
///
/// Differs: Fabric waits for ever.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A channel that takes envelopes and gives blocks.
pub struct Channel {
    id: ChannelId,
    rules: ArcSwap<Rules>,
    maker: RulesMaker,
    log: Arc<dyn OrderedLog>,
    ledger: Ledger,
    board: Arc<Board>,
    accounts: Arc<Accounts>,
    workers: Arc<Workers>,
    configs: ConfigMaker,
    /// Of their own, so that no envelope waits while a module is compiled.
    config_workers: Arc<Workers>,
    shadows: Arc<Shadows>,
    usage: Arc<Usage>,
    /// A system channel is asked about the channels of its node, and creates them.
    registrar: Weak<Registrar>,
    _lease: Lease,
}

/// What a channel is made of.
pub(super) struct ChannelParts {
    pub(super) rules: Rules,
    pub(super) maker: RulesMaker,
    pub(super) log: Arc<dyn OrderedLog>,
    pub(super) ledger: Ledger,
    pub(super) board: Arc<Board>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) workers: Arc<Workers>,
    pub(super) configs: ConfigMaker,
    pub(super) config_workers: Arc<Workers>,
    pub(super) shadows: Shadows,
    pub(super) usage: Arc<Usage>,
    pub(super) registrar: Weak<Registrar>,
    pub(super) lease: Lease,
}

impl Channel {
    /// A channel with these rules, whose records go to the log and whose blocks come from the ledger.
    pub(super) fn new(parts: ChannelParts) -> Self {
        let ChannelParts { rules, maker, log, ledger, board, accounts, workers, configs, .. } = parts;
        let ChannelParts { config_workers, shadows, usage, registrar, lease: _lease, .. } = parts;
        let (id, rules) = (ledger.channel().clone(), ArcSwap::from_pointee(rules));
        Self {
            id,
            rules,
            maker,
            log,
            ledger,
            board,
            accounts,
            workers,
            configs,
            config_workers,
            shadows: Arc::new(shadows),
            usage,
            registrar,
            _lease,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &ChannelId {
        &self.id
    }

    /// What the channel judges by now.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// The channel's blocks.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The log that orders the channel.
    #[must_use]
    pub const fn log(&self) -> &Arc<dyn OrderedLog> {
        &self.log
    }

    /// Where the channel stands.
    #[must_use]
    pub const fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// What the channel's own modules have done here, each since it was last changed or since the start.
    #[must_use]
    pub fn module_usage(&self) -> Vec<ModuleUsage> {
        self.maker.meters.usage(&self.id)
    }

    pub(super) const fn meters(&self) -> &Arc<Meters> {
        &self.maker.meters
    }

    /// What each organisation has sent to the channel since it was started, by MSP id. The empty name stands for those
    /// whose signature the channel's policy does not ask for.
    #[must_use]
    pub fn spent(&self) -> Vec<(String, Arc<Spent>)> {
        self.accounts.spent()
    }

    pub(super) const fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    pub(super) const fn expiration(&self) -> ExpirationChecks {
        self.maker.expiration
    }

    pub(super) const fn configs(&self) -> &ConfigMaker {
        &self.configs
    }

    /// The node's channels; none any more while it ends.
    pub(super) fn registrar(&self) -> Option<Arc<Registrar>> {
        self.registrar.upgrade()
    }

    /// How many channels the node has, this one among them.
    pub(super) fn channels(&self) -> u64 {
        let count = self.registrar().map_or(0, |registrar| *registrar.count().borrow());
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// From now on the channel judges by this config: config, sequence and filters change at once. Blocks while a
    /// module is compiled that this orderer has not seen.
    ///
    /// # Errors
    ///
    /// The standard filters do not take the config; the rules of before stay.
    pub(super) fn change_rules(&self, config: Arc<CurrentConfig>) -> Result<(), RuleSetError> {
        self.rules.store(Arc::new(self.maker.make(config)?));
        Ok(())
    }

    /// Tries again to run the filters that this orderer could not run; answers whether there is still one.
    pub(super) fn try_again(&self) -> bool {
        let rules = self.rules();
        if !rules.is_incomplete() {
            return false;
        }
        match self.maker.make(Arc::clone(&rules.config)) {
            Ok(made) => {
                let is_incomplete = made.is_incomplete();
                // Unless another config has come meanwhile.
                self.rules.compare_and_swap(&rules, Arc::new(made));
                is_incomplete
            }
            Err(_) => true,
        }
    }
}

impl BroadcastChannel for Channel {
    fn admit(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>> {
        if received.channel_header.channel_id != self.id.0 {
            return Box::pin(async { Err(answers::no_channel()) });
        }
        let rules = self.rules();
        if is_closed_to_normal_envelopes(rules.bundle()) {
            let refusal = Refusal {
                status: RefusalStatus::ServiceUnavailable,
                info: "normal transactions are rejected: maintenance mode".into(),
                detail: Detail::from(answers::MAINTENANCE),
            };
            return Box::pin(async { Err(refusal.into()) });
        }
        if let Some(claimed) = claimed_organisation(&received)
            && let Err(Closed { over, hold }) = self.accounts.look(&claimed)
        {
            return Box::pin(async move {
                sleep(hold).await;
                Err(answers::over_budget(&over))
            });
        }
        let (usage, accounts) = (Arc::clone(&self.usage), Arc::clone(&self.accounts));
        let (board, state) = (Arc::clone(&self.board), self.log.state(&self.id));
        let shadows = Arc::clone(&self.shadows);
        let judged = self.workers.run(move |stack| {
            let again = rules.set.has_shadows().then(|| received.clone());
            let envelope = received.envelope.clone();
            let (case, writer) = case(&rules, &usage, received);
            let config_sequence = rules.bundle().sequence;
            let verdict = usage.filters(|| rules.set.admit(stack, Filters::All, &case));
            // What a filter refuses behind the signature is paid for, too.
            let charged = match (writer.get(), &verdict) {
                (None, Err(_)) => Ok(()),
                (writer, _) => accounts.charge(writer.map(String::as_str), envelope.marshal().len()),
            };
            if let Some(received) = again {
                // Where a filter that is enforced cannot be run, nothing is taken.
                let is_admitted = verdict.is_ok() && charged.is_ok() && rules.broken.is_empty();
                ask_shadows(&shadows, &rules, &usage, received, is_admitted);
            }
            match verdict {
                Ok(()) => match (rules.broken.first(), charged) {
                    (Some(filter), _) => Err(answers::broken(filter).into()),
                    (None, Err(over)) => Err(answers::over_budget(&over)),
                    (None, Ok(())) => Ok(Admitted { envelope, config_sequence, class: wire::Class::Normal }),
                },
                Err(refusal) => {
                    let proof = denial::of_envelope(&rules, &refusal, &envelope);
                    Err(answers::not_taken(refusal, proof.as_deref()))
                }
            }
        });
        Box::pin(async move {
            let admitted = judged.await.unwrap_or_else(|error| Err(answers::not_completed(error).into()))?;
            // After the filters, as in Fabric: what is refused is refused whether or not the channel can order.
            wait_until_ordering(&board, &state).await?;
            Ok(admitted)
        })
    }

    fn admit_config_update(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>> {
        let rules = self.rules();
        let configs = self.configs.clone();
        let (board, state) = (Arc::clone(&self.board), self.log.state(&self.id));
        let channels = self.channels();
        let made = self.config_workers.run(move |stack| {
            let config_sequence = rules.bundle().sequence;
            let at = timestamp(received.at);
            let envelope = configs.make_or_create(stack, &rules, &received.envelope, at, channels)?;
            Ok::<_, NotTaken>(Admitted { envelope, config_sequence, class: wire::Class::Config })
        });
        Box::pin(async move {
            let admitted = made.await.unwrap_or_else(|error| Err(answers::not_completed(error).into()))?;
            wait_until_ordering(&board, &state).await?;
            Ok(admitted)
        })
    }

    fn append(&self, admitted: Admitted) -> BoxFuture<Result<(), Failure>> {
        let sequence = admitted.config_sequence.0;
        let envelope = admitted.envelope.marshal();
        let record = match admitted.class {
            wire::Class::Config => KafkaMessage::config(envelope, sequence, 0),
            _ => KafkaMessage::normal(envelope, sequence, 0),
        };
        // Takes its place in the order here, before the future is first polled.
        let appended = self.log.append(&self.id, record.marshal());
        let board = Arc::clone(&self.board);
        Box::pin(async move {
            let offset = appended.await.map_err(|error: AppendError| answers::not_appended(&error))?;
            board.appended(offset);
            Ok(())
        })
    }
}

/// An envelope for the filters, and where the MSP id of who signed it will stand.
fn case(rules: &Rules, usage: &Arc<Usage>, received: Received) -> (Rc<Case>, Rc<OnceCell<String>>) {
    let Received { envelope, channel_header, signature_header, at } = received;
    let access = Arc::clone(rules.access());
    let judge = EnvelopeJudge::new(access, envelope.clone(), &signature_header, Arc::clone(usage));
    let writer = judge.writer();
    (Case::new(envelope, Ok(channel_header), timestamp(at), Box::new(judge)), writer)
}

/// Has the filters asked whose word does not count. Nobody waits for them.
fn ask_shadows(
    shadows: &Shadows,
    rules: &Arc<Rules>,
    usage: &Arc<Usage>,
    received: Received,
    is_admitted: bool,
) {
    if !is_admitted {
        return rules.set.pass_over_shadows();
    }
    let (asked, usage, bytes) = (Arc::clone(rules), Arc::clone(usage), received.envelope.size_bytes());
    let ask = move |stack| usage.filters(|| asked.set.shadow(stack, &case(&asked, &usage, received).0));
    if !shadows.ask(bytes, ask) {
        rules.set.leave_out_shadows();
    }
}

/// Records by which the chain may be behind the log before envelopes wait. A config makes all of them stale: they are
/// judged and appended again, and what is taken faster than the chain can do that would never come to an end.
const BEHIND_MAX: i64 = 2000;

/// Waits while the channel starts, while the chain is far behind the log, and while a config update that was appended
/// again is not settled: what passes meanwhile would be admitted under a config that is about to change.
///
/// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `WaitReady`.
async fn wait_until_ordering(board: &Board, log: &watch::Receiver<Readiness>) -> Result<(), Failure> {
    let (mut doing, mut held) = (board.doing(), board.is_held());
    let started = doing.wait_for(|doing| !matches!(doing, Doing::Starting));
    match timeout(WAIT_MAX, started).await {
        Ok(Ok(doing)) => match &*doing {
            Doing::Ordering => {}
            Doing::ReadOnly(cause) => return Err(answers::read_only(cause)),
            Doing::Halted(halt) => return Err(answers::halted(halt)),
            Doing::Starting | Doing::Stopped => return Err(answers::stopped()),
        },
        Ok(Err(_)) => return Err(answers::stopped()),
        Err(_) => return Err(answers::starting(&log.borrow())),
    }
    match timeout(WAIT_MAX, held.wait_for(|is_held| !is_held)).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Err(answers::stopped()),
        Err(_) => return Err(answers::held()),
    }
    timeout(WAIT_MAX, board.keeps_up(BEHIND_MAX)).await.map_err(|_| answers::behind())
}

/// The MSP id that stands in an envelope, whoever wrote it.
fn claimed_organisation(received: &Received) -> Option<String> {
    let creator = received.signature_header.as_ref().ok()?.creator.clone();
    wire::go_decode::<SerializedIdentity>(creator).ok().map(|it| it.mspid)
}

/// Source: fabric v2.5.16 `orderer/common/msgprocessor/standardchannel.go` `ProcessNormalMsg`,
/// `common/capabilities/orderer.go` `ConsensusTypeMigration`.
fn is_closed_to_normal_envelopes(bundle: &Bundle) -> bool {
    let has_migration = ["V1_4_2", "V2_0"].iter().any(|name| bundle.has_orderer_capability(name));
    has_migration && bundle.consensus.state != ConsensusState::Normal
}

fn timestamp(at: SystemTime) -> Timestamp {
    // A clock before 1970 makes certificates seem valid rather than ended.
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp { seconds, nanoseconds: i32::try_from(since.subsec_nanos()).unwrap_or_default() }
}
