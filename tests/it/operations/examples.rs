//! The rules and the dashboard of the examples name metrics that there are.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{Metrics, Served};
use crate::harness::repository;

/// How the names of all our metrics begin.
const BEGINNINGS: [&str; 11] = [
    "raddle_",
    "broadcast_",
    "deliver_",
    "ledger_",
    "blockcutter_",
    "grpc_",
    "process_",
    "consensus_",
    "participation_",
    "logging_",
    "fabric_",
];

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("examples/operations").join(name)).unwrap()
}

/// The names of metrics in an expression.
fn names(expression: &str) -> Vec<&str> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))).collect()
}

fn are_there(expressions: &[String], metrics: &Metrics) {
    for expression in expressions {
        let names: BTreeSet<&str> = names(expression).into_iter().collect();
        assert!(!names.is_empty() || expression.starts_with("up{"), "{expression}");
        for name in names {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                let family = name.strip_suffix(end)?;
                (metrics.kind(family) == Some("histogram")).then_some(family)
            });
            assert!(metrics.kind(family.unwrap_or(name)).is_some(), "{name} in {expression}\n{}", metrics.0);
        }
    }
}

#[test]
fn every_metric_that_the_rules_and_the_dashboard_name_is_told_by_a_node() {
    let metrics = Served::with_traffic().metrics();
    let rules: Value = serde_saphyr::from_str(&read("alerts.yaml")).unwrap();
    let of_rules: Vec<String> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect();
    assert!(of_rules.len() >= 10);
    are_there(&of_rules, &metrics);

    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let of_panels: Vec<String> = targets.map(|it| it["expr"].as_str().unwrap().to_owned()).collect();
    assert!(of_panels.len() >= 15);
    are_there(&of_panels, &metrics);
    let variables = dashboard["templating"]["list"].to_string();
    assert!(
        metrics.kind("ledger_blockchain_height").is_some() && variables.contains("ledger_blockchain_height")
    );
}

#[test]
fn prometheus_is_told_of_the_rules_and_the_port_that_a_node_of_dev_has() {
    let told: Value = serde_saphyr::from_str(&read("prometheus.yml")).unwrap();
    assert_eq!(told["rule_files"], serde_json::json!(["alerts.yaml"]));
    let target = &told["scrape_configs"][0]["static_configs"][0]["targets"][0];
    assert_eq!(target, "127.0.0.1:8443");
    // What the unit and the container say is said by names that a node knows.
    for name in ["raddle.service", "Containerfile", "Containerfile.release"] {
        let text = read(name);
        let variables = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for variable in variables.filter(|word| word.starts_with("ORDERER_")) {
            let known = ["GENERAL_LISTENADDRESS", "OPERATIONS_LISTENADDRESS", "FILELEDGER_LOCATION"]
                .map(|it| format!("ORDERER_{it}"));
            assert!(known.iter().any(|it| it == variable), "{variable}");
        }
    }
}

#[test]
fn both_containers_run_a_node_alike() {
    let runs = |name: &str| {
        let text = read(name);
        let image = text.rsplit_once("FROM ").unwrap().1;
        let lines = image.lines().filter(|line| !line.starts_with("COPY ") && !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(runs("Containerfile"), runs("Containerfile.release"));
}
