//! `raddle demo`: the main job on a topic that two Go orderers recorded.

use std::io::{self, Read as _};

use bytes::Bytes;
use flate2::read::GzDecoder;
use prost::Message as _;
use raddle_proto::common;

use super::replay::replay;
use super::report;
use super::{Code, Exit, Failure, program};
use crate::replay::{BlockSink, Topic};

static GENESIS: &[u8] = include_bytes!("../../../tests/golden/fabric-2.5/mychannel.block");
static TOPIC: &[u8] = include_bytes!("../../../tests/golden/fabric-2.5/mychannel.topic.jsonl.gz");
static BLOCKS: &[u8] = include_bytes!("../../../tests/golden/fabric-2.5/mychannel.blocks.gz");

/// Compares each block with the one that a Go orderer wrote.
struct Comparison {
    recorded: Bytes,
    compared: u64,
    equal: u64,
}

/// Replays the recorded topic and compares.
pub fn run() -> Result<(), Failure> {
    anstream::println!("The topic of channel mychannel, as two Fabric v2.5.16 orderers left it in Kafka,");
    anstream::println!(
        "goes record by record through the chain. Where a block ends, a WebAssembly module decides.\n"
    );
    let mut comparison = Comparison::new()?;
    let topic = Topic::Embedded { name: "the recorded topic", bytes: TOPIC };
    let genesis = Bytes::from_static(GENESIS);
    let (summary, elapsed) = replay("the recorded block", genesis, &topic, None, false, &mut comparison)?;
    anstream::println!("{}\n", report::table(&summary));
    let Comparison { recorded, compared, equal } = comparison;
    if equal != compared || !recorded.is_empty() {
        let sentence = format!("{equal} of {compared} blocks are equal to the recorded ones");
        return Err(Failure::new(Code::Bug, Exit::Bug, sentence));
    }
    anstream::println!(
        "{} records in {:.1?}. All {compared} blocks are the Go orderer's: header, data and metadata values, \
         byte for byte.",
        summary.records,
        elapsed
    );
    anstream::println!("\nNext, on a topic of your own:\n  {} replay --help", program());
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
