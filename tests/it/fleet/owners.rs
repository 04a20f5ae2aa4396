//! Who may change a module: the owners that its `mod_policy` names, as far as they take nothing from others.

use raddle::admin::modules::{Setting, with, without};

use super::*;
use crate::harness::dist;

/// The admins of both members.
const APPLICATION: &str = "/Channel/Application/Admins";

fn guard() -> Spec {
    Spec { order: 50, fuel: 1_000_000, ..spec("guard", Kind::Filter, dist("hostile/filter-refuses.wasm")) }
}

fn told(sentence: &str) -> Spec {
    let settings = vec![Setting { key: "sentence".into(), value: sentence.into() }];
    Spec { settings, ..guard() }
}

/// What Fabric says where a policy does not hold.
fn unauthorised(element: &str, satisfied: usize, needed: usize) -> String {
    format!(
        "error applying config update to existing channel 'demo': error authorizing update: error validating \
         DeltaSet: policy for {element} not satisfied: implicit policy evaluation failed - {satisfied} sub-policies \
         were satisfied, but this policy requires {needed} of the 'Admins' sub-policies to be satisfied"
    )
}

const MODULE: &str = "[Policy] /Channel/Orderer/raddle.filter.guard";
const GROUP: &str = "[Group]  /Channel/Orderer";

async fn start(fleet: &Fleet) -> Member {
    let one = fleet.start_usual("one").await;
    let install = |config: &Config| with(config, &guard(), APPLICATION).unwrap();
    one.change(fleet, &[&fleet.admins[0]], install).await.unwrap();
    one
}

/// Changes the module to this.
async fn change(fleet: &Fleet, member: &Member, admins: &[&Signer], to: &Spec) -> Result<(), String> {
    let changed = member.change(fleet, admins, |config| with(config, to, APPLICATION).unwrap()).await;
    changed.map_err(|refusal| refusal.info)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owners_change_settings_and_code_and_switch_it_off_and_lower_what_it_takes() {
    let fleet = Fleet::new();
    let one = start(&fleet).await;
    let [orderer, org1, org2] = &fleet.admins;
    let owners = [org1, org2];
    for (admins, satisfied) in [(&[orderer][..], 0), (&[org1], 1), (&[orderer, org2], 1), (&[], 0)] {
        let refusal = change(&fleet, &one, admins, &told("no")).await.unwrap_err();
        assert_eq!(refusal, unauthorised(MODULE, satisfied, 2));
    }
    change(&fleet, &one, &owners, &told("ask your admin")).await.unwrap();
    assert_eq!(one.send(fleet.envelope(0)).await.unwrap_err().info, "ask your admin");
    change(&fleet, &one, &owners, &Spec { mode: Mode::Off, ..told("ask your admin") }).await.unwrap();
    one.send(fleet.envelope(0)).await.unwrap();
    let other = Spec { order: 50, fuel: 1_000_000, ..spec("guard", Kind::Filter, dist("empty.wasm")) };
    change(&fleet, &one, &owners, &other).await.unwrap();
    one.send(fleet.envelope(0)).await.unwrap();
    let less = Spec { order: 49, fuel: 900_000, memory_bytes: 8 << 20, ..other };
    change(&fleet, &one, &owners, &less).await.unwrap();
    one.send(fleet.envelope(0)).await.unwrap();
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_take_more_to_go_and_to_come_needs_the_orderers_admins() {
    let fleet = Fleet::new();
    let one = start(&fleet).await;
    let [orderer, org1, org2] = &fleet.admins;
    let (owners, all) = ([org1, org2], [org1, org2, orderer]);
    for (more, words) in [
        (Spec { order: 51, ..guard() }, "order was 50 and would be 51"),
        (Spec { fuel: 1_000_001, ..guard() }, "fuel was 1000000 and would be 1000001"),
        (Spec { memory_bytes: 17 << 20, ..guard() }, "memory was 16777216 and would be 17825792"),
    ] {
        let refusal = change(&fleet, &one, &owners, &more).await.unwrap_err();
        assert_eq!(
            refusal,
            format!(
                "module `raddle.filter.guard`: {words}; its owner may lower that, but to raise it takes the orderer \
                 admins; have them sign, too"
            )
        );
    }
    let more = Spec { order: 51, fuel: 1_000_001, memory_bytes: 17 << 20, ..guard() };
    change(&fleet, &one, &all, &more).await.unwrap();

    let removed = |config: &Config| without(config, &["guard".to_owned()]).unwrap();
    let another = spec("another", Kind::Filter, dist("empty.wasm"));
    let installed = |config: &Config| with(config, &another, APPLICATION).unwrap();
    let changes: [&dyn Fn(&Config) -> Config; 2] = [&removed, &installed];
    for change in changes {
        let refusal = one.change(&fleet, &owners, change).await.unwrap_err();
        assert_eq!(refusal.info, unauthorised(GROUP, 0, 1));
        one.change(&fleet, &[orderer], change).await.unwrap();
    }
    one.send(fleet.envelope(0)).await.unwrap();
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owners_may_give_it_to_others_and_have_nothing_to_say_then() {
    let fleet = Fleet::new();
    let one = start(&fleet).await;
    let [orderer, org1, org2] = &fleet.admins;
    let give = |config: &Config| with(config, &guard(), "/Channel/Orderer/Admins").unwrap();
    one.change(&fleet, &[org1, org2], give).await.unwrap();
    let refusal = change(&fleet, &one, &[org1, org2], &told("no")).await.unwrap_err();
    assert_eq!(refusal, unauthorised(MODULE, 0, 1));
    change(&fleet, &one, &[orderer], &Spec { order: 60, ..told("no") }).await.unwrap();
    assert_eq!(one.send(fleet.envelope(0)).await.unwrap_err().info, "no");
    one.stop().await;
}
