//! Requests that no client of Fabric's would send.

use std::{sync::Arc, sync::LazyLock, time::Duration};

use proptest::prelude::*;
use prost::Message;
use raddle_proto::{
    common::Envelope,
    orderer::{SeekInfo, SeekPosition},
};
use raddle_serve::{channels::Condition, server::ServerSettings};
use tokio::{runtime::Runtime, time};
use tonic::transport::Channel;

use super::reader::{Parts, Reader, Seen, position, request};
use crate::{
    blocks::{TestBlocks, TestClock, serve_blocks},
    client::{DELIVER, connect, send_body_to},
    doubles::Running,
};

const HEIGHT: u64 = 10;

/// A server and a client for all inputs: it must outlive each of them.
static SERVER: LazyLock<(Runtime, Arc<TestBlocks>, Channel)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (channel, client) = runtime.block_on(async {
        let (channel, running) = serve().await;
        let client = connect(running.address).await;
        // Dropping what stops it would stop it.
        tokio::spawn(async move {
            let _running = running;
            std::future::pending::<()>().await;
        });
        (channel, client)
    });
    (runtime, channel, client)
});

async fn serve() -> (Arc<TestBlocks>, Running) {
    let channel = TestBlocks::new(HEIGHT, 10);
    let running = serve_blocks(&channel, &TestClock::new(), ServerSettings::default()).await;
    (channel, running)
}

fn any_position() -> impl Strategy<Value = Option<SeekPosition>> {
    let words = prop::sample::select(vec!["-", "nothing", "oldest", "newest", "next", "max"]);
    prop_oneof![
        words.prop_map(position),
        (0..HEIGHT + 3).prop_map(|number| position(&number.to_string())),
        any::<u64>().prop_map(|number| position(&number.to_string())),
    ]
}

/// Reads up to a status or an error of gRPC's. The channel closes when the reader is let in, so that nobody waits.
async fn outcome(channel: &TestBlocks, mut reader: Reader) -> Option<i32> {
    loop {
        tokio::select! {
            biased;
            seen = reader.next() => match seen {
                Ok(Seen::Block(_)) => {}
                Ok(Seen::Status(status)) => return Some(status),
                Err(_) => return None,
            },
            () = channel.asked.notified() => channel.set(Condition::Closed),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_payload_is_answered(
        payload in prop::collection::vec(any::<u8>(), 0..64),
        signature in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (runtime, _, client) = &*SERVER;
        let status = runtime.block_on(async {
            let mut reader = Reader::open(client).await;
            reader.ask(Envelope { payload: payload.into(), signature: signature.into() });
            let status = reader.until_status().await;
            reader.end().await;
            status
        });
        // Nothing here has a timestamp of today.
        prop_assert_eq!(status, (vec![], 400));
    }

    #[test]
    fn any_data_of_a_good_request_is_answered(data in prop::collection::vec(any::<u8>(), 0..32)) {
        let (runtime, _, _) = &*SERVER;
        let status = runtime.block_on(async {
            let (channel, running) = serve().await;
            let reader = Reader::open(&connect(running.address).await).await;
            reader.ask(Parts { data, ..Parts::of("0..0") }.envelope());
            outcome(&channel, reader).await
        });
        prop_assert!([200, 400, 404, 503].map(Some).contains(&status), "{status:?}");
    }

    #[test]
    fn a_damaged_request_is_answered(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let (runtime, _, _) = &*SERVER;
        let mut bytes = request("3..5 fail").payload.to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let status = runtime.block_on(async {
            let (channel, running) = serve().await;
            let reader = Reader::open(&connect(running.address).await).await;
            reader.ask(Envelope { payload: bytes.into(), ..Default::default() });
            outcome(&channel, reader).await
        });
        prop_assert!([200, 400, 404, 503].map(Some).contains(&status), "{status:?}");
    }

    #[test]
    fn any_seek_gets_blocks_in_order_and_a_status(
        start in any_position(),
        stop in any_position(),
        behavior in any::<i32>(),
        error_response in any::<i32>(),
        content_type in any::<i32>(),
    ) {
        let (runtime, _, client) = &*SERVER;
        // Odd numbers do not wait, so that there is a status; the others mean the same as 0.
        let behavior = if behavior % 2 == 0 { 2 } else { 1 };
        let seek = SeekInfo { start, stop, behavior, error_response, content_type };
        let data = seek.encode_to_vec();
        runtime.block_on(async {
            let mut reader = Reader::open(client).await;
            reader.ask(Parts { data, ..Parts::of("0..0") }.envelope());
            let mut seen = Vec::new();
            let status = loop {
                // A reader that has the newest block and waits would wait for ever.
                if behavior != 1 && (seen.last() == Some(&(HEIGHT - 1)) || starts_at_end(&seek)) {
                    break None;
                }
                match reader.next().await.unwrap() {
                    Seen::Block(number) => seen.push(number),
                    Seen::Status(status) => break Some(status),
                }
            };
            assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
            assert!([None, Some(200), Some(400), Some(404)].contains(&status), "{status:?}");
            assert!(status != Some(200) || !seen.is_empty());
        });
    }

    #[test]
    fn any_body_ends_with_a_status(body in prop::collection::vec(any::<u8>(), 0..200), is_framed in any::<bool>()) {
        let (runtime, _, client) = &*SERVER;
        let message = request("0..9").encode_to_vec();
        let frame = [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
        let body = if is_framed { [frame, body].concat() } else { body };
        let (http, grpc) = runtime.block_on(async {
            time::timeout(Duration::from_secs(10), send_body_to(client, DELIVER, body)).await.unwrap()
        });
        prop_assert_eq!(http, 200);
        prop_assert!(grpc.is_some());
    }
}

/// Whether the first block asked for is the next one.
fn starts_at_end(seek: &SeekInfo) -> bool {
    [position("next"), position(&HEIGHT.to_string())].contains(&seek.start)
}

#[test]
fn the_server_lives_on() {
    let (runtime, _, client) = &*SERVER;
    runtime.block_on(async {
        let mut reader = Reader::open(client).await;
        reader.ask(request("oldest..newest"));
        assert_eq!(reader.until_status().await, ((0..HEIGHT).collect(), 200));
    });
}
