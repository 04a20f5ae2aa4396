//! Readers.

use std::thread;

use super::*;

fn take(blocks: &mut Blocks, count: usize) -> Vec<Bytes> {
    block_on(async {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(blocks.next().await.unwrap());
        }
        taken
    })
}

fn bytes(blocks: &[NewBlock]) -> Vec<Bytes> {
    blocks.iter().map(|new| new.block.clone()).collect()
}

#[test]
fn a_reader_gets_what_is_there_and_then_what_comes_from_memory_and_from_the_file() {
    let blocks = recorded();
    let half = blocks.len() / 2;
    for tail_bytes in [0, 100_000, 32 << 20] {
        let home = Home::new();
        drop(home.create(&blocks[0]));
        let settings = Settings { tail_bytes, ..settings() };
        let ledger = Ledger::open(&home.path(), &mychannel(), &settings).unwrap();
        ledger.commit(&blocks[1..half]).unwrap();
        for from in [0, 1, half - 1, half, half + 3] {
            let mut reader = ledger.blocks_from(BlockNumber(from as u64));
            let there = half.saturating_sub(from);
            assert_eq!(take(&mut reader, there), bytes(&blocks[from.min(half)..half]));
            assert!(at_once(&mut reader).is_pending());
            assert_eq!(reader.number(), BlockNumber(from.max(half) as u64));
        }
        let mut reader = ledger.blocks_from(BlockNumber(0));
        ledger.commit(&blocks[half..]).unwrap();
        assert_eq!(take(&mut reader, blocks.len()), bytes(&blocks));
    }
}

#[test]
fn waiting_readers_wake_for_each_commit() {
    let blocks = Arc::new(recorded());
    let home = Home::new();
    let ledger = home.create(&blocks[0]);
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (mut reader, blocks) = (ledger.blocks_from(BlockNumber(1)), Arc::clone(&blocks));
            assert!(at_once(&mut reader).is_pending());
            thread::spawn(move || take(&mut reader, blocks.len() - 1) == bytes(&blocks[1..]))
        })
        .collect();
    let mut tip = ledger.tip();
    for some in blocks[1..].chunks(2) {
        ledger.commit(some).unwrap();
        assert!(tip.has_changed().unwrap());
        assert_eq!(tip.borrow_and_update().height(), ledger.height());
    }
    assert!(readers.into_iter().all(|reader| reader.join().unwrap()));
}

#[test]
fn readers_of_the_file_and_a_full_verification_run_beside_commits() {
    let blocks = Arc::new(recorded());
    let home = Home::new();
    drop(home.create(&blocks[0]));
    let ledger = Ledger::open(&home.path(), &mychannel(), &without_tail()).unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (mut reader, blocks) = (ledger.blocks_from(BlockNumber(0)), Arc::clone(&blocks));
            let ledger = ledger.clone();
            thread::spawn(move || {
                for (number, new) in (0..).map(BlockNumber).zip(blocks.iter()) {
                    assert_eq!(take(&mut reader, 1)[0], new.block);
                    assert_eq!(ledger.block(number).unwrap().unwrap(), new.block);
                }
                ledger.verify(|_, _| ()).unwrap();
            })
        })
        .collect();
    for new in &blocks[1..] {
        ledger.commit(std::slice::from_ref(new)).unwrap();
    }
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn a_reader_that_does_not_go_on_holds_no_more_than_its_chunk() {
    let home = Home::new();
    let mut last = made(None, 10);
    drop(home.create(&last));
    let ledger = Ledger::open(&home.path(), &mychannel(), &without_tail()).unwrap();
    for _ in 0..8 {
        last = made(Some(&last), 500_000);
        ledger.commit(std::slice::from_ref(&last)).unwrap();
    }
    let mut reader = ledger.blocks_from(BlockNumber(1));
    take(&mut reader, 1);
    assert_eq!(reader.number(), BlockNumber(2));
    drop(ledger);
    // It is given what it has taken, which is what fits a mebibyte, and no more.
    assert_eq!(block_on(reader.next()).unwrap().len(), last.block.len());
    assert!(matches!(block_on(reader.next()), Err(ReadError::Closed)));
}

#[test]
fn a_wait_that_is_given_up_loses_no_block() {
    let blocks = recorded();
    let home = Home::new();
    drop(home.create(&blocks[0]));
    let ledger = Ledger::open(&home.path(), &mychannel(), &without_tail()).unwrap();
    ledger.commit(&blocks[1..]).unwrap();
    let mut reader = ledger.blocks_from(BlockNumber(0));
    block_on(async {
        for new in &blocks {
            // In a runtime, a read from the file is on another thread when it is given up, if it is not done by then.
            let given = match at_once(&mut reader) {
                Poll::Ready(given) => given,
                Poll::Pending => reader.next().await,
            };
            assert_eq!(given.unwrap(), new.block);
            reader = ledger.blocks_from(reader.number());
        }
    });
}

#[test]
fn readers_end_when_the_last_ledger_goes() {
    let blocks = recorded();
    let home = Home::new();
    let ledger = home.create(&blocks[0]);
    let mut waiting = ledger.blocks_from(BlockNumber(1));
    let mut behind = ledger.blocks_from(BlockNumber(0));
    let clone = ledger.clone();
    drop(ledger);
    assert!(at_once(&mut waiting).is_pending());
    let ended = thread::spawn(move || block_on(waiting.next()));
    drop(clone);
    assert!(matches!(ended.join().unwrap(), Err(ReadError::Closed)));
    assert!(matches!(block_on(behind.next()), Err(ReadError::Closed)));
    // The readers do not keep the files.
    drop(home.open());
    drop(behind);
}
