//! Each kind of record, good and bad.

use raddle_proto::wire::{Class, KafkaMessage};

use super::*;

#[test]
fn the_count_cuts_and_the_timer_stops() {
    let actual = run(&mut Setup::default().chain(), &[normal(100), normal(100), normal(100), normal(100)]);
    check(
        &actual,
        "start timer
         block 1: 3 envelopes, MaxMessageCount, offsets 2 0 0
         stop timer
         start timer",
    );
}

#[test]
fn an_envelope_that_does_not_fit_cuts_before_itself_and_the_old_timer_runs_on() {
    let mut chain = Setup::default().chain();
    let actual = run(&mut chain, &[normal(600), normal(401)]);
    check(
        &actual,
        "start timer
         block 1: 1 envelopes, DoesNotFit, offsets 0 0 0",
    );
    assert_eq!(chain.pending_envelopes(), 1);
}

#[test]
fn an_envelope_beyond_the_preferred_size_is_alone_and_makes_two_blocks() {
    let actual = run(&mut Setup::default().chain(), &[normal(100), normal(1001)]);
    check(
        &actual,
        "start timer
         block 1: 1 envelopes, DoesNotFit, offsets 0 0 0
         block 2: 1 envelopes, Full, offsets 1 0 0
         stop timer",
    );
}

#[test]
fn a_batch_policy_may_fill_a_batch_to_the_absolute_size_and_no_further() {
    let one_creator = || Ok(Box::new(OneCreator) as Box<dyn Batch>);
    let mut chain = Setup::default().chain_with(Rc::new(Policies(one_creator)));
    check(
        &run(&mut chain, &[normal(1000), normal(1000), normal(60)]),
        "start timer
         block 1: 2 envelopes, AbsoluteMaxBytes, offsets 1 0 0",
    );
}

#[test]
fn the_preferred_size_itself_joins_and_waits() {
    check(&run(&mut Setup::default().chain(), &[normal(600), normal(400)]), "start timer");
    check(&run(&mut Setup::default().chain(), &[normal(1000)]), "start timer");
}

#[test]
fn a_lone_envelope_is_placed_whatever_its_size() {
    let actual = run(&mut Setup::default().chain(), &[normal(1_000_000)]);
    check(&actual, "block 1: 1 envelopes, Full, offsets 0 0 0");
}

#[test]
fn the_expired_timer_posts_a_time_to_cut_once_and_the_record_cuts() {
    let mut chain = Setup::default().chain();
    run(&mut chain, &[normal(100)]);
    let mut out = Vec::new();
    for _ in 0..2 {
        step(&mut chain, Event::TimerExpired, true, &mut |action| out.push(words(action))).unwrap();
    }
    let event = Event::Record { offset: Offset(1), value: time_to_cut(1) };
    step(&mut chain, event, true, &mut |action| out.push(words(action))).unwrap();
    check(
        &out,
        "post time-to-cut 1
         block 1: 1 envelopes, TimeToCut, offsets 1 0 0",
    );
}

#[test]
fn a_time_to_cut_stops_a_timer_that_still_runs() {
    let actual = run(&mut Setup::default().chain(), &[normal(100), time_to_cut(1)]);
    check(
        &actual,
        "start timer
         stop timer
         block 1: 1 envelopes, TimeToCut, offsets 1 0 0",
    );
}

#[test]
fn a_late_time_to_cut_is_ignored() {
    let actual =
        run(&mut Setup::default().chain(), &[normal(100), time_to_cut(1), normal(100), time_to_cut(1)]);
    check(
        &actual,
        "start timer
         stop timer
         block 1: 1 envelopes, TimeToCut, offsets 1 0 0
         start timer
         offset 3: time-to-cut for block 1, which is written: ignored",
    );
}

#[test]
fn a_time_to_cut_from_the_future_or_for_nothing_raises_suspicion_and_cuts_nothing() {
    let actual = run(
        &mut Setup::default().chain(),
        &[time_to_cut(1), normal(100), time_to_cut(3), time_to_cut(u64::MAX)],
    );
    check(
        &actual,
        "offset 0: fork suspected: time-to-cut for block 1, but the next is 1 with 0 envelopes pending
         start timer
         offset 2: fork suspected: time-to-cut for block 3, but the next is 1 with 1 envelopes pending
         offset 3: fork suspected: time-to-cut for block 18446744073709551615, \
         but the next is 1 with 1 envelopes pending",
    );
}

#[test]
fn a_config_record_flushes_what_is_pending_and_takes_effect() {
    let small = Setup { max_message_count: 1, ..Setup::default() };
    let records = [normal(100), config(&small, 1), record(&envelope(100), Class::Normal, 1, 0)];
    let mut chain = Setup::default().chain();
    check(
        &run(&mut chain, &records),
        "start timer
         block 1: 1 envelopes, ConfigFollows, offsets 0 0 0
         stop timer
         block 2: 1 envelopes, Config, offsets 1 0 0
         block 3: 1 envelopes, MaxMessageCount, offsets 2 0 0",
    );
    assert_eq!((chain.state().last_config.0, chain.bundle().sequence.0), (2, 1));
}

#[test]
fn a_config_that_does_not_validate_at_its_place_is_skipped_and_flushes_nothing() {
    let setup = Setup::default();
    let mut other_channel = config_envelope(setup.config(1)).payload().to_vec();
    let position = other_channel.windows(5).position(|window| window == CHANNEL.as_bytes()).unwrap();
    other_channel[position] = b'g';
    let zero = Setup { max_message_count: 0, ..setup.clone() };
    let records = [
        normal(100),
        config(&setup, 2),
        record(&Envelope::new(&other_channel, b""), Class::Config, 0, 0),
        record(&config_envelope(zero.config(1)), Class::Config, 0, 0),
        record(&envelope_by(3, "alice", 0, Bytes::new()), Class::Config, 0, 0),
        record(&envelope_by(4, "alice", 0, Bytes::new()), Class::Config, 0, 0),
        record(&Envelope::new(b"", b"s"), Class::Config, 0, 0),
        record(&envelope_by(1, "alice", 0, Bytes::from_static(b"\x0a\xff")), Class::Config, 0, 0),
    ];
    let mut chain = setup.chain();
    check(
        &run(&mut chain, &records),
        "start timer
         offset 1: skipped: its config does not validate here: config currently at sequence 0, \
         cannot validate config at sequence 2
         offset 2: skipped: its config does not validate here: config of channel \"grade\" in the log of \"trade\"
         offset 3: skipped: its config does not validate here: initializing channelconfig failed: could not create \
         channel Orderer sub-group config: Attempted to set the batch size \
         max message count to an invalid value: 0
         offset 4: skipped: its config does not validate here: header type 3 is neither CONFIG nor ORDERER_TRANSACTION
         offset 5: skipped: its config does not validate here: a channel can be created only in a system channel
         offset 6: skipped: its config does not validate here: the payload has no header
         offset 7: skipped: its config does not validate here: the bytes end inside the tag or value at byte 1",
    );
    assert_eq!(chain.pending_envelopes(), 1);
}

#[test]
fn a_config_with_an_unknown_capability_halts_the_channel() {
    let setup = Setup { capabilities: vec!["V2_0", "V9_0"], ..Setup::default() };
    let mut chain = Setup::default().chain();
    let config = config_envelope(setup.config(1));
    let event = Event::Record { offset: Offset(0), value: record(&config, Class::Config, 0, 0) };
    let error = chain.step(event).unwrap_err();
    let text = "offset 0: config requires unsupported orderer capabilities: Orderer capability V9_0 is required but \
                not supported: Orderer capability V9_0 is required but not supported";
    assert_eq!(error.to_string(), text);
}

#[test]
fn the_creation_of_a_channel_has_a_block_of_its_own_and_leaves_the_config() {
    let setup = Setup { is_system_channel: true, ..Setup::default() };
    let created = config_envelope(setup.config(1)).marshal();
    let creation = envelope_by(4, "orderer", 0, created);
    let records = [normal(100), record(&creation, Class::Config, 0, 0)];
    let mut chain = setup.chain();
    check(
        &run(&mut chain, &records),
        "start timer
         block 1: 1 envelopes, ConfigFollows, offsets 0 0 0
         stop timer
         block 2: 1 envelopes, Config, offsets 1 0 0",
    );
    assert_eq!((chain.state().last_config.0, chain.bundle().sequence.0), (0, 0));
}

#[test]
fn the_creation_of_a_channel_with_an_unknown_capability_halts_the_system_channel() {
    let setup = Setup { is_system_channel: true, ..Setup::default() };
    let unknown = Setup { capabilities: vec!["V2_0", "V9_0"], ..Setup::default() };
    let creation = envelope_by(4, "orderer", 0, config_envelope(unknown.config(1)).marshal());
    let value = record(&creation, Class::Config, 0, 0);
    let error = setup.chain().step(Event::Record { offset: Offset(0), value }).unwrap_err();
    assert!(matches!(error, ChainError::UnsupportedConfig { offset: Offset(0), .. }), "{error}");
}

#[test]
fn the_block_that_changes_the_consensus_type_carries_no_offsets() {
    let raft = Setup { kind: "etcdraft", ..Setup::default() };
    let mut chain = Setup::default().chain();
    let actual = run(&mut chain, &[KafkaMessage::Connect.marshal(), config(&raft, 1)]);
    check(&actual, "block 1: 1 envelopes, Config, offsets 0 0 0");
    assert_eq!(chain.state().offsets.last_persisted, Offset(1));
    let mut last = None;
    let event = Event::Record { offset: Offset(5), value: record(&envelope(2000), Class::Normal, 1, 0) };
    step(&mut chain, event, true, &mut |action| last = Some(words(action))).unwrap();
    assert_eq!(last.unwrap(), "block 2: 1 envelopes, Full, offsets 5 0 0");
}

#[test]
fn what_is_no_record_is_skipped_as_orderers_skip_it() {
    let records = [
        Bytes::new(),
        Bytes::from_static(b"\xff"),
        Bytes::from_static(b"\x0a\x02\x08"),
        KafkaMessage::Connect.marshal(),
        record(&envelope(100), Class::Other(7), 0, 0),
        KafkaMessage::Regular(Regular {
            payload: Bytes::from_static(b"\xff"),
            class: Class::Normal,
            ..Regular::default()
        })
        .marshal(),
    ];
    check(
        &run(&mut Setup::default().chain(), &records),
        "offset 0: skipped: a KafkaMessage of no kind
         offset 1: skipped: not a KafkaMessage: the bytes end inside the tag or value at byte 0
         offset 2: skipped: not a KafkaMessage: the bytes end inside the tag or value at byte 0
         offset 4: skipped: of the unknown class 7
         offset 5: skipped: its payload is no envelope: the bytes end inside the tag or value at byte 0",
    );
}

#[test]
fn without_resubmission_each_record_is_judged_where_it_stands() {
    let setup = Setup { capabilities: vec![], ..Setup::default() };
    let update = envelope_by(2, "alice", 0, Bytes::new());
    let records = [
        record(&envelope(2000), Class::Normal, 0, 0),
        record(&config_envelope(setup.config(1)), Class::Normal, 0, 0),
        record(&update, Class::Unknown, 0, 0),
        record(&Envelope::new(b"", b"s"), Class::Unknown, 0, 0),
    ];
    check(
        &run(&mut setup.chain(), &records),
        "judge Normal at 0 for commit
         block 1: 1 envelopes, Full, offsets 0 0 0
         judge Config at 1 for commit
         block 2: 1 envelopes, Config, offsets 1 0 0
         offset 2: skipped: a config update, where only the config that it makes may stand
         offset 3: skipped: its channel header cannot be read: the payload has no header",
    );
    let mut out = Vec::new();
    let event = Event::Record { offset: Offset(0), value: records[0].clone() };
    step(&mut setup.chain(), event, false, &mut |action| out.push(words(action))).unwrap();
    check(
        &out,
        "judge Normal at 0 for commit
         offset 0: skipped: refused where it stands: no",
    );
}

#[test]
fn without_resubmission_the_creation_of_a_channel_is_judged_as_a_config() {
    let setup = Setup { capabilities: vec![], is_system_channel: true, ..Setup::default() };
    let creation = envelope_by(4, "orderer", 0, config_envelope(setup.config(1)).marshal());
    check(
        &run(&mut setup.chain(), &[record(&creation, Class::Normal, 0, 0)]),
        "judge Config at 0 for commit
         block 1: 1 envelopes, Config, offsets 0 0 0",
    );
}

#[test]
fn records_of_class_unknown_are_judged_where_they_stand_in_any_channel() {
    check(
        &run(&mut Setup::default().chain(), &[record(&envelope(2000), Class::Unknown, 0, 0)]),
        "judge Normal at 0 for commit
         block 1: 1 envelopes, Full, offsets 0 0 0",
    );
}

#[test]
fn a_log_that_goes_back_halts_the_channel() {
    let mut chain = Setup::default().chain();
    for (offset, is_good) in [(4, true), (9, true), (9, false)] {
        let outcome = chain.step(Event::Record { offset: Offset(offset), value: normal(100) });
        assert_eq!(outcome.is_ok(), is_good, "{offset}");
    }
}

#[test]
fn nothing_comes_between_a_question_and_its_verdict() {
    let mut chain = Setup { capabilities: vec![], ..Setup::default() }.chain();
    let verdict = || Event::Judged(Verdict::Refused { reason: "no".into() });
    assert_eq!(chain.step(verdict()).unwrap_err(), ChainError::OutOfTurn);
    chain.step(Event::Record { offset: Offset(0), value: normal(100) }).unwrap();
    chain.step(Event::TimerExpired).unwrap();
    chain.step(verdict()).unwrap();
    chain.step(Event::Record { offset: Offset(1), value: normal(100) }).unwrap();
    let early = chain.step(Event::Record { offset: Offset(2), value: normal(100) });
    assert_eq!(early.unwrap_err(), ChainError::OutOfTurn);
}
