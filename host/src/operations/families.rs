//! From how a node is to families of metrics. What is counted elsewhere is only shown here.
//!
//! A module's digest stands in one family alone, so that a change of a module makes no other series anew.

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, Opts};

use super::status::{
    ChannelStatus, ConnectionStatus, ModuleStatus, OrganisationStatus, Running, STATES, Status,
};
use super::{NodeOperations, process};

/// Series of one family: the values of its labels, and its own.
type Rows<'a> = Vec<(Vec<&'a str>, f64)>;

/// All families that are made of what is looked up.
#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    fn gauge(&mut self, name: &str, help: &str, labels: &[&str], rows: Rows<'_>) {
        let Ok(all) = GaugeVec::new(Opts::new(name, help), labels) else { return };
        for (values, value) in rows {
            all.with_label_values(&values).set(value);
        }
        self.add(all.collect());
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[&str], rows: Rows<'_>) {
        let Ok(all) = CounterVec::new(Opts::new(name, help), labels) else { return };
        for (values, value) in rows {
            all.with_label_values(&values).inc_by(value.max(0.0));
        }
        self.add(all.collect());
    }

    /// Families without series are none.
    fn add(&mut self, families: Vec<MetricFamily>) {
        self.0.extend(families.into_iter().filter(|family| !family.get_metric().is_empty()));
    }
}

/// All of a node.
pub(super) fn of(operations: &NodeOperations, status: &Status) -> Vec<MetricFamily> {
    let mut all = Families::default();
    all.gauge("fabric_version", "The active version of Fabric.", &["version"], one(status.version, 1.0));
    // Differs: what is not logged is not looked at at all, so as many lines are checked as are written.
    let lines = operations.logging.lines();
    for (name, help) in [
        ("logging_entries_checked", "Number of log entries checked against the active logging level"),
        ("logging_entries_written", "Number of log entries that are written"),
    ] {
        all.counter(
            name,
            help,
            &["level"],
            lines.iter().map(|(level, n)| (vec![*level], *n as f64)).collect(),
        );
    }
    of_channels(&mut all, &status.channels);
    let running: Vec<_> =
        status.channels.iter().filter_map(|it| Some((it.name.as_str(), it.running.as_ref()?))).collect();
    of_running(&mut all, &running);
    let modules = running.iter().flat_map(|(name, it)| it.modules.iter().map(|module| (*name, module)));
    of_modules(&mut all, &modules.collect::<Vec<_>>());
    of_organisations(&mut all, &running);
    of_connections(&mut all, &status.connections);
    of_listeners(&mut all, status);
    process::add(&mut |name, help, is_counter, value| match is_counter {
        true => all.counter(name, help, &[], vec![(Vec::new(), value)]),
        false => all.gauge(name, help, &[], vec![(Vec::new(), value)]),
    });
    let help = "Start time of the process since unix epoch in seconds.";
    all.gauge("process_start_time_seconds", help, &[], vec![(Vec::new(), status.started)]);
    all.0
}

fn one(label: &str, value: f64) -> Rows<'_> {
    vec![(vec![label], value)]
}

/// Source: fabric v2.5.16 `orderer/common/channelparticipation`, `orderer/common/types/channelinfo.go`.
fn of_channels(all: &mut Families, channels: &[ChannelStatus]) {
    let rows = |of: fn(&ChannelStatus) -> f64| {
        channels.iter().map(|channel| (vec![channel.name.as_str()], of(channel))).collect::<Rows<'_>>()
    };
    all.gauge(
        "ledger_blockchain_height",
        "Height of the chain in blocks.",
        &["channel"],
        rows(|channel| channel.height as f64),
    );
    all.gauge(
        "participation_status",
        "The channel participation status of the node: 0 if inactive, 1 if active, 2 if onboarding, 3 if failed.",
        &["channel"],
        rows(|channel| place(&["inactive", "active", "onboarding", "failed"], channel.status)),
    );
    all.gauge(
        "participation_consensus_relation",
        "The channel participation consensus relation of the node: 0 if other, 1 if consenter, 2 if follower, 3 if \
         config-tracker.",
        &["channel"],
        rows(|channel| place(&["other", "consenter", "follower", "config-tracker"], channel.relation)),
    );
}

fn place(words: &[&str], word: &str) -> f64 {
    words.iter().position(|it| *it == word).unwrap_or_default() as f64
}

fn of_running(all: &mut Families, running: &[(&str, &Running)]) {
    let rows = |of: fn(&Running) -> f64| {
        running.iter().map(|(name, it)| (vec![*name], of(it))).collect::<Rows<'_>>()
    };
    // Told of every log: the offset is one in whichever log orders the channel.
    all.gauge(
        "consensus_kafka_last_offset_persisted",
        "The offset specified in the block metadata of the most recently committed block.",
        &["channel"],
        rows(|it| it.log.persisted as f64),
    );
    all.gauge(
        "raddle_log_offset_taken",
        "The last record of the log that the chain has taken.",
        &["channel"],
        rows(|it| it.log.taken as f64),
    );
    all.gauge(
        "raddle_log_lag_records",
        "Records that are known to be in the log and that the chain has not taken.",
        &["channel"],
        rows(|it| it.log.lag as f64),
    );
    all.gauge(
        "raddle_log_available",
        "Whether the log works: 1 if it does.",
        &["channel"],
        rows(|it| f64::from(u8::from(it.log.is_available))),
    );
    all.gauge(
        "raddle_config_sequence",
        "How often the channel's config was changed.",
        &["channel"],
        rows(|it| it.config_sequence as f64),
    );
    all.gauge(
        "raddle_fork_suspected",
        "Whether another orderer believes in other blocks than this one: 1 if it does.",
        &["channel"],
        rows(|it| f64::from(u8::from(it.is_fork_suspected))),
    );
    let states = running.iter().flat_map(|(name, it)| {
        STATES.map(|state| (vec![*name, state], f64::from(u8::from(it.state == state))))
    });
    all.gauge(
        "raddle_channel_state",
        "What the channel does: 1 at the one that it does.",
        &["channel", "state"],
        states.collect(),
    );
}

fn of_modules(all: &mut Families, modules: &[(&str, &ModuleStatus)]) {
    let info = modules.iter().map(|(channel, module)| {
        let about = &module.about;
        let labels = vec![
            *channel,
            &about.name,
            about.kind,
            about.mode,
            about.version.as_str(),
            about.digest.as_str(),
        ];
        (labels, 1.0)
    });
    all.gauge(
        "raddle_module_info",
        "The modules that the channel's config carries.",
        &["channel", "module", "kind", "mode", "version", "digest"],
        info.collect(),
    );
    let did = || {
        let all = modules.iter();
        all.filter_map(|(channel, it)| Some((*channel, it.about.name.as_str(), it.did.as_ref()?)))
    };
    let labels = ["channel", "module"];
    let (name, help) = ("raddle_module_calls", "How often the module was asked.");
    all.counter(name, help, &labels, did().map(|(c, m, did)| (vec![c, m], did.calls as f64)).collect());
    let (name, help) = ("raddle_module_fuel", "Fuel that the module has used.");
    all.counter(name, help, &labels, did().map(|(c, m, did)| (vec![c, m], did.fuel as f64)).collect());
    let (name, help) = ("raddle_module_seconds", "Time that the module has taken, in seconds.");
    all.counter(name, help, &labels, did().map(|(c, m, did)| (vec![c, m], did.seconds)).collect());
    let (name, help) = ("raddle_module_memory_bytes", "The most memory that an instance of the module had.");
    all.gauge(name, help, &labels, did().map(|(c, m, did)| (vec![c, m], did.memory_bytes as f64)).collect());
    let (name, help) = ("raddle_module_batches", "Batches that a batch policy has begun.");
    let batches = did().filter(|(_, _, did)| did.batches > 0);
    all.counter(name, help, &labels, batches.map(|(c, m, did)| (vec![c, m], did.batches as f64)).collect());
    let verdicts = did().flat_map(|(c, m, did)| {
        let of = [
            ("accepted", did.accepted),
            ("refused", did.refused),
            ("refused_by_rules", did.refused_by_rules),
            ("left_out", did.left_out),
            ("did_not_fit", did.did_not_fit),
            ("full", did.full),
        ];
        of.map(|(verdict, count)| (vec![c, m, verdict], count as f64))
    });
    all.counter(
        "raddle_module_verdicts",
        "What the module said: a filter of envelopes, a batch policy of batches. About those refused by the rules or \
         left out a filter in mode shadow was not asked.",
        &["channel", "module", "verdict"],
        verdicts.collect(),
    );
    let faults = did().flat_map(|(c, m, did)| {
        did.faults.iter().map(move |(class, count)| (vec![c, m, *class], *count as f64))
    });
    all.counter(
        "raddle_module_faults",
        "How often the module gave no answer, by what became of it.",
        &["channel", "module", "class"],
        faults.collect(),
    );
}

/// A channel's organisations. Their names are those of MSPs whose signatures were verified.
fn of_organisations(all: &mut Families, running: &[(&str, &Running)]) {
    let rows = |of: fn(&OrganisationStatus) -> u64| {
        let each = running.iter().flat_map(|(name, it)| it.organisations.iter().map(move |one| (*name, one)));
        each.map(|(channel, one)| (vec![channel, one.name.as_str()], of(one) as f64)).collect::<Rows<'_>>()
    };
    let labels = ["channel", "organisation"];
    let (name, help) = ("raddle_organisation_envelopes", "Envelopes that the organisation has sent.");
    all.counter(name, help, &labels, rows(|one| one.envelopes));
    let (name, help) =
        ("raddle_organisation_bytes", "Bytes of the envelopes that the organisation has sent.");
    all.counter(name, help, &labels, rows(|one| one.bytes));
    let name = "raddle_organisation_over_budget";
    all.counter(
        name,
        "Envelopes that were refused for their organisation's budget.",
        &labels,
        rows(|one| one.over_budget),
    );
}

/// Source: fabric v2.5.16 `internal/pkg/comm/server.go` for the first two.
///
/// Differs: Fabric counts connections once their handshakes are done.
fn of_connections(all: &mut Families, of: &ConnectionStatus) {
    let help = |verb: &str| {
        format!("gRPC connections {verb}. Open minus closed is the active number of connections.")
    };
    let closed = of.opened.saturating_sub(of.open);
    for (name, verb, count) in
        [("grpc_comm_conn_opened", "opened", of.opened), ("grpc_comm_conn_closed", "closed", closed)]
    {
        all.counter(name, &help(verb), &[], vec![(Vec::new(), count as f64)]);
    }
    let (name, help) = ("raddle_streams_open", "Streams of clients that are open.");
    all.gauge(name, help, &[], vec![(Vec::new(), of.streams_open as f64)]);
    let (name, help) =
        ("raddle_reads_waited", "Times that a reader of blocks waited: too much was on its way.");
    all.counter(name, help, &[], vec![(Vec::new(), of.reads_waited as f64)]);
    let turned_away = of.turned_away.iter().map(|(why, count)| (vec![*why], *count as f64));
    all.counter(
        "raddle_clients_turned_away",
        "Connections and streams that were refused or ended, by why.",
        &["why"],
        turned_away.collect(),
    );
}

fn of_listeners(all: &mut Families, status: &Status) {
    let days = status.certificates.iter().map(|it| (vec![it.role, it.subject.as_str()], it.days_left));
    // Of two of one name the one that ends first counts.
    let mut days: Rows<'_> = days.collect();
    days.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.gauge(
        "raddle_certificate_days_left",
        "Days until the certificate ends; negative after it.",
        &["role", "subject"],
        days,
    );
    all.counter(
        "raddle_tls_handshakes_failed",
        "Handshakes of TLS that failed, on all listeners.",
        &[],
        vec![(Vec::new(), status.handshakes_failed as f64)],
    );
}
