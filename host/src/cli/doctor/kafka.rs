//! `raddle doctor kafka`.

use std::path::PathBuf;

use raddle_ordering::kafka::inspect::{InspectError, inspect};
use raddle_ordering::kafka::{Sasl, Settings};

use super::report::{Outcome, Report};
use super::targets::{self, Target};
use crate::cli::output::{Output, count};
use crate::cli::settings::ConfigFolder;
use crate::cli::{Code, Exit, Failure, logging};
use crate::doctor::{Tools, Verdict, Wanted, check};
use crate::node::NoLog;

/// Look whether Kafka is set up as orderers need it; nothing is changed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ends with 0 if nothing is wrong, with 1 if something is or could not be seen, with 2 if the settings cannot be used, \
with 3 if no broker answers. `raddle help kafka` says what is looked at.")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFolder,
    /// Look at this channel's topic; may be given several times [default: all channels of the node]
    #[arg(long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// File with a config block of a channel, such as `peer channel fetch config` writes; may be given several times
    #[arg(long, value_name = "FILE")]
    block: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Prints what was found.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let _log = logging::start(false);
    let settings = arguments.config.or_dev().load()?;
    let targets::Found { targets, notes } = targets::find(&settings, &arguments.channel, &arguments.block)?;
    if targets.is_empty() {
        let sentence = "no brokers are named that order a channel of this node";
        let mut failure = Failure::new(Code::KafkaUnused, Exit::Usage, sentence);
        failure.lines = notes;
        return Err(failure);
    }
    let outcomes = targets.into_iter().map(|target| look(target, &settings.kafka));
    let report = Report { outcomes: outcomes.collect::<Result<_, _>>()?, notes };
    report.print(arguments.output)?;
    verdict(&report)
}

fn look(target: Target, settings: &Settings) -> Result<Outcome, Failure> {
    let Target { brokers, channels } = target;
    let settings = Settings { brokers: brokers.clone(), ..settings.clone() };
    let topics: Vec<String> = channels.iter().map(|it| it.id.0.clone()).collect();
    let tools = Tools {
        brokers: brokers.clone(),
        need_login: settings.tls.is_some() || settings.sasl.is_some(),
        principal: principal(&settings),
    };
    let wanted = Wanted { replication: settings.topic_replication, channels, tools };
    match inspect(&settings, &topics) {
        Ok(cluster) => {
            let findings = check(&cluster, &wanted);
            Ok(Outcome { asked: brokers, channels: topics, cluster: cluster.id, findings, failure: None })
        }
        Err(InspectError::Settings(error)) => Err(NoLog::Kafka(error).into()),
        Err(error) => {
            let is_unreachable = matches!(error, InspectError::Unreachable(_));
            let failure = Some((is_unreachable, error.to_string()));
            Ok(Outcome { asked: brokers, channels: topics, cluster: None, findings: Vec::new(), failure })
        }
    }
}

/// Who this node is to the brokers.
fn principal(settings: &Settings) -> String {
    match (&settings.sasl, &settings.tls) {
        (Some(Sasl { user, .. }), _) => format!("User:{user}"),
        // Its certificate's name, in the order that the broker writes it.
        (None, Some(tls)) if tls.client.is_some() => "User:CN=…".to_owned(),
        (None, _) => "User:ANONYMOUS".to_owned(),
    }
}

/// How the process ends.
fn verdict(report: &Report) -> Result<(), Failure> {
    if report.outcomes.iter().all(Outcome::is_unreachable) {
        let mut failure =
            Failure::new(Code::KafkaUnreachable, Exit::Unreachable, "no Kafka broker can be asked");
        failure.lines = report.outcomes.iter().filter_map(|it| it.failure_line()).collect();
        return Err(failure);
    }
    let failures = report.outcomes.iter().filter(|it| it.failure.is_some()).count();
    let wrong = report.count(Verdict::Wrong).saturating_add(u64::try_from(failures).unwrap_or(u64::MAX));
    let unseen = report.count(Verdict::Unseen);
    if wrong == 0 && unseen == 0 {
        return Ok(());
    }
    let mut parts = Vec::new();
    if wrong > 0 {
        parts.push(count(wrong, "thing is wrong", "things are wrong"));
    }
    if unseen > 0 {
        parts.push(count(unseen, "was not seen", "were not seen"));
    }
    let sentence = format!("Kafka is not as orderers need it: {}", parts.join(", "));
    Err(Failure::new(Code::KafkaUnfit, Exit::Failed, sentence))
}
