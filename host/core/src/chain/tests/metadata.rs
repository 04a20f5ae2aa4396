//! Resubmission: the watermark, copies, and what block metadata say of them.

use raddle_proto::wire::Class;

use super::*;

/// A record of config sequence 0 or 1, in a channel that is at 1 after its first record.
fn stale(size: usize, original: i64) -> Bytes {
    record(&envelope(size), Class::Normal, 0, original)
}

fn fresh(size: usize, original: i64) -> Bytes {
    record(&envelope(size), Class::Normal, 1, original)
}

#[test]
fn a_stale_envelope_is_judged_and_appended_again_and_its_first_copy_counts() {
    let setup = Setup::default();
    let records =
        [config(&setup, 1), stale(2000, 0), fresh(2000, 1), fresh(2000, 1), fresh(2000, 0), stale(100, 1)];
    check(
        &run(&mut setup.chain(), &records),
        "block 1: 1 envelopes, Config, offsets 0 0 0
         judge Normal at 1 for resubmission
         resubmit Normal of 1 at sequence 1
         block 2: 1 envelopes, Full, offsets 2 1 0
         offset 3: a copy of offset 1, which is settled up to 1: dropped
         block 3: 1 envelopes, Full, offsets 4 1 0
         offset 5: a copy of offset 1, which is settled up to 1: dropped",
    );
}

#[test]
fn a_stale_envelope_that_is_refused_is_noted_and_gone() {
    let setup = Setup::default();
    let mut chain = setup.chain();
    run(&mut chain, &[config(&setup, 1)]);
    let mut out = Vec::new();
    let event = Event::Record { offset: Offset(1), value: stale(100, 0) };
    step(&mut chain, event, false, &mut |action| out.push(words(action))).unwrap();
    check(
        &out,
        "judge Normal at 1 for resubmission
         offset 1: not admitted again: no",
    );
}

#[test]
fn of_two_blocks_the_first_has_the_old_watermark_and_the_second_the_new_one() {
    let setup = Setup::default();
    let records = [config(&setup, 1), stale(2000, 0), fresh(100, 0), fresh(1500, 1)];
    check(
        &run(&mut setup.chain(), &records)[4..],
        "block 2: 1 envelopes, DoesNotFit, offsets 2 0 0
         block 3: 1 envelopes, Full, offsets 3 1 0
         stop timer",
    );
}

/// Fabric's oddity, kept where Go orderers may take part: a copy of the envelope is then taken twice.
#[test]
fn a_cut_that_leaves_the_envelope_pending_leaves_the_watermark_behind() {
    let setup = Setup::default();
    let records = [config(&setup, 1), stale(600, 0), fresh(600, 0), fresh(600, 1), fresh(600, 1)];
    check(
        &run(&mut setup.chain(), &records)[4..],
        "block 2: 1 envelopes, DoesNotFit, offsets 2 0 0
         block 3: 1 envelopes, DoesNotFit, offsets 3 0 0",
    );
    let raddle = Setup { capabilities: vec!["V2_0", "RADDLE_1_0"], ..Setup::default() };
    check(
        &run(&mut raddle.chain(), &[&[config(&raddle, 1)], &records[1..]].concat())[4..],
        "block 2: 1 envelopes, DoesNotFit, offsets 2 0 0
         offset 4: a copy of offset 1, which is settled up to 1: dropped",
    );
}

#[test]
fn a_copy_that_waits_moves_the_watermark_unless_it_caused_the_last_cut() {
    let setup = Setup::default();
    let mut stopped = setup.chain();
    run(&mut stopped, &[config(&setup, 1), stale(100, 0), fresh(2000, 0)]);
    // The block is full: nothing behind it caused it.
    let full = *stopped.state();
    // What caused it is not taken this time.
    let other_record = ChainState { is_cut_by_next_record: true, ..full };
    for (state, offset) in [(full, 3), (other_record, 4)] {
        let mut chain = Chain::new(state, setup.read(1), Rc::new(StandardPolicies)).unwrap();
        let mut out = Vec::new();
        for offset in [offset, 5] {
            let event = Event::Record { offset: Offset(offset), value: fresh(100, 1) };
            step(&mut chain, event, true, &mut |action| out.push(words(action))).unwrap();
        }
        check(
            &out,
            "start timer
             offset 5: a copy of offset 1, which is settled up to 1: dropped",
        );
    }
}

#[test]
fn with_raddle_1_0_a_copy_met_stale_stands_for_all_copies() {
    let setup = Setup { capabilities: vec!["V2_0", "RADDLE_1_0"], ..Setup::default() };
    let records = [config(&setup, 1), stale(100, 0), config(&setup, 2), fresh(100, 1), fresh(100, 1)];
    check(
        &run(&mut setup.chain(), &records)[4..],
        "judge Normal at 3 for resubmission
         resubmit Normal of 3 at sequence 2
         offset 4: a copy of offset 1, which is settled up to 1: dropped",
    );
    let go = Setup::default();
    let records = [&[config(&go, 1), stale(100, 0), config(&go, 2)], &records[3..]].concat();
    check(
        &run(&mut go.chain(), &records)[4..],
        "judge Normal at 3 for resubmission
         resubmit Normal of 3 at sequence 2
         judge Normal at 4 for resubmission
         resubmit Normal of 4 at sequence 2",
    );
}

#[test]
fn a_time_to_cut_leaves_the_resubmitted_config_out_of_the_metadata_and_not_out_of_the_state() {
    let setup = Setup::default();
    let again = record(&config_envelope(setup.config(2)), Class::Config, 1, 1);
    let records = [
        config(&setup, 1),
        config(&setup, 2),
        again,
        record(&envelope(100), Class::Normal, 2, 0),
        time_to_cut(3),
        record(&envelope(2000), Class::Normal, 2, 0),
    ];
    // The second config record was admitted at sequence 0 only if it says so.
    let mut stale_config = records.to_vec();
    stale_config[1] = record(&config_envelope(setup.config(1)), Class::Config, 0, 0);
    check(
        &run(&mut setup.chain(), &stale_config),
        "block 1: 1 envelopes, Config, offsets 0 0 0
         judge Config at 1 for resubmission
         resubmit Config of 1 at sequence 1
         block 2: 1 envelopes, Config, offsets 2 1 1
         start timer
         stop timer
         block 3: 1 envelopes, TimeToCut, offsets 4 1 0
         block 4: 1 envelopes, Full, offsets 5 1 1",
    );
}

#[test]
fn ingress_is_held_until_the_resubmitted_config_is_settled() {
    let setup = Setup::default();
    let stale_config = record(&config_envelope(setup.config(1)), Class::Config, 0, 0);
    let good = record(&config_envelope(setup.config(2)), Class::Config, 1, 1);
    let invalid = record(&config_envelope(setup.config(9)), Class::Config, 1, 1);
    let stale_again = record(&config_envelope(setup.config(1)), Class::Config, 0, 1);
    let no_config = fresh(100, 1);
    for (answer, admits, is_held_at_last) in [
        (no_config, true, true),
        (good, true, false),
        (invalid, true, false),
        (stale_again.clone(), true, true),
        (stale_again, false, false),
    ] {
        let mut chain = setup.chain();
        run(&mut chain, &[config(&setup, 1)]);
        assert!(!chain.holds_ingress());
        let event = Event::Record { offset: Offset(1), value: stale_config.clone() };
        step(&mut chain, event, true, &mut |_| {}).unwrap();
        assert!(chain.holds_ingress());
        step(&mut chain, Event::Record { offset: Offset(2), value: answer }, admits, &mut |_| {}).unwrap();
        assert_eq!(chain.holds_ingress(), is_held_at_last);
    }
}

#[test]
fn a_chain_that_begins_before_the_resubmitted_config_is_settled_holds_ingress_too() {
    let setup = Setup::default();
    let stale_config = record(&config_envelope(setup.config(1)), Class::Config, 0, 0);
    let mut stopped = setup.chain();
    let records = [config(&setup, 1), stale_config, fresh(2000, 0)];
    check(
        &run(&mut stopped, &records)[1..],
        "judge Config at 1 for resubmission
         resubmit Config of 1 at sequence 1
         block 2: 1 envelopes, Full, offsets 2 0 1",
    );
    let chain = Chain::new(*stopped.state(), setup.read(1), Rc::new(StandardPolicies)).unwrap();
    assert!(chain.holds_ingress());
    // A normal envelope that is appended again holds nobody, and leaves no trace.
    check(
        &run(&mut setup.chain(), &[config(&setup, 1), stale(100, 0), fresh(2000, 0)])[3..],
        "block 2: 1 envelopes, Full, offsets 2 0 0",
    );
}

/// Go takes its copy for no copy, as the offset is 0, and holds ingress for ever.
#[test]
fn a_resubmitted_config_at_offset_0_lets_ingress_go_on_too() {
    let setup = Setup::default();
    let genesis = ChainState::genesis(BlockHash([7; 32]));
    let mut chain = Chain::new(genesis, setup.read(1), Rc::new(StandardPolicies)).unwrap();
    run(&mut chain, &[record(&config_envelope(setup.config(1)), Class::Config, 0, 0)]);
    assert!(chain.holds_ingress());
    let copy = record(&config_envelope(setup.config(2)), Class::Config, 1, 0);
    step(&mut chain, Event::Record { offset: Offset(1), value: copy }, true, &mut |_| {}).unwrap();
    assert!(!chain.holds_ingress());
}

#[test]
fn an_offset_below_zero_makes_a_copy_as_for_go() {
    let negative = record(&envelope(100), Class::Normal, 0, -1);
    let dropped = "offset 0: a copy of offset -1, which is settled up to 0: dropped";
    check(&run(&mut Setup::default().chain(), &[negative]), dropped);
}

#[test]
fn a_config_that_another_orderer_appended_again_moves_this_ones_memory_too() {
    let setup = Setup::default();
    let mut chain = setup.chain();
    let again = record(&config_envelope(setup.config(2)), Class::Config, 1, 1);
    let mut out = Vec::new();
    for (offset, value, admits) in [
        (0, config(&setup, 1), true),
        (1, record(&config_envelope(setup.config(1)), Class::Config, 0, 0), false),
        (2, again, true),
    ] {
        let event = Event::Record { offset: Offset(offset), value };
        step(&mut chain, event, admits, &mut |action| out.push(words(action))).unwrap();
    }
    check(
        &out,
        "block 1: 1 envelopes, Config, offsets 0 0 0
         judge Config at 1 for resubmission
         offset 1: not admitted again: no
         block 2: 1 envelopes, Config, offsets 2 1 1",
    );
}
