//! Topics that real orderers recorded become the blocks that they wrote.

use std::sync::Arc;

use bytes::Bytes;
use raddle::replay::{BlockSink, Replay, Summary, Topic};
use raddle_core::cutter::CutReason;
use raddle_proto::common;
use raddle_proto::wire::KafkaMessage;

use crate::harness::{Recorded, metadata_values, shipped, with_guest_stack};

#[derive(Default)]
struct Blocks(Vec<common::Block>);

impl BlockSink for Blocks {
    fn put(&mut self, block: common::Block) -> std::io::Result<()> {
        self.0.push(block);
        Ok(())
    }
}

fn replay(recorded: &Recorded) -> (Vec<common::Block>, Summary) {
    with_guest_stack(|stack| {
        let policy = shipped(stack);
        let topic = Topic::File(recorded.topic.clone());
        let replay = Replay::new(recorded.genesis.clone(), &topic, policy, None).unwrap();
        let mut blocks = Blocks::default();
        let summary = replay.run(&mut blocks, Arc::default(), &mut |_| {}).unwrap();
        (blocks.0, summary)
    })
}

fn check(recorded: &Recorded) -> Summary {
    let (blocks, summary) = replay(recorded);
    assert_eq!(blocks.len(), recorded.blocks.len());
    for (ours, theirs) in blocks.iter().zip(&recorded.blocks) {
        let number = theirs.header.as_ref().unwrap().number;
        assert_eq!(ours.header, theirs.header, "block {number}");
        assert_eq!(ours.data, theirs.data, "block {number}");
        assert_eq!(metadata_values(ours), metadata_values(theirs), "block {number}");
    }
    summary
}

fn is_resubmission(record: &Bytes) -> bool {
    let message = KafkaMessage::unmarshal(record.clone()).unwrap();
    matches!(message, KafkaMessage::Regular(regular) if regular.original_offset != 0)
}

#[test]
fn mychannels_topic_becomes_the_recorded_blocks() {
    let recorded = Recorded::mychannel();
    let summary = check(&recorded);
    assert_eq!((summary.records, recorded.blocks.len()), (1958, 262));
    assert_eq!(summary.blocks[&CutReason::Config].blocks, 17);
    // 18 envelopes were appended again, 9 by each of two orderers: one copy of each is taken.
    let records = recorded.records();
    assert_eq!(records.iter().filter(|&record| is_resubmission(record)).count(), 18);
    assert_eq!(summary.copies, 9);
    assert_eq!((summary.left_out, summary.unjudged, summary.policy_faults, summary.pending), (0, 0, 0, 0));
}

#[test]
fn syschannels_topic_becomes_the_recorded_blocks() {
    let summary = check(&Recorded::syschannel());
    assert_eq!(summary.records, 3);
}
