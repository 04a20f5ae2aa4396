//! Three orderers on one broker, all at once: load on each, configs with modules that come and go, `kill -9` of
//! orderers, and a broker that is killed and comes back. All have equal ledgers in which everything acknowledged is,
//! once unless it was sent again; and none grows.
//!
//! Half a minute; with `RADDLE_SOAK=1` (`cargo xtask soak scenes`) `SOAK_SECONDS`, 900 where nobody says.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::sleep_until;

use crate::fleet::{Fleet, ORDERERS};
use crate::harness::admin::with_value;
use crate::harness::endurance::{Done, Endurance, Times, memory_is_flat};
use crate::harness::process::Node;
use crate::harness::soak::soak_time;

/// At each orderer.
const CLIENTS: usize = 2;

/// What befell them.
#[derive(Default)]
struct Troubles {
    kills: u64,
    broker_restarts: u64,
}

impl Troubles {
    async fn orderer(&mut self, fleet: &mut Fleet, victim: usize, meanwhile: impl AsyncFnOnce(&mut Fleet)) {
        block_in_place(|| fleet.nodes.remove(victim).kill());
        meanwhile(fleet).await;
        let node = block_in_place(|| Node::start_by_settings(&fleet.folders[victim]));
        fleet.nodes.insert(victim, node);
        self.kills += 1;
    }

    async fn broker(&mut self, fleet: &Fleet, times: &Times, random: u64) {
        block_in_place(|| fleet.broker.kill());
        times.pause(random).await;
        block_in_place(|| fleet.broker.run());
        self.broker_restarts += 1;
    }

    /// The next one: an orderer is gone, or the broker, or both at a time.
    async fn next(&mut self, fleet: &mut Fleet, times: &Times, random: u64) {
        let victim = (random / 1000) as usize % ORDERERS;
        match (self.kills + self.broker_restarts) % 5 {
            0 | 3 => self.orderer(fleet, victim, async |_| {}).await,
            1 => self.broker(fleet, times, random).await,
            _ => {
                let mut others = Self::default();
                let meanwhile = async |fleet: &mut Fleet| others.broker(fleet, times, random).await;
                self.orderer(fleet, victim, meanwhile).await;
                self.broker_restarts += others.broker_restarts;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_orderers_with_load_reloads_kills_and_broker_restarts_stay_equal_and_do_not_grow() {
    let all = soak_time(900).unwrap_or(Duration::from_secs(20));
    let (random, began) = (RandomState::new(), Instant::now());
    let mut fleet = Fleet::start();
    let capability = "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0";
    fleet.change(0, |config| with_value(config, capability, "{}")).await;
    let addresses = fleet.nodes.iter().map(|node| watch::Sender::new(node.address.clone()).subscribe());
    let addresses: Vec<_> = addresses.collect();
    let endurance = Endurance::start(&fleet.network, &addresses, CLIENTS, all / 120);
    let (times, mut troubles) = (Times::of(all), Troubles::default());
    let mut count = 0u64;
    while Instant::now() < times.kills_end || troubles.kills < 2 || troubles.broker_restarts < 2 {
        times.pause(random.hash_one(count)).await;
        troubles.next(&mut fleet, &times, random.hash_one((count, "what"))).await;
        count += 1;
    }
    sleep_until(times.first_look.into()).await;
    let ids = |fleet: &Fleet| fleet.nodes.iter().map(Node::id).collect::<Vec<_>>();
    let before = endurance.memory_at_rest(|| ids(&fleet)).await;
    while Instant::now() < times.end {
        // The broker alone: who has been killed has forgotten what it took.
        times.pause(random.hash_one(count)).await;
        troubles.broker(&fleet, &times, random.hash_one((count, "broker"))).await;
        count += 1;
    }
    let after = endurance.memory_at_rest(|| ids(&fleet)).await;
    let Done { acknowledged, uncertain, fates, refused, broken, reloads } = endurance.end().await;
    fleet.senders[0].acknowledged = acknowledged;
    let followed = fleet.all_is_in_equal_ledgers().await;
    let doubled: Vec<_> = followed.doubles().collect();
    let mib = |bytes: &[u64]| bytes.iter().map(|bytes| bytes >> 20).collect::<Vec<_>>();
    println!(
        "three orderers, {} s: {} kills, {} broker restarts, {reloads} reloads, {} envelopes acknowledged, {} equal \
         blocks; {refused} refused and sent again, {broken} streams broke, {} of unknown fate sent again, {} in two \
         blocks; {:?} MiB at rest, then {:?} MiB",
        began.elapsed().as_secs(),
        troubles.kills,
        troubles.broker_restarts,
        fleet.senders[0].acknowledged.len(),
        followed.height,
        uncertain.len(),
        doubled.len(),
        mib(&before),
        mib(&after),
    );
    let unexplained = doubled.iter().filter(|(signature, _)| !uncertain.contains(*signature));
    let unexplained: Vec<_> =
        unexplained.map(|(signature, blocks)| (blocks, fates.get(*signature))).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    memory_is_flat(&before, &after);
    fleet.stop();
}
