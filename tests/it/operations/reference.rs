//! Fabric's metrics, name by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::Served;
use crate::harness::repository;

/// What is not told, and why.
const NOT_APPLICABLE: [(&str, &str); 4] = [
    ("cluster_comm_", "orderers do not speak to one another: the log is between them"),
    ("consensus_etcdraft_", "no channel is ordered by Raft"),
    ("consensus_kafka_compression_ratio", "records are not compressed, and librdkafka tells no ratio"),
    ("consensus_kafka_", "rates and sizes of Sarama's own; librdkafka counts others"),
];

#[test]
fn every_metric_of_fabric_is_there_with_its_type_and_labels_or_is_not_applicable() {
    let served = Served::with_traffic();
    let metrics = served.metrics();
    let reference = fs::read_to_string(repository().join("tests/golden/metrics/fabric-2.5.txt")).unwrap();
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    let mut there = 0;
    for line in reference.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        let mut labels: Vec<&str> = words.next().map_or(Vec::new(), |labels| labels.split(',').collect());
        labels.sort_unstable();
        match metrics.kind(name) {
            Some(found) => {
                assert_eq!((found, metrics.labels(name)), (kind, labels), "{name}");
                there += 1;
            }
            None => {
                let known = NOT_APPLICABLE.iter().find(|(prefix, _)| name.starts_with(prefix));
                *left_out
                    .entry(known.unwrap_or_else(|| panic!("{name} is missing\n{}", metrics.0)).1)
                    .or_default() += 1;
            }
        }
    }
    assert_eq!(there, 27);
    // None of the reasons is idle.
    assert_eq!(left_out.len(), NOT_APPLICABLE.len(), "{left_out:?}");
}

#[test]
fn every_family_says_what_it_is() {
    let metrics = Served::with_traffic().metrics();
    let types = metrics.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let names: Vec<&str> = types.collect();
    assert!(names.is_sorted() && names.len() > 45, "{names:?}");
    for name in names {
        assert!(metrics.0.contains(&format!("# HELP {name} ")), "{name}");
        let ours = ["raddle_", "process_"].iter().any(|prefix| name.starts_with(prefix));
        let reference = fs::read_to_string(repository().join("tests/golden/metrics/fabric-2.5.txt")).unwrap();
        let is_fabrics = reference.lines().any(|line| line.starts_with(&format!("{name} ")));
        assert!(ours != is_fabrics, "{name} is neither ours nor Fabric's");
    }
}

#[test]
fn the_manual_explains_every_metric_of_ours() {
    let metrics = Served::with_traffic().metrics();
    let page = raddle::manual::PAGES.iter().find(|page| page.name == "metrics").unwrap().text;
    let explained = page.split('`').filter(|word| word.starts_with("raddle_"));
    let explained: BTreeSet<&str> = explained.collect();
    let types = metrics.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let told: BTreeSet<&str> = types.filter(|name| name.starts_with("raddle_")).collect();
    // What happens seldom is not there yet.
    let seldom = BTreeSet::from(["raddle_records_noted", "raddle_module_batches"]);
    assert_eq!(explained, told.union(&seldom).copied().collect());
}

/// What dashboards and alerts rely on.
#[test]
fn our_metrics_are_what_was_promised() {
    let metrics = Served::with_traffic().metrics();
    let promised = fs::read_to_string(repository().join("tests/golden/promises/metrics.txt")).unwrap();
    let promised: BTreeSet<String> =
        promised.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    // What happens seldom is not there yet; the manual's test holds their names.
    let families = metrics.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let ours = families.filter(|family| family.starts_with("raddle_"));
    let here: BTreeSet<String> = ours
        .map(|family| {
            let name = family.split(' ').next().unwrap();
            format!("{family} {}", metrics.labels(name).join(",")).trim_end().to_owned()
        })
        .collect();
    assert_eq!(here, promised);
}
