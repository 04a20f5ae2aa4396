//! What a batch policy's faults lead to.

use std::cell::{Cell, RefCell};

use super::*;
use crate::batch_policy::GuestFault;

/// How one call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Says(bool),
    Guest,
    Local,
}

/// A policy that takes everything, but for the calls of all its instances that the script names.
#[derive(Clone, Default)]
struct Scripted {
    script: Rc<Vec<(u32, Ends)>>,
    calls: Rc<Cell<u32>>,
    /// What was asked, an instance after the other.
    asked: Rc<RefCell<Vec<String>>>,
}

impl Scripted {
    fn answer(&self, question: &str, usual: bool) -> Result<bool, Fault> {
        self.calls.set(self.calls.get() + 1);
        self.asked.borrow_mut().last_mut().unwrap().push_str(question);
        let scripted = self.script.iter().find(|(call, _)| *call == self.calls.get());
        match scripted.map(|(_, ends)| *ends) {
            None => Ok(usual),
            Some(Ends::Says(answer)) => Ok(answer),
            Some(Ends::Guest) => Err(GuestFault::OutOfFuel { fuel: 7 }.into()),
            Some(Ends::Local) => Err(LocalFault { cause: "no memory".into() }.into()),
        }
    }
}

impl Batch for Scripted {
    fn fits(&mut self, _: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        self.answer(&format!("f{}", pending.count), true)
    }

    fn add(&mut self, _: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        self.answer(&format!("a{}", pending.count), false)
    }
}

impl BatchPolicy for Scripted {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        self.asked.borrow_mut().push(String::new());
        Ok(Box::new(self.clone()))
    }
}

impl BatchPolicies for Scripted {
    fn batch_policy(&self, _: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(self.clone()))
    }
}

fn scripted(script: &[(u32, Ends)]) -> Scripted {
    Scripted { script: Rc::new(script.to_vec()), ..Scripted::default() }
}

fn four_envelopes(policy: &Scripted) -> (Result<Vec<String>, ChainError>, Vec<String>) {
    let setup = Setup { max_message_count: 4, ..Setup::default() };
    let mut chain = setup.chain_with(Rc::new(policy.clone()));
    let mut out = Vec::new();
    for offset in 0..4 {
        let event = Event::Record { offset: Offset(offset), value: normal(100) };
        if let Err(error) = step(&mut chain, event, true, &mut |action| out.push(words(action))) {
            return (Err(error), policy.asked.borrow().clone());
        }
    }
    (Ok(out), policy.asked.borrow().clone())
}

const USUAL: [&str; 3] =
    ["start timer", "block 1: 4 envelopes, MaxMessageCount, offsets 3 0 0", "stop timer"];

#[test]
fn an_instance_lives_for_a_batch_and_is_asked_in_order() {
    let (out, asked) = four_envelopes(&scripted(&[]));
    assert_eq!(out.unwrap(), USUAL);
    assert_eq!(asked, ["a0f1a1f2a2f3a3"]);
}

#[test]
fn after_a_guests_fault_the_standard_rule_decides_the_rest_of_the_batch() {
    let (out, asked) = four_envelopes(&scripted(&[(4, Ends::Guest)]));
    let mut expected = USUAL.to_vec();
    expected.insert(
        1,
        "offset 2: the batch policy broke (out of fuel after 7): the standard rule decides the rest of the batch",
    );
    assert_eq!(out.unwrap(), expected);
    assert_eq!(asked, ["a0f1a1f2"]);
}

#[test]
fn a_fault_at_fits_may_be_followed_by_one_at_add_in_the_next_batch() {
    let setup = Setup::default();
    let policy = scripted(&[(2, Ends::Guest), (3, Ends::Guest)]);
    let mut chain = setup.chain_with(Rc::new(policy));
    check(
        &run(&mut chain, &[normal(600), normal(600)]),
        "start timer
         offset 1: the batch policy broke (out of fuel after 7): the standard rule decides the rest of the batch
         offset 1: the batch policy broke (out of fuel after 7): the standard rule decides the rest of the batch
         block 1: 1 envelopes, DoesNotFit, offsets 0 0 0",
    );
}

#[test]
fn after_a_local_fault_a_fresh_instance_is_brought_to_the_same_place() {
    let (out, asked) = four_envelopes(&scripted(&[(4, Ends::Local)]));
    assert_eq!(out.unwrap(), USUAL);
    assert_eq!(asked, ["a0f1a1f2", "a0f1a1f2a2f3a3"]);
}

#[test]
fn a_local_fault_that_comes_again_halts_the_channel() {
    for (script, asked_last) in [
        // At the same question of the fresh instance.
        (vec![(4, Ends::Local), (8, Ends::Local)], "a0f1a1f2"),
        // On the way there.
        (vec![(4, Ends::Local), (6, Ends::Local)], "a0f1"),
    ] {
        let (out, asked) = four_envelopes(&scripted(&script));
        let error = out.unwrap_err().to_string();
        assert_eq!(error, "the batch policy cannot run on this orderer: no memory");
        assert_eq!(asked.last().unwrap(), asked_last);
    }
}

#[test]
fn a_module_that_answers_otherwise_when_asked_again_halts_the_channel() {
    // At `fits`; at `add`, that the batch is full; and by a fault of its own.
    for (call, ends) in [(6, Ends::Says(false)), (5, Ends::Says(true)), (6, Ends::Guest)] {
        let (out, _) = four_envelopes(&scripted(&[(4, Ends::Local), (call, ends)]));
        let error = out.unwrap_err().to_string();
        assert!(error.contains("the batch policy answers otherwise when asked again"), "{error}");
    }
}

/// What a batch policy was shown of an envelope.
type Shown = (u64, Option<i32>, u32, Vec<u8>);

struct Sees(Rc<RefCell<Vec<Shown>>>);

impl Batch for Sees {
    fn fits(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        Ok(true)
    }

    fn add(&mut self, envelope: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        let EnvelopeInfo { size_bytes, header_type, creator, creator_bytes } = *envelope;
        self.0.borrow_mut().push((size_bytes, header_type, creator.0, creator_bytes.to_vec()));
        Ok(false)
    }
}

#[test]
fn a_batch_policy_is_shown_size_type_and_creator() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let shared = Rc::clone(&seen);
    let policies = Policies(move || Ok(Box::new(Sees(Rc::clone(&shared))) as Box<dyn Batch>));
    let mut chain = Setup::default().chain_with(Rc::new(policies));
    let by = |creator, size| envelope_by(3, creator, size, Bytes::new());
    let envelopes = [by("alice", 100), by("bob", 200), Envelope::new(b"", b"s"), by("bob", 100)];
    let records = envelopes.map(|envelope| record(&envelope, wire::Class::Normal, 0, 0));
    run(&mut chain, &records);
    // The fourth begins a batch, in which its creator is the first.
    let expected = [
        (100, Some(3), 0, b"alice".to_vec()),
        (200, Some(3), 1, b"bob".to_vec()),
        (1, None, 2, Vec::new()),
        (100, Some(3), 0, b"bob".to_vec()),
    ];
    assert_eq!(*seen.borrow(), expected);
}
