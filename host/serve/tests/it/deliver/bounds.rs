//! What readers may cost, and what they cannot do to others.

use std::{sync::Arc, time::Duration};

use raddle_serve::{
    intake::{IntakeLimits, SMALL_BYTES_MAX},
    server::ServerSettings,
};
use tokio::{sync::watch, time};
use tonic::{Code, transport::Endpoint};

use super::reader::{Parts, Reader, request};
use crate::{
    blocks::{TestBlocks, TestClock, block, serve_blocks},
    client::connect,
    doubles::{Running, at_rest, eventually},
};

/// Long enough for a stream to do what it must not do, which nothing tells.
const A_WHILE: Duration = Duration::from_millis(200);

async fn serve(channel: &Arc<TestBlocks>, settings: ServerSettings) -> Running {
    serve_blocks(channel, &TestClock::new(), settings).await
}

/// Waits until no more blocks are read, and says how many were.
async fn read_at_rest(channel: &TestBlocks) -> usize {
    at_rest(A_WHILE, || channel.read_count()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_reading_costs_a_few_blocks_and_holds_nobody() {
    // The least window of HTTP/2, which both sides begin with.
    const WINDOW: usize = 65_535;
    // What hyper lets HTTP/2 hold for a stream, and what tonic fills before it lets go.
    const SEND_BUFFER: usize = 400 << 10;
    const CHUNK: usize = 32 << 10;
    for (count, size) in [(5000, 1000), (500, 20_000), (20, 1 << 20), (5, 10 << 20)] {
        let channel = TestBlocks::new(count, size);
        let server = serve(&channel, ServerSettings::default()).await;
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
        let endpoint = endpoint.initial_stream_window_size(u32::try_from(WINDOW).unwrap());
        let client = endpoint.connect().await.unwrap();
        let mut stalled = Reader::open(&client).await;
        stalled.ask(request("oldest..newest"));

        let bytes = read_at_rest(&channel).await * size;
        // What is in HTTP/2's hands and one chunk more, both filled to the next block's end; and the client's.
        let bytes_max = WINDOW + SEND_BUFFER + 2 * (CHUNK + size) + size;
        assert!(bytes <= bytes_max, "{bytes} bytes of blocks of {size}, and at most {bytes_max}");

        // Not even on the same connection.
        let all: Vec<_> = (0..count).collect();
        for client in [client, connect(server.address).await] {
            let mut reader = Reader::open(&client).await;
            reader.ask(request("oldest..newest"));
            assert_eq!(reader.until_status().await, (all.clone(), 200));
        }
        assert_eq!(stalled.until_status().await, (all, 200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_over_the_limit_ends_its_stream_and_says_how_long_it_is() {
    let size = block(1, 5000).len();
    // Tag and length of the block in its message.
    let message = size + 3;
    for (send_bytes_max, fits) in [(message, true), (message - 1, false)] {
        let channel = TestBlocks::new(1, 10);
        channel.commit(5000);
        channel.commit(10);
        let server = serve(&channel, ServerSettings { send_bytes_max, ..Default::default() }).await;
        let mut reader = Reader::start(server.address, "oldest..newest").await;
        if fits {
            assert_eq!(reader.until_status().await, (vec![0, 1, 2], 200));
            continue;
        }
        assert_eq!(reader.blocks(1).await, [0]);
        let status = reader.failure().await;
        assert_eq!(status.code(), Code::ResourceExhausted);
        let text = format!("trying to send message larger than max ({message} vs. {send_bytes_max})");
        assert_eq!(status.message(), text);
        assert_eq!(status.metadata().get("raddle-code").unwrap(), "RDL-4203");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_reader_that_has_gone() {
    let (_open, gate) = watch::channel(false);
    let channel = TestBlocks::gated(5, &gate);
    let server = serve(&channel, ServerSettings::default()).await;
    let mut connections = Vec::new();
    for is_connection_kept in [true, false] {
        // One that waits for the next block, one whose block is being read.
        let client = connect(server.address).await;
        let mut readers = Vec::new();
        for seek in ["next..max", "0..5"] {
            let reader = Reader::open(&client).await;
            reader.ask(request(seek));
            readers.push(reader);
        }
        readers[1].blocks(5).await;
        eventually("both are read to", || channel.sessions() == 2).await;
        drop(readers);
        if is_connection_kept {
            connections.push(client);
        } else {
            drop(client);
        }
        eventually("nothing is left", || channel.sessions() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_its_readers_go_at_once() {
    let (_open, gate) = watch::channel(false);
    let channel = TestBlocks::gated(3, &gate);
    let settings = ServerSettings { drain_max: Duration::from_secs(3600), ..Default::default() };
    let server = serve(&channel, settings).await;
    let client = connect(server.address).await;
    let mut readers = Vec::new();
    for seek in ["next..max", "0..max", "0..0"] {
        let reader = Reader::open(&client).await;
        reader.ask(request(seek));
        readers.push(reader);
    }
    assert_eq!(readers[1].blocks(3).await, [0, 1, 2]);
    assert_eq!(readers[2].until_status().await, (vec![0], 200));
    // One that has not asked for anything.
    readers.push(Reader::open(&client).await);
    eventually("two are served", || channel.sessions() == 2).await;
    server.stop.send(()).unwrap();
    for reader in readers {
        let status = reader.failure().await;
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "the orderer is stopping"));
    }
    drop(client);
    time::timeout(Duration::from_secs(10), server.task).await.unwrap().unwrap().unwrap();
    assert_eq!(channel.sessions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_does_not_wait_for_a_reader_that_does_not_read() {
    let channel = TestBlocks::new(10, 10 << 20);
    let settings = ServerSettings { drain_max: Duration::from_millis(100), ..Default::default() };
    let server = serve(&channel, settings).await;
    let stalled = Reader::start(server.address, "oldest..newest").await;
    read_at_rest(&channel).await;
    server.stop.send(()).unwrap();
    time::timeout(Duration::from_secs(10), server.task).await.unwrap().unwrap().unwrap();
    drop(stalled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_panics_ends_the_stream_that_met_it_and_no_other() {
    let channel = TestBlocks::reading(
        5,
        10,
        Box::new(|number, block| {
            Box::pin(async move {
                assert_ne!(number, 3, "a bug in a test double");
                Ok(block)
            })
        }),
    );
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    let mut other = Reader::open(&client).await;
    other.ask(request("4..max"));
    assert_eq!(other.blocks(1).await, [4]);
    let mut reader = Reader::open(&client).await;
    reader.ask(request("oldest..newest"));
    assert_eq!(reader.blocks(3).await, [0, 1, 2]);
    assert_eq!(reader.failure().await.code(), Code::Internal);
    channel.commit(10);
    assert_eq!(other.blocks(1).await, [5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stay_do_not_eat_up_what_requests_may_cost() {
    const SESSIONS: usize = 50;
    // The least account there is: of requests of 60,000 bytes it pays for four at once.
    let intake = IntakeLimits { small_bytes_max: 0, large_bytes_max: 0, ..Default::default() };
    const { assert!(60_000 * SESSIONS > 10 * SMALL_BYTES_MAX) };
    let channel = TestBlocks::new(1, 10);
    let server = serve(&channel, ServerSettings { intake, ..Default::default() }).await;
    let client = connect(server.address).await;
    let mut readers = Vec::new();
    for _ in 0..SESSIONS {
        let mut envelope = Parts::of("oldest..max").envelope();
        envelope.signature = vec![7; 60_000].into();
        let mut reader = Reader::open(&client).await;
        reader.ask(envelope);
        assert_eq!(reader.blocks(1).await, [0]);
        readers.push(reader);
    }
    assert_eq!(channel.sessions(), SESSIONS);
}
