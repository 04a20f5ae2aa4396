//! Whatever a channel's config says, a config update can change it.

use raddle::admin::modules::{BATCH_POLICY_KEY, OWNER, Setting, with, without};
use raddle::config::BatchPolicies;
use raddle_core::chain::Note;
use raddle_core::modules::REPAIR_BYTES;

use super::*;
use crate::harness::dist;
use crate::harness::eventually::eventually_async;
use crate::harness::orderer::same;

/// The config with these limits of a block's bytes.
fn limited(config: &Config, bytes: u64) -> Config {
    let bytes = bytes.to_string();
    set(config, &[("BatchSize/absolute_max_bytes", &bytes), ("BatchSize/preferred_max_bytes", &bytes)])
}

fn guard() -> Spec {
    spec("guard", Kind::Filter, dist("empty.wasm"))
}

fn without_guard(config: &Config) -> Config {
    without(config, &["guard".to_owned()]).unwrap()
}

/// Code and sentence of a refusal.
fn told(refusal: Result<(), Refusal>) -> (Option<String>, String) {
    let refusal = refusal.unwrap_err();
    (refusal.detail.code, refusal.info)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_bytes_below_the_config_itself_is_raised_again() {
    let fleet = Fleet::new();
    let one = fleet.start_usual("one").await;
    let admin = [&fleet.admins[0]];
    let config_bytes = one.config().encoded_len() as u64;
    for bytes in [config_bytes + 1_000, config_bytes - 1_000, 1] {
        one.change(&fleet, &admin, |config| limited(config, bytes)).await.unwrap();
        // As in Fabric: nothing else fits any more.
        let (_, info) =
            told(one.change(&fleet, &admin, |it| set(it, &[("BatchTimeout/timeout", "1s")])).await);
        assert!(info.ends_with(&format!("bytes and exceeds maximum allowed {bytes} bytes")), "{info}");
        let raised = one.change(&fleet, &[&fleet.admins[1]], |config| limited(config, 1 << 20)).await;
        let (code, info) = told(raised);
        assert_eq!(code.as_deref(), Some(if bytes == 1 { "RDL-1104" } else { "RDL-1107" }), "{info}");
        // No further than to where the config fits.
        let (_, info) = told(one.change(&fleet, &admin, |config| limited(config, bytes + 1)).await);
        assert!(info.ends_with(&format!("maximum allowed {} bytes", bytes + 1)), "{info}");
        one.change(&fleet, &admin, |config| limited(config, 1 << 20)).await.unwrap();
        one.send(fleet.envelope(0)).await.unwrap();
    }
    one.stop().await;
}

/// What the refusal says would be used.
fn used(refusal: &str) -> u64 {
    let rest = refusal.split("kept for repairs that is ").nth(1).unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_with_modules_keeps_the_room_that_their_removal_needs() {
    let fleet = Fleet::new();
    let one = fleet.start_usual("one").await;
    let admin = [&fleet.admins[0]];
    one.change(&fleet, &admin, |config| with(config, &guard(), OWNER).unwrap()).await.unwrap();
    let (code, info) = told(one.change(&fleet, &admin, |config| limited(config, 100_000)).await);
    assert_eq!(code.as_deref(), Some("RDL-3010"));
    assert!(
        info.contains("at most 100000 are allowed by AbsoluteMaxBytes; shrink a module or raise"),
        "{info}"
    );
    // A signature may be two bytes longer than another.
    let least = used(&info) + 8;
    assert!(
        told(one.change(&fleet, &admin, |config| limited(config, least - 100)).await)
            .1
            .contains("AbsoluteMaxBytes")
    );
    one.change(&fleet, &admin, |config| limited(config, least)).await.unwrap();
    one.send(fleet.envelope(0)).await.unwrap();
    let larger = spec("larger", Kind::Filter, dist("hostile/filter-tells.wasm"));
    let (_, info) = told(one.change(&fleet, &admin, |config| with(config, &larger, OWNER).unwrap()).await);
    assert!(info.contains(&format!("at most {least} are allowed by AbsoluteMaxBytes")), "{info}");
    one.change(&fleet, &admin, without_guard).await.unwrap();
    one.send(fleet.envelope(0)).await.unwrap();
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_room_is_the_logs_where_that_is_the_smaller_one() {
    let max_record_bytes = REPAIR_BYTES + 10_000;
    let fleet = Fleet::with_log(&local::Settings { max_record_bytes, ..local::Settings::default() });
    let one = fleet.start_usual("one").await;
    let install = |config: &Config| with(config, &guard(), OWNER).unwrap();
    let (code, info) = told(one.change(&fleet, &[&fleet.admins[0]], install).await);
    assert_eq!(code.as_deref(), Some("RDL-3010"));
    assert!(info.contains(&format!("at most {max_record_bytes} are allowed by the ordered log")), "{info}");
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_an_orderer_cannot_compile_any_more_is_switched_off_or_removed_through_it() {
    let fleet = Fleet::new();
    let admin = [&fleet.admins[0]];
    let one = fleet.start("one", NodeSettings::default(), broken_worker()).await;
    let two = fleet.start_usual("two").await;
    let off = |config: &Config| with(config, &Spec { mode: Mode::Off, ..guard() }, OWNER).unwrap();
    let on = |config: &Config| with(config, &guard(), OWNER).unwrap();
    two.change(&fleet, &admin, on).await.unwrap();
    let repairs: [&dyn Fn(&Config) -> Config; 2] = [&off, &without_guard];
    for (sequence, repair) in [1, 3].into_iter().zip(repairs) {
        one.wait_for_sequence(sequence).await;
        let refusal = one.send(fleet.envelope(0)).await.unwrap_err();
        let sentence = "filter guard cannot be run by this orderer";
        assert_eq!((refusal.status, refusal.info.as_str()), (503, sentence));
        assert_eq!(refusal.detail.code.as_deref(), Some("RDL-4101"));
        let cause = refusal.detail.text("cause").unwrap();
        assert!(cause.contains("ended without an answer"), "{cause}");
        // The others run it.
        two.wait_for_sequence(sequence).await;
        two.send(fleet.envelope(0)).await.unwrap();
        one.change(&fleet, &admin, repair).await.unwrap();
        one.send(fleet.envelope(0)).await.unwrap();
        // To install it again takes an orderer that can compile it.
        let refusal = one.change(&fleet, &admin, on).await.unwrap_err();
        assert_eq!((refusal.status, refusal.detail.code.as_deref()), (503, Some("RDL-4101")));
        assert!(refusal.info.starts_with("module guard cannot be installed: "), "{}", refusal.info);
        if sequence == 1 {
            two.wait_for_sequence(2).await;
            two.change(&fleet, &admin, on).await.unwrap();
        }
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_cannot_be_compiled_at_the_start_is_tried_again() {
    let fleet = Fleet::new();
    let one = fleet.start_usual("one").await;
    let install = |config: &Config| with(config, &guard(), OWNER).unwrap();
    one.change(&fleet, &[&fleet.admins[0]], install).await.unwrap();
    one.stop().await;
    let mended = fleet.folder.path().join("mended");
    let worker = format!("[ -e '{}' ] && exec $raddle compile-worker \"$@\"", mended.display());
    let one = fleet.start("one", NodeSettings::default(), scripted(&worker)).await;
    assert_eq!(one.send(fleet.envelope(0)).await.unwrap_err().status, 503);
    std::fs::write(&mended, "").unwrap();
    eventually_async("it is tried again", async || one.send(fleet.envelope(0)).await.is_ok()).await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_policy_that_traps_or_never_ends_gives_way_to_the_standard_rule_and_is_removed() {
    let fleet = Fleet::new();
    let settings = NodeSettings { batch_policies: BatchPolicies::All, ..NodeSettings::default() };
    let (one, two) = (fleet.start("one", settings, worker()).await, fleet.start_usual("two").await);
    let admin = [&fleet.admins[0]];
    one.change(&fleet, &admin, with_capability).await.unwrap();
    let mut height = 2;
    for component in ["hostile/traps-at-n.wasm", "hostile/spins-at-n.wasm", "hostile/hoards-at-n.wasm"] {
        let settings = vec![Setting { key: "n".into(), value: "1".into() }];
        let bad = Spec { settings, ..spec("bad", Kind::BatchPolicy, dist(component)) };
        one.change(&fleet, &admin, |config| with(config, &bad, OWNER).unwrap()).await.unwrap();
        let notes = one.told.notes.borrow().len();
        let envelopes: Vec<_> = (0..BLOCK_ENVELOPES).map(|_| fleet.envelope(0)).collect();
        let mut answers = one.client.broadcast(tokio_stream::iter(envelopes));
        while let Some(answer) = answers.next().await.unwrap() {
            assert_eq!(answer, Answer::Taken);
        }
        let broke = |note: &Note| matches!(note, Note::BatchPolicyFault { .. });
        one.told.notes.subscribe().wait_for(|all| all[notes..].iter().any(broke)).await.unwrap();
        one.change(&fleet, &admin, |config| without(config, &[BATCH_POLICY_KEY.to_owned()]).unwrap())
            .await
            .unwrap();
        height += 3;
    }
    one.wait_for_height(height).await;
    two.wait_for_height(height).await;
    same(&one.blocks(height), &two.blocks(height));
    one.stop().await;
    two.stop().await;
}
