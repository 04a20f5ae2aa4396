//! What happens to readers while they read: other rules, time, trouble.

use std::{sync::Arc, time::Duration};

use prost::Message;
use raddle_serve::{
    channels::{BlockUnavailable, Condition},
    server::ServerSettings,
};
use tokio::sync::watch;

use super::reader::{Reader, request};
use crate::{
    blocks::{Readers, TestBlocks, TestClock, now, serve_blocks},
    doubles::{Running, eventually, failure},
};

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_nanos(1);

/// What happens to a channel.
type Change = fn(&TestBlocks);

async fn serve(channel: &Arc<TestBlocks>) -> Running {
    serve_blocks(channel, &TestClock::new(), ServerSettings::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_shuts_a_reader_out_is_not_delivered_to_it() {
    let channel = TestBlocks::new(2, 10);
    let server = serve(&channel).await;
    let mut reader = Reader::start(server.address, "oldest..max").await;
    assert_eq!(reader.blocks(2).await, [0, 1]);
    assert_eq!(channel.judged_count(), 1);
    // Another config, which lets it read.
    channel.commit_config();
    assert_eq!(reader.blocks(1).await, [2]);
    assert_eq!(channel.judged_count(), 2);
    channel.commit(10);
    assert_eq!(reader.blocks(1).await, [3]);
    assert_eq!(channel.judged_count(), 2);

    *channel.readers.lock().unwrap() = Readers::NoneFrom(3);
    // It counts when it is the channel's config, and not before.
    channel.commit(10);
    assert_eq!(reader.blocks(1).await, [4]);
    channel.commit_config();
    assert_eq!(reader.until_status().await, (vec![], 403));
    assert_eq!(reader.end().await.0.as_deref(), Some("RDL-1211"));
    // Each time about the bytes that were signed.
    let signed = request("oldest..max").encode_to_vec();
    assert_eq!(*channel.judged.lock().unwrap(), [&signed[..], &signed, &signed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_behind_is_judged_by_the_config_of_now() {
    let (open, gate) = watch::channel(false);
    let channel = TestBlocks::gated(4, &gate);
    let server = serve(&channel).await;
    let mut reader = Reader::start(server.address, "oldest..max").await;
    assert_eq!(reader.blocks(4).await, [0, 1, 2, 3]);
    eventually("the next block is read", || channel.read_count() == 5).await;
    *channel.readers.lock().unwrap() = Readers::NoneFrom(2);
    channel.commit_config();
    open.send_replace(true);
    assert_eq!(reader.until_status().await, (vec![], 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_nobody_can_judge_any_more_goes_elsewhere() {
    let channel = TestBlocks::new(1, 10);
    let server = serve(&channel).await;
    let mut reader = Reader::start(server.address, "oldest..max").await;
    assert_eq!(reader.blocks(1).await, [0]);
    *channel.readers.lock().unwrap() = Readers::Unknown;
    channel.commit_config();
    assert_eq!(reader.until_status().await, (vec![], 503));
    assert_eq!(reader.end().await.0.as_deref(), Some("RDL-4321"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_ends_with_its_certificate() {
    let (channel, clock) = (TestBlocks::new(1, 10), TestClock::new());
    *channel.ends.lock().unwrap() = Some(now() + HOUR);
    let server = serve_blocks(&channel, &clock, ServerSettings::default()).await;
    let mut reader = Reader::start(server.address, "oldest..max").await;
    assert_eq!(reader.blocks(1).await, [0]);
    // The certificate holds up to its last moment.
    clock.advance(HOUR);
    channel.commit(10);
    assert_eq!(reader.blocks(1).await, [1]);
    clock.advance(MOMENT);
    assert_eq!(reader.until_status().await, (vec![], 403));
    assert_eq!(reader.end().await.0.as_deref(), Some("RDL-1210"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_was_read_too_late_is_not_delivered() {
    let (open, gate) = watch::channel(false);
    let (channel, clock) = (TestBlocks::gated(3, &gate), TestClock::new());
    *channel.ends.lock().unwrap() = Some(now() + HOUR);
    let server = serve_blocks(&channel, &clock, ServerSettings::default()).await;
    let mut reader = Reader::start(server.address, "oldest..max").await;
    assert_eq!(reader.blocks(3).await, [0, 1, 2]);
    eventually("the next block is read", || channel.read_count() == 4).await;
    clock.advance(HOUR + MOMENT);
    open.send_replace(true);
    assert_eq!(reader.until_status().await, (vec![], 403));
    assert_eq!(reader.end().await.1["seconds_ago"], 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_ends_the_streams_that_wait_unless_they_make_the_best_of_it() {
    let channel = TestBlocks::new(1, 10);
    let server = serve(&channel).await;
    let mut strict = Reader::start(server.address, "oldest..max").await;
    let mut best = Reader::start(server.address, "oldest..max best").await;
    assert_eq!((strict.blocks(1).await, best.blocks(1).await), (vec![0], vec![0]));
    channel.set(Condition::Failed(failure()));
    assert_eq!(strict.until_status().await, (vec![], 503));
    let (code, reason) = strict.end().await;
    assert_eq!((code.as_deref(), &reason["text"]), (Some("RDL-4321"), &"cannot enqueue".into()));
    // What had been ordered is still being committed.
    channel.commit(10);
    assert_eq!(best.blocks(1).await, [1]);
    channel.set(Condition::Closed);
    assert_eq!(best.until_status().await, (vec![], 503));
    assert_eq!(best.end().await.0.as_deref(), Some("RDL-4201"));
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_ends_the_streams_whose_block_is_still_being_read() {
    let changes: [(Change, &str); 3] = [
        (|channel| channel.set(Condition::Failed(failure())), "RDL-4321"),
        (|channel| channel.set(Condition::Closed), "RDL-4201"),
        (TestBlocks::abandon_sessions, "RDL-4201"),
    ];
    for (change, code) in changes {
        let (_open, gate) = watch::channel(false);
        let channel = TestBlocks::gated(2, &gate);
        let server = serve(&channel).await;
        let mut reader = Reader::start(server.address, "oldest..max").await;
        assert_eq!(reader.blocks(2).await, [0, 1]);
        eventually("the next block is read", || channel.read_count() == 3).await;
        // A block more is no trouble.
        channel.commit(10);
        change(&channel);
        assert_eq!(reader.until_status().await, (vec![], 503), "{code}");
        assert_eq!(reader.end().await.0.as_deref(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_left_its_readers_is_closed_to_them() {
    let channel = TestBlocks::new(1, 10);
    let server = serve(&channel).await;
    let mut reader = Reader::start(server.address, "oldest..max best").await;
    assert_eq!(reader.blocks(1).await, [0]);
    eventually("it waits", || channel.sessions() == 1).await;
    channel.abandon_sessions();
    assert_eq!(reader.until_status().await, (vec![], 503));
    assert_eq!(reader.end().await.0.as_deref(), Some("RDL-4201"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_a_stream_is_judged_anew() {
    let channel = TestBlocks::new(3, 10);
    let server = serve(&channel).await;
    let mut reader = Reader::start(server.address, "0..0").await;
    assert_eq!(reader.until_status().await, (vec![0], 200));
    channel.set(Condition::Failed(failure()));
    reader.ask(request("1..1 best"));
    assert_eq!(reader.until_status().await, (vec![1], 200));
    assert_eq!(channel.judged_count(), 2);
    reader.ask(request("2..2"));
    assert_eq!(reader.until_status().await, (vec![], 503));
    assert_eq!(channel.judged_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_cannot_be_read_ends_the_stream_behind_those_that_could() {
    let channel = TestBlocks::reading(
        5,
        10,
        Box::new(|number, block| {
            let unavailable = BlockUnavailable { cause: "its bytes do not have its hash".to_owned() };
            Box::pin(std::future::ready(if number == 3 { Err(unavailable) } else { Ok(block) }))
        }),
    );
    let server = serve(&channel).await;
    for seek in ["oldest..newest", "oldest..newest best"] {
        let mut reader = Reader::start(server.address, seek).await;
        assert_eq!(reader.until_status().await, (vec![0, 1, 2], 503));
        let (code, reason) = reader.end().await;
        assert_eq!(code.as_deref(), Some("RDL-4202"));
        let text = "block 3 cannot be read: its bytes do not have its hash";
        assert_eq!(reason, serde_json::json!({ "block": 3, "text": text }));
    }
}
