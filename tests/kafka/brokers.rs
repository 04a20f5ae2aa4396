//! Three orderers over three brokers, of which some are away.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::broker::Cluster;
use crate::harness::eventually::eventually_async;
use crate::trio::Trio;

/// Turns what does not come back into a failure.
const RETURN: Duration = Duration::from_secs(120);

/// Whoever leads, one of the three rounds kills it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_broker_is_away_all_goes_on_and_nothing_is_lost_or_doubled() {
    let cluster = Cluster::start();
    let trio = Trio::start(&cluster.addresses()).await;
    let load = trio.load();
    trio.goes_on(1).await;
    for broker in &cluster.0 {
        broker.kill();
        trio.goes_on(2).await;
        broker.run();
        trio.are_well().await;
        trio.goes_on(2).await;
    }
    trio.ends_well(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_of_three_brokers_away_clients_are_told_why_and_all_is_well_when_they_return() {
    let cluster = Cluster::start();
    let trio = Trio::start(&cluster.addresses()).await;
    let mut load = trio.load();
    trio.goes_on(1).await;
    load.all_was_taken();
    for broker in &cluster.0[1..] {
        broker.kill();
    }
    for orderer in 0..3 {
        let is_told = |why: &str| {
            let words = ["copies in sync", "has no leader", "did not confirm a record within"];
            why.contains("partition 0 of topic demo") && words.iter().any(|it| why.contains(it))
        };
        // What those see who look whether the channel is well.
        trio.unavailable(orderer, |cause| is_told(&cause.to_string())).await;
        eventually_async("clients are told", async || is_told(&load.refused(orderer).await)).await;
        eventually_async("health says which partition, and why", async || {
            let health = trio.health(orderer).await;
            let component =
                r#""failed_checks":[{"component":"demo/0","reason":"the ordered log does not work: "#;
            health.code() == 503 && health.text().contains(component) && is_told(health.text())
        })
        .await;
    }
    cluster.run();
    let began = Instant::now();
    timeout(RETURN, trio.are_well()).await.expect("all are well by themselves");
    for orderer in 0..3 {
        eventually_async("health says that all is well", async || trio.health(orderer).await.code() == 200)
            .await;
    }
    eprintln!("all were well {:?} after the brokers had started", began.elapsed());
    trio.goes_on(2).await;
    trio.ends_well(load).await;
}
