//! Against what configtxlator computed, and what Fabric's orderers took and refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{Config, ConfigGroup, ConfigUpdate, ConfigValue};
use raddle_proto::wire::go_decode;
use serde::Deserialize;

use super::*;
use crate::admin::tests::rows_of;

#[derive(Deserialize)]
struct Row {
    name: String,
    original: String,
    updated: String,
    update: Option<String>,
    error: Option<String>,
}

fn decode<M: prost::Message + prost::Name + Default>(text: &str) -> M {
    go_decode(STANDARD.decode(text).unwrap().into()).unwrap()
}

fn rows() -> Vec<Row> {
    rows_of(include_bytes!("../../../../tests/golden/configtxlator/updates.jsonl.gz"))
}

#[test]
fn the_update_between_two_configs_is_configtxlators() {
    let channel = ChannelId("mychannel".into());
    let (mut count, mut none) = (0, 0);
    for row in rows() {
        let (original, updated): (Config, Config) = (decode(&row.original), decode(&row.updated));
        let computed = compute(&channel, &original, &updated);
        match row.update {
            Some(update) => assert_eq!(computed.unwrap(), decode::<ConfigUpdate>(&update), "{}", row.name),
            None if original == updated => {
                assert!(row.error.unwrap().contains("no differences detected"));
                assert_eq!(computed, Err(NoDifference));
                none += 1;
            }
            None => {}
        }
        count += 1;
    }
    assert!(count >= 9 && none == 1, "{count}");
}

#[test]
fn an_update_is_stale_on_a_config_that_moved_under_it_and_not_on_its_own() {
    let channel = ChannelId("mychannel".into());
    let configs: Vec<(Config, Config)> =
        rows().iter().map(|row| (decode(&row.original), decode(&row.updated))).collect();
    for (original, updated) in configs.iter().filter(|(original, _)| original.channel_group.is_some()) {
        let Ok(update) = compute(&channel, original, updated) else { continue };
        assert_eq!(stale(original, &update), Vec::<String>::new());
        assert!(!delta(original, &update).is_empty());
        let mut moved = original.clone();
        moved.channel_group.as_mut().unwrap().version = 7;
        let said = stale(&moved, &update);
        assert!(said[0].starts_with("group /Channel is at version 7"), "{said:?}");
    }
}

fn config(values: &[(&str, &str)], sequence: u64) -> Config {
    let value = |text: &str| ConfigValue {
        version: sequence,
        value: text.to_owned().into_bytes().into(),
        mod_policy: "Admins".into(),
    };
    let values = values.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    let group = ConfigGroup { version: sequence, values, ..ConfigGroup::default() };
    let mut root = ConfigGroup::default();
    root.groups.insert("G".into(), group);
    Config { sequence, channel_group: Some(root) }
}

#[test]
fn a_change_is_done_again_to_a_config_that_changed_elsewhere() {
    let base = config(&[("a", "1"), ("b", "1"), ("c", "1")], 3);
    let mine = config(&[("a", "2"), ("b", "1"), ("d", "1")], 3);
    for (theirs, expected) in [
        (&[("a", "1"), ("b", "2"), ("c", "1")][..], &[("a", "2"), ("b", "2"), ("d", "1")][..]),
        (&[("a", "2"), ("b", "1")], &[("a", "2"), ("b", "1"), ("d", "1")]),
        (
            &[("a", "1"), ("b", "1"), ("c", "1"), ("e", "1")],
            &[("a", "2"), ("b", "1"), ("d", "1"), ("e", "1")],
        ),
    ] {
        let merged = rebase(&base, &mine, &config(theirs, 9)).unwrap();
        let channel = ChannelId("c".into());
        assert_eq!(compute(&channel, &config(expected, 9), &merged), Err(NoDifference), "{theirs:?}");
        assert_eq!(merged.sequence, 9);
    }
    for (theirs, path) in [
        (&[("a", "3"), ("b", "1"), ("c", "1")][..], "/Channel/G/a"),
        (&[("b", "1"), ("c", "1")], "/Channel/G/a"),
        (&[("a", "1"), ("b", "1"), ("c", "2")], "/Channel/G/c"),
        (&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "2")], "/Channel/G/d"),
    ] {
        assert_eq!(rebase(&base, &mine, &config(theirs, 9)).unwrap_err().path, path, "{theirs:?}");
    }
}
