//! The standard rule in the place of a batch policy, by the operators' word.

use super::*;

/// A batch policy that no orderer can run.
struct Broken;

impl BatchPolicies for Broken {
    fn batch_policy(&self, _: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Err(LocalFault { cause: "no code".into() })
    }
}

/// Each config has a batch policy that fills a batch with each envelope, and breaks down at the fourth.
struct BreaksAtFourth;

#[derive(Default)]
struct One {
    calls: Rc<std::cell::Cell<u32>>,
}

impl BatchPolicies for BreaksAtFourth {
    fn batch_policy(&self, _: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(One::default()))
    }
}

impl BatchPolicy for One {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        Ok(Box::new(Self { calls: Rc::clone(&self.calls) }))
    }
}

impl Batch for One {
    fn fits(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        Ok(true)
    }

    fn add(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        self.calls.set(self.calls.get() + 1);
        match self.calls.get() {
            4.. => Err(LocalFault { cause: "no engine".into() }.into()),
            _ => Ok(true),
        }
    }
}

const START: ChainState = ChainState::genesis(BlockHash([7; 32]));

#[test]
fn from_the_record_on_and_up_to_the_next_config_the_standard_rule_cuts() {
    let setup = Setup::default();
    let mut records: Vec<Bytes> = (0..7).map(|_| normal(100)).collect();
    records.extend([config(&setup, 1), record(&envelope(100), wire::Class::Normal, 1, 0)]);
    let chain = |from| Chain::overridden(START, setup.read(0), Rc::new(BreaksAtFourth), from);
    let mut halted = chain(None).unwrap();
    let error = records.iter().enumerate().find_map(|(offset, value)| {
        let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
        Some((offset, step(&mut halted, event, true, &mut |_| {}).err()?.to_string()))
    });
    assert_eq!(error, Some((3, "the batch policy cannot run on this orderer: no engine".to_owned())));
    check(
        &run(&mut chain(Some(Offset(3))).unwrap(), &records),
        "block 1: 1 envelopes, Full, offsets 0 0 0
         block 2: 1 envelopes, Full, offsets 1 0 0
         block 3: 1 envelopes, Full, offsets 2 0 0
         start timer
         block 4: 3 envelopes, MaxMessageCount, offsets 5 0 0
         stop timer
         start timer
         block 5: 1 envelopes, ConfigFollows, offsets 6 0 0
         stop timer
         block 6: 1 envelopes, Config, offsets 7 0 0
         block 7: 1 envelopes, Full, offsets 8 0 0",
    );
}

#[test]
fn what_is_pending_when_it_begins_goes_on_by_the_standard_rule() {
    let setup = Setup { max_message_count: 7, preferred_max_bytes: 350, ..Setup::default() };
    let counts = || Ok(Box::new(CountsCalls::default()) as Box<dyn Batch>);
    let records: Vec<Bytes> = (0..8).map(|_| normal(100)).collect();
    let from = Some(Offset(2));
    let mut chain = Chain::overridden(START, setup.read(0), Rc::new(Policies(counts)), from).unwrap();
    check(
        &run(&mut chain, &records),
        "start timer
         block 1: 3 envelopes, DoesNotFit, offsets 2 0 0
         block 2: 3 envelopes, DoesNotFit, offsets 5 0 0",
    );
}

#[test]
fn a_batch_policy_that_does_not_load_is_not_asked_for() {
    let setup = Setup::default();
    let broken = |state, from| Chain::overridden(state, setup.read(0), Rc::new(Broken), from);
    assert!(broken(START, None).is_err());
    assert!(broken(START, Some(Offset(1))).is_err());
    // At its config's own record, and in a chain that goes on behind it.
    let mut chain = broken(START, Some(Offset(0))).unwrap();
    let records = [config(&setup, 1), record(&envelope(100), wire::Class::Normal, 1, 0)];
    check(&run(&mut chain, &records), "block 1: 1 envelopes, Config, offsets 0 0 0\nstart timer");
    let state = *chain.state();
    let from = Some(Offset(0));
    assert!(Chain::overridden(state, setup.read(1), Rc::new(Broken), from).is_ok());
    // The config after that one has a batch policy again.
    let next = Event::Record { offset: Offset(2), value: config(&setup, 2) };
    let error = step(&mut chain, next, true, &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the batch policy cannot run on this orderer: no code");
}
