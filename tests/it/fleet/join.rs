//! An orderer that joins the channel by a later block than its first, asked over HTTP while it runs.

use std::net::TcpListener;

use raddle::pull::Upstream;
use raddle_serve::participation::{AdminServer, AdminSettings, Participation};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::client::double::{Double, Manner};
use crate::client::join::forge;
use crate::harness::eventually::eventually_async;
use crate::harness::orderer::{blocks_of, reach, same};
use crate::harness::process::names_in;
use crate::harness::{golden, http};

/// An orderer that has no channel yet, and its admin's address.
struct Newcomer {
    node: Arc<Node>,
    admin: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Newcomer {
    /// Starts as an orderer does, on whatever there is in its folder.
    async fn start(fleet: &Fleet) -> Self {
        let folder = fleet.folder.path().join("newcomer");
        let patience = Patience { answer: Duration::from_millis(500), ..Patience::default() };
        let upstream = Upstream { own_port: 1, patience, ..Upstream::default() };
        let settings = NodeSettings { upstream, ..NodeSettings::default() };
        let parts = NodeParts { signer: Arc::clone(&fleet.orderer), ..parts(&folder, &fleet.log) };
        let node = spawn_blocking(move || {
            let ledgers = parts.ledgers.clone();
            ledgers.make_folder().unwrap();
            let node = Node::new(parts, settings).unwrap();
            assert!(node.finish_removals().unwrap().is_empty());
            for channel in ledgers.channels().unwrap() {
                node.open_channel(&channel).unwrap();
            }
            assert!(node.resume_joins().unwrap().is_empty());
            Arc::new(node)
        });
        let node = node.await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap().to_string();
        let settings = AdminSettings { is_enabled: true, body_bytes_max: 1 << 20 };
        let server = AdminServer::on(listener, Arc::clone(&node) as Arc<dyn Participation>, settings);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { node, admin, stop, serving }
    }

    async fn asked<T: Send + 'static>(&self, ask: impl FnOnce(&str) -> T + Send + 'static) -> T {
        http::asked(&self.admin, ask).await
    }

    async fn join(&self, block: &common::Block) -> http::Reply {
        let block = block.encode_to_vec();
        self.asked(move |admin| http::join(admin, &block)).await
    }

    async fn info(&self) -> String {
        self.asked(|admin| http::info(admin, "demo").text().to_owned()).await
    }

    /// Waits until the channel stands so.
    async fn wait_for(&self, status: &str, height: u64) {
        let expected = info(status, height);
        eventually_async(&expected, async || self.info().await == expected).await;
    }

    async fn joined(&self) -> Arc<Channel> {
        self.node.count().wait_for(|&count| count > 0).await.unwrap();
        self.node.channel("demo").unwrap()
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        let node = self.node;
        spawn_blocking(move || node.stop()).await.unwrap();
    }
}

/// What Fabric's tool prints of the channel.
fn info(status: &str, height: u64) -> String {
    format!(
        "{{\"name\":\"demo\",\"url\":\"/participation/v1/channels/demo\",\"consensusRelation\":\"other\",\
         \"status\":\"{status}\",\"height\":{height}}}\n"
    )
}

const NOTHING: &str = "{\"systemChannel\":null,\"channels\":null}\n";
const DEMO: &str = "{\"systemChannel\":null,\"channels\":[{\"name\":\"demo\",\
                    \"url\":\"/participation/v1/channels/demo\"}]}\n";

/// What is in the newcomer's folder.
fn files(fleet: &Fleet) -> Vec<String> {
    names_in(&fleet.folder.path().join("newcomer"))
}

/// Orders envelopes, names these orderers in the config, orders more; answers the config block and all blocks.
async fn history(fleet: &Fleet, one: &Member, sources: &[String]) -> (common::Block, Vec<common::Block>) {
    for user in 0..2 {
        one.send(fleet.envelope(user)).await.unwrap();
    }
    let paths: Vec<_> = (0..sources.len()).map(|at| format!("Orderer/Endpoints/addresses/{at}")).collect();
    let places: Vec<_> = paths.iter().map(String::as_str).zip(sources.iter().map(String::as_str)).collect();
    one.change(fleet, &[&fleet.admins[0]], |config| set(config, &places)).await.unwrap();
    for _ in 0..15 {
        one.send(fleet.envelope(0)).await.unwrap();
    }
    let number = one.channel().ledger().state().chain.last_config.0;
    one.wait_for_height(number + 2).await;
    let blocks = one.blocks(one.channel().board().height());
    (blocks[usize::try_from(number).unwrap()].clone(), blocks)
}

/// Both have the same blocks but for signatures, up to one that is ordered now.
async fn both_go_on(fleet: &Fleet, one: &Member, joined: &Arc<Channel>) {
    one.send(fleet.envelope(1)).await.unwrap();
    let height = one.channel().board().height() + 1;
    one.wait_for_height(height).await;
    reach(joined, height).await;
    let theirs = blocks_of(joined, usize::try_from(height).unwrap());
    same(&one.blocks(height), &theirs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderer_joins_by_a_later_block_and_orders_with_the_others() {
    let fleet = Fleet::new();
    let one = fleet.start_usual("one").await;
    let (block, blocks) = history(&fleet, &one, &[one.served.address.to_string()]).await;
    let newcomer = Newcomer::start(&fleet).await;
    let reply = newcomer.join(&block).await;
    assert_eq!((reply.code(), reply.text()), (201, info("onboarding", 0).as_str()));
    assert_eq!(reply.header("Location"), Some("/participation/v1/channels/demo"));
    let joined = newcomer.joined().await;
    assert!(joined.board().height() >= blocks.len() as u64);
    both_go_on(&fleet, &one, &joined).await;
    assert_eq!(newcomer.asked(http::list).await, DEMO);
    newcomer.wait_for("active", joined.board().height()).await;
    assert_eq!(files(&fleet), ["demo"]);
    // It takes envelopes as the other does.
    let served = Served::start(&newcomer.node).await;
    let client = Client::connect(&served.address.to_string(), Patience::default()).await.unwrap();
    send_one(&client, fleet.envelope(0)).await.unwrap();
    drop(client);
    served.stop().await;
    newcomer.stop().await;
    drop(joined);

    let newcomer = Newcomer::start(&fleet).await;
    both_go_on(&fleet, &one, &newcomer.joined().await).await;
    newcomer.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_blocks_are_pulled_the_channel_is_shown_and_can_be_removed() {
    let (fleet, stalls) = (Fleet::new(), Double::of("demo", Manner::StallsAfter(1)));
    let one = fleet.start_usual("one").await;
    let (block, blocks) = history(&fleet, &one, std::slice::from_ref(&stalls.address)).await;
    stalls.serve_blocks(blocks);
    let newcomer = Newcomer::start(&fleet).await;
    for _ in 0..2 {
        assert_eq!(newcomer.join(&block).await.text(), info("onboarding", 0));
        newcomer.wait_for("onboarding", 2).await;
        assert_eq!(newcomer.asked(http::list).await, DEMO);
        assert_eq!(files(&fleet)[..2], [".join-block.demo", ".joining-demo"]);
        let again = newcomer.join(&block).await;
        assert_eq!((again.code(), again.header("Allow")), (405, Some("GET, DELETE")));
        assert_eq!(again.text(), "{\"error\":\"cannot join: channel already exists\"}\n");
        let system = std::fs::read(golden("kafka-genesis.block")).unwrap();
        let system = newcomer.asked(move |admin| http::join(admin, &system)).await;
        assert_eq!(
            (system.code(), system.text()),
            (403, "{\"error\":\"cannot join: application channels already exist\"}\n")
        );
        let update = fleet.update(&one.config(), &with_capability(&one.config()), &[]).encode_to_vec();
        let update = newcomer.asked(move |admin| http::update(admin, &update)).await;
        assert_eq!(
            (update.code(), update.text()),
            (403, "{\"error\":\"cannot update: channel is not ready, he is a follower\"}\n")
        );
        let path = format!("{}/demo/blocks/newest", http::CHANNELS);
        let fetch = newcomer.asked(move |admin| http::ask(admin, "GET", &path, &[], b"")).await;
        assert_eq!(
            (fetch.code(), fetch.text()),
            (404, "{\"error\":\"channel is not ready, he is a follower\"}\n")
        );

        assert_eq!(newcomer.asked(|admin| http::remove(admin, "demo").code()).await, 204);
        eventually_async("it is removed", async || newcomer.asked(http::list).await == NOTHING).await;
        assert_eq!(files(&fleet), [".removed"]);
        assert_eq!(newcomer.info().await, "{\"error\":\"channel does not exist\"}\n");
    }
    newcomer.stop().await;
    let newcomer = Newcomer::start(&fleet).await;
    assert_eq!(newcomer.asked(http::list).await, NOTHING, "it does not come back");
    newcomer.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderer_that_is_stopped_while_it_pulls_goes_on_at_its_next_start() {
    let (fleet, stalls) = (Fleet::new(), Double::of("demo", Manner::StallsAfter(1)));
    let one = fleet.start_usual("one").await;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (block, blocks) = history(&fleet, &one, &[stalls.address.clone(), address.to_string()]).await;
    stalls.serve_blocks(blocks.clone());
    let newcomer = Newcomer::start(&fleet).await;
    assert_eq!(newcomer.join(&block).await.code(), 201);
    newcomer.wait_for("onboarding", 2).await;
    newcomer.stop().await;
    let newcomer = Newcomer::start(&fleet).await;
    assert_eq!(newcomer.asked(http::list).await, DEMO);
    newcomer.wait_for("onboarding", 2).await;
    // The one that has the rest comes late.
    let late = Served::start_at(&one.node, address).await;
    let joined = newcomer.joined().await;
    both_go_on(&fleet, &one, &joined).await;
    assert_eq!(files(&fleet), ["demo"]);
    newcomer.stop().await;
    late.stop().await;
    one.stop().await;
}

/// A ledger that has its name was pulled to the end: only the block was left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_whose_ledger_has_its_name_is_finished_at_the_next_start() {
    let fleet = Fleet::new();
    let one = fleet.start_usual("one").await;
    let (block, _) = history(&fleet, &one, &[one.served.address.to_string()]).await;
    let newcomer = Newcomer::start(&fleet).await;
    assert_eq!(newcomer.join(&block).await.code(), 201);
    drop(newcomer.joined().await);
    newcomer.stop().await;
    let left = fleet.folder.path().join("newcomer/.join-block.demo");
    std::fs::write(&left, block.encode_to_vec()).unwrap();
    let newcomer = Newcomer::start(&fleet).await;
    assert!(!left.exists());
    both_go_on(&fleet, &one, &newcomer.joined().await).await;
    newcomer.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_an_orderer_that_lied_and_left_are_dropped_and_pulled_from_another() {
    let (fleet, liar) = (Fleet::new(), Double::of("demo", Manner::BreaksAfter(1)));
    let one = fleet.start_usual("one").await;
    let (nobody, fair) = ("127.0.0.1:2".to_owned(), one.served.address.to_string());
    let (block, blocks) = history(&fleet, &one, &[nobody, liar.address.clone(), fair]).await;
    let joined = usize::try_from(block.header.as_ref().unwrap().number).unwrap();
    let mut forged = blocks.clone();
    forge(&mut forged, joined, &fleet.orderer);
    liar.serve_blocks(forged);
    let newcomer = Newcomer::start(&fleet).await;
    assert_eq!(newcomer.join(&block).await.code(), 201);
    both_go_on(&fleet, &one, &newcomer.joined().await).await;
    assert_eq!(files(&fleet), ["demo"]);
    newcomer.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_orderer_to_ask_does_not_join() {
    let fleet = Fleet::new();
    let one = fleet.start_usual("one").await;
    // The newcomer's own port on this machine.
    let (block, _) = history(&fleet, &one, &["127.0.0.1:1".to_owned()]).await;
    let number = block.header.as_ref().unwrap().number;
    let newcomer = Newcomer::start(&fleet).await;
    let reply = newcomer.join(&block).await;
    let sentence = format!(
        "{{\"error\":\"cannot join: the config in block {number} of demo names no orderer but this node, so there is \
         none to pull blocks from\"}}\n"
    );
    assert_eq!((reply.code(), reply.text()), (400, sentence.as_str()));
    assert_eq!(newcomer.asked(http::list).await, NOTHING);
    assert_eq!(files(&fleet), [""; 0]);
    newcomer.stop().await;
    one.stop().await;
}
