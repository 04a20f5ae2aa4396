//! Versions and mod policies of the small channel's elements.

use raddle_proto::common::{self, ConfigPolicy, ConfigValue};

use super::envelope_of;
use super::small::{capabilities, config, orderer, read, refused, update, value};
use crate::config_update::propose;

#[test]
fn a_policy_is_changed_only_by_those_whom_its_mod_policy_names() {
    let mut present = config();
    let group = orderer(present.channel_group.as_mut().unwrap());
    group.policies.get_mut("Anybody").unwrap().mod_policy = "/Channel/Nobody".into();
    let policy = group.policies["Anybody"].clone();
    let mut update = update();
    let group = orderer(update.write_set.as_mut().unwrap());
    group.policies.insert("Anybody".into(), ConfigPolicy { version: 1, ..policy });
    let found = refused(present, &envelope_of(&update));
    let expected = "error authorizing update: error validating DeltaSet: policy for [Policy] \
                    /Channel/Orderer/Anybody not satisfied: ";
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn a_version_below_the_one_that_was_read_is_a_change_and_refused() {
    let mut present = config();
    let group = orderer(present.channel_group.as_mut().unwrap());
    group.values.get_mut("BatchTimeout").unwrap().version = 1;
    let timeout = group.values["BatchTimeout"].clone();
    let mut update = update();
    orderer(update.read_set.as_mut().unwrap()).values.insert("BatchTimeout".into(), timeout.clone());
    let group = orderer(update.write_set.as_mut().unwrap());
    group.values.insert("BatchTimeout".into(), ConfigValue { version: 0, ..timeout });
    assert_eq!(
        refused(present, &envelope_of(&update)),
        "error authorizing update: error validating DeltaSet: attempt to set key [Value]  \
         /Channel/Orderer/BatchTimeout to version 0, but key is at version 1"
    );
}

#[test]
fn what_was_read_is_neither_newer_nor_older_than_what_is_there() {
    for (read, present) in [(0, 1), (2, 1)] {
        let mut config = config();
        orderer(config.channel_group.as_mut().unwrap()).values.get_mut("BatchSize").unwrap().version =
            present;
        let mut update = update();
        let seen = ConfigValue { version: read, ..ConfigValue::default() };
        orderer(update.read_set.as_mut().unwrap()).values.insert("BatchSize".into(), seen);
        let expected = format!(
            "error authorizing update: error validating ReadSet: proposed update requires that key [Value]  \
             /Channel/Orderer/BatchSize be at version {read}, but it is currently at version {present}"
        );
        assert_eq!(refused(config, &envelope_of(&update)), expected);
    }
}

#[test]
fn an_element_behind_a_group_is_named_by_its_own_path() {
    let mut update = update();
    let newer = ConfigValue { version: 3, ..ConfigValue::default() };
    update.read_set.as_mut().unwrap().values.insert("HashingAlgorithm".into(), newer);
    let found = refused(config(), &envelope_of(&update));
    assert!(
        found.contains("requires that key [Value]  /Channel/HashingAlgorithm be at version 3"),
        "{found}"
    );
}

#[test]
fn capabilities_that_an_update_brings_give_empty_mod_policies_to_the_admins_too() {
    let mut present = config();
    let root = present.channel_group.as_mut().unwrap();
    let addresses = common::OrdererAddresses { addresses: vec!["o:7050".into()] };
    root.values.insert("OrdererAddresses".into(), value(&addresses));
    root.values.remove("Capabilities");
    root.mod_policy = String::new();
    orderer(root).values.remove("Capabilities");
    let group = orderer(root).clone();
    let mut update = update();
    *orderer(update.read_set.as_mut().unwrap()) = group.clone();
    let written = orderer(update.write_set.as_mut().unwrap());
    *written = common::ConfigGroup { version: 1, ..group };
    written.values.insert("Capabilities".into(), value(&capabilities(&["V1_1"])));
    let next = propose(&read(present), &envelope_of(&update)).unwrap().next;
    assert_eq!(next.channel_group().unwrap().mod_policy, "Admins");
}
