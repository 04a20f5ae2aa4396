//! What all streams hold together.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use http_body_util::{BodyExt, StreamBody};
use raddle_serve::{
    broadcast::LaneLimits,
    intake::{IntakeLimits, SMALL_BYTES_MAX},
    server::ServerSettings,
};
use tokio::time;
use tonic::{Code, body::Body, transport::Channel};

use crate::{
    client::{BROADCAST, call, connect, open, read, send},
    doubles::{CHANNEL, TestChannel, envelope, envelope_of, envelopes, eventually, never, ready, serve},
};

/// Long enough for what must not happen, which nothing tells; and what a message may take, where that is short.
const A_WHILE: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_secs(10);
const LARGE: usize = 1 << 20;

fn settings(intake: IntakeLimits) -> ServerSettings {
    ServerSettings { intake, receive_bytes_max: 2 * LARGE, ..Default::default() }
}

/// Opens a stream with these bytes as its body's beginning, and keeps it open.
async fn begin(channel: &Channel, bytes: &'static [u8]) -> http::Response<Body> {
    let body = stream::iter([Bytes::from_static(bytes)])
        .chain(stream::pending())
        .map(|bytes| Ok::<_, tonic::Status>(http_body::Frame::data(bytes)));
    let request = http::Request::post(BROADCAST)
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(body).boxed_unsync()))
        .unwrap();
    call(channel, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_streams_together_hold_no_more_than_the_server_allows() {
    // In each class what ten envelopes cost, spread over forty streams.
    for padding in [60_000, LARGE] {
        let size = envelope_of(CHANNEL, 3, 0, padding).len();
        let is_small = size <= SMALL_BYTES_MAX;
        let budget = 10 * (size + 1024) + size / 2;
        let limits = if is_small {
            IntakeLimits { small_bytes_max: budget, ..Default::default() }
        } else {
            IntakeLimits { large_bytes_max: budget, ..Default::default() }
        };
        let (open_gate, channel) = TestChannel::gated();
        let server = serve(&channel, settings(limits)).await;
        let streams = (0..40).map(|_| {
            let envelopes = (0..5).map(|number| envelope_of(CHANNEL, 3, number, padding)).collect();
            tokio::spawn(send(server.address, envelopes))
        });
        let streams: Vec<_> = streams.collect();
        eventually("the account is used up", || channel.held.bytes() == 10 * size).await;
        time::sleep(A_WHILE).await;
        assert_eq!(channel.held.bytes(), 10 * size);
        open_gate.send_replace(true);
        for seen in future::join_all(streams).await {
            assert_eq!(seen.unwrap().successes(), 5);
        }
        assert!(channel.held.peak() <= 10 * size);
        assert_eq!(channel.log().len(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_announces_large_messages_and_sends_nothing_keeps_back_large_ones_only_and_not_for_ever() {
    let channel = TestChannel::open();
    let limits =
        IntakeLimits { large_bytes_max: 0, message_time_max: Duration::from_secs(1), ..Default::default() };
    let server = serve(&channel, settings(limits)).await;
    let client = connect(server.address).await;
    // 2 MiB are announced, which is what the account has.
    let idle = begin(&client, &[0, 0, 0x20, 0, 0, 10]).await;
    // Until they are read, which shows in nothing but what follows.
    time::sleep(A_WHILE).await;
    let large = tokio::spawn(send(server.address, vec![envelope_of(CHANNEL, 3, 1000, LARGE)]));
    assert_eq!(send(server.address, envelopes(100)).await.successes(), 100);
    time::sleep(A_WHILE).await;
    assert!(!channel.log().contains(&1000));
    // The idle one's time is up before the other's is.
    assert_eq!(time::timeout(SOON, large).await.unwrap().unwrap().successes(), 1);
    let end = time::timeout(SOON, idle.into_body().collect()).await.unwrap().unwrap();
    let status = end.trailers().unwrap().get("grpc-status").unwrap();
    assert_eq!(status.to_str().unwrap(), i32::from(Code::DeadlineExceeded).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_for_others_is_told_to_go_elsewhere() {
    let channel = TestChannel::new(
        Box::new(|number| if number == 0 { never() } else { ready(Ok(())) }),
        Box::new(|_| ready(Ok(()))),
    );
    let limits = IntakeLimits { large_bytes_max: 0, message_time_max: A_WHILE, ..Default::default() };
    let server = serve(&channel, settings(limits)).await;
    let client = connect(server.address).await;
    let first = open(&client, stream::iter([envelope_of(CHANNEL, 3, 0, LARGE).into()])).await;
    eventually("the account is used up", || channel.received_count() == 1).await;
    let seen =
        time::timeout(SOON, send(server.address, vec![envelope(1), envelope_of(CHANNEL, 3, 2, LARGE)]));
    let seen = seen.await.unwrap();
    assert_eq!(seen.successes(), 1);
    assert_eq!(seen.end.unwrap_err().code(), Code::Unavailable);
    // What has arrived is not given up, however long it takes; and what is given up is paid back.
    assert!(time::timeout(2 * A_WHILE, read(first)).await.is_err());
    eventually("nothing is held", || channel.held.bytes() == 0).await;
    let seen = send(server.address, vec![envelope_of(CHANNEL, 3, 3, LARGE)]).await;
    assert_eq!(seen.successes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_message_ends_its_stream_in_time_and_an_idle_stream_is_left_alone() {
    let channel = TestChannel::open();
    let limits = IntakeLimits { message_time_max: A_WHILE, ..Default::default() };
    let server = serve(&channel, settings(limits)).await;
    let client = connect(server.address).await;
    for half in [&[0][..], &[0, 0, 0, 0], &[0, 0, 0, 0, 2], &[0, 0, 0, 0, 2, 10]] {
        let response = begin(&client, half).await;
        let end = time::timeout(SOON, response.into_body().collect()).await.unwrap().unwrap();
        let status = end.trailers().unwrap().get("grpc-status").unwrap();
        assert_eq!(status.to_str().unwrap(), i32::from(Code::DeadlineExceeded).to_string(), "{half:?}");
    }
    let idle = begin(&client, &[]).await;
    assert!(time::timeout(3 * A_WHILE, idle.into_body().collect()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_has_its_own_time() {
    let limits = IntakeLimits { message_time_max: 6 * A_WHILE, ..Default::default() };
    let server = serve(&TestChannel::open(), settings(limits)).await;
    let envelope = envelope(0);
    let prefix = [0, 0, 0, 0, u8::try_from(envelope.len()).unwrap()];
    // Five messages in two halves each, for ten whiles.
    let halves = [Bytes::copy_from_slice(&prefix), Bytes::from(envelope)];
    let halves = stream::iter(halves.into_iter().cycle().take(10)).then(|half| async {
        time::sleep(A_WHILE).await;
        Ok::<_, tonic::Status>(http_body::Frame::data(half))
    });
    let request = http::Request::post(BROADCAST)
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(halves).boxed_unsync()))
        .unwrap();
    let response = call(&connect(server.address).await, request).await;
    let answers = response.into_body().collect().await.unwrap();
    assert_eq!(answers.trailers().unwrap().get("grpc-status").unwrap(), "0");
    assert_eq!(answers.to_bytes().len(), 5 * 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_paid_back_however_a_stream_ends() {
    let channel = TestChannel::new(
        Box::new(|number| match number {
            1 => ready(Err(crate::doubles::refusal())),
            2 => never(),
            _ => ready(Ok(())),
        }),
        Box::new(|_| ready(Ok(()))),
    );
    // Room for two large ones.
    let limits = IntakeLimits { large_bytes_max: 2 * (LARGE + 2048), ..Default::default() };
    let server = serve(&channel, settings(limits)).await;
    let large = |number| envelope_of(CHANNEL, 3, number, LARGE);
    for _ in 0..5 {
        assert_eq!(send(server.address, vec![large(0), large(0), large(0)]).await.successes(), 3);
        assert_eq!(send(server.address, vec![large(0), large(1), large(0)]).await.last().0, 1);
        let mut no_envelope = large(0);
        no_envelope.truncate(LARGE);
        assert!(send(server.address, vec![large(0), no_envelope]).await.end.is_err());
        assert!(send(server.address, vec![large(0), vec![0; 2 * LARGE + 1]]).await.end.is_err());
        let before = channel.received_count();
        let client = connect(server.address).await;
        let answers = open(&client, stream::iter([large(2).into(), large(2).into()])).await;
        eventually("it is being admitted", || channel.received_count() > before).await;
        drop(answers);
    }
    assert_eq!(send(server.address, vec![large(0), large(0)]).await.successes(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_wherever_frames_are_cut() {
    let channel = TestChannel::open();
    let limits = LaneLimits { envelopes_max: 3, bytes_max: 1000 };
    let server = serve(&channel, ServerSettings { lane: limits, ..Default::default() }).await;
    let client = connect(server.address).await;
    let body: Vec<u8> = envelopes(20)
        .iter()
        .flat_map(|envelope| [&[0, 0, 0, 0, u8::try_from(envelope.len()).unwrap()], &envelope[..]].concat())
        .collect();
    for cut in [1, 2, 3, 5, 7, 64, 1000, usize::MAX] {
        let frames: Vec<_> = body.chunks(cut).map(Bytes::copy_from_slice).collect();
        let frames = frames.into_iter().map(|bytes| Ok::<_, tonic::Status>(http_body::Frame::data(bytes)));
        let request = http::Request::post(BROADCAST)
            .header("content-type", "application/grpc")
            .body(Body::new(StreamBody::new(stream::iter(frames)).boxed_unsync()))
            .unwrap();
        let answers = call(&client, request).await.into_body().collect().await.unwrap();
        assert_eq!(answers.trailers().unwrap().get("grpc-status").unwrap(), "0", "{cut}");
        // An answer has 8 bytes.
        assert_eq!(answers.to_bytes().len(), 20 * 8, "{cut}");
        assert_eq!(std::mem::take(&mut *channel.log.lock().unwrap()), (0..20).collect::<Vec<_>>(), "{cut}");
    }
}
