//! A stream's order, with many envelopes under way at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use raddle_serve::server::ServerSettings;
use serde_json::json;
use tokio::{sync::watch, time};
use tonic::metadata::MetadataMap;

use crate::{
    client::{connect, open_sender, read, send},
    doubles::{
        TestChannel, TestChannels, envelope, envelope_of, envelopes, eventually, failure, never, ready,
        refusal, serve, serve_all,
    },
};

const COUNT: u64 = 64;

/// Work that takes some milliseconds, and for each number others: what comes later is done sooner.
async fn work(milliseconds: u64) {
    time::sleep(Duration::from_millis(milliseconds % 11)).await;
}

/// Waits until a test opens the gate, and then works.
async fn pass(mut gate: watch::Receiver<bool>, number: u64) {
    gate.wait_for(|is_open| *is_open).await.unwrap();
    work(number * 7).await;
}

fn trailer<'a>(trailers: &'a MetadataMap, name: &str) -> Option<&'a str> {
    Some(trailers.get(name)?.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_behind_a_refusal_is_in_the_log_and_everything_before_it_is() {
    for refused in [0, 1, 31, 62, 63] {
        let (open, gate) = watch::channel(false);
        let admit_gate = gate.clone();
        let channel = TestChannel::new(
            Box::new(move |number| {
                let gate = admit_gate.clone();
                Box::pin(async move {
                    pass(gate, number).await;
                    if number == refused { Err(refusal()) } else { Ok(()) }
                })
            }),
            Box::new(move |number| {
                let gate = gate.clone();
                Box::pin(async move {
                    pass(gate, COUNT - number).await;
                    Ok(())
                })
            }),
        );
        let server = serve(&channel, ServerSettings::default()).await;
        let seen = tokio::spawn(send(server.address, envelopes(COUNT)));
        eventually("all are being admitted", || channel.received_count() as u64 == COUNT).await;
        assert!(channel.log().is_empty());
        open.send_replace(true);

        let (successes, status, info, trailers) = seen.await.unwrap().last();
        assert_eq!((successes, status, info.as_str()), (refused, 403, "permission denied"));
        assert_eq!(trailer(&trailers, "raddle-code"), Some("RDL-1234"));
        let reason = trailers.get_bin("raddle-reason-bin").unwrap().to_bytes().unwrap();
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&reason).unwrap(),
            json!({"needed": ["Org1MSP"]})
        );
        assert_eq!(channel.log(), (0..refused).collect::<Vec<_>>());
        assert_eq!(channel.held.bytes(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_drops_the_admissions_behind_it_at_once() {
    let (open_append, append_gate) = watch::channel(false);
    let (open_refusal, refusal_gate) = watch::channel(false);
    let channel = TestChannel::new(
        Box::new(move |number| match number {
            0 => ready(Ok(())),
            1 => {
                let gate = refusal_gate.clone();
                Box::pin(async move {
                    pass(gate, number).await;
                    Err(refusal())
                })
            }
            _ => never(),
        }),
        Box::new(move |number| {
            let gate = append_gate.clone();
            Box::pin(async move {
                pass(gate, number).await;
                Ok(())
            })
        }),
    );
    let server = serve(&channel, ServerSettings::default()).await;
    let seen = tokio::spawn(send(server.address, envelopes(COUNT)));
    let size = envelope(0).len();
    eventually("all are held", || channel.held.bytes() == COUNT as usize * size).await;
    open_refusal.send_replace(true);
    eventually("only the append is held", || channel.held.bytes() == size).await;
    open_append.send_replace(true);
    let (successes, status, ..) = seen.await.unwrap().last();
    assert_eq!((successes, status), (1, 403));
    assert_eq!(channel.log(), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_append_is_the_last_answer_and_what_was_appended_behind_it_stays() {
    for failed in [0, 1, 31, 62, 63] {
        let (open, gate) = watch::channel(false);
        let channel = TestChannel::new(
            Box::new(|_| ready(Ok(()))),
            Box::new(move |number| {
                let gate = gate.clone();
                Box::pin(async move {
                    pass(gate, number).await;
                    if number == failed { Err(failure()) } else { Ok(()) }
                })
            }),
        );
        let server = serve(&channel, ServerSettings::default()).await;
        let seen = tokio::spawn(send(server.address, envelopes(COUNT)));
        eventually("all are being appended", || channel.log().len() as u64 == COUNT).await;
        open.send_replace(true);
        let (successes, status, info, trailers) = seen.await.unwrap().last();
        assert_eq!((successes, status, info.as_str()), (failed, 503, "cannot enqueue"));
        assert_eq!(trailer(&trailers, "raddle-code"), Some("RDL-4321"));
        assert!(trailers.get_bin("raddle-reason-bin").is_none());
        assert_eq!(channel.log(), (0..COUNT).collect::<Vec<_>>());
        assert_eq!(channel.held.bytes(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_appended_behind_an_append_that_is_known_to_have_failed() {
    for failed in [0, 1, 31, 62, 63] {
        let (open, gate) = watch::channel(false);
        let channel = TestChannel::new(
            Box::new(move |number| {
                let gate = gate.clone();
                Box::pin(async move {
                    if number > failed {
                        pass(gate, number).await;
                    }
                    Ok(())
                })
            }),
            Box::new(move |number| ready(if number == failed { Err(failure()) } else { Ok(()) })),
        );
        let server = serve(&channel, ServerSettings::default()).await;
        let (successes, status, ..) = send(server.address, envelopes(COUNT)).await.last();
        assert_eq!((successes, status), (failed, 503));
        open.send_replace(true);
        assert_eq!(channel.log(), (0..=failed).collect::<Vec<_>>());
        assert_eq!(channel.held.bytes(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_half_close_all_answers_come_and_then_ok() {
    let channel = TestChannel::new(
        Box::new(|number| {
            Box::pin(async move {
                work(number * 7).await;
                Ok(())
            })
        }),
        Box::new(|number| {
            Box::pin(async move {
                work(number * 5).await;
                Ok(())
            })
        }),
    );
    let server = serve(&channel, ServerSettings::default()).await;
    let seen = send(server.address, envelopes(1000)).await;
    assert_eq!(seen.successes(), 1000);
    assert!(seen.end.is_ok());
    assert_eq!(seen.trailer("raddle-code"), None);
    assert_eq!(channel.log(), (0..1000).collect::<Vec<_>>());
    assert_eq!(send(server.address, vec![]).await.successes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_sent_as_soon_as_it_is_known() {
    let channel = TestChannel::open();
    let server = serve(&channel, ServerSettings::default()).await;
    let (requests, mut answers) = open_sender(&connect(server.address).await).await;
    for number in 0..10 {
        requests.send(envelope(number).into()).unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(channel.log().len() as u64, number + 1);
    }
    drop(requests);
    assert_eq!(read(answers).await.successes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_on_one_channel_keeps_back_what_is_behind_it_on_others() {
    let slow = TestChannel::new(
        Box::new(|number| {
            Box::pin(async move {
                // Longer than the other channel takes for all of its envelopes.
                time::sleep(Duration::from_millis(30)).await;
                if number == 20 { Err(refusal()) } else { Ok(()) }
            })
        }),
        Box::new(|_| ready(Ok(()))),
    );
    let quick = TestChannel::open();
    let channels = [("slow", &slow), ("quick", &quick)];
    let channels = HashMap::from_iter(channels.map(|(name, channel)| (name.to_owned(), Arc::clone(channel))));
    let server = serve_all(TestChannels(channels), ServerSettings::default()).await;
    let channel_of = |number| if number % 2 == 0 { "slow" } else { "quick" };
    let envelopes = (0..COUNT).map(|number| envelope_of(channel_of(number), 3, number, 0)).collect();
    let (successes, status, ..) = send(server.address, envelopes).await.last();
    assert_eq!((successes, status), (20, 403));
    assert_eq!(slow.log(), (0..20).step_by(2).collect::<Vec<_>>());
    assert_eq!(quick.log(), (1..20).step_by(2).collect::<Vec<_>>());
}
