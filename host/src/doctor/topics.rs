//! What is wanted of a channel's topic.

use raddle_ordering::kafka::inspect::{Cluster, Configs, Described, Topic, TopicState, Unseen};

use super::{
    Channel, Finding, Rule, Verdict, WHY_KEPT, WHY_NOT_COMPACTED, Wanted, brokers_of, number, value,
};

pub(super) fn check(topic: &Topic, cluster: &Cluster, wanted: &Wanted) -> Vec<Finding> {
    let subject = format!("topic {}", topic.name);
    let mut findings: Vec<Finding> =
        other_cluster(&topic.name, &subject, cluster, wanted).into_iter().collect();
    findings.extend(check_topic(topic, &subject, cluster, wanted));
    findings
}

/// The channel's ledger may have been built from another cluster.
fn other_cluster(name: &str, subject: &str, cluster: &Cluster, wanted: &Wanted) -> Option<Finding> {
    let (built_from, id) = (wanted.channel(name)?.built_from.as_ref()?, cluster.id.as_ref()?);
    let finding = Finding::new(Verdict::of(built_from == id, Verdict::Wrong), subject, "cluster")
        .found(id)
        .wanted(built_from)
        .why("the ledger was built from the topic of that cluster, and the channel goes on in no other")
        .remedy(["name the brokers of that cluster in Ordering of raddle.yaml, or in the channel's config"
            .to_owned()]);
    Some(finding)
}

fn check_topic(topic: &Topic, subject: &str, cluster: &Cluster, wanted: &Wanted) -> Vec<Finding> {
    match &topic.state {
        TopicState::Unseen(cause) => {
            let remedy = wanted.tools.allow_topic(&topic.name, "Describe");
            let verdict = match cause {
                // Without it nothing is ordered.
                Unseen::Denied => Verdict::Wrong,
                Unseen::Failed(_) => Verdict::Unseen,
            };
            vec![Finding { verdict, ..Finding::unseen(subject, "DESCRIBE", cause, remedy) }]
        }
        TopicState::Missing { making } => vec![missing(&topic.name, subject, making.as_ref(), wanted)],
        TopicState::There(there) => {
            let mut findings = Look { name: &topic.name, subject, there, wanted }.place(cluster);
            findings.extend(settings(&topic.name, subject, there, wanted));
            findings
        }
    }
}

fn missing(name: &str, subject: &str, making: Result<&(), &Unseen>, wanted: &Wanted) -> Finding {
    let is_lost = wanted.channel(name).is_some_and(|it| it.built_from.is_some());
    let found = "is not there";
    if is_lost {
        return Finding::new(Verdict::Wrong, subject, "topic")
            .found(found)
            .wanted("the one that the ledger was built from")
            .why("the channel goes on in no other: a new topic would give other blocks")
            .remedy([
                "put the topic back with its records, or look whether these are the right brokers".to_owned()
            ]);
    }
    let copies = wanted.replication;
    match making {
        Ok(()) => Finding::new(Verdict::Ok, subject, "topic")
            .found(format!("{found}; would be made with {copies} copies"))
            .wanted("to be there or to be made"),
        Err(cause) => Finding::new(Verdict::Wrong, subject, "topic")
            .found(format!("{found}, cannot be made"))
            .wanted("to be there or to be made")
            .why(format!("a channel is ordered by its topic: {cause}"))
            .remedy(match cause {
                Unseen::Denied => vec![wanted.tools.allow_topic(name, "Create")],
                Unseen::Failed(_) => Vec::new(),
            }),
    }
}

/// A topic that is there.
struct Look<'a> {
    name: &'a str,
    subject: &'a str,
    there: &'a Described,
    wanted: &'a Wanted,
}

impl Look<'_> {
    fn finding(&self, verdict: Verdict, what: &str) -> Finding {
        Finding::new(verdict, self.subject, what)
    }

    /// Where its records are, and whether they can be got at.
    fn place(&self, cluster: &Cluster) -> Vec<Finding> {
        let mut findings = vec![self.partitions(), self.copies(cluster), self.in_sync(), self.first()];
        findings.push(self.may("READ", "Read", &self.there.reading));
        findings.push(self.may("WRITE", "Write", &self.there.writing));
        findings
    }

    fn partitions(&self) -> Finding {
        let count = self.there.partitions;
        let verdict = match count {
            0 => Verdict::Wrong,
            1 => Verdict::Ok,
            _ => Verdict::Warning,
        };
        self.finding(verdict, "partitions")
            .found(count)
            .wanted(1)
            .why("orderers write and read partition 0 alone; who reads the topic may look for records in the others")
    }

    fn copies(&self, cluster: &Cluster) -> Finding {
        let (replicas, copies) = (&self.there.replicas, self.wanted.copies());
        let wanted = usize::try_from(copies).unwrap_or(usize::MAX);
        let others = cluster.brokers.iter().map(|it| it.id).filter(|id| !replicas.contains(id));
        let more: Vec<i32> = replicas.iter().copied().chain(others).take(wanted).collect();
        let remedy = match more.len() < wanted {
            true => vec![format!("add brokers first: {copies} copies need as many")],
            false => self.wanted.tools.copy_topic(self.name, &more).to_vec(),
        };
        self.finding(Verdict::of(replicas.len() >= wanted, Verdict::Wrong), "copies")
            .found(format!("{} ({})", replicas.len(), brokers_of(replicas)))
            .wanted(format!("{copies} or more"))
            .why("with fewer than 3 a broker that is away stops the channel, or a broker that is lost loses records")
            .remedy(remedy)
    }

    fn in_sync(&self) -> Finding {
        let Described { replicas, in_sync, leader, configs, .. } = self.there;
        let min = configs.as_ref().ok().and_then(|it| number(it, "min.insync.replicas")).unwrap_or(1);
        let is_stuck = leader.is_none() || u64::try_from(in_sync.len()).is_ok_and(|count| count < min);
        let verdict = match is_stuck {
            true => Verdict::Wrong,
            false => Verdict::of(in_sync.len() == replicas.len(), Verdict::Warning),
        };
        let behind: Vec<i32> = replicas.iter().copied().filter(|id| !in_sync.contains(id)).collect();
        let leader = leader.map_or_else(|| "nobody leads".to_owned(), |id| format!("broker {id} leads"));
        self.finding(verdict, "copies in sync")
            .found(format!("{} ({}), {leader}", in_sync.len(), brokers_of(in_sync)))
            .wanted(format!("all {}", replicas.len()))
            .why(format!("records are taken while a broker leads and {min} copies are in sync"))
            .remedy([format!("start {}, and look at its log", brokers_of(&behind))])
    }

    fn first(&self) -> Finding {
        let (first, end) = match &self.there.bounds {
            Ok(bounds) => bounds,
            Err(cause) => {
                let remedy = self.wanted.tools.allow_topic(self.name, "Describe");
                return Finding::unseen(self.subject, "offsets", cause, remedy);
            }
        };
        self.finding(Verdict::of(first.0 == 0, Verdict::Warning), "first offset")
            .found(format!("{first}, end {end}"))
            .wanted(0)
            .why("records before it are gone: an orderer whose ledger ends before it cannot go on")
            .remedy(["give such orderers a copy of the ledger of one that has the blocks".to_owned()])
    }

    fn may(&self, what: &str, operation: &str, outcome: &Result<(), Unseen>) -> Finding {
        match outcome {
            Ok(()) => self.finding(Verdict::Ok, what).found("allowed").wanted("allowed"),
            Err(Unseen::Denied) => self
                .finding(Verdict::Wrong, what)
                .found("denied")
                .wanted("allowed")
                .why("an orderer writes what clients send, and reads what all orderers have written")
                .remedy([self.wanted.tools.allow_topic(self.name, operation)]),
            Err(cause) => Finding::unseen(self.subject, what, cause, String::new()),
        }
    }
}

fn settings(name: &str, subject: &str, there: &Described, wanted: &Wanted) -> Vec<Finding> {
    let configs = match &there.configs {
        Ok(configs) => configs,
        Err(cause) => {
            let remedy = wanted.tools.allow_topic(name, "DescribeConfigs");
            return vec![Finding::unseen(subject, "settings", cause, remedy)];
        }
    };
    let copies = u64::try_from(there.replicas.len()).unwrap_or(u64::MAX).max(super::COPIES_MIN);
    let mut rules = vec![
        ("unclean.leader.election.enable", Rule::no_unclean_leader()),
        ("min.insync.replicas", Rule::in_sync(copies)),
        ("retention.ms", Rule::is("-1", WHY_KEPT)),
        ("retention.bytes", Rule::is("-1", WHY_KEPT)),
        ("cleanup.policy", Rule::is("delete", WHY_NOT_COMPACTED)),
        ("compression.type", compression(configs)),
    ];
    let size = wanted.channel(name).and_then(|channel| Some((channel, channel.record_bytes()?)));
    if let Some((channel, bytes)) = size {
        rules.push(("max.message.bytes", Rule::at_least(bytes, &Channel::why_bytes(channel))));
    }
    let finding = |(key, rule): (&str, Rule)| {
        let found = value(configs, key).unwrap_or("not set");
        Finding::new(Verdict::of((rule.test)(found), rule.otherwise), subject, key)
            .found(found)
            .wanted(&rule.wanted)
            .why(&rule.why)
            .remedy([wanted.tools.set_for_topic(name, key, &rule.value)])
    };
    let mut findings: Vec<Finding> = rules.into_iter().map(finding).collect();
    if size.is_none() {
        findings.push(
            Finding::new(Verdict::Unseen, subject, "max.message.bytes")
                .found(value(configs, "max.message.bytes").unwrap_or("not set"))
                .wanted("1 MiB more than AbsoluteMaxBytes")
                .why("the channel's config was not read, so what its envelopes may be is not known")
                .remedy(["stop the node, or name a config block of the channel with --block".to_owned()]),
        );
    }
    findings
}

/// Brokers may compress records again.
fn compression(configs: &Configs) -> Rule {
    let is_readable = value(configs, "compression.type") != Some("zstd");
    Rule {
        wanted: "producer".to_owned(),
        value: "producer".to_owned(),
        why: "brokers compress each record anew otherwise; zstd neither Raddle nor Go orderers can read"
            .to_owned(),
        otherwise: if is_readable { Verdict::Warning } else { Verdict::Wrong },
        test: Box::new(|found| ["producer", "uncompressed"].contains(&found)),
    }
}
