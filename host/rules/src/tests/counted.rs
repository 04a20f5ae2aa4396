//! What a batch policy does is counted, where somebody wants to know.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use raddle_core::batch_policy::{BatchPolicy, Pending};

use super::guest::Guest;
use super::run::{ENVELOPE, bundle, load};
use crate::profile::ModuleLimits;
use crate::{BatchMeter, BatchRun, NoLog, Question, Settings, on_guest_stack};

/// Keeps what it is told.
#[derive(Default)]
struct Runs(Mutex<Vec<BatchRun>>);

impl BatchMeter for Runs {
    fn ran(&self, run: &BatchRun, _took: Duration) {
        self.0.lock().unwrap().push(run.clone());
    }
}

#[test]
fn each_question_is_counted_with_its_answer_its_fuel_and_its_memory() {
    let bytes = Guest { fits: "unreachable", add: "i32.const 1", ..Guest::default() }.build();
    let runs = Arc::new(Runs::default());
    on_guest_stack("test", |stack| {
        let (limits, log) = (ModuleLimits::default(), Arc::new(NoLog));
        let policy = load(&bytes).bind(stack, bundle(), Settings::default(), limits, log).unwrap();
        // What is asked at install is no batch's.
        assert_eq!(policy.check_settings(), Ok(Ok(())));
        let policy = policy.counted(Arc::clone(&runs) as Arc<dyn BatchMeter>);
        assert_eq!(policy.check_settings(), Ok(Ok(())));
        let mut batch = policy.begin().unwrap();
        assert_eq!(batch.add(&ENVELOPE, Pending::default()), Ok(true));
        batch.fits(&ENVELOPE, Pending { count: 1, size_bytes: 1 }).unwrap_err();
    })
    .unwrap();
    let runs = runs.0.lock().unwrap();
    let asked: Vec<_> = runs.iter().map(|run| (run.question, run.answer.clone().ok())).collect();
    let answers = [(Question::Begin, Some(true)), (Question::Add, Some(true)), (Question::Fits, None)];
    assert_eq!(asked, answers);
    assert!(runs.iter().all(|run| run.memory_bytes > 0), "{runs:?}");
    assert!(runs.iter().skip(1).all(|run| (1..1_000).contains(&run.fuel_used)), "{runs:?}");
}
