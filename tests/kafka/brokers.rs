//! Three orderers over three brokers, of which some are away.

use crate::broker::Cluster;
use crate::trio::Trio;

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
        while !is_told(&load.refused(orderer).await) {}
    }
    cluster.run();
    trio.are_well().await;
    trio.goes_on(2).await;
    trio.ends_well(load).await;
}
