//! Config updates that were admitted at one config sequence: the first comes into force, the others are judged again,
//! and appended again or refused. Nobody waits for ever, and all orderers agree.

use raddle_core::chain::Note;

use super::*;
use crate::harness::orderer::same;

const TIMEOUT: (&str, &str) = ("BatchTimeout/timeout", "150ms");
/// Two that conflict.
const SEVEN: (&str, &str) = ("BatchSize/max_message_count", "7");
const EIGHT: (&str, &str) = ("BatchSize/max_message_count", "8");

/// Puts three updates of one config into the log, in this order; nothing behind them gets there yet.
async fn admit_at_once(fleet: &Fleet, member: &Member, places: [(&str, &str); 3]) {
    let config = member.config();
    let mut sending = Vec::new();
    fleet.log.set_open(false);
    for (sent, place) in (1..).zip(places) {
        let update = fleet.update(&config, &set(&config, &[place]), &[&fleet.admins[0]]);
        let client = member.client.clone();
        sending.push(tokio::spawn(async move { send_one(&client, update).await }));
        fleet.log.wait_for_held(sent).await;
    }
    fleet.log.set_open(true);
    fleet.log.set_open(false);
    for sent in sending {
        assert_eq!(sent.await.unwrap(), Ok(()));
    }
}

async fn wait_for_gate(member: &Member, is_held: bool) {
    member.channel().board().is_held().wait_for(|held| *held == is_held).await.unwrap();
}

async fn check(places: [(&str, &str); 3], in_force: (u32, &str)) {
    let fleet = Fleet::new();
    let (one, two) = (fleet.start_usual("one").await, fleet.start_usual("two").await);
    admit_at_once(&fleet, &one, places).await;
    for member in [&one, &two] {
        member.wait_for_sequence(1).await;
        // What was judged again is on its way to the log, and envelopes wait for it.
        wait_for_gate(member, true).await;
    }
    fleet.log.wait_for_held(2).await;
    two.stop().await;
    let two = fleet.start_usual("two").await;
    wait_for_gate(&two, true).await;
    fleet.log.wait_for_held(3).await;
    fleet.log.set_open(true);
    two.wait_for_sequence(2).await;
    one.stop().await;
    let one = fleet.start_usual("one").await;
    for member in [&one, &two] {
        member.wait_for_sequence(2).await;
        wait_for_gate(member, false).await;
        member.send(fleet.envelope(0)).await.unwrap();
    }
    let refused = |notes: &Vec<Note>| notes.iter().any(|note| matches!(note, Note::RefusedAgain { .. }));
    two.told.notes.subscribe().wait_for(refused).await.unwrap();
    // Who reads the whole log later finds the same.
    let three = fleet.start_usual("three").await;
    for member in [&one, &two, &three] {
        member.wait_for_height(4).await;
        let bundle = Arc::clone(member.channel().rules().bundle());
        assert_eq!((bundle.sequence.0, bundle.batch_size.max_message_count), (2, in_force.0));
        assert_eq!(format!("{:?}", bundle.batch_timeout), in_force.1);
    }
    let blocks = one.blocks(4);
    same(&blocks, &two.blocks(4));
    same(&blocks, &three.blocks(4));
    let envelopes: usize = blocks.iter().map(|block| block.data.as_ref().unwrap().data.len()).sum();
    assert!(envelopes >= 4, "three configs and an envelope: {envelopes}");
    for member in [one, two, three] {
        wait_for_gate(&member, false).await;
        member.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_of_two_that_conflict_is_appended_again_and_makes_the_second_stale_once_more() {
    check([TIMEOUT, SEVEN, EIGHT], (7, "150ms")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_of_two_that_conflict_is_in_force_and_the_third_is_appended_again() {
    check([SEVEN, EIGHT, TIMEOUT], (7, "150ms")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_that_conflicts_with_nothing_stands_between_the_others() {
    check([EIGHT, TIMEOUT, SEVEN], (8, "150ms")).await;
}
