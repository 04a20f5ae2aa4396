//! The ledgers: whether each opens, how high it is, and whether its channel is mapped to a log.

use raddle_core::ids::ChannelId;

use super::configs::{self, Unread};
use super::{Part, finding, fine};
use crate::config::Settings;
use crate::doctor::{Finding, Verdict};
use crate::logs::{Chosen, choose};
use crate::node::Ledgers;

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let ledgers = configs::ledgers(settings);
    let folder = ledgers.folder().display().to_string();
    match ledgers.channels() {
        Ok(channels) if channels.is_empty() => {
            vec![fine(Part::Store, "ledgers", format!("none in {folder}"), "one for each channel")]
        }
        Ok(channels) => channels.iter().map(|channel| ledger(settings, &ledgers, channel)).collect(),
        Err(error) => vec![finding(
            Part::Store,
            Verdict::Wrong,
            [
                "ledgers".into(),
                format!("{folder} cannot be read: {error}"),
                "a folder that can be read".into(),
            ],
            "the node does not start",
            &[format!("make it readable for the user of the node: chown -R USER {folder}")],
        )],
    }
}

fn ledger(settings: &Settings, ledgers: &Ledgers, channel: &ChannelId) -> Finding {
    let what = format!("ledger of {channel}");
    let wanted = "one that opens, whose channel is mapped to a log";
    let told = |verdict, found: String, why: &str, remedy: &[String]| {
        finding(Part::Store, verdict, [what.clone(), found, wanted.into()], why, remedy)
    };
    let path = ledgers.path(channel).display().to_string();
    let (open, config) = match configs::open(ledgers, channel) {
        Ok(read) => read,
        Err(Unread::InUse(error)) => {
            let remedy = "stop the node to have its ledgers looked at".to_owned();
            return told(Verdict::Unseen, error, "a running node has its ledgers to itself", &[remedy]);
        }
        Err(Unread::Ledger(error)) => {
            let remedy = format!(
                "keep a copy of {path}, remove it, and join the channel again: its blocks come from the log"
            );
            return told(Verdict::Wrong, error, "the channel does not start; the others do", &[remedy]);
        }
        Err(Unread::Config(error)) => {
            let remedy = format!("keep a copy of {path}, and join the channel again");
            return told(Verdict::Wrong, error, "a channel without its config is not ordered", &[remedy]);
        }
    };
    let found = match choose(&settings.ordering, &config.bundle) {
        Ok(log) => {
            let blocks = if open.height() == 1 { "block" } else { "blocks" };
            format!("{} {blocks}, ordered by {}", open.height(), name(log))
        }
        Err(error) => {
            let remedy = "map it under Ordering in raddle.yaml".to_owned();
            return told(Verdict::Wrong, error.to_string(), "the channel does not start", &[remedy]);
        }
    };
    fine(Part::Store, &what, found, wanted)
}

fn name(log: Chosen<'_>) -> String {
    match log {
        Chosen::Local => "the log on this disk".to_owned(),
        Chosen::Kafka(brokers) => format!("Kafka at {}", brokers.join(", ")),
    }
}
