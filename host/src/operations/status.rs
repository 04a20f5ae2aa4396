//! How a node is, for people and for metrics: the one place where it is looked up.
//!
//! What modules and clients write is in no field that becomes a label.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use raddle_core::ids::{ChannelId, ConfigSequence};
use raddle_core::modules::{Kind, Mode};
use raddle_ordering::Readiness;
use raddle_serve::operations::FailedCheck;
use raddle_serve::participation::{ChannelInfo, Participation as _};
use serde::Serialize;

use super::{NodeOperations, health};
use crate::admin::modules::installed;
use crate::node::{Channel, Doing, ModuleUsage};

/// How a node is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    /// The program's version.
    pub(super) version: &'static str,
    /// When this was looked up, in seconds after 1970, and when the node started.
    pub(super) now: f64,
    pub(super) started: f64,
    /// What `/healthz` says.
    pub(super) failed_checks: Vec<Check>,
    pub(super) notes: Vec<Check>,
    pub(super) channels: Vec<ChannelStatus>,
    pub(super) certificates: Vec<CertificateStatus>,
    pub(super) handshakes_failed: u64,
    pub(super) connections: ConnectionStatus,
    /// The last envelopes that were not taken, the latest first.
    pub(super) refusals: Vec<RefusalStatus>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub(super) component: String,
    pub(super) reason: String,
}

/// One channel, those that are being joined and removed among them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChannelStatus {
    pub(super) name: String,
    /// Fabric's words for channel participation.
    pub(super) status: &'static str,
    pub(super) relation: &'static str,
    pub(super) height: u64,
    /// What is only there of a channel that runs.
    #[serde(flatten)]
    pub(super) running: Option<Running>,
}

/// A channel that runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Running {
    /// One of [`STATES`].
    pub(super) state: &'static str,
    pub(super) config_sequence: u64,
    pub(super) log: LogStatus,
    /// Of this start of the node.
    pub(super) envelopes: u64,
    pub(super) bytes: u64,
    /// Over the last ten seconds.
    pub(super) envelopes_per_second: f64,
    pub(super) cuts: BTreeMap<&'static str, u64>,
    pub(super) is_fork_suspected: bool,
    pub(super) organisations: Vec<OrganisationStatus>,
    pub(super) modules: Vec<ModuleStatus>,
}

/// What an organisation has sent to a channel since the node was started.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OrganisationStatus {
    /// Its MSP id; empty for those whose signatures the channel's policy does not ask for.
    pub(super) name: String,
    pub(super) envelopes: u64,
    pub(super) bytes: u64,
    /// Envelopes that were refused because of its budget.
    pub(super) over_budget: u64,
}

/// What the guard of clients' connections has counted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConnectionStatus {
    pub(super) opened: u64,
    pub(super) open: u64,
    pub(super) streams_open: u64,
    /// What was refused or ended, by why.
    pub(super) turned_away: BTreeMap<&'static str, u64>,
    pub(super) reads_waited: u64,
}

/// The log of a channel.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LogStatus {
    /// `kafka` or `local`; empty until it is known.
    pub(super) kind: String,
    pub(super) is_available: bool,
    /// The last record that the chain has taken, and the last one that a committed block covers.
    pub(super) taken: i64,
    pub(super) persisted: i64,
    /// Records that are known to be in the log and that the chain has not taken.
    pub(super) lag: i64,
}

/// A module that a channel's config carries.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModuleStatus {
    #[serde(flatten)]
    pub(super) about: About,
    #[serde(flatten)]
    pub(super) did: Option<Did>,
}

/// What the config says of a module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) mode: &'static str,
    pub(super) version: String,
    pub(super) digest: String,
}

/// What a module has done since it was last changed, or since the start.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Did {
    pub(super) calls: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) refused_by_rules: u64,
    /// Of a filter whose word does not count: envelopes for which there was no time.
    pub(super) left_out: u64,
    /// Of a batch policy: batches that it began, and those that it had cut.
    pub(super) batches: u64,
    pub(super) did_not_fit: u64,
    pub(super) full: u64,
    pub(super) memory_bytes: u64,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) fuel: u64,
    pub(super) seconds: f64,
}

/// A certificate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CertificateStatus {
    pub(super) role: &'static str,
    pub(super) subject: String,
    pub(super) until: String,
    pub(super) days_left: f64,
}

/// An envelope that was not taken.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RefusalStatus {
    pub(super) at: f64,
    pub(super) channel: String,
    pub(super) status: &'static str,
    pub(super) code: String,
    pub(super) info: String,
}

/// All that a channel may be at.
pub(super) const STATES: [&str; 5] = ["starting", "ordering", "read_only", "halted", "stopped"];

/// What the configs say of modules: to read it out of a config costs, so it is read once for each sequence.
#[derive(Default)]
pub(crate) struct Abouts(Mutex<HashMap<ChannelId, (ConfigSequence, Vec<About>)>>);

impl NodeOperations {
    /// Looks everything up.
    pub(super) fn look_up(&self) -> Status {
        let now = SystemTime::now();
        let list = self.node.list();
        let names = list.system_channel.iter().chain(&list.channels);
        let channels = names.filter_map(|name| self.node.info(name).ok()).map(|info| self.channel(info));
        let told = |checks: Vec<FailedCheck>| {
            let check = |FailedCheck { component, reason }| Check { component, reason };
            checks.into_iter().map(check).collect()
        };
        Status {
            version: env!("CARGO_PKG_VERSION"),
            now: seconds(now),
            started: seconds(self.started),
            failed_checks: told(health::of_node(&self.node)),
            notes: told(health::notes(&self.node)),
            channels: channels.collect(),
            certificates: self.certificates(now),
            handshakes_failed: self.acceptors.iter().map(raddle_serve::tls::Acceptor::failures).sum(),
            connections: self.connections(),
            refusals: self.refusals(),
        }
    }

    fn connections(&self) -> ConnectionStatus {
        let (of, get) = (self.guard.counters(), |counter: &AtomicU64| counter.load(Ordering::Relaxed));
        let turned_away = [
            ("connections_refused", &of.connections_refused),
            ("connections_idle", &of.connections_closed_idle),
            ("connections_unread", &of.connections_closed_unread),
            ("streams_refused", &of.streams_refused),
            ("streams_unread", &of.streams_ended_unread),
        ];
        ConnectionStatus {
            opened: get(&of.connections_opened),
            open: get(&of.connections_open),
            streams_open: get(&of.streams_open),
            turned_away: turned_away.into_iter().map(|(why, counter)| (why, get(counter))).collect(),
            reads_waited: get(&of.reads_waited),
        }
    }

    fn channel(&self, info: ChannelInfo) -> ChannelStatus {
        let ChannelInfo { name, relation, status, height } = info;
        let running = self.node.channel(&name).map(|channel| self.running(&channel));
        ChannelStatus { name, status: status.word(), relation: relation.word(), height, running }
    }

    fn running(&self, channel: &Channel) -> Running {
        let (id, counted) = (channel.id(), &self.counted);
        let sums = counted.sums(id);
        Running {
            state: state(&channel.board().doing().borrow()),
            config_sequence: channel.rules().bundle().sequence.0,
            log: log(channel),
            envelopes: sums.envelopes,
            bytes: sums.bytes,
            envelopes_per_second: counted.per_second(id),
            cuts: counted.cuts(id).into_iter().collect(),
            is_fork_suspected: self.node.suspicions().borrow().keys().any(|(channel, _)| channel == id),
            organisations: organisations(channel),
            modules: self.modules(channel),
        }
    }

    fn modules(&self, channel: &Channel) -> Vec<ModuleStatus> {
        let mut usage = channel.module_usage();
        let abouts = self.abouts.of(channel).into_iter();
        abouts
            .map(|about| {
                let is_of = |usage: &ModuleUsage| usage.name == about.name;
                let did = usage.iter().position(is_of).map(|place| did(&usage.swap_remove(place)));
                ModuleStatus { about, did }
            })
            .collect()
    }

    fn certificates(&self, now: SystemTime) -> Vec<CertificateStatus> {
        let all = self.expiries.all().into_iter();
        all.map(|expiry| CertificateStatus {
            role: expiry.role,
            days_left: expiry.days_left(now),
            subject: expiry.subject,
            until: expiry.ends_text,
        })
        .collect()
    }

    fn refusals(&self) -> Vec<RefusalStatus> {
        let all = self.counted.served.last_refusals().into_iter();
        all.map(|refused| RefusalStatus {
            at: seconds(refused.at),
            channel: refused.channel,
            status: refused.status,
            code: refused.code,
            info: refused.info,
        })
        .collect()
    }
}

impl Abouts {
    fn of(&self, channel: &Channel) -> Vec<About> {
        let rules = channel.rules();
        let sequence = rules.bundle().sequence;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, abouts)) = known.get(channel.id()).filter(|(at, _)| *at == sequence) {
            return abouts.clone();
        }
        let abouts: Vec<About> = installed(&rules.config.config)
            .into_iter()
            .filter_map(|module| module.spec.ok())
            .map(|spec| About {
                name: spec.name,
                kind: match spec.kind {
                    Kind::Filter => "filter",
                    Kind::BatchPolicy => "batch-policy",
                },
                mode: match spec.mode {
                    Mode::Enforce => "enforce",
                    Mode::Shadow => "shadow",
                    Mode::Off => "off",
                },
                version: spec.version,
                digest: spec.digest.to_string(),
            })
            .collect();
        known.insert(channel.id().clone(), (sequence, abouts.clone()));
        abouts
    }
}

fn organisations(channel: &Channel) -> Vec<OrganisationStatus> {
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut all: Vec<_> = channel
        .spent()
        .into_iter()
        .map(|(name, spent)| OrganisationStatus {
            name,
            envelopes: get(&spent.envelopes),
            bytes: get(&spent.bytes),
            over_budget: get(&spent.over_budget).saturating_add(get(&spent.while_closed)),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn did(usage: &ModuleUsage) -> Did {
    let faults = [
        ("out_of_fuel", usage.out_of_fuel),
        ("trapped", usage.trapped),
        ("over_limit", usage.over_limit),
        ("bad_answer", usage.bad_answer),
        ("local", usage.local_faults),
    ];
    Did {
        calls: usage.calls,
        accepted: usage.accepted,
        refused: usage.refused,
        refused_by_rules: usage.refused_by_rules,
        left_out: usage.left_out,
        batches: usage.batches,
        did_not_fit: usage.did_not_fit,
        full: usage.full,
        memory_bytes: usage.memory_bytes,
        faults: faults.into_iter().collect(),
        fuel: usage.fuel,
        seconds: usage.time.as_secs_f64(),
    }
}

fn log(channel: &Channel) -> LogStatus {
    let (appended, taken) = channel.board().places();
    let state = channel.log().state(channel.id());
    let state = state.borrow();
    LogStatus {
        kind: match &*state {
            Readiness::Ready { log } => log.kind.to_string(),
            _ => String::new(),
        },
        is_available: matches!(&*state, Readiness::Ready { .. }),
        taken: taken.0,
        persisted: channel.ledger().state().chain.offsets.last_persisted.0,
        lag: appended.0.saturating_sub(taken.0).max(0),
    }
}

const fn state(doing: &Doing) -> &'static str {
    match doing {
        Doing::Starting => "starting",
        Doing::Ordering => "ordering",
        Doing::ReadOnly(_) => "read_only",
        Doing::Halted(_) => "halted",
        Doing::Stopped => "stopped",
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
