//! Finding policies by their paths.

use std::{fs, path::Path};

use super::*;
use crate::bundle::read_config_envelope;
use crate::policy::{
    BLOCK_VALIDATION, CHANNEL_READERS, CHANNEL_WRITERS, ORDERER_ADMINS, ORDERER_WRITERS, PolicyTree,
};
use raddle_proto::wire::Envelope;

#[test]
fn a_policy_is_found_by_its_absolute_and_its_relative_name() {
    let tree = PolicyTree::build(&channel()).unwrap();
    let root = tree.root();
    // From which group, by which id, which policy; or which text in its place.
    let cases: [(&[&str], &str, Result<&str, &str>); 21] = [
        (&[], "Writers", Ok("/Channel/Writers")),
        (&[], "/Channel/Writers", Ok("/Channel/Writers")),
        (&[], "Application/Writers", Ok("/Channel/Application/Writers")),
        (&[], "Application/Org1/Admins", Ok("/Channel/Application/Org1/Admins")),
        (&[], "/Channel/Orderer/OrdererOrg/Writers", Ok("/Channel/Orderer/OrdererOrg/Writers")),
        (&["Application"], "Writers", Ok("/Channel/Application/Writers")),
        (&["Application"], "/Channel/Application/Org2/Writers", Ok("/Channel/Application/Org2/Writers")),
        (
            &["Application", "Org1"],
            "/Channel/Application/Org1/Admins",
            Ok("/Channel/Application/Org1/Admins"),
        ),
        // Whatever stands in the place of the slash is skipped.
        (&[], "/ChannelXWriters", Ok("/Channel/Writers")),
        (&["Application"], "/Channel/Application.Org1/Admins", Ok("/Channel/Application/Org1/Admins")),
        (&[], "", Err("")),
        (&[], "/", Err("/")),
        (&[], "/Channel", Err("/Channel")),
        (&[], "/Channel/", Err("")),
        (&[], "/Channel/Nobody", Err("Nobody")),
        (&[], "/Chan/Writers", Err("/Chan/Writers")),
        (&[], "Channel/Writers", Err("Channel/Writers")),
        (&[], "Application/Org3/Writers", Err("Application/Org3/Writers")),
        (&["Application"], "/Channel/Application/Org1/X", Err("Org1/X")),
        // Neither up nor aside.
        (&["Application"], "/Channel/Writers", Err("/Channel/Writers")),
        (&["Application", "Org1"], concat!("..", "/Writers"), Err(concat!("..", "/Writers"))),
    ];
    for (path, id, expected) in cases {
        let found = root.manager(path).unwrap().policy(id);
        match expected {
            Ok(path) => assert_eq!(found.unwrap().path(), path, "{id}"),
            Err(missing) => {
                let text = format!("no such policy: '{missing}'");
                assert_eq!(found.unwrap_err().to_string(), text);
                let failure = root.manager(path).unwrap().evaluate(id, &signers("Org1MSP.a:admin"));
                assert_eq!(failure.unwrap_err().to_string(), text);
            }
        }
    }
    // The byte to skip is the first of two: no policy has such a name, and nothing breaks.
    assert_eq!(root.policy("/ChannelÄWriters").unwrap_err().id, "/ChannelÄWriters");
}

#[test]
fn no_id_finds_a_policy_without_a_name_and_a_bare_path_does() {
    let config = group([("", any_role("Org1MSP", &[ADMIN]))], []);
    let tree = PolicyTree::build(&config).unwrap();
    assert_eq!(tree.root().policy("").unwrap_err().id, "");
    assert_eq!(tree.root().policy("/Channel/").unwrap().path(), "/Channel/");
}

#[test]
fn a_manager_is_found_by_its_path() {
    let tree = PolicyTree::build(&channel()).unwrap();
    let path = |path: &[&str]| tree.root().manager(path).map(|manager| manager.path());
    assert_eq!(path(&[]).as_deref(), Some("Channel"));
    assert_eq!(path(&["Application", "Org2"]).as_deref(), Some("Channel/Application/Org2"));
    assert_eq!(path(&["Application", "Org3"]), None);
    assert_eq!(path(&["Channel"]), None);
}

#[test]
fn of_names_with_slashes_the_deepest_groups_policy_is_taken() {
    let config = group(
        [("a/b/P", any_role("Org1MSP", &[ADMIN])), ("x/P", any_role("Org1MSP", &[ADMIN]))],
        [("a", group([("b/P", implicit(0, "Q"))], [("b", group([], []))]))],
    );
    let tree = PolicyTree::build(&config).unwrap();
    assert_eq!(tree.root().policy("a/b/P").unwrap().path(), "/Channel/a/b/P");
    assert!(tree.root().evaluate("a/b/P", &signers("Org1MSP.a:admin")).is_err());
    assert_eq!(tree.root().evaluate("x/P", &signers("Org1MSP.a:admin")), Ok(()));
}

/// The channel group in a recorded genesis block.
fn recorded(file: &str) -> common::ConfigGroup {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5").join(file);
    let block: common::Block = go_decode(fs::read(golden).unwrap().into()).unwrap();
    let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
    read_config_envelope(&envelope).unwrap().config.unwrap().channel_group.unwrap()
}

#[test]
fn the_policies_of_recorded_channels_are_found() {
    let on_channels = [CHANNEL_READERS, CHANNEL_WRITERS, ORDERER_WRITERS, ORDERER_ADMINS, BLOCK_VALIDATION];
    let of_applications = [
        "/Channel/Application/Admins",
        "/Channel/Application/Endorsement",
        "/Channel/Application/Org1MSP/Writers",
        "/Channel/Application/Org2MSP/Endorsement",
    ];
    for (file, has_application) in [
        ("mychannel.block", true),
        ("appkafka.block", true),
        ("raftchannel.block", true),
        ("kafka-genesis.block", false),
    ] {
        let tree = PolicyTree::build(&recorded(file)).unwrap();
        for id in on_channels {
            assert_eq!(tree.root().policy(id).unwrap().path(), id, "{file}");
        }
        for id in of_applications {
            assert_eq!(tree.root().policy(id).is_ok(), has_application, "{file} {id}");
        }
    }
}

#[test]
fn a_recorded_channel_tells_its_members_from_strangers() {
    let tree = PolicyTree::build(&recorded("mychannel.block")).unwrap();
    let cases = [
        (CHANNEL_WRITERS, "Org1MSP.user:client", None),
        (CHANNEL_WRITERS, "OrdererMSP.orderer:orderer", None),
        (CHANNEL_READERS, "Org1MSP.peer:peer", None),
        (CHANNEL_WRITERS, "Org1MSP.peer:peer", Some((0, 1, "Writers"))),
        (CHANNEL_WRITERS, "Org9MSP.user:client", Some((0, 1, "Writers"))),
        (CHANNEL_WRITERS, "", Some((0, 1, "Writers"))),
        ("/Channel/Application/Admins", "Org1MSP.user:client", Some((0, 2, "Admins"))),
        ("/Channel/Application/Admins", "Org1MSP.admin:admin", Some((1, 2, "Admins"))),
        ("/Channel/Application/Admins", "Org1MSP.admin:admin Org2MSP.admin:admin", None),
        ("/Channel/Admins", "Org1MSP.admin:admin OrdererMSP.admin:admin", Some((1, 2, "Admins"))),
        ("/Channel/Admins", "Org1MSP.a:admin OrdererMSP.b:admin Org2MSP.c:admin", None),
        (BLOCK_VALIDATION, "OrdererMSP.orderer:orderer", None),
        (BLOCK_VALIDATION, "Org1MSP.admin:admin", Some((0, 1, "Writers"))),
    ];
    for (id, who, expected) in cases {
        let text = expected.map(|(satisfied, needed, name)| {
            format!(
                "implicit policy evaluation failed - {satisfied} sub-policies were satisfied, but this policy \
                 requires {needed} of the '{name}' sub-policies to be satisfied"
            )
        });
        let answer = tree.root().evaluate(id, &signers(who));
        assert_eq!(answer.err().map(|error| error.to_string()), text, "{id} by {who}");
    }
}
