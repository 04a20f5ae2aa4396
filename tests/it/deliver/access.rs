//! Who may read a channel.

use std::time::{Duration, SystemTime};

use raddle::client::{Place, range};
use raddle::identity::Signer;
use raddle::network::{Role, Validity};
use raddle::node::NodeSettings;
use raddle_core::ids::ChannelId;
use raddle_proto::wire::Envelope;
use raddle_rules::admission::ExpirationChecks;
use raddle_serve::channels::DeliverChannel as _;
use serde_json::json;

use super::{BATCH_TIMEOUT, Scene, all, denied, following, numbers, refused, rest, told};
use crate::harness::orderer::channel as channel_of;
use crate::network::{Team, channel};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_members_in_their_roles_and_the_orderers_and_nobody_else() {
    let scene = Scene::start().await;
    let (orderers, org1, org2) = (&scene.network.orderers, &scene.network.org1, &scene.network.org2);
    // Another authority under a name that the channel knows.
    let (impostor, outsider) = (Team::new("Org1"), Team::new("Org3"));
    for (team, role, may_read) in [
        (org1, Role::Client, true),
        (org1, Role::Peer, true),
        (org1, Role::Admin, true),
        (org2, Role::Peer, true),
        (orderers, Role::Orderer, true),
        (orderers, Role::Client, true),
        (org1, Role::Orderer, false),
        (&outsider, Role::Client, false),
        (&outsider, Role::Admin, false),
        (&impostor, Role::Client, false),
        (&impostor, Role::Admin, false),
    ] {
        let who = format!("{role:?} of {}", team.organisation.names().name);
        let mut reader = scene.read(&team.signer(role), &following(Place::Oldest)).await;
        if may_read {
            assert_eq!(numbers(&mut reader, 1).await, [0], "{who}");
            continue;
        }
        let refusal = refused(reader).await;
        assert_eq!(told(&refusal), (403, Some("RDL-1211"), denied("Readers")), "{who}");
        // Nothing else: how the policy was evaluated tells who the members are.
        assert_eq!(json!(refusal.detail.reason), json!({ "text": denied("Readers") }), "{who}");
    }
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_its_reader_did_not_sign_is_nobodys() {
    let scene = Scene::start().await;
    let (reader, client) = (scene.network.org1.signer(Role::Client), scene.client().await);
    let seek = |seek| reader.seek(&channel(), &seek, SystemTime::now()).unwrap();
    let (one, other) = (seek(all()), seek(range(Place::Oldest, Place::Oldest, false)));
    for envelope in [
        Envelope::new(one.payload(), other.signature()),
        Envelope::new(one.payload(), b""),
        Envelope::new(one.payload(), &one.signature()[1..]),
    ] {
        let refusal = refused(client.deliver(&envelope)).await;
        assert_eq!(told(&refusal), (403, Some("RDL-1211"), denied("Readers")));
        assert_eq!(refusal.detail.reason.len(), 1);
    }
    assert_eq!(rest(client.deliver(&one)).await.len(), 1);
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_not_there_is_not_found_whoever_asks() {
    let scene = Scene::start().await;
    let client = scene.client().await;
    for signer in [scene.network.org1.signer(Role::Client), Team::new("Org3").signer(Role::Client)] {
        for id in ["", "dem", "demo2", "Demo"] {
            let seek = signer.seek(&ChannelId(id.into()), &all(), SystemTime::now()).unwrap();
            let refusal = refused(client.deliver(&seek)).await;
            assert_eq!((refusal.status, refusal.detail.code.as_deref()), (404, Some("RDL-1102")), "{id:?}");
        }
    }
    scene.orderer.stop().await.unwrap();
}

/// A client of the organisation whose certificate ended an hour ago.
fn expired(team: &Team) -> (Signer, SystemTime) {
    let now = SystemTime::now();
    let validity = Validity { from: now - 2 * HOUR, to: now - HOUR };
    let issued = team.organisation.issue(Role::Client, "late", validity).unwrap();
    (issued.signer().unwrap(), validity.to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_ended_reads_only_where_nobody_looks_at_its_end() {
    for (expiration, may_read) in [(ExpirationChecks::On, false), (ExpirationChecks::Off, true)] {
        let settings = NodeSettings { expiration, ..NodeSettings::default() };
        let scene = Scene::start_with(BATCH_TIMEOUT, settings).await;
        let (signer, ended_at) = expired(&scene.network.org1);
        let seek = signer.seek(&channel(), &all(), SystemTime::now()).unwrap();
        let ends = channel_of(&scene.orderer).session_ends(&seek);
        let reader = scene.client().await.deliver(&seek);
        if may_read {
            assert_eq!((rest(reader).await.len(), ends), (1, None));
        } else {
            let refusal = refused(reader).await;
            assert_eq!((refusal.status, refusal.detail.code.as_deref()), (403, Some("RDL-1210")));
            let seconds_ago = refusal.detail.reason["seconds_ago"].as_f64().unwrap();
            assert!((3600.0..3900.0).contains(&seconds_ago), "{seconds_ago}");
            // Certificates know whole seconds.
            let apart = ended_at.duration_since(ends.unwrap()).unwrap();
            assert!(apart < Duration::from_secs(1), "{apart:?}");
        }
        scene.orderer.stop().await.unwrap();
    }
}
