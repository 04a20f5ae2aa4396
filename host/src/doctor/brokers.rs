//! What is wanted of the brokers: how many there are, and their settings, which new topics inherit.

use std::collections::BTreeMap;

use raddle_ordering::kafka::inspect::{Broker, Cluster, Config, Configs};

use super::remedy::in_file;
use super::{Finding, Rule, Verdict, WHY_KEPT, WHY_NOT_COMPACTED, Wanted, brokers_of, number, value};

const RETENTION: &str = "log.retention.ms";
const RECORD_BYTES: &str = "message.max.bytes";
const AUTHORIZER: &str = "authorizer.class.name";

pub(super) fn check(cluster: &Cluster, wanted: &Wanted) -> Vec<Finding> {
    let mut findings = vec![node_setting(wanted), count(cluster, wanted)];
    let mut seen = Vec::new();
    for broker in &cluster.brokers {
        match &broker.configs {
            Ok(configs) => seen.push((broker, configs)),
            Err(cause) => findings.push(Finding::unseen(
                &brokers_of(&[broker.id]),
                "settings",
                cause,
                wanted.tools.allow_cluster("DescribeConfigs"),
            )),
        }
    }
    for (key, rule) in rules(wanted, &seen) {
        findings.extend(setting(key, &rule, &seen, wanted));
    }
    findings.extend(authorizer(&seen));
    findings
}

fn node_setting(wanted: &Wanted) -> Finding {
    let is_good = u64::from(wanted.replication) >= wanted.copies();
    Finding::new(Verdict::of(is_good, Verdict::Wrong), "this node", "Kafka.Topic.ReplicationFactor")
        .found(wanted.replication)
        .wanted(format!("{} or more", wanted.copies()))
        .why("new channels get so many copies; with fewer than 3 a broker that is away stops them or loses records")
        .remedy(["write `Kafka: {Topic: {ReplicationFactor: 3}}` into orderer.yaml".to_owned()])
}

fn count(cluster: &Cluster, wanted: &Wanted) -> Finding {
    let (up, copies) = (cluster.brokers.len(), wanted.copies());
    let verdict = match u64::try_from(up).unwrap_or(u64::MAX) {
        up if up > copies => Verdict::Ok,
        up if up == copies => Verdict::Warning,
        _ => Verdict::Wrong,
    };
    let ids: Vec<i32> = cluster.brokers.iter().map(|it| it.id).collect();
    Finding::new(verdict, "cluster", "brokers that are up")
        .found(format!("{up} ({})", brokers_of(&ids)))
        .wanted(format!("more than {copies}"))
        .why(format!("a topic is made when {copies} brokers are up: with one to spare, one may be away"))
        .remedy(["start those that are down, or add brokers".to_owned()])
}

fn rules(wanted: &Wanted, brokers: &[(&Broker, &Configs)]) -> Vec<(&'static str, Rule)> {
    let mut rules = vec![
        ("unclean.leader.election.enable", Rule::no_unclean_leader()),
        ("min.insync.replicas", Rule::in_sync(wanted.copies())),
        (
            "default.replication.factor",
            Rule::at_least(wanted.copies(), "topics that appear by themselves get so many copies"),
        ),
        (RETENTION, Rule::is("-1", WHY_KEPT)),
        ("log.retention.bytes", Rule::is("-1", WHY_KEPT)),
        ("log.cleanup.policy", Rule::is("delete", WHY_NOT_COMPACTED)),
    ];
    let largest = wanted.largest();
    if let Some((channel, bytes)) = largest {
        let why = channel.why_bytes();
        rules.push((RECORD_BYTES, Rule::at_least(bytes, &why)));
        rules.push(("replica.fetch.max.bytes", Rule::at_least(bytes, &why)));
    }
    let taken = brokers.iter().filter_map(|(_, configs)| number(configs, RECORD_BYTES));
    let taken = taken.chain(largest.map(|(_, bytes)| bytes)).max();
    if let Some(taken) = taken {
        let mut rule = Rule::at_least(taken.saturating_add(1), "a request holds a record and more");
        rule.wanted = format!("more than {RECORD_BYTES} ({taken})");
        rule.value = taken.saturating_add(super::AROUND_BYTES).to_string();
        rules.push(("socket.request.max.bytes", rule));
    }
    rules
}

/// A setting of all brokers: a finding for each value that it has somewhere.
fn setting(key: &str, rule: &Rule, brokers: &[(&Broker, &Configs)], wanted: &Wanted) -> Vec<Finding> {
    let mut by_value: BTreeMap<String, Vec<(i32, Option<&Config>)>> = BTreeMap::new();
    for (broker, configs) in brokers {
        let found = match key {
            RETENTION => retention(configs),
            _ => value(configs, key).map(str::to_owned),
        };
        let found = found.unwrap_or_else(|| "not set".to_owned());
        by_value.entry(found).or_default().push((broker.id, configs.get(key)));
    }
    let finding = |(found, at): (String, Vec<(i32, Option<&Config>)>)| {
        let ids: Vec<i32> = at.iter().map(|(id, _)| *id).collect();
        let subject = brokers_of(&ids);
        let is_good = (rule.test)(found.split(' ').next().unwrap_or_default());
        Finding::new(Verdict::of(is_good, rule.otherwise), &subject, key)
            .found(found)
            .wanted(&rule.wanted)
            .why(&rule.why)
            .remedy(remedies(key, rule, &subject, &at, wanted))
    };
    by_value.into_iter().map(finding).collect()
}

fn remedies(
    key: &str,
    rule: &Rule,
    subject: &str,
    at: &[(i32, Option<&Config>)],
    wanted: &Wanted,
) -> Vec<String> {
    if at.iter().any(|(_, config)| config.is_some_and(|it| it.is_read_only)) {
        return vec![in_file(subject, key, &rule.value)];
    }
    let alone = at.iter().filter(|(_, config)| config.is_some_and(|it| it.is_of_one_broker));
    let mut remedies: Vec<String> =
        alone.map(|(id, _)| wanted.tools.set_for_broker(*id, key, &rule.value)).collect();
    // What a broker was told alone goes before what all are told.
    if remedies.len() < at.len() {
        remedies.push(wanted.tools.set_for_brokers(key, &rule.value));
    }
    remedies
}

/// How long records are kept: where milliseconds are not set, minutes count, and then hours.
fn retention(configs: &Configs) -> Option<String> {
    if let Some(set) = value(configs, RETENTION) {
        return Some(set.to_owned());
    }
    let units = [("log.retention.minutes", 60_000), ("log.retention.hours", 3_600_000)];
    units.into_iter().find_map(|(key, ms)| {
        let amount: i64 = value(configs, key)?.parse().ok()?;
        Some(match amount {
            ..0 => format!("-1 ({key})"),
            _ => format!("{} ({key})", amount.saturating_mul(ms)),
        })
    })
}

fn authorizer(brokers: &[(&Broker, &Configs)]) -> Option<Finding> {
    let ids = |is_open: bool| -> Vec<i32> {
        let open = |configs: &Configs| value(configs, AUTHORIZER).is_none_or(str::is_empty);
        brokers.iter().filter(|(_, configs)| open(configs) == is_open).map(|(broker, _)| broker.id).collect()
    };
    let open = ids(true);
    let (verdict, found, at) = match (open.is_empty(), brokers.is_empty()) {
        (_, true) => return None,
        (true, _) => (Verdict::Ok, "set", ids(false)),
        (false, _) => (Verdict::Warning, "not set", open),
    };
    let finding = Finding::new(verdict, &brokers_of(&at), AUTHORIZER)
        .found(found)
        .wanted("set")
        .why("without it whoever reaches the brokers may write to every topic")
        .remedy([in_file(
            &brokers_of(&at),
            AUTHORIZER,
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ) + ", with super.users for the brokers and for who administers them"]);
    Some(finding)
}
