//! The ledgers: whether each opens, how high it is, and whether its channel is mapped to a log.

use raddle_core::bundle::read_config_of;
use raddle_core::ids::ChannelId;
use raddle_ledger::OpenError;

use super::{Part, finding, fine};
use crate::config::Settings;
use crate::doctor::{Finding, Verdict};
use crate::logs::{Chosen, choose};
use crate::node::{Ledgers, config_of};
use crate::orderer::LEDGERS;

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let ledgers = Ledgers::at(settings.folder.value.join(LEDGERS));
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
    let open = match ledgers.open(channel) {
        Ok(open) => open,
        Err(error) if is_in_use(&error) => {
            let remedy = "stop the node to have its ledgers looked at".to_owned();
            return told(
                Verdict::Unseen,
                error.to_string(),
                "a running node has its ledgers to itself",
                &[remedy],
            );
        }
        Err(error) => {
            let remedy = format!(
                "keep a copy of {}, remove it, and join the channel again: its blocks come from the log",
                ledgers.path(channel).display()
            );
            return told(
                Verdict::Wrong,
                error.to_string(),
                "the channel does not start; the others do",
                &[remedy],
            );
        }
    };
    let config = config_of(&open).map_err(|error| error.to_string());
    let config = config.and_then(|envelope| read_config_of(envelope).map_err(|error| error.to_string()));
    let found = match config {
        Err(error) => {
            let remedy =
                format!("keep a copy of {}, and join the channel again", ledgers.path(channel).display());
            return told(Verdict::Wrong, error, "a channel without its config is not ordered", &[remedy]);
        }
        Ok(config) => match choose(&settings.ordering, &config.bundle) {
            Ok(log) => {
                let blocks = if open.height() == 1 { "block" } else { "blocks" };
                format!("{} {blocks}, ordered by {}", open.height(), name(log))
            }
            Err(error) => {
                let remedy = "map it under Ordering in raddle.yaml".to_owned();
                return told(Verdict::Wrong, error.to_string(), "the channel does not start", &[remedy]);
            }
        },
    };
    fine(Part::Store, &what, found, wanted)
}

fn is_in_use(error: &OpenError) -> bool {
    matches!(error, OpenError::Locked { .. })
}

fn name(log: Chosen<'_>) -> String {
    match log {
        Chosen::Local => "the log on this disk".to_owned(),
        Chosen::Kafka(brokers) => format!("Kafka at {}", brokers.join(", ")),
    }
}
