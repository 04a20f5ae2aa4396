//! A channel's own batch policy: installed, changed and removed by config updates, and every orderer cuts alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use raddle::admin::modules::{BATCH_POLICY_KEY, Kind, Mode, OWNER, Spec, with, without};
use raddle::config::{BatchPolicies, BatchPolicyOverride};
use raddle::node::NodeSettings;
use raddle_core::ids::Offset;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::Envelope;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::harness::guest::Guest;
use crate::harness::orderer::{halted, same};

/// Never mixes two organisations in a batch: the name of the batch's own lies at 2048, the last that was asked for at
/// 1024.
pub(super) fn one_organisation() -> Spec {
    let guest = Guest {
        fields: "(global $own (mut i32) (i32.const -1))
            (func $length (param $creator i32) (result i32)
                (call $msp-id (local.get $creator) (i32.const 0))
                (if (result i32) (i32.load8_u (i32.const 0))
                    (then (i32.load (i32.const 8))) (else (i32.const 0))))",
        fits: "(local $at i32)
            (if (i32.ne (call $length (local.get $creator)) (global.get $own)) (then (return (i32.const 0))))
            (loop $next
                (if (i32.eq (local.get $at) (global.get $own)) (then (return (i32.const 1))))
                (if (i32.ne (i32.load8_u offset=1024 (local.get $at)) (i32.load8_u offset=2048 (local.get $at)))
                    (then (return (i32.const 0))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br $next))
            unreachable",
        add: "(global.set $own (call $length (local.get $creator)))
            (memory.copy (i32.const 2048) (i32.const 1024) (global.get $own))
            i32.const 0",
        ..Guest::default()
    };
    spec("one-organisation", Kind::BatchPolicy, guest.build())
}

fn allowing() -> NodeSettings {
    let batch_policies = BatchPolicies::Channels([channel()].into());
    NodeSettings { batch_policies, ..NodeSettings::default() }
}

/// Numbers that nobody chose, and the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// An orderer that is stopped and started again, wherever it is, until it is told that this is enough. It tells how
/// often it was.
async fn restarted_at_random(
    fleet: Arc<Fleet>,
    mut enough: watch::Receiver<bool>,
    restarts: watch::Sender<u32>,
) -> Member {
    let mut random = Random(7);
    let mut member = fleet.start_usual("two").await;
    loop {
        let height = member.channel().board().height() + 1 + random.below(9);
        tokio::select! {
            () = member.wait_for_height(height) => {}
            _ = enough.wait_for(|enough| *enough) => return member,
        }
        member.stop().await;
        member = fleet.start_usual("two").await;
        restarts.send_modify(|restarts| *restarts += 1);
    }
}

/// Sends runs of envelopes by admins and users of both organisations; answers the signatures of what was taken.
async fn send(fleet: Arc<Fleet>, client: Client, mut enough: watch::Receiver<bool>) -> BTreeSet<Bytes> {
    const IN_FLIGHT: usize = 8;
    let [_, admin1, admin2] = &fleet.admins;
    let [user1, user2] = &fleet.users;
    let (queue, envelopes) = mpsc::channel(IN_FLIGHT);
    let mut answers = client.broadcast(ReceiverStream::new(envelopes));
    let (mut random, mut taken) = (Random(1), BTreeSet::new());
    while !*enough.borrow_and_update() {
        let organisation = if random.below(2) == 0 { [user1, admin1] } else { [user2, admin2] };
        let run = 1 + random.below(4) as usize;
        for _ in 0..run {
            let signer = organisation[random.below(2) as usize];
            let data = vec![7; random.below(500) as usize];
            let envelope = signer.envelope(&channel(), HeaderType::Message, data, SystemTime::now()).unwrap();
            taken.insert(envelope.signature().clone());
            queue.send(message(&envelope)).await.unwrap();
        }
        for _ in 0..run {
            assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
        }
    }
    taken
}

/// How many envelopes and how many organisations each block has that was cut at a config sequence.
pub(super) fn cuts(blocks: &[common::Block]) -> BTreeMap<u64, Vec<(usize, usize)>> {
    let (mut sequence, mut cuts) = (0, BTreeMap::<u64, Vec<_>>::new());
    for block in blocks.iter().skip(1) {
        let envelopes = &block.data.as_ref().unwrap().data;
        let whose: Vec<_> = envelopes.iter().map(kind_and_msp).collect();
        if whose[0].0 {
            sequence += 1;
        } else {
            let organisations: BTreeSet<_> = whose.iter().map(|(_, msp)| msp).collect();
            cuts.entry(sequence).or_default().push((envelopes.len(), organisations.len()));
        }
    }
    cuts
}

/// Waits until all of these are in blocks; answers how many blocks there are then.
async fn wait_for_all(member: &Member, mut missing: BTreeSet<Bytes>) -> u64 {
    let mut next = 1;
    while !missing.is_empty() {
        member.wait_for_height(next + 1).await;
        let block = member.channel().ledger().block(BlockNumber(next)).unwrap().unwrap();
        for envelope in common::Block::decode(block).unwrap().data.unwrap().data {
            missing.remove(Envelope::unmarshal(envelope).unwrap().signature());
        }
        next += 1;
    }
    next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_orderers_cut_alike_before_across_and_after_wherever_one_of_them_restarts() {
    let fleet = Arc::new(Fleet::new());
    let one = fleet.start("one", allowing(), worker()).await;
    let (stop, stopped) = watch::channel(false);
    let (restarts, mut restarted) = watch::channel(0);
    let restarting = tokio::spawn(restarted_at_random(Arc::clone(&fleet), stopped.clone(), restarts));
    let sending = tokio::spawn(send(Arc::clone(&fleet), one.client.clone(), stopped));
    let admin = [&fleet.admins[0]];
    let policy = one_organisation();
    let is_in_force = [false, false, true, false, true, false];
    let changes: [&dyn Fn(&Config) -> Config; 5] = [
        &with_capability,
        &|config| with(config, &policy, OWNER).unwrap(),
        &|config| with(config, &Spec { mode: Mode::Off, ..policy.clone() }, OWNER).unwrap(),
        &|config| with(config, &Spec { fuel: policy.fuel - 1, ..policy.clone() }, OWNER).unwrap(),
        &|config| without(config, &[BATCH_POLICY_KEY.to_owned()]).unwrap(),
    ];
    for (changed, change) in (0..).zip(changes) {
        one.wait_for_height(one.channel().board().height() + 12).await;
        restarted.wait_for(|restarts| *restarts > changed).await.unwrap();
        one.change(&fleet, &admin, change).await.unwrap();
    }
    one.wait_for_height(one.channel().board().height() + 12).await;
    stop.send_replace(true);
    let taken = sending.await.unwrap();
    let height = wait_for_all(&one, taken).await;
    let two = restarting.await.unwrap();
    two.wait_for_height(height).await;
    let blocks = one.blocks(height);
    same(&blocks, &two.blocks(height));
    for (sequence, cuts) in cuts(&blocks) {
        let mixed = cuts.iter().filter(|(_, organisations)| *organisations > 1).count();
        assert_eq!(mixed == 0, is_in_force[sequence as usize], "{sequence}: {cuts:?}");
        // Several of one organisation share a block.
        assert!(cuts.iter().any(|(envelopes, _)| *envelopes > 1), "{sequence}: {cuts:?}");
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_kafka_the_capability_takes_a_setting_of_the_orderer_that_is_asked_and_of_no_other() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.start("one", allowing(), worker()).await, fleet.start_usual("two").await);
    let admin = [&fleet.admins[0]];
    let refusal = two.change(&fleet, &admin, with_capability).await.unwrap_err();
    assert_eq!(refusal.detail.code.as_deref(), Some("RDL-3010"));
    assert_eq!(
        refusal.info,
        "the capability RADDLE_1_0 stops every stock orderer of the channel for good; if there are none, allow it in \
         this orderer's setting `BatchPolicies`"
    );
    let install = |config: &Config| with(config, &one_organisation(), OWNER).unwrap();
    let refusal = one.change(&fleet, &admin, install).await.unwrap_err();
    assert!(
        refusal.info.contains("a batch policy needs the orderer capability RADDLE_1_0"),
        "{}",
        refusal.info
    );
    one.change(&fleet, &admin, with_capability).await.unwrap();
    two.wait_for_sequence(1).await;
    // The setting is about the capability, not about the policy.
    two.change(&fleet, &admin, install).await.unwrap();
    one.stop().await;
    two.stop().await;
}

/// Compiles once, and never again.
fn worker_that_wears_out(fleet: &Fleet) -> CompileWorker {
    let left = fleet.folder.path().join("left");
    std::fs::write(&left, "one").unwrap();
    let left = left.display();
    scripted(&format!(
        "[ -e '{left}' ] && : > '{left}.gone' && /bin/rm '{left}' && exec $raddle compile-worker \"$@\""
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_no_orderer_can_run_any_more_gives_way_by_setting_and_goes_by_an_update() {
    let fleet = Fleet::new();
    let admin = [&fleet.admins[0]];
    let one = fleet.start("one", allowing(), worker_that_wears_out(&fleet)).await;
    let two = fleet.start("two", NodeSettings::default(), broken_worker()).await;
    one.change(&fleet, &admin, with_capability).await.unwrap();
    let config = one.config();
    let installed = with(&config, &one_organisation(), OWNER).unwrap();
    one.send(fleet.update(&config, &installed, &admin)).await.unwrap();
    // The capability stands at offset 0, the policy at offset 1: there the channel halts, on every orderer.
    for member in [one, two] {
        let said = halted(&member.channel()).await;
        assert!(said.starts_with("offset 1: the batch policy cannot run on this orderer: "), "{said}");
        assert_eq!(member.send(fleet.envelope(0)).await.unwrap_err().status, 503);
        member.stop().await;
    }
    let setting = BatchPolicyOverride { channel: channel(), offset: Offset(1) };
    let settings = NodeSettings { batch_policy_override: Some(setting), ..NodeSettings::default() };
    let one = fleet.start("one", settings.clone(), broken_worker()).await;
    one.wait_for_sequence(2).await;
    for user in [0, 1] {
        one.send(fleet.envelope(user)).await.unwrap();
    }
    one.wait_for_height(4).await;
    // A restart in between changes nothing.
    one.stop().await;
    let one = fleet.start("one", settings.clone(), broken_worker()).await;
    one.change(&fleet, &admin, |config| without(config, &[BATCH_POLICY_KEY.to_owned()]).unwrap())
        .await
        .unwrap();
    let two = fleet.start("two", settings, broken_worker()).await;
    one.wait_for_height(5).await;
    two.wait_for_height(5).await;
    let blocks = one.blocks(5);
    same(&blocks, &two.blocks(5));
    assert_eq!(cuts(&blocks)[&2], [(2, 2)], "the standard rule mixes");
    one.stop().await;
    two.stop().await;
    // The setting has done its work.
    let one = fleet.start_usual("one").await;
    one.send(fleet.envelope(0)).await.unwrap();
    one.wait_for_height(6).await;
    one.stop().await;
}
