//! What streams may cost: too long ones, slow ones, abandoned ones, and channels that break.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use raddle_serve::{
    broadcast::LaneLimits,
    server::{Server, ServerSettings},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time,
};
use tonic::{Code, transport::Endpoint};

use crate::{
    client::{BROADCAST, call, connect, open, open_sender, read, send, send_body, send_one},
    doubles::{
        CHANNEL, TestChannel, at_rest, envelope, envelope_of, envelopes, eventually, failure, never, ready,
        serve,
    },
};

/// Long enough for a stream to do what it must not do. Nothing tells that it will not: so there, and only there, time
/// is let go by.
const A_WHILE: Duration = Duration::from_millis(200);

fn lane(envelopes_max: usize, bytes_max: usize) -> ServerSettings {
    ServerSettings { lane: LaneLimits { envelopes_max, bytes_max }, ..Default::default() }
}

/// A channel whose admissions, or whose appends, wait for the gate.
fn gated(gate: &watch::Receiver<bool>, at_append: bool) -> Arc<TestChannel> {
    let (admit_gate, append_gate) = (gate.clone(), gate.clone());
    let wait = async |mut gate: watch::Receiver<bool>, is_here: bool| {
        if is_here {
            gate.wait_for(|is_open| *is_open).await.unwrap();
        }
    };
    TestChannel::new(
        Box::new(move |_| {
            let gate = admit_gate.clone();
            Box::pin(async move {
                wait(gate, !at_append).await;
                Ok(())
            })
        }),
        Box::new(move |_| {
            let gate = append_gate.clone();
            Box::pin(async move {
                wait(gate, at_append).await;
                Ok(())
            })
        }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_as_far_as_its_limits_allow() {
    let size = envelope_of(CHANNEL, 3, 0, 1000).len();
    for (settings, expected) in
        [(lane(8, usize::MAX), 8), (lane(0, 0), 1), (lane(1000, 5 * size), 5), (lane(1000, 5 * size + 1), 6)]
    {
        for at_append in [false, true] {
            let (open, gate) = watch::channel(false);
            let channel = gated(&gate, at_append);
            let server = serve(&channel, settings.clone()).await;
            let envelopes = (0..100).map(|number| envelope_of(CHANNEL, 3, number, 1000)).collect();
            let seen = tokio::spawn(send(server.address, envelopes));
            eventually("the stream is full", || channel.held.bytes() == expected * size).await;
            time::sleep(A_WHILE).await;
            assert_eq!(channel.received_count(), expected);
            open.send_replace(true);
            assert_eq!(seen.await.unwrap().successes(), 100);
            assert!(channel.held.peak() <= expected * size);
            assert_eq!(channel.log(), (0..100).collect::<Vec<_>>());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_stops_its_own_stream_only() {
    let channel = TestChannel::open();
    let server = serve(&channel, lane(16, 1 << 20)).await;
    // The least window that HTTP/2 knows without being told: 64 KiB, which is 8,000 answers.
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let client = endpoint.initial_stream_window_size(65_535).connect().await.unwrap();
    let count = 40_000;
    let answers = open(&client, stream::iter((0..count).map(|number| Bytes::from(envelope(number))))).await;
    let log_length = || channel.log.lock().unwrap().len();
    let before = at_rest(A_WHILE, log_length).await;
    assert!(before < 12_000, "{before} envelopes were taken");
    assert_eq!(send(server.address, envelopes(10)).await.successes(), 10);
    assert_eq!(read(answers).await.successes(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_held_for_a_client_that_has_gone() {
    for at_append in [false, true] {
        let (_open, gate) = watch::channel(false);
        let channel = gated(&gate, at_append);
        let server = serve(&channel, ServerSettings::default()).await;
        let clients = (0..20).map(async |_| {
            let client = connect(server.address).await;
            let (requests, answers) = open_sender(&client).await;
            for number in 0..10 {
                requests.send(envelope(number).into()).unwrap();
            }
            (client, requests, answers)
        });
        let clients: Vec<_> = stream::iter(clients).then(|client| client).collect().await;
        let size = envelope(0).len();
        eventually("all are held", || channel.held.bytes() == 20 * 10 * size).await;

        // Some only close the stream, some the connection too.
        let mut connections = Vec::new();
        for (index, (client, requests, answers)) in clients.into_iter().enumerate() {
            drop(answers);
            drop(requests);
            if index % 2 == 0 {
                connections.push(client);
            }
        }
        eventually("nothing is held", || channel.held.bytes() == 0).await;
        // What has its place in the order keeps it.
        assert_eq!(channel.log().len(), if at_append { 200 } else { 0 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_resource_exhausted_after_the_answers_before_it() {
    let channel = TestChannel::new(
        Box::new(|_| {
            Box::pin(async {
                // The answers before the message are still on their way.
                time::sleep(Duration::from_millis(20)).await;
                Ok(())
            })
        }),
        Box::new(|_| ready(Ok(()))),
    );
    let padding = 1000;
    let limit = envelope_of(CHANNEL, 3, 0, padding).len();
    let server = serve(&channel, ServerSettings { receive_bytes_max: limit, ..Default::default() }).await;
    let sizes = [0, padding, padding + 1, 0];
    let envelopes = sizes.iter().zip(0..).map(|(padding, number)| envelope_of(CHANNEL, 3, number, *padding));
    let seen = send(server.address, envelopes.collect()).await;
    assert_eq!(seen.successes(), 2);
    let status = seen.end.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    for number in [limit, limit + 1] {
        assert!(status.message().contains(&number.to_string()), "{status:?}");
    }
    assert_eq!(channel.log(), [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_message_of_100_mib_is_received_and_one_byte_more_is_not() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let client = connect(server.address).await;
    // Of the first the beginning is taken in, and its end is missed.
    for (announced, expected) in [(100_u32 << 20, Code::Internal), ((100 << 20) + 1, Code::ResourceExhausted)]
    {
        let body = [&[0], &announced.to_be_bytes()[..], &[10, 0]].concat();
        let (_, status) = send_body(&client, body).await;
        assert_eq!(status, Some(i32::from(expected)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_message_disturbs_nobody_and_costs_nothing_when_it_is_given_up() {
    let channel = TestChannel::open();
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    let mut halves = Vec::new();
    for _ in 0..50 {
        // Announces 100 MiB, sends a little, and keeps the stream open.
        let body = stream::iter([Bytes::from_static(&[0, 0x06, 0x40, 0, 0, 1, 2, 3])])
            .chain(stream::pending())
            .map(|bytes| Ok::<_, tonic::Status>(http_body::Frame::data(bytes)));
        let request = http::Request::post(BROADCAST)
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::new(StreamBody::new(body).boxed_unsync()))
            .unwrap();
        halves.push(call(&client, request).await);
    }
    assert_eq!(send(server.address, envelopes(10)).await.successes(), 10);
    assert_eq!(channel.received_count(), 10);
    drop(halves);
    // The same connection has its streams back.
    let requests = stream::iter(envelopes(10).into_iter().map(Bytes::from));
    assert_eq!(read(open(&client, requests).await).await.successes(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_panics_ends_the_stream_that_met_it_and_no_other() {
    let channel = TestChannel::new(
        Box::new(|number| {
            Box::pin(async move {
                assert_ne!(number, 3, "a bug in a test double");
                Ok(())
            })
        }),
        Box::new(|number| ready(if number == 9 { Err(failure()) } else { Ok(()) })),
    );
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    let (requests, mut answers) = open_sender(&client).await;
    requests.send(envelope(0).into()).unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().status, 200);

    let seen = send(server.address, vec![envelope(3)]).await;
    assert_eq!(seen.successes(), 0);
    assert_eq!(seen.end.unwrap_err().code(), Code::Internal);
    requests.send(envelope(1).into()).unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().status, 200);
    drop(requests);
    assert_eq!(read(answers).await.successes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_as_many_streams_as_it_may_and_not_one_more() {
    let channel = TestChannel::new(Box::new(|_| never()), Box::new(|_| never()));
    let server = serve(&channel, ServerSettings { connection_streams_max: 4, ..Default::default() }).await;
    let client = connect(server.address).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let (requests, answers) = open_sender(&client).await;
        requests.send(envelope(0).into()).unwrap();
        streams.push((requests, answers));
    }
    eventually("four are being admitted", || channel.received_count() == 4).await;
    let fifth = time::timeout(A_WHILE, open_sender(&client)).await;
    assert!(fifth.is_err());
    streams.pop();
    time::timeout(Duration::from_secs(5), open_sender(&client)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_as_many_connections_as_it_may_and_not_one_more() {
    let channel = TestChannel::open();
    let server = serve(&channel, ServerSettings { connections_max: 2, ..Default::default() }).await;
    let first = connect(server.address).await;
    let second = connect(server.address).await;
    for client in [&first, &second] {
        assert_eq!(send_one(client, envelope(0)).await.successes(), 1);
    }
    let third = tokio::spawn(send(server.address, envelopes(1)));
    time::sleep(A_WHILE).await;
    assert!(!third.is_finished());
    drop(second);
    assert_eq!(time::timeout(Duration::from_secs(5), third).await.unwrap().unwrap().successes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_server_is_dropped() {
    let channel = TestChannel::new(Box::new(|_| never()), Box::new(|_| never()));
    let server = serve(&channel, ServerSettings::default()).await;
    let (requests, answers) = open_sender(&connect(server.address).await).await;
    requests.send(envelope(0).into()).unwrap();
    eventually("it is being admitted", || channel.received_count() == 1).await;
    server.task.abort();
    let seen = time::timeout(Duration::from_secs(5), read(answers)).await.unwrap();
    assert_eq!(seen.end.unwrap_err().code(), Code::Unavailable);
    assert_eq!(channel.held.bytes(), 0);
    // Its address is free again.
    let channels = Arc::new(crate::doubles::TestChannels(std::collections::HashMap::new()));
    assert!(Server::bind(server.address, channels, ServerSettings::default()).await.is_ok());
}

// === connections that say nothing ===

/// What a client of HTTP/2 begins with: the preface, and settings that set nothing.
const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Longer than anything that is waited for here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_begin_is_let_go() {
    let settings = ServerSettings { connection_timeout: A_WHILE, ..Default::default() };
    let server = serve(&TestChannel::open(), settings).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(&BEGIN[..5]).await.unwrap();
    // Whatever else is said, the end comes.
    let _ = time::timeout(PATIENCE, socket.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(send(server.address, envelopes(1)).await.successes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_asked_and_let_go_if_it_does_not_answer() {
    const PING: u8 = 6;
    let settings = ServerSettings {
        keepalive_interval: Some(A_WHILE),
        keepalive_timeout: A_WHILE,
        ..Default::default()
    };
    let server = serve(&TestChannel::open(), settings).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(BEGIN).await.unwrap();
    let asked = async {
        loop {
            let mut head = [0; 9];
            socket.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            socket.read_exact(&mut vec![0; length as usize]).await.unwrap();
            if head[3] == PING && head[4] == 0 {
                return;
            }
        }
    };
    time::timeout(PATIENCE, asked).await.unwrap();
    let _ = time::timeout(PATIENCE, socket.read_to_end(&mut Vec::new())).await.unwrap();
}
