//! A process that is killed while it commits.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;
use crate::OpenError;

const FOLDER: &str = "RADDLE_LEDGER_KILLED_IN";
const THIS_TEST: &str = "tests::kill::what_was_reported_committed_is_there_after_kill_9";

/// The blocks of a channel, always the same.
fn chain() -> impl Iterator<Item = NewBlock> {
    let size = |new: &NewBlock| usize::try_from(new.state.tip.0 * 977 % 40_000).unwrap();
    std::iter::successors(Some(made(None, 10)), move |new| Some(made(Some(new), size(new))))
}

/// Commits for ever and prints heights.
fn commit_until_killed(path: &Path) {
    let ledger = Ledger::open(path, &mychannel(), &settings()).unwrap();
    let mut blocks = chain().skip(usize::try_from(ledger.height()).unwrap());
    let mut out = std::io::stdout();
    for count in (1..8).cycle() {
        let some: Vec<_> = blocks.by_ref().take(count).collect();
        ledger.commit(&some).unwrap();
        writeln!(out, "committed {}", ledger.height()).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_reported_committed_is_there_after_kill_9() {
    if let Some(path) = std::env::var_os(FOLDER) {
        return commit_until_killed(Path::new(&path));
    }
    let home = Home::new();
    drop(home.create(&chain().next().unwrap()));
    let mut committed = 1;
    for lines in [1, 40, 7, 133] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1", THIS_TEST])
            .env(FOLDER, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines_read = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((_, height)) = line.split_once("committed ") else { continue };
            committed = height.parse().unwrap();
            lines_read += 1;
            if lines_read == lines {
                let locked = Ledger::open(&home.path(), &mychannel(), &settings()).unwrap_err();
                assert!(matches!(locked, OpenError::Locked { .. }), "{locked}");
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        assert_eq!(lines_read, lines, "the child ended by itself");
        let ledger = home.open();
        assert!(ledger.height() >= committed, "{}, {committed}", ledger.height());
        let blocks: Vec<_> = chain().take(usize::try_from(ledger.height()).unwrap()).collect();
        assert_holds(&ledger, &blocks);
    }
}
