//! A channel's filters in their order, and whose fault stops an envelope.

use std::sync::Arc;

use raddle_core::batch_policy::GuestFault;
use raddle_proto::common::Status;

use super::super::run::bundle;
use super::run::{RECEIVED, Says, case, engine, hostile, on_guest, settings};
use crate::admission::{
    CustomFilter, ExpirationChecks, Filters, Meter, NoVerdict, Reason, Refusal, RuleSet, RuleSetError,
    StandardFilters,
};
use crate::profile::ModuleLimits;
use crate::{NoLog, PolicyVerdict, Run};

const REFUSES: &[u8] = hostile!("refuses");
const TELLS: &[u8] = hostile!("tells");

fn custom(name: &str, order: u32, bytes: &[u8], pairs: &[(&str, &str)]) -> CustomFilter {
    CustomFilter {
        name: name.to_owned(),
        order,
        module: engine().load(name, bytes).unwrap(),
        settings: settings(pairs),
        limits: ModuleLimits::of_filter(),
    }
}

fn rules(expiration: ExpirationChecks, custom: Vec<CustomFilter>) -> Result<RuleSet, RuleSetError> {
    let standard = StandardFilters::load(engine()).unwrap();
    RuleSet::new(&bundle(), &standard, expiration, custom, |_| Arc::new(NoLog))
}

fn admit(rules: &RuleSet, filters: Filters, says: &Says) -> Result<(), Refusal> {
    on_guest(|stack| rules.admit(stack, filters, &case(says)))
}

/// The module that refused.
fn module(answer: Result<(), Refusal>) -> Option<String> {
    match answer.err()?.reason {
        Reason::Filter { module } => Some(module),
        other => panic!("{other:?}"),
    }
}

#[test]
fn own_filters_come_last_by_order_and_name() {
    let refuses = |name: &str, order| custom(name, order, REFUSES, &[]);
    let takes = |name: &str, order| custom(name, order, REFUSES, &[("payload-size", "1")]);
    for (filters, first) in [
        (vec![refuses("b", 2), refuses("a", 3), refuses("c", 1)], "c"),
        (vec![refuses("b", 2), refuses("a", 2), takes("c", 1)], "a"),
        (vec![takes("a", 0), refuses("z", 9)], "z"),
    ] {
        let rules = rules(ExpirationChecks::On, filters).unwrap();
        assert_eq!(module(admit(&rules, Filters::All, &Says::default())).as_deref(), Some(first));
        assert_eq!(admit(&rules, Filters::Shipped, &Says::default()), Ok(()), "config updates pass");
        let denied = Says::of("/Channel/Writers", PolicyVerdict::Missing);
        assert_eq!(module(admit(&rules, Filters::All, &denied)).as_deref(), Some("signature"));
    }
}

#[test]
fn expiration_alone_can_be_replaced_and_keeps_its_place() {
    let expired = Says { expires: Some(RECEIVED), ..Says::of("/Channel/Writers", PolicyVerdict::Missing) };
    for checks in [ExpirationChecks::On, ExpirationChecks::Off] {
        let own = custom("expiration", 5, REFUSES, &[("sentence", "our rule")]);
        let rules = rules(checks, vec![own]).unwrap();
        let refusal = admit(&rules, Filters::All, &expired).unwrap_err();
        assert_eq!(refusal.info, "our rule", "before `signature`, and whatever this node wants");
        let shipped = module(admit(&rules, Filters::Shipped, &expired));
        let expected = if checks == ExpirationChecks::On { "expiration" } else { "signature" };
        assert_eq!(shipped.as_deref(), Some(expected), "config updates pass the shipped one");
    }
    for name in ["empty", "max-bytes", "signature"] {
        let error = rules(ExpirationChecks::On, vec![custom(name, 0, REFUSES, &[])]).err();
        assert_eq!(error, Some(RuleSetError::Reserved { name: name.to_owned() }));
    }
}

#[test]
fn a_rule_set_that_cannot_be_bound_names_the_filter() {
    let mut small = custom("small", 0, REFUSES, &[]);
    small.limits = ModuleLimits::new(1, 1).unwrap();
    let error = rules(ExpirationChecks::On, vec![small]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "filter `small`: the module starts with 65536 bytes of memory, its limit is 1"
    );
}

#[test]
fn statuses_are_fabrics_numbers() {
    for (status, code) in [("bad-request", 400), ("forbidden", 403), ("too-large", 413)] {
        let own = custom("own", 0, REFUSES, &[("status", status)]);
        let refusal = admit(&rules(ExpirationChecks::On, vec![own]).unwrap(), Filters::All, &Says::default());
        assert_eq!(refusal.unwrap_err().status as i32, code);
    }
}

#[test]
fn a_filter_that_fails_everywhere_refuses_the_envelope_in_its_name() {
    let own = custom("odd", 0, hostile!("spins"), &[]);
    let rules = rules(ExpirationChecks::On, vec![own]).unwrap();
    let fault = GuestFault::OutOfFuel { fuel: 5_000_000 };
    let expected = Refusal {
        status: Status::BadRequest,
        info: "filter `odd` failed: out of fuel after 5000000".to_owned(),
        reason: Reason::Fault { module: "odd".to_owned(), fault },
    };
    assert_eq!(admit(&rules, Filters::All, &Says::default()), Err(expected.clone()));
    let again = on_guest(|stack| rules.readmit(stack, Filters::All, &case(&Says::default())));
    assert_eq!(again, Ok(Err(expected)));
}

#[test]
fn a_failure_of_this_orderer_is_tried_once_more() {
    let rules = rules(ExpirationChecks::On, Vec::new()).unwrap();
    for (panics, evaluations) in [(0, 1), (1, 2), (2, 2)] {
        let says = Says { panics, ..Says::default() };
        let answer = admit(&rules, Filters::All, &says);
        assert_eq!(says.evaluations(), evaluations);
        assert_eq!(answer.is_ok(), panics < 2);
        let Err(refusal) = answer else { continue };
        assert_eq!(refusal.status, Status::ServiceUnavailable);
        assert_eq!(refusal.info, "filter `signature` does not run on this orderer: the engine panicked");
    }
}

#[test]
fn at_readmission_a_failure_of_this_orderer_is_no_verdict() {
    let rules = rules(ExpirationChecks::On, vec![custom("tells", 0, TELLS, &[])]).unwrap();
    let says = Says { panics: 2, ..Says::default() };
    on_guest(|stack| {
        let case = case(&says);
        for _ in 0..2 {
            let answer = rules.readmit(stack, Filters::All, &case);
            assert!(matches!(&answer, Err(NoVerdict { module, .. }) if module == "signature"), "{answer:?}");
        }
        // What failed has cleared: the same case gets its verdict.
        let refusal = rules.readmit(stack, Filters::All, &case).unwrap().unwrap_err();
        assert_eq!(refusal.reason, Reason::Filter { module: "tells".to_owned() });
        assert_eq!(rules.readmit(stack, Filters::Shipped, &case), Ok(Ok(())));
    });
}

#[derive(Default)]
struct Counts {
    runs: std::sync::Mutex<Vec<(bool, u64)>>,
    passed_over: std::sync::atomic::AtomicU64,
    left_out: std::sync::atomic::AtomicU64,
}

impl Meter for Counts {
    fn ran(&self, run: &Run, _took: std::time::Duration) {
        self.runs.lock().unwrap().push((matches!(run.answer, Ok(Ok(()))), run.fuel_used));
    }

    fn passed_over(&self) {
        self.passed_over.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn left_out(&self) {
        self.left_out.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_shadow_is_asked_about_what_the_others_let_pass_and_its_word_does_not_count() {
    on_guest(|stack| {
        let mut rules = rules(ExpirationChecks::On, Vec::new()).unwrap();
        rules.add_shadow(custom("no", 1, REFUSES, &[("sentence", "never")]), Arc::new(NoLog)).unwrap();
        let counts = Arc::new(Counts::default());
        rules.count(|name, is_enforced| {
            (name == "no" && !is_enforced).then(|| Arc::clone(&counts) as Arc<dyn Meter>)
        });
        assert!(rules.has_shadows());
        let case = case(&Says::default());
        for _ in 0..2 {
            assert_eq!(rules.admit(stack, Filters::All, &case), Ok(()));
            rules.shadow(stack, &case);
        }
        rules.pass_over_shadows();
        rules.leave_out_shadows();
        let runs = counts.runs.lock().unwrap().clone();
        assert!(runs.len() == 2 && runs.iter().all(|(accepted, fuel)| !accepted && *fuel > 0), "{runs:?}");
        let counted = [&counts.passed_over, &counts.left_out];
        assert_eq!(counted.map(|it| it.load(std::sync::atomic::Ordering::Relaxed)), [1, 1]);
    });
}
