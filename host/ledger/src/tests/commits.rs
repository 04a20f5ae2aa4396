//! What can be committed, and what is there afterwards.

use super::*;
use crate::CommitError;

#[test]
fn what_was_committed_one_by_one_or_together_is_there_when_it_is_opened_again() {
    let blocks = recorded();
    for together in [1, 3, blocks.len()] {
        let home = Home::new();
        let ledger = home.create(&blocks[0]);
        assert_eq!(*ledger.channel(), mychannel());
        assert_holds(&ledger, &blocks[..1]);
        for some in blocks[1..].chunks(together) {
            ledger.commit(some).unwrap();
        }
        assert_holds(&ledger, &blocks);
        drop(ledger);
        assert_holds(&home.open(), &blocks);
    }
}

fn change(new: &NewBlock, change: fn(&mut common::Block)) -> NewBlock {
    let mut block = common::Block::decode(new.block.clone()).unwrap();
    change(&mut block);
    NewBlock { block: block.encode_to_vec().into(), ..new.clone() }
}

#[test]
fn what_does_not_follow_is_refused_and_nothing_of_it_is_there() {
    let blocks = recorded();
    let state = |change: fn(&mut ChainState)| {
        let mut new = blocks[4].clone();
        change(&mut new.state);
        new
    };
    let zeros = "00".repeat(32);
    let hash = |number: usize| hash::hex(&blocks[number].state.tip_hash.0);
    let cases = [
        (NewBlock { block: "no block".into(), ..blocks[4].clone() }, "it is not a block: ".to_owned()),
        (change(&blocks[4], |it| it.header = None), "it has no header".to_owned()),
        (blocks[5].clone(), "its header has number 5, expected is 4".to_owned()),
        (blocks[3].clone(), "its header has number 3, expected is 4".to_owned()),
        (
            change(&blocks[4], |it| it.header.as_mut().unwrap().previous_hash = vec![0; 32].into()),
            format!("its previous hash is {zeros}, the block before it has {}", hash(3)),
        ),
        (
            with_state(
                change(&blocks[4], |it| it.header.as_mut().unwrap().data_hash = vec![0; 32].into()).block,
            ),
            format!("the data hash of its header is {zeros}, its data have "),
        ),
        (change(&blocks[4], |it| it.data = None), "the data hash of its header is ".to_owned()),
        (
            state(|it| it.tip = BlockNumber(9)),
            "the chain state given with it has tip 9, the block has 4".to_owned(),
        ),
        (
            state(|it| it.tip_hash = BlockHash([0; 32])),
            format!("the chain state given with it has tip_hash {zeros}, the block has {}", hash(4)),
        ),
        (
            state(|it| it.last_config = BlockNumber(5)),
            "the chain state given with it has last_config 5, the block has ".to_owned(),
        ),
    ];
    let home = Home::new();
    let ledger = home.create(&blocks[0]);
    ledger.commit(&blocks[1..4]).unwrap();
    let stored = ledger.state();
    let before = std::fs::read(home.path().join("blocks")).unwrap();
    for (new, expected) in cases {
        let error = ledger.commit(std::slice::from_ref(&new)).unwrap_err();
        assert!(matches!(error, CommitError::Refused { number: BlockNumber(4), .. }), "{error}");
        let expected = format!("block 4 cannot be committed: {expected}");
        assert!(error.to_string().starts_with(&expected), "{error}, not {expected}");
    }
    // A later one refuses those before it.
    let error = ledger.commit(&[blocks[4].clone(), blocks[6].clone()]).unwrap_err();
    assert!(matches!(error, CommitError::Refused { number: BlockNumber(5), .. }), "{error}");
    ledger.commit(&[]).unwrap();
    assert!(Arc::ptr_eq(&ledger.state(), &stored));
    assert_eq!(std::fs::read(home.path().join("blocks")).unwrap(), before);
    assert_holds(&ledger, &blocks[..4]);
    ledger.commit(&blocks[4..]).unwrap();
    assert_holds(&ledger, &blocks);
}

#[test]
fn the_last_config_never_goes_back() {
    let blocks = recorded();
    let (last, before) = blocks.split_last().unwrap();
    let ledger = Home::new().create(&blocks[0]);
    ledger.commit(&before[1..]).unwrap();
    let BlockNumber(config) = ledger.state().chain.last_config;
    let mut back = last.clone();
    back.state.last_config = BlockNumber(config - 1);
    let error = ledger.commit(&[back]).unwrap_err().to_string();
    assert!(error.contains("has last_config "), "{error}");
    ledger.commit(std::slice::from_ref(last)).unwrap();
}

#[test]
fn much_data_that_is_wrong_is_refused_and_leaves_nothing_behind() {
    let blocks = recorded();
    let home = Home::new();
    let ledger = home.create(&blocks[0]);
    ledger.commit(&blocks[1..3]).unwrap();
    // Its data are hashed while they are written.
    assert!(blocks[3].block.len() > 500_000);
    let wrong = change(&blocks[3], |it| it.data.as_mut().unwrap().data.push(Bytes::from_static(b"one more")));
    for some in [vec![wrong.clone()], vec![wrong, blocks[4].clone()]] {
        let error = ledger.commit(&some).unwrap_err();
        let expected = "block 3 cannot be committed: the data hash of its header is ";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_holds(&ledger, &blocks[..3]);
    }
    ledger.commit(&blocks[3..4]).unwrap();
    drop(ledger);
    let ledger = home.open();
    assert_holds(&ledger, &blocks[..4]);
    ledger.commit(&blocks[4..]).unwrap();
    assert_holds(&ledger, &blocks);
}

#[test]
fn an_anchor_is_kept_as_it_was_given_and_goes_when_none_is() {
    let anchors = [
        Some(anchor(-3)),
        Some(LogAnchor { log_kind: String::new(), log_id: "é".repeat(100), ..anchor(i64::MAX) }),
        None,
        Some(anchor(7)),
    ];
    let home = Home::new();
    let mut last = made(None, 10);
    let mut ledger = home.create(&last);
    for anchor in anchors {
        last = NewBlock { anchor: anchor.clone(), ..made(Some(&last), 10) };
        ledger.commit(std::slice::from_ref(&last)).unwrap();
        drop(ledger);
        ledger = home.open();
        assert_eq!(ledger.state().anchor, anchor);
    }
}

#[test]
fn a_closed_ledger_takes_nothing_and_its_files_can_be_opened() {
    let blocks = recorded();
    let home = Home::new();
    let ledger = home.create(&blocks[0]);
    ledger.clone().close();
    assert!(matches!(ledger.commit(&blocks[1..2]), Err(CommitError::Closed)));
    assert!(matches!(ledger.block(BlockNumber(0)), Err(ReadError::Closed)));
    assert!(matches!(ledger.verify(|_, _| ()), Err(ReadError::Closed)));
    let again = home.open();
    again.commit(&blocks[1..2]).unwrap();
    assert_eq!(ledger.height(), 1);
}
