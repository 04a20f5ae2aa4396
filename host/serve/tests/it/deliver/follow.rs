//! Readers of a channel that grows.

use std::sync::Arc;

use futures_util::future;
use raddle_proto::orderer::deliver_response;
use raddle_serve::{channels::Condition, server::ServerSettings};
use tokio::{sync::watch, task};

use prost::Message;

use super::reader::{Reader, Seen, request};
use crate::{
    blocks::{TestBlocks, TestClock, block, serve_blocks},
    client::connect,
    doubles::{Running, eventually},
};

async fn serve(channel: &Arc<TestBlocks>) -> Running {
    serve_blocks(channel, &TestClock::new(), ServerSettings::default()).await
}

/// Commits as many blocks, one by one.
fn grow(channel: &Arc<TestBlocks>, count: u64) -> task::JoinHandle<()> {
    let channel = Arc::clone(channel);
    tokio::spawn(async move {
        for _ in 0..count {
            channel.commit(100);
            task::yield_now().await;
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn from_wherever_a_reader_starts_it_gets_each_committed_block_once_and_in_order() {
    for (seek, first) in [
        ("oldest..max", 0),
        ("newest..max", 4),
        ("next..max", 5),
        ("2..max", 2),
        ("5..max best", 5),
        // Stops that were passed before the first block: there is no last one.
        ("next..newest", 5),
        ("5..newest", 5),
        ("1..next", 1),
    ] {
        let channel = TestBlocks::new(5, 100);
        let server = serve(&channel).await;
        let mut reader = Reader::start(server.address, seek).await;
        eventually("it is a reader", || channel.judged_count() == 1).await;
        let here = 5 - first;
        assert_eq!(reader.blocks(here).await, (first as u64..5).collect::<Vec<_>>(), "{seek}");
        let growing = grow(&channel, 300);
        assert_eq!(reader.blocks(300).await, (5..305).collect::<Vec<_>>(), "{seek}");
        growing.await.unwrap();
        // It waits for more.
        channel.commit(100);
        assert_eq!(reader.blocks(1).await, [305], "{seek}");
        channel.set(Condition::Closed);
        assert_eq!(reader.until_status().await, (vec![], 503), "{seek}");
        // Whose the config is was asked once: it has not changed.
        assert_eq!(channel.judged_count(), 1, "{seek}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_arrives_as_it_is_in_the_store() {
    for size in [0, 1, 20_000, 1 << 20, 5_000_000] {
        let channel = TestBlocks::new(1, size);
        let server = serve(&channel).await;
        let mut reader = Reader::start(server.address, "0..0").await;
        let answer = reader.answers.message().await.unwrap().unwrap();
        let Some(deliver_response::Type::Block(received)) = answer.r#type else {
            panic!("a block was asked for");
        };
        assert_eq!(received.encode_to_vec(), block(0, size));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_success_when_the_block_at_which_it_stops_is_committed() {
    let channel = TestBlocks::new(3, 10);
    let server = serve(&channel).await;
    for (seek, first, last) in [("3..5", 3, 5), ("next..oldest", 6, 6), ("newest..8", 6, 8)] {
        let mut reader = Reader::start(server.address, seek).await;
        eventually("it is a reader", || channel.sessions() == 1).await;
        let height = channel.height();
        for _ in height..=last {
            channel.commit(10);
        }
        assert_eq!(reader.until_status().await, ((first..=last).collect(), 200), "{seek}");
        drop(reader);
        eventually("it has gone", || channel.sessions() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_block_is_the_one_that_was_newest_when_it_was_asked_for() {
    for (seek, expected) in [("oldest..newest", (0..10).collect::<Vec<_>>()), ("newest..newest", vec![9])] {
        let (open, gate) = watch::channel(false);
        let channel = TestBlocks::gated(expected[0], &gate);
        let server = serve(&channel).await;
        let mut reader = Reader::start(server.address, seek).await;
        eventually("the first block is read", || channel.read_count() == 1).await;
        channel.commit(10);
        open.send_replace(true);
        assert_eq!(reader.until_status().await, (expected, 200), "{seek}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_stream_are_served_in_turn_up_to_the_first_that_fails() {
    let channel = TestBlocks::new(10, 10);
    let server = serve(&channel).await;
    let client = connect(server.address).await;
    let seeks = ["0..2", "newest..newest", "1..1", "5..4", "0..0"];
    let mut reader = Reader::ask_all(&client, &seeks).await;
    for expected in [(vec![0, 1, 2], 200), (vec![9], 200), (vec![1], 200), (vec![], 400)] {
        assert_eq!(reader.until_status().await, expected);
    }
    assert_eq!(reader.end().await.0.as_deref(), Some("RDL-1206"));

    // A client that has nothing more to ask still gets all it asked for.
    let mut reader = Reader::ask_all(&client, &["8..10"]).await;
    assert_eq!(reader.blocks(2).await, [8, 9]);
    channel.commit(10);
    assert_eq!(reader.until_status().await, (vec![10], 200));
    assert_eq!(reader.end().await.0, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_readers_at_once_get_every_block_each() {
    const READERS: usize = 100;
    const GROWN: u64 = 200;
    let channel = TestBlocks::new(20, 1000);
    let server = serve(&channel).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(connect(server.address).await);
    }
    let mut readers = Vec::new();
    for index in 0..READERS {
        let reader = Reader::open(&clients[index % clients.len()]).await;
        let last = 20 + GROWN - 1;
        let first = if index % 2 == 0 { 0 } else { 19 };
        reader.ask(request(&format!("{first}..{last}")));
        readers.push(tokio::spawn(async move {
            let mut reader = reader;
            assert_eq!(reader.until_status().await, ((first..=last).collect(), 200));
            reader
        }));
    }
    eventually("all are readers", || channel.sessions() == READERS).await;
    grow(&channel, GROWN).await.unwrap();
    let readers = future::join_all(readers).await;
    assert_eq!(channel.judged_count(), READERS);
    let blocks = READERS as u64 / 2 * (20 + GROWN + 1 + GROWN);
    assert_eq!(channel.read_count() as u64, blocks);
    // Their sessions are over, their streams are not.
    assert_eq!(channel.sessions(), 0);
    for reader in readers {
        let mut reader = reader.unwrap();
        reader.ask(request("3..3"));
        assert_eq!(reader.next().await.unwrap(), Seen::Block(3));
    }
}
