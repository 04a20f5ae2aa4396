//! The same envelopes, the same answers and the same fuel: however many threads ask at once, and whether Cranelift has
//! made machine code of a module or its bytecode is interpreted.

use std::fmt::Write as _;
use std::num::NonZeroU16;

use sha2::{Digest as _, Sha256};
use wasmtime::Config;

use super::filters::run::{new_engine, on_guest};
use super::made::Made;
use super::roster::{FILTERS, POLICIES, cut, filter, judged};
use super::run;
use crate::profile::engine_config;
use crate::{BatchEngine, Filter, FilterEngine};

/// Pieces that the envelopes are dealt out in, each to a thread of its own or one after the other.
const PIECES: u64 = 8;

/// 10,000; a million with `RADDLE_SOAK=1`.
fn envelopes() -> u64 {
    if std::env::var_os("RADDLE_SOAK").is_some() { 1_000_000 } else { 10_000 }
}

/// What the modules make of one piece, as a hash of lines.
fn piece(filters: &[Filter], batches: &BatchEngine, piece: u64, per_piece: u64) -> [u8; 32] {
    on_guest(|stack| {
        let numbers = || piece * per_piece..(piece + 1) * per_piece;
        let mut hash = Sha256::new();
        let mut line = String::new();
        for number in numbers() {
            let made = Made::number(number);
            for filter in filters {
                line.clear();
                writeln!(line, "{}", judged(filter, stack, &made)).unwrap();
                hash.update(&line);
            }
        }
        for kept in POLICIES {
            hash.update(cut(batches, *kept, stack, numbers().map(Made::number)));
        }
        hash.finalize().into()
    })
}

fn filters(engine: &FilterEngine) -> Vec<Filter> {
    FILTERS.iter().map(|kept| filter(engine, *kept)).collect()
}

/// Eight pieces, each in a thread of its own.
fn at_once(filters: &[Filter], batches: &BatchEngine, per_piece: u64) -> Vec<[u8; 32]> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PIECES)
            .map(|number| scope.spawn(move || piece(filters, batches, number, per_piece)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The profile, for the engine's interpreter.
fn interpreted() -> Config {
    let mut config = engine_config("pulley64").unwrap();
    // Its loads check their bounds themselves.
    config.signals_based_traps(false);
    config
}

#[test]
fn one_thread_and_eight_come_to_the_same() {
    let engine = new_engine(8);
    let filters = filters(&engine);
    let per_piece = envelopes() / PIECES;
    let one_by_one: Vec<_> =
        (0..PIECES).map(|number| piece(&filters, run::engine(), number, per_piece)).collect();
    assert_eq!(one_by_one, at_once(&filters, run::engine(), per_piece));
}

#[test]
fn machine_code_and_interpreter_come_to_the_same() {
    let slots = NonZeroU16::new(8).unwrap();
    let (native, other) = (new_engine(8), FilterEngine::with_config(interpreted(), slots).unwrap());
    assert_eq!(other.engine.get_target().as_deref(), Some("pulley64-unknown-unknown-elf"));
    let batches = BatchEngine::with_config(interpreted()).unwrap();
    let per_piece = envelopes() / PIECES;
    let compiled = at_once(&filters(&native), run::engine(), per_piece);
    assert_eq!(compiled, at_once(&filters(&other), &batches, per_piece));
}
