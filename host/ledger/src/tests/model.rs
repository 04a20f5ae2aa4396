//! The ledger against the simplest one that could be.

use proptest::prelude::*;

use super::disk::{Disk, keeps};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Blocks of these sizes in one commit.
    Commit(Vec<usize>),
    Read(u64),
    Reopen,
    Crash(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0_usize..300, 1 => 3_000_usize..30_000];
    prop_oneof![
        6 => prop::collection::vec(size, 0..6).prop_map(Step::Commit),
        3 => (0_u64..60).prop_map(Step::Read),
        1 => Just(Step::Reopen),
        1 => (0_u32..9).prop_map(Step::Crash),
    ]
}

fn run(steps: Vec<Step>, tail_bytes: u64) {
    let mut model = vec![made(None, 10)];
    let mut disk = Disk::with_ledger(&model[0]);
    let settings = Settings { tail_bytes, ..settings() };
    let mut ledger = disk.try_open(&settings).unwrap();
    for step in steps {
        match step {
            Step::Commit(sizes) => {
                let from = model.len();
                for size in sizes {
                    model.push(made(model.last(), size));
                }
                ledger.commit(&model[from..]).unwrap();
            }
            Step::Read(number) => {
                let expected = model.get(usize::try_from(number).unwrap()).map(|new| new.block.clone());
                assert_eq!(ledger.block(BlockNumber(number)).unwrap(), expected);
            }
            Step::Reopen => {
                drop(ledger);
                ledger = disk.try_open(&settings).unwrap();
            }
            Step::Crash(seed) => {
                disk = Disk::of(disk.crashed(keeps(seed)));
                ledger = disk.try_open(&settings).unwrap();
            }
        }
        let stored = ledger.state();
        let last = model.last().unwrap();
        assert_eq!((stored.chain, &stored.anchor), (last.state, &last.anchor));
    }
    assert_holds(&ledger, &model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_does_what_a_list_of_blocks_does(
        steps in prop::collection::vec(step(), 1..25),
        tail_bytes in prop_oneof![Just(0_u64), Just(5_000), Just(1 << 20)],
    ) {
        run(steps, tail_bytes);
    }
}
