//! What organisations may send: who is over it is told so, and nobody else is held back.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use raddle::config::{Budget, Budgets};
use raddle::node::Spent;
use raddle_proto::common::{ChannelHeader, Payload, SignatureHeader};
use raddle_proto::wire::go_decode;

use super::*;

const UNAVAILABLE: i32 = 503;

/// Org1 has so little that it is soon used up, and so slowly that a test does not see it come back.
fn settings(organisation: &str, envelopes_per_second: u32, burst: Duration) -> NodeSettings {
    let own = Budget { envelopes_per_second, bytes_per_second: 0 };
    let organisations = BTreeMap::from([(organisation.to_owned(), own)]);
    NodeSettings {
        budgets: Budgets { organisations, burst, ..Budgets::default() },
        ..NodeSettings::default()
    }
}

/// What was counted: charged, refused with a good signature, refused by their claim.
fn counted(member: &Member, organisation: &str) -> Option<[u64; 3]> {
    let all: BTreeMap<String, Arc<Spent>> = member.channel().spent().into_iter().collect();
    let spent = all.get(organisation)?;
    Some([&spent.envelopes, &spent.over_budget, &spent.while_closed].map(|it| it.load(Ordering::Relaxed)))
}

/// An envelope whose signature is somebody else's.
fn forged(fleet: &Fleet) -> common::Envelope {
    let mut envelope = fleet.envelope(0);
    envelope.signature = fleet.envelope(1).signature;
    envelope
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_over_its_budget_is_told_which_and_others_and_admins_go_on() {
    let fleet = Fleet::new();
    // One envelope in 100 s, and three saved up.
    let one = fleet.start("one", settings("Org1MSP", 1, Duration::from_secs(3)), worker()).await;
    for _ in 0..3 {
        one.send(fleet.envelope(0)).await.unwrap();
    }
    // Four at once: the first three may come to the signature check before the organisation is closed.
    let refused = loop {
        if let Err(refused) = one.send(fleet.envelope(0)).await {
            break refused;
        }
    };
    assert_eq!(refused.status, UNAVAILABLE);
    let told = "organisation Org1MSP is over its budget of 1 envelopes/s on channel demo, which \
                Budgets.Organisations.Org1MSP.EnvelopesPerSecond sets; come again in ";
    assert!(refused.info.starts_with(told), "{}", refused.info);
    assert_eq!(refused.detail.code.as_deref(), Some("RDL-1109"));
    let reason = &refused.detail.reason;
    assert_eq!(reason["setting"], "Budgets.Organisations.Org1MSP.EnvelopesPerSecond");
    assert!(reason["retry_after_ms"].as_u64().unwrap() <= 1000, "{reason:?}");
    for _ in 0..20 {
        one.send(fleet.envelope(1)).await.unwrap();
    }
    // The admins of the orderers change the config by Org1's client, whose budget is used up.
    one.change(&fleet, &[&fleet.admins[0]], |config| set(config, &[("BatchSize/max_message_count", "7")]))
        .await
        .unwrap();
    assert_eq!(counted(&one, "Org2MSP"), Some([20, 0, 0]));
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_claims_to_be_of_an_organisation_uses_nothing_of_its_budget() {
    let fleet = Fleet::new();
    let one = fleet.start("one", settings("Org1MSP", 1, Duration::from_secs(4)), worker()).await;
    // A good name and a bad signature; a good signature by a certificate that nobody issued.
    let stranger = {
        let issued = Team::new("Org1").signer(Role::Client);
        message(&issued.envelope(&channel(), HeaderType::Message, vec![7; 50], SystemTime::now()).unwrap())
    };
    let payload: Payload = go_decode(stranger.payload.clone()).unwrap();
    let header = payload.header.unwrap();
    let creator: SignatureHeader = go_decode(header.signature_header).unwrap();
    let claimed: SerializedIdentity = go_decode(creator.creator).unwrap();
    let of: ChannelHeader = go_decode(header.channel_header).unwrap();
    assert_eq!((claimed.mspid.as_str(), of.channel_id.as_str()), ("Org1MSP", "demo"));
    for _ in 0..10 {
        for envelope in [forged(&fleet), stranger.clone()] {
            let refused = one.send(envelope).await.unwrap_err();
            assert_eq!(refused.status, 403, "{}", refused.info);
        }
    }
    assert_eq!(counted(&one, "Org1MSP"), None);
    for _ in 0..4 {
        one.send(fleet.envelope(0)).await.unwrap();
    }
    // Closed, a claim is refused without being looked at.
    while one.send(fleet.envelope(0)).await.is_ok() {}
    let before = counted(&one, "Org1MSP").unwrap();
    let refused = one.send(forged(&fleet)).await.unwrap_err();
    if refused.status == UNAVAILABLE {
        let [charged, over, closed] = counted(&one, "Org1MSP").unwrap();
        assert_eq!([charged, over, closed], [before[0], before[1], before[2] + 1]);
    }
    one.stop().await;
}
