//! A process that is killed while it appends.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "RADDLE_ORDERING_KILLED_IN";
const THIS_TEST: &str = "local::tests::kill::what_was_reported_durable_is_there_after_kill_9";
const CHANNELS: [&str; 3] = ["one", "two", "three"];

fn value(name: &str, offset: i64) -> Bytes {
    Bytes::from(format!("{name} {offset} ").repeat(usize::try_from(offset % 300).unwrap()))
}

/// Appends for ever and prints what is durable.
fn append_until_killed(path: &Path) {
    let log = LocalLog::open(path, &settings(), clock_at(1)).unwrap();
    let ends = CHANNELS.map(|name| log.shared.channel(&channel(name)).tip().end.0);
    let mut out = std::io::stdout();
    for start in (0..).step_by(20) {
        let mut appends = Vec::new();
        for (name, end) in CHANNELS.iter().zip(ends) {
            for offset in end + start..end + start + 20 {
                appends.push((name, log.append(&channel(name), value(name, offset))));
            }
        }
        for (name, append) in appends {
            writeln!(out, "durable {name} {}", block_on(append).unwrap()).unwrap();
        }
        out.flush().unwrap();
    }
}

#[test]
fn what_was_reported_durable_is_there_after_kill_9() {
    if let Some(path) = std::env::var_os(FOLDER) {
        return append_until_killed(Path::new(&path));
    }
    let home = Home::new();
    drop(home.create());
    let mut durable: HashMap<String, i64> = HashMap::new();
    for lines in [1, 70, 333, 500] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1", THIS_TEST])
            .env(FOLDER, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines_read = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((name, offset)) = line.split_once("durable ").and_then(|(_, it)| it.split_once(' '))
            else {
                continue;
            };
            durable.insert(name.to_owned(), offset.parse().unwrap());
            lines_read += 1;
            if lines_read == lines {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        assert_eq!(lines_read, lines, "the child ended by itself");
        let log = home.open();
        for name in CHANNELS {
            let records = all(&log, &channel(name));
            let last = durable.get(name).copied().unwrap_or(-1);
            assert!(records.last().map_or(-1, |record| record.offset.0) >= last, "{name}");
            assert!(records.iter().zip(0..).all(|(record, offset)| record.value == value(name, offset)));
        }
    }
}
