//! The same chain on a topic that two Go orderers recorded: the blocks must be theirs.

use std::io::{self, Read as _};

use bytes::Bytes;
use flate2::read::GzDecoder;
use prost::Message as _;
use raddle_proto::common;

use super::begins;
use crate::cli::replay::replay;
use crate::cli::{Code, Exit, Failure};
use crate::replay::{BlockSink, Topic};

static GENESIS: &[u8] = include_bytes!("../../../../tests/golden/fabric-2.5/mychannel.block");
static TOPIC: &[u8] = include_bytes!("../../../../tests/golden/fabric-2.5/mychannel.topic.jsonl.gz");
static BLOCKS: &[u8] = include_bytes!("../../../../tests/golden/fabric-2.5/mychannel.blocks.gz");

/// Compares each block with the one that a Go orderer wrote.
struct Comparison {
    recorded: Bytes,
    compared: u64,
    equal: u64,
}

/// Replays the recorded topic and compares.
///
/// # Errors
///
/// A block differs: our bug.
pub fn compare() -> Result<(), Failure> {
    begins("replaying a recorded topic");
    let mut comparison = Comparison::new()?;
    let topic = Topic::Embedded { name: "the recorded topic", bytes: TOPIC };
    let genesis = Bytes::from_static(GENESIS);
    let (summary, elapsed) = replay("the recorded block", genesis, &topic, None, false, &mut comparison)?;
    let Comparison { recorded, compared, equal } = comparison;
    if equal != compared || !recorded.is_empty() {
        let sentence = format!("{equal} of {compared} blocks are equal to the recorded ones");
        return Err(Failure::new(Code::Bug, Exit::Bug, sentence));
    }
    anstream::println!(
        "  {} records of a topic that two Fabric v2.5.16 orderers left in Kafka, replayed in {elapsed:.0?}:\n  \
         all {compared} blocks are theirs, byte for byte, in header, data and metadata values",
        summary.records,
    );
    Ok(())
}

impl Comparison {
    fn new() -> Result<Self, Failure> {
        let mut recorded = Vec::new();
        GzDecoder::new(BLOCKS).read_to_end(&mut recorded).map_err(|error| {
            Failure::new(Code::Bug, Exit::Bug, format!("the recorded blocks cannot be read: {error}"))
        })?;
        Ok(Self { recorded: recorded.into(), compared: 0, equal: 0 })
    }
}

impl BlockSink for Comparison {
    fn put(&mut self, block: common::Block) -> io::Result<()> {
        self.compared += 1;
        if !self.recorded.is_empty() {
            let recorded = common::Block::decode_length_delimited(&mut self.recorded)?;
            self.equal += u64::from(unsigned(recorded) == unsigned(block));
        }
        Ok(())
    }
}

/// The block without signatures, which are made anew each time.
fn unsigned(mut block: common::Block) -> Option<common::Block> {
    for entry in block.metadata.iter_mut().flat_map(|metadata| &mut metadata.metadata) {
        let mut metadata = common::Metadata::decode(entry.clone()).ok()?;
        metadata.signatures.clear();
        *entry = metadata.encode_to_vec().into();
    }
    Some(block)
}
