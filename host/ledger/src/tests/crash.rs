//! What is left when the power fails, at every moment at which it can.

use super::disk::{Disk, keeps};
use super::*;

/// How many blocks each commit of the run has: config block 17 is alone in its commit, 58 is the second of three.
const COMMITS: [usize; 16] = [1, 1, 2, 1, 3, 1, 5, 2, 1, 1, 4, 1, 9, 2, 22, 3];

/// The blocks of a run: what an orderer wrote, from block 0 on, with config blocks among them.
fn blocks_of_the_run() -> Vec<NewBlock> {
    let mut blocks = recorded();
    blocks.truncate(1 + COMMITS.iter().sum::<usize>());
    let configs = blocks.iter().map(|new| new.state).filter(|state| state.last_config == state.tip);
    assert_eq!(configs.map(|state| state.tip.0).collect::<Vec<_>>(), [0, 17, 58]);
    blocks
}

/// Commits until the disk freezes. Says how many blocks are reported committed, and how many were given.
fn run(ledger: &Ledger, blocks: &[NewBlock]) -> (usize, usize) {
    let mut committed = 1;
    for count in COMMITS {
        let given = committed + count;
        if ledger.commit(&blocks[committed..given]).is_err() {
            return (committed, given);
        }
        committed = given;
    }
    (committed, committed)
}

#[test]
fn a_crash_at_any_write_or_sync_leaves_the_old_state_or_the_new_one() {
    let blocks = blocks_of_the_run();
    let before = Disk::with_ledger(&blocks[0]).live();
    let whole = Disk::of(before.clone());
    let ledger = whole.open();
    assert_eq!(run(&ledger, &blocks), (blocks.len(), blocks.len()));
    let operations = whole.operations();
    assert!(operations > 100, "{operations}");
    drop(ledger);
    let (mut olds, mut news) = (0, 0);
    for operation in 0..operations {
        let disk = Disk::of(before.clone());
        disk.freeze_at(operation);
        // Frozen while it opened: nothing is committed.
        let (committed, given) = match disk.try_open(&without_tail()) {
            Ok(ledger) => {
                let (committed, given) = run(&ledger, &blocks);
                // What was committed is still shown, from a file that may be half written.
                assert_holds(&ledger, &blocks[..committed]);
                (committed, given)
            }
            Err(_) => (1, 1),
        };
        for seed in 0..6 {
            let crashed = Disk::of(disk.crashed(keeps(seed)));
            let ledger = crashed.open();
            let height = usize::try_from(ledger.height()).unwrap();
            assert!(height == committed || height == given, "{operation}, {seed}: {height}");
            olds += usize::from(height < given);
            news += usize::from(height > committed);
            assert_holds(&ledger, &blocks[..height]);
            // The channel goes on from there.
            ledger.commit(&blocks[height..]).unwrap_or_else(|error| panic!("{operation}, {seed}: {error}"));
            drop(ledger);
            assert_holds(&crashed.open(), &blocks);
        }
    }
    assert!(olds > 0 && news > 0, "{olds}, {news}");
}

#[test]
fn a_crash_while_it_opens_after_a_crash_takes_nothing() {
    let blocks = blocks_of_the_run();
    let disk = Disk::with_ledger(&blocks[0]);
    let ledger = disk.open();
    run(&ledger, &blocks);
    let crashed = disk.crashed(keeps(0));
    drop(ledger);
    let whole = Disk::of(crashed.clone());
    let ledger = whole.open();
    // Repair writes.
    let operations = whole.operations();
    assert!(operations > 2, "{operations}");
    drop(ledger);
    for operation in 0..operations {
        let disk = Disk::of(crashed.clone());
        disk.freeze_at(operation);
        drop(disk.try_open(&settings()));
        for seed in 0..6 {
            assert_holds(&Disk::of(disk.crashed(keeps(seed))).open(), &blocks);
        }
    }
}
