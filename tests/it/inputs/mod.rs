//! Any bytes from outside get an answer: no panic, no hang, no memory beyond a bound, and nothing wrong where it is
//! known what is right. A target for each of the ways by which bytes come in.
//!
//! An ordinary run tries a few hundred inputs at each target. `RADDLE_SOAK=1` (`cargo xtask soak inputs`) goes on for
//! `SOAK_SECONDS` (300) at each.

mod block;
mod config_update;
mod envelope;
mod module;
mod mutation;
mod policy;
mod record;
mod seek;
mod yaml;

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::harness::soak::{is_soak, memory_bytes, soak_time};

/// Seconds in which each input is answered, on a machine that does much else. They are counted one by one, so that
/// those in which the whole process was stopped are not among them.
const DEADLINE_SECONDS: usize = 60;

/// Most memory of the process that tries inputs for long, the engine's pools and recorded channels in it.
const MEMORY_MAX: u64 = 1 << 30;

/// Inputs between two looks at the clock.
const ROUND: u32 = 200;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    Refused,
}

impl Outcome {
    pub fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Taken } else { Self::Refused }
    }
}

/// Tries inputs, `cases` of them or for as long as the setting says, and tells how many were taken and refused. Some
/// must be refused, or the inputs are not odd enough.
pub fn try_inputs<S: Strategy>(target: &str, cases: u32, strategy: &S, test: impl Fn(S::Value) -> Outcome)
where
    S::Value: Clone + Debug + Send + 'static,
{
    let began = Instant::now();
    let end = soak_time(300).map(|time| began + time);
    let (taken, refused, slowest) = (Cell::new(0u64), Cell::new(0u64), Cell::new(Duration::ZERO));
    let watch = Watch::start(target);
    loop {
        let cases = if end.is_some() { ROUND } else { cases };
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let tried = TestRunner::new(config).run(strategy, |input| {
            watch.begins(&input);
            let began = Instant::now();
            let count = match test(input) {
                Outcome::Taken => &taken,
                Outcome::Refused => &refused,
            };
            count.set(count.get() + 1);
            slowest.set(slowest.get().max(began.elapsed()));
            Ok(())
        });
        tried.unwrap_or_else(|finding| panic!("{target}: {finding}"));
        if end.is_none_or(|end| Instant::now() >= end) {
            break;
        }
    }
    let memory = memory_bytes(std::process::id(), "VmHWM");
    println!(
        "{target}: {} inputs in {} s without a finding: {} taken, {} refused; the slowest {} ms; at most {} MiB",
        taken.get() + refused.get(),
        began.elapsed().as_secs(),
        taken.get(),
        refused.get(),
        slowest.get().as_millis(),
        memory >> 20,
    );
    assert!(refused.get() > 0, "{target}: no input was refused");
    // An ordinary run shares its process with all other tests.
    assert!(!is_soak() || memory <= MEMORY_MAX, "{target}: the process had {memory} bytes");
}

/// Ends the process when an input is not answered in time: whoever tries it cannot.
struct Watch<T> {
    input: Arc<Mutex<Option<T>>>,
    began: Sender<()>,
}

impl<T: Clone + Debug + Send + 'static> Watch<T> {
    fn start(target: &str) -> Self {
        let (began, begins) = channel();
        let input = Arc::new(Mutex::new(None::<T>));
        let (target, last) = (target.to_owned(), Arc::clone(&input));
        std::thread::spawn(move || {
            let mut waited = 0;
            loop {
                match begins.recv_timeout(Duration::from_secs(1)) {
                    Ok(()) => waited = 0,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) if waited < DEADLINE_SECONDS => waited += 1,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("{target}: no answer in {waited} s to {:?}", last.lock().unwrap());
                        std::process::exit(101);
                    }
                }
            }
        });
        Self { input, began }
    }

    fn begins(&self, input: &T) {
        *self.input.lock().unwrap() = Some(input.clone());
        let _ = self.began.send(());
    }
}
