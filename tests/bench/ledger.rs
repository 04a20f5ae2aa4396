//! The ledger: writing blocks beside a file that is only appended to, room on the disk, and opening after a kill.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::block::{BlockHash, UnsignedBlock};
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_ledger::{Ledger, NewBlock, Settings};

use super::{Line, ROUNDS, Subject};
use crate::table::{Row, Table};

/// The first argument of a process that fills a ledger until it is killed.
pub const FILL: &str = "fill-ledger";

/// Block sizes, with how many commits a round has.
const SIZES: [(usize, usize); 3] = [(20_000, 200), (100_000, 100), (1_000_000, 25)];

/// Commits of a ledger being filled are this large: opening is what is measured there.
const FILL_COMMIT_BYTES: usize = 16 << 20;

/// A block's bytes beside its envelope.
const OVERHEAD_BYTES: usize = 120;

/// Blocks of about this size, one after the other.
struct Blocks {
    envelope: Bytes,
    last: ChainState,
    is_begun: bool,
}

impl Blocks {
    fn new(block_bytes: usize) -> Self {
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        let envelope = (OVERHEAD_BYTES..block_bytes).map(|_| random()).collect();
        Self { envelope, last: ChainState::genesis(BlockHash([0; 32])), is_begun: false }
    }
}

impl Iterator for Blocks {
    type Item = NewBlock;

    fn next(&mut self) -> Option<NewBlock> {
        let number = if self.is_begun { self.last.tip.next() } else { BlockNumber(0) };
        let data = vec![self.envelope.clone()];
        let block = UnsignedBlock::new(number, self.last.tip_hash, data, BlockNumber(0), Bytes::new());
        self.last = ChainState { tip: number, ..ChainState::genesis(block.hash()) };
        self.is_begun = true;
        let block = block.into_block(Vec::new()).encode_to_vec().into();
        Some(NewBlock { block, state: self.last, anchor: None })
    }
}

fn channel() -> ChannelId {
    ChannelId("bench".to_owned())
}

fn create(path: &Path, blocks: &mut Blocks) -> Ledger {
    let genesis = blocks.next().unwrap();
    Ledger::create(path, &channel(), &genesis.block, &Settings::default()).unwrap()
}

/// A line for each size of blocks: a commit beside as many bytes appended to a file, with as many fdatasyncs.
pub fn writes(measure: &mut dyn FnMut(Line<'_>)) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let commits = SIZES.into_iter().map(|(bytes, commits)| (bytes, commits, 1));
    for (index, (block_bytes, commits, together)) in commits.chain([(20_000, 50, 10)]).enumerate() {
        let mut blocks = Blocks::new(block_bytes);
        let ledger = create(&folder.path().join(format!("ledger-{index}")), &mut blocks);
        // Made beforehand: a node's blocks are made elsewhere. Checking them is part of a commit.
        let ours: Vec<_> = blocks.by_ref().take((1 + ROUNDS) * commits * together).collect();
        // As many that no processor has in its cache.
        let theirs: Vec<_> = ours
            .chunks(together)
            .map(|some| some.iter().flat_map(|new| new.block.clone()).collect())
            .collect();
        let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
        let file = File::create(folder.path().join(format!("file-{index}"))).unwrap();
        let mut end = 0;
        let mut append = |bytes: &[u8]| {
            file.write_all_at(bytes, end).unwrap();
            file.sync_data().unwrap();
            end += bytes.len() as u64;
        };
        let what = if together == 1 { "a block".to_owned() } else { format!("{together} blocks") };
        measure(Line {
            subject: Subject {
                name: format!("ledger, {what} of {} KB a commit", block_bytes / 1_000),
                units: commits,
                work: Box::new(|| {
                    for _ in 0..commits {
                        let some: Vec<_> = ours.by_ref().take(together).collect();
                        ledger.commit(&some).unwrap();
                    }
                }),
            },
            beside: Subject {
                name: "file, as many bytes and syncs".to_owned(),
                units: commits,
                work: Box::new(|| {
                    for _ in 0..commits {
                        let bytes: Vec<u8> = theirs.next().unwrap();
                        append(&bytes);
                        append(&[0; 64]);
                    }
                }),
            },
        });
    }
}

/// A line for each size of blocks: a ledger of this many bytes, killed in a commit and opened.
pub fn opens(table: &mut Table, ledger_bytes: u64) {
    for (block_bytes, _) in SIZES {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        open(table, &folder.path().join("ledger"), ledger_bytes, block_bytes);
    }
}

fn open(table: &mut Table, path: &Path, ledger_bytes: u64, block_bytes: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(FILL)
        .arg(path)
        .args([ledger_bytes.to_string(), block_bytes.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It says so when it is full, and goes on.
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, "full\n");

    let index = path.join("index.redb");
    let kept = fs::read(&index).unwrap();
    let (height, warm) = time_open(path);
    let disk: u64 = [path.join("blocks"), index.clone()].iter().map(|it| disk_bytes(it)).sum();
    let index_bytes = disk_bytes(&index);
    // As the kill left it, once more, and nothing of it in memory: only root can ask for that.
    fs::write(&index, kept).unwrap();
    File::open(&index).unwrap().sync_all().unwrap();
    let is_cold = fs::write("/proc/sys/vm/drop_caches", "1").is_ok();
    let cold = is_cold.then(|| time_open(path).1);

    let payload = (height * Blocks::new(block_bytes).next().unwrap().block.len() as u64) as f64;
    let name = format!("killed ledger, {} GB of {} KB", ledger_bytes / 1_000_000_000, block_bytes / 1_000);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    table
        .push(Row::new(format!("{name}: disk"), disk as f64 / 1e6, "MB").beside("its blocks", payload / 1e6));
    table.push(Row::new(format!("{name}: index"), index_bytes as f64 / 1e6, "MB"));
    table.push(Row::new(format!("{name}: open"), ms(warm), "ms").beside("what is aimed at", 2_000.0));
    if let Some(cold) = cold {
        table.push(
            Row::new(format!("{name}: open, cold"), ms(cold), "ms").beside("what is aimed at", 2_000.0),
        );
    }
}

/// Rows for a commit at a height of a thousand, and at a hundred thousand for each of `scale`.
pub fn heights(table: &mut Table, scale: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut blocks = Blocks::new(400);
    let ledger = create(&folder.path().join("ledger"), &mut blocks);
    let mut fill = |height: usize| {
        while ledger.height() < height as u64 {
            let some: Vec<_> = blocks.by_ref().take(1_000.min(height - ledger.height() as usize)).collect();
            ledger.commit(&some).unwrap();
        }
        let commit = |_| {
            let some: Vec<_> = blocks.by_ref().take(50).collect();
            let start = Instant::now();
            some.iter().for_each(|block| ledger.commit(std::slice::from_ref(block)).unwrap());
            start.elapsed().as_secs_f64() * 1e6 / 50.0
        };
        (0..ROUNDS).map(commit).collect::<Vec<f64>>()
    };
    let low = fill(1_000);
    let high = fill(100_000 * scale);
    let what = format!("commit of a block at height {}", 100_000 * scale);
    table.push(Row::beside_rounds(what, high, "µs", "at height 1000", low));
}

fn time_open(path: &Path) -> (u64, Duration) {
    let start = Instant::now();
    let ledger = Ledger::open(path, &channel(), &Settings::default()).unwrap();
    (ledger.height(), start.elapsed())
}

fn disk_bytes(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks() * 512
}

/// Fills a ledger, says that it is full, and goes on until it is killed, or for as much again if nobody does.
pub fn fill(mut arguments: impl Iterator<Item = String>) {
    let path = arguments.next().unwrap();
    let (ledger_bytes, block_bytes): (u64, usize) =
        (arguments.next().unwrap().parse().unwrap(), arguments.next().unwrap().parse().unwrap());
    let mut blocks = Blocks::new(block_bytes);
    let ledger = create(Path::new(&path), &mut blocks);
    let (mut written, mut is_said) = (0, false);
    while written < 2 * ledger_bytes {
        let some: Vec<_> = blocks.by_ref().take(FILL_COMMIT_BYTES.div_ceil(block_bytes)).collect();
        ledger.commit(&some).unwrap();
        written += some.iter().map(|new| new.block.len() as u64).sum::<u64>();
        if written >= ledger_bytes && !is_said {
            println!("full");
            std::io::stdout().flush().unwrap();
            is_said = true;
        }
    }
}
