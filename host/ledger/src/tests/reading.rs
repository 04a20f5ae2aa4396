//! Reading what is committed.

use std::thread;

use super::*;

fn bytes(blocks: &[NewBlock]) -> Vec<Bytes> {
    blocks.iter().map(|new| new.block.clone()).collect()
}

/// All blocks of a ledger.
fn all(ledger: &Ledger) -> Vec<Bytes> {
    (0..ledger.height()).map(|number| ledger.block(BlockNumber(number)).unwrap().unwrap()).collect()
}

#[test]
fn blocks_are_given_from_memory_and_from_the_file_as_soon_as_they_are_committed() {
    let blocks = recorded();
    let half = blocks.len() / 2;
    for tail_bytes in [0, 100_000, 32 << 20] {
        let home = Home::new();
        drop(home.create(&blocks[0]));
        let settings = Settings { tail_bytes, ..settings() };
        let ledger = Ledger::open(&home.path(), &mychannel(), &settings).unwrap();
        // What was there before is in the file alone.
        assert!(ledger.recent(BlockNumber(0)).is_none());
        ledger.commit(&blocks[1..half]).unwrap();
        assert_eq!(all(&ledger), bytes(&blocks[..half]));
        for number in [half, half + 3] {
            assert!(ledger.block(BlockNumber(number as u64)).unwrap().is_none());
            assert!(ledger.recent(BlockNumber(number as u64)).is_none());
        }
        ledger.commit(&blocks[half..]).unwrap();
        assert_eq!(all(&ledger), bytes(&blocks));
        let remembered: Vec<_> =
            (0..ledger.height()).filter(|number| ledger.recent(BlockNumber(*number)).is_some()).collect();
        let last = ledger.height() - 1;
        match tail_bytes {
            0 => assert!(remembered.is_empty()),
            // The last ones, without a gap.
            100_000 => {
                assert!(1 < remembered[0] && remembered[0] < last, "{remembered:?}");
                assert!(remembered.iter().copied().eq(remembered[0]..=last));
            }
            _ => assert!(remembered.iter().copied().eq(1..=last)),
        }
        let recent = |number: &u64| ledger.recent(BlockNumber(*number)).unwrap();
        assert!(remembered.iter().all(|number| recent(number) == blocks[*number as usize].block));
    }
}

#[test]
fn readers_of_the_file_and_a_full_verification_run_beside_commits() {
    let blocks = Arc::new(recorded());
    let home = Home::new();
    drop(home.create(&blocks[0]));
    let ledger = Ledger::open(&home.path(), &mychannel(), &without_tail()).unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (ledger, blocks) = (ledger.clone(), Arc::clone(&blocks));
            thread::spawn(move || {
                loop {
                    let there = all(&ledger);
                    assert_eq!(there, bytes(&blocks[..there.len()]));
                    ledger.verify(|_, _| ()).unwrap();
                    if there.len() == blocks.len() {
                        return;
                    }
                }
            })
        })
        .collect();
    for new in &blocks[1..] {
        ledger.commit(std::slice::from_ref(new)).unwrap();
    }
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn when_the_last_ledger_goes_the_files_are_closed_and_when_one_is_closed_memory_still_answers() {
    let blocks = recorded();
    let home = Home::new();
    let ledger = home.create(&blocks[0]);
    ledger.commit(&blocks[1..3]).unwrap();
    let clone = ledger.clone();
    drop(ledger);
    assert_eq!(all(&clone), bytes(&blocks[..3]));
    drop(clone);
    let ledger = home.open();
    ledger.commit(&blocks[3..4]).unwrap();
    let clone = ledger.clone();
    ledger.close();
    assert!(matches!(clone.block(BlockNumber(0)), Err(ReadError::Closed)));
    assert_eq!(clone.block(BlockNumber(3)).unwrap().unwrap(), blocks[3].block);
    // A handle on a closed ledger does not keep the files.
    drop(home.open());
    drop(clone);
}
