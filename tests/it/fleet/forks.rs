//! Orderers that have other blocks than one another, and find out.

use std::sync::atomic::Ordering;

use raddle::config::{Environment, Settings};
use raddle::node::Suspicion;
use raddle::orderer::{FORK_WATCH, Orderer, OrdererSettings};
use raddle::pull::Upstream;
use tokio::time::{Instant, timeout_at};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::harness::eventually::{eventually, eventually_async};
use crate::harness::orderer;
use crate::harness::soak::is_soak;

/// How long orderers that diverge may go on before they say so.
const MINUTE: Duration = Duration::from_secs(60);

/// Between two looks at the others: what a node has by default, for which an ordinary run does not wait.
fn interval() -> Duration {
    if !is_soak() {
        return Duration::from_millis(100);
    }
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("orderer.yaml"), "General: {}\n").unwrap();
    Settings::load(Some(folder.path()), &Environment::default()).unwrap().fork_watch.unwrap()
}

/// Two addresses that nobody listens on.
fn addresses() -> [String; 2] {
    let listeners = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

/// A channel whose config names these orderers.
fn named(fleet: &mut Fleet, addresses: &[String]) {
    let members = [Team::new("Org1"), Team::new("Org2")];
    let mut draft = draft(&fleet.orderers, &members);
    draft.orderers[0].endpoints = addresses.to_vec();
    draft.orderer_addresses = addresses.to_vec();
    draft.batch_size = BatchSize { max_message_count: 1, ..draft.batch_size };
    fleet.genesis = draft.genesis(SystemTime::now()).unwrap().encode_to_vec().into();
    fleet.users = [&members[0], &members[1]].map(|team| team.signer(Role::Client));
}

/// An orderer with a log of its own: that is what makes it diverge.
async fn start(fleet: &Fleet, address: &str) -> Orderer {
    let folder = fleet.folder.path().join(address);
    std::fs::create_dir_all(&folder).unwrap();
    let settings = orderer::settings(&folder, fleet.genesis.clone());
    let node = NodeSettings {
        fork_watch: Some(interval()),
        upstream: Upstream::default(),
        ..NodeSettings::default()
    };
    let (listen, signer) = (address.parse().unwrap(), Arc::clone(&fleet.orderer));
    Orderer::start(OrdererSettings { listen, signer, node, ..settings }).await.unwrap()
}

async fn send(orderer: &Orderer, envelope: common::Envelope) {
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await.unwrap();
    send_one(&client, envelope).await.unwrap();
}

async fn wait_for_compared(orderer: &Orderer, count: u64) {
    let channel = orderer::channel(orderer);
    let compared = || channel.board().fork().compared.load(Ordering::Relaxed);
    eventually("it has compared so often", || compared() >= count).await;
}

async fn is_served(orderer: &Orderer, service: &str) -> bool {
    let endpoint = Endpoint::from_shared(format!("http://{}", orderer.address())).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_orderers_that_diverge_both_say_so_and_go_on() {
    let mut fleet = Fleet::new();
    let addresses = addresses();
    named(&mut fleet, &addresses);
    let [one, two] = [start(&fleet, &addresses[0]).await, start(&fleet, &addresses[1]).await];
    // The same envelopes, one in each block.
    for _ in 0..3 {
        let envelope = fleet.envelope(0);
        send(&one, envelope.clone()).await;
        send(&two, envelope).await;
    }
    for orderer in [&one, &two] {
        orderer::wait_for_height(orderer, 4).await;
        wait_for_compared(orderer, 3).await;
        assert!(orderer.node().suspicions().borrow().is_empty());
        assert!(is_served(orderer, FORK_WATCH).await);
    }
    // Others from here on, and not as many.
    send(&one, fleet.envelope(0)).await;
    send(&one, fleet.envelope(0)).await;
    send(&two, fleet.envelope(0)).await;
    let (mut told, deadline) = (Vec::new(), Instant::now() + MINUTE);
    for (orderer, other) in [(&one, &addresses[1]), (&two, &addresses[0])] {
        let mut suspicions = orderer.node().suspicions();
        let all = timeout_at(deadline, suspicions.wait_for(|all| !all.is_empty())).await;
        let all = all.expect("it says so within a minute").unwrap().clone();
        let [((channel, who), Suspicion::Header { first, ours, theirs, is_signed, .. })] =
            all.iter().collect::<Vec<_>>()[..]
        else {
            panic!("{all:?}")
        };
        assert_eq!((channel.0.as_str(), who, first.0, *is_signed), ("demo", other, 4, true));
        told.push((ours.clone(), theirs.clone()));
        eventually_async("health tells it", async || {
            !is_served(orderer, FORK_WATCH).await && !is_served(orderer, "raddle.ForkWatch/demo").await
        })
        .await;
        assert!(is_served(orderer, "orderer.AtomicBroadcast").await);
    }
    assert_eq!((&told[0].0, &told[0].1), (&told[1].1, &told[1].0));
    assert_ne!(told[0].0, told[0].1);
    // Nothing halts.
    send(&one, fleet.envelope(0)).await;
    orderer::wait_for_height(&one, 7).await;
    for orderer in [one, two] {
        orderer.stop().await.unwrap();
    }
}
