//! What clients may have open and hold, and what becomes of those that hold on to it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future;
use http_body_util::BodyExt;
use raddle_serve::{
    guard::{GuardLimits, READS_MAX},
    server::ServerSettings,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};
use tonic::{Code, body::Body, transport::Endpoint};

use crate::{
    blocks::{TestBlocks, TestClock, serve_blocks},
    client::{BROADCAST, call, connect, open_sender, read, send},
    deliver::reader::{Reader, request},
    doubles::{Running, TestChannel, envelope, envelopes, eventually, serve},
};

/// What only turns a hang into a failure.
const SOON: Duration = Duration::from_secs(20);

fn limits(guard: GuardLimits) -> ServerSettings {
    ServerSettings { guard, ..Default::default() }
}

async fn serve_readers(channel: &Arc<TestBlocks>, guard: GuardLimits) -> Running {
    serve_blocks(channel, &TestClock::new(), limits(guard)).await
}

/// A client with the least windows that HTTP/2 knows, which reads nothing by itself.
async fn narrow(server: &Running) -> tonic::transport::Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    endpoint.initial_stream_window_size(65_535).connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_so_many_streams_over_all_its_connections_and_is_told_which_setting_says_so() {
    let guard = GuardLimits { client_streams_max: 3, ..Default::default() };
    let server = serve(&TestChannel::open(), limits(guard)).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let client = connect(server.address).await;
        open.push((open_sender(&client).await, client));
    }
    let client = connect(server.address).await;
    let seen = time::timeout(SOON, Reader::open_refused(&client)).await.unwrap();
    assert_eq!(seen.code(), Code::ResourceExhausted);
    assert_eq!(
        seen.message(),
        "the client at 127.0.0.1 has 3 streams open here, and at most 3 (Limits.StreamsPerClient) are allowed; \
         end some"
    );
    assert_eq!(seen.metadata().get("raddle-code").unwrap(), "RDL-1213");
    // Those that are there go on, and one that ends makes place.
    open[0].0.0.send(envelope(1).into()).unwrap();
    let ((requests, answers), _client) = open.pop().unwrap();
    drop(requests);
    read(answers).await;
    eventually("its place is free", || server.guard.counters().streams_open.load(Ordering::SeqCst) == 2)
        .await;
    assert_eq!(send(server.address, envelopes(3)).await.successes(), 3);
    assert_eq!(server.guard.counters().streams_refused.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_clients_together_have_so_many_streams_and_who_comes_then_is_sent_elsewhere() {
    let server =
        serve(&TestChannel::open(), limits(GuardLimits { streams_max: 1, ..Default::default() })).await;
    let client = connect(server.address).await;
    let _open = open_sender(&client).await;
    let seen = Reader::open_refused(&client).await;
    assert_eq!(seen.code(), Code::Unavailable);
    assert_eq!(seen.metadata().get("raddle-code").unwrap(), "RDL-4205");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections_and_one_that_has_no_stream_makes_place_in_time() {
    let guard = GuardLimits {
        address_connections_max: 2,
        // Long enough for a client to open a stream on a machine that does much else.
        idle_time_max: Duration::from_secs(2),
        ..Default::default()
    };
    let server = serve(&TestChannel::open(), limits(guard)).await;
    let busy = connect(server.address).await;
    let (requests, answers) = open_sender(&busy).await;
    let idle = connect(server.address).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = Vec::new();
    // Closed at once, by an end or by a reset.
    let _ = time::timeout(SOON, third.read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.is_empty());
    assert_eq!(server.guard.counters().connections_refused.load(Ordering::SeqCst), 1);
    let closed = || server.guard.counters().connections_closed_idle.load(Ordering::SeqCst);
    eventually("the idle one is closed", || closed() == 1).await;
    drop(idle);
    assert_eq!(send(server.address, envelopes(3)).await.successes(), 3);
    requests.send(envelope(9).into()).unwrap();
    drop(requests);
    assert_eq!(read(answers).await.successes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_is_ended_with_a_sentence_if_it_reads_on_and_without_if_not() {
    const READER_TIME: Duration = Duration::from_millis(500);
    let channel = TestBlocks::new(20, 1 << 20);
    let server =
        serve_readers(&channel, GuardLimits { reader_time_max: READER_TIME, ..Default::default() }).await;
    let counters = server.guard.counters();
    let client = narrow(&server).await;
    let mut sleeper = Reader::open(&client).await;
    sleeper.ask(request("oldest..newest"));
    eventually("it is given up", || counters.streams_ended_unread.load(Ordering::SeqCst) == 1).await;
    // What was on its way comes, then the sentence.
    let status = loop {
        match sleeper.next().await {
            Ok(_) => {}
            Err(end) => break end.unwrap_err(),
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(
        status.message(),
        "nothing was read for 500ms, and at most that (Limits.ReaderTime) is waited; ask again from where you are"
    );
    assert_eq!(status.metadata().get("raddle-code").unwrap(), "RDL-1214");
    // One that does not read on loses its connection, and what it held is free.
    let dead = Reader::open(&client).await;
    dead.ask(request("oldest..newest"));
    eventually("its connection is closed", || counters.connections_closed_unread.load(Ordering::SeqCst) == 1)
        .await;
    eventually("nothing is held", || server.guard.outflow_bytes() == 0).await;
    assert_eq!(counters.streams_open.load(Ordering::SeqCst), 0);
    // Who waits at the tip is no slow reader.
    let mut follower = Reader::start(server.address, "newest..max").await;
    assert_eq!(follower.blocks(1).await, [19]);
    // Time for it to be ended, which it must not be: nothing tells that.
    time::sleep(3 * READER_TIME).await;
    channel.commit(10);
    assert_eq!(follower.blocks(1).await, [20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_readers_hold_is_bounded_and_who_reads_gets_everything() {
    const SIZE: usize = 1 << 20;
    const HELD_MAX: usize = 8 * SIZE;
    let channel = TestBlocks::new(30, SIZE);
    let guard = GuardLimits {
        deliver_bytes_max: HELD_MAX,
        reader_time_max: Duration::from_secs(1),
        ..Default::default()
    };
    let server = serve_readers(&channel, guard).await;
    let mut stalled = Vec::new();
    for _ in 0..60 {
        let mut reader = Reader::open(&narrow(&server).await).await;
        reader.ask(request("oldest..newest"));
        reader.requests = None;
        stalled.push(reader);
    }
    let healthy = tokio::spawn(async move {
        let mut reader = Reader::start(server.address, "oldest..newest").await;
        let mut blocks = Vec::new();
        // They are one client with those that do not read, so that it may be told to come again.
        while blocks.len() < 30 {
            match reader.next().await {
                Ok(crate::deliver::reader::Seen::Block(number)) => blocks.push(number),
                _ => {
                    let from = format!("{}..newest", blocks.len());
                    reader = Reader::start(server.address, &from).await;
                }
            }
        }
        blocks
    });
    let mut peak = 0;
    let healthy = async {
        let mut healthy = healthy;
        loop {
            tokio::select! {
                blocks = &mut healthy => return blocks.unwrap(),
                // Looks at what is held, again and again: a peak tells nobody.
                () = time::sleep(Duration::from_millis(1)) => peak = peak.max(server.guard.outflow_bytes()),
            }
        }
    };
    assert_eq!(time::timeout(SOON, healthy).await.unwrap(), (0..30).collect::<Vec<_>>());
    // A block that is read counts once more until it is encoded.
    let threads = std::thread::available_parallelism().unwrap().get();
    assert!(peak <= HELD_MAX + (READS_MAX + 2 * threads) * (SIZE + 1000), "{peak} bytes were held");
    assert!(server.guard.counters().reads_waited.load(Ordering::SeqCst) > 0);
    drop(stalled);
    eventually("nothing is held", || server.guard.outflow_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_beyond_the_limit_are_refused_and_the_others_go_on() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let client = connect(server.address).await;
    let (requests, answers) = open_sender(&client).await;
    let flood = connect(server.address).await;
    for count in [1, 30] {
        let mut request = http::Request::post(BROADCAST).header("content-type", "application/grpc");
        for number in 0..count {
            request = request.header(format!("x-{number}"), "x".repeat(20_000 / count));
        }
        let mut flood = flood.clone();
        std::future::poll_fn(|context| tower_service::Service::poll_ready(&mut flood, context))
            .await
            .unwrap();
        let request = request.body(Body::empty()).unwrap();
        match time::timeout(SOON, tower_service::Service::call(&mut flood, request)).await.unwrap() {
            Ok(response) => {
                assert_eq!(response.status(), http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
            // Or the stream is reset.
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    requests.send(envelope(1).into()).unwrap();
    drop(requests);
    assert_eq!(read(answers).await.successes(), 1);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_streams_to_reset_them_loses_the_connection() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for number in 0..1000 {
        // POST / over http, from the table that both sides know; then a reset with CANCEL.
        bytes.extend(frame(1, 4, 2 * number + 1, &[0x83, 0x86, 0x84]));
        bytes.extend(frame(3, 0, 2 * number + 1, &8_u32.to_be_bytes()));
    }
    // It may be closed in the middle.
    let _ = socket.write_all(&bytes).await;
    let mut answer = Vec::new();
    let _ = time::timeout(SOON, socket.read_to_end(&mut answer)).await.expect("the connection is closed");
    // GOAWAY with ENHANCE_YOUR_CALM, unless the end came by a reset of TCP.
    let calm = 11_u32.to_be_bytes();
    assert!(answer.is_empty() || answer.windows(4).any(|bytes| bytes == calm), "{answer:?}");
    assert_eq!(send(server.address, envelopes(3)).await.successes(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_names_who_has_what() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let client = connect(server.address).await;
    let _open = open_sender(&client).await;
    let dump = server.guard.dump().join("\n");
    for part in ["1 connections from 1 addresses, 1 streams of 1 clients", "127.0.0.1", BROADCAST] {
        assert!(dump.contains(part), "{dump}");
    }
    // A path is whatever a client writes.
    let path = format!("/a%0Ab{}", "c".repeat(1000));
    let request = http::Request::post(path).header("content-type", "application/grpc");
    let response = call(&client, request.body(Body::empty()).unwrap()).await;
    let (_, trailers) = (response.status(), response.into_body().collect().await.unwrap());
    assert!(trailers.to_bytes().is_empty());
    assert!(server.guard.dump().iter().all(|line| line.len() < 400 && !line.contains('\n')));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_in_time_whoever_does_not_read() {
    let channel = TestBlocks::new(20, 1 << 20);
    let settings = ServerSettings { drain_max: Duration::from_millis(300), ..Default::default() };
    let server = serve_blocks(&channel, &TestClock::new(), settings).await;
    let clients = (0..10).map(async |_| {
        let mut reader = Reader::open(&narrow(&server).await).await;
        reader.ask(request("oldest..newest"));
        reader.requests = None;
        reader
    });
    let _stalled = future::join_all(clients).await;
    eventually("they hold something", || server.guard.outflow_bytes() > 0).await;
    let Running { guard, stop, task, .. } = server;
    stop.send(()).unwrap();
    time::timeout(SOON, task).await.unwrap().unwrap().unwrap();
    eventually("connections are closed", || guard.counters().connections_open.load(Ordering::SeqCst) == 0)
        .await;
}
