//! Files of settings, Fabric's and our own, as operators and their tools write them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use raddle::config::{Environment, Settings};
use tempfile::TempDir;

use super::mutation::{Mutation, mutate, mutations};
use super::{Outcome, try_inputs};
use crate::harness::repository;

/// Our own file with something in each section.
const RADDLE: &str = "\
Ordering:
  kafka: channel
  solo: local
  channels:
    demo: ['127.0.0.1:9092', \"[::1]:9093\"]
    other: local
BatchPolicies: none
Kafka:
  Idempotent: true
Limits:
  Connections: 1000
  SmallMessageBytes: 32 MB
  MessageTime: 5s
ForkWatch: {Enabled: true, Interval: 30s}
Budgets:
  Burst: 1s
  Organisations:
    Org1MSP: {EnvelopesPerSecond: 100}
";

/// What may stand behind a key, and is likely not meant.
const VALUES: [&str; 30] = [
    "~",
    "null",
    "true",
    "yes",
    "-1",
    "0",
    "00",
    "0x10",
    "1e999",
    ".inf",
    ".nan",
    "99999999999999999999",
    "1_000",
    "12h99999999999h",
    "-5s",
    "1 PB",
    "'",
    "\"\\u0000\"",
    "\"\\xff\"",
    "[",
    "]",
    "{",
    "}",
    "*a",
    "&a [*a, *a]",
    "!!binary aGk=",
    "!<tag:x> y",
    "|\n    text\n     more",
    "? a\n: b",
    "---",
];

/// A change to lines.
#[derive(Clone, Debug)]
enum Edit {
    Drop(Index),
    Double(Index, u8),
    Move(Index, Index),
    Indent(Index, i8),
    Value(Index, &'static str),
    Key(Index, String),
    /// A list or map in itself, so deep.
    Deep(Index, u16, bool),
    /// Names for lists of names, each twice as long as the one before.
    Bomb(Index, u8),
    Bytes(Vec<Mutation>),
}

fn edit() -> impl Strategy<Value = Edit> + Clone {
    let at = any::<Index>;
    prop_oneof![
        3 => at().prop_map(Edit::Drop),
        2 => (at(), 2u8..).prop_map(|(at, times)| Edit::Double(at, times)),
        2 => (at(), at()).prop_map(|(from, to)| Edit::Move(from, to)),
        2 => (at(), -4i8..9).prop_map(|(at, by)| Edit::Indent(at, by)),
        6 => (at(), select(&VALUES[..])).prop_map(|(at, value)| Edit::Value(at, value)),
        2 => (at(), "[ -~\\t\u{e4}\u{202e}]{0,12}").prop_map(|(at, key)| Edit::Key(at, key)),
        1 => (at(), any::<u16>(), any::<bool>()).prop_map(|(at, depth, is_map)| Edit::Deep(at, depth, is_map)),
        1 => (at(), 1u8..40).prop_map(|(at, names)| Edit::Bomb(at, names)),
        4 => mutations().prop_map(Edit::Bytes),
    ]
}

impl Edit {
    fn of(&self, text: &[u8], others: &[&[u8]]) -> Vec<u8> {
        if let Self::Bytes(mutations) = self {
            return mutate(text, mutations, others);
        }
        let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            return Vec::new();
        }
        let count = lines.len();
        let place = |at: &Index| at.index(count);
        match self {
            Self::Drop(at) => drop(lines.remove(place(at))),
            Self::Double(at, times) => {
                let at = place(at);
                let line = lines[at].clone();
                lines.splice(at..at, std::iter::repeat_n(line, (*times).into()));
            }
            Self::Move(from, to) => {
                let (from, to) = (place(from), place(to));
                let line = lines.remove(from);
                lines.insert(to, line);
            }
            Self::Indent(at, by) => {
                let line = &mut lines[place(at)];
                let less = line.trim_start_matches(' ');
                let spaces = (line.len() - less.len()).saturating_add_signed((*by).into());
                *line = " ".repeat(spaces) + less;
            }
            Self::Value(at, value) => with_value(&mut lines, place(at), value),
            Self::Key(at, key) => {
                let at = place(at);
                let (spaces, rest) = split(&lines[at]);
                let value = rest.split_once(':').map_or("", |(_, value)| value).to_owned();
                lines[at] = format!("{spaces}{key}:{value}");
            }
            Self::Deep(at, depth, is_map) => {
                let (open, close) = if *is_map { ("{a: ", "}") } else { ("[", "]") };
                let depth = usize::from(*depth);
                let value = open.repeat(depth) + &close.repeat(depth);
                with_value(&mut lines, place(at), &value);
            }
            Self::Bomb(at, names) => {
                let name = |number: u8| match number {
                    0 => "a0: &a0 [x, x]\n".to_owned(),
                    _ => format!("a{number}: &a{number} [*a{0}, *a{0}]\n", number - 1),
                };
                with_value(&mut lines, place(at), &format!("*a{names}"));
                let bomb: String = (0..=*names).map(name).collect();
                return (bomb + &lines.join("\n")).into_bytes();
            }
            Self::Bytes(_) => {}
        }
        (lines.join("\n") + "\n").into_bytes()
    }
}

fn split(line: &str) -> (&str, &str) {
    line.split_at(line.len() - line.trim_start_matches(' ').len())
}

/// The value of a key's line.
fn with_value(lines: &mut [String], at: usize, value: &str) {
    let key = lines[at].split_once(':').map_or(lines[at].as_str(), |(key, _)| key);
    lines[at] = format!("{key}: {value}");
}

/// What the files say: all settings, or all that is wrong. Asking whether they can be used changes nothing.
fn load(folder: &Path) -> Result<String, String> {
    let environment = Environment::default();
    let loaded = Settings::load(Some(folder), &environment);
    let (settings, problems) = Settings::read(Some(folder), &environment).unwrap();
    match loaded {
        Ok(loaded) => {
            assert!(problems.0.is_empty());
            assert_eq!(format!("{loaded:?}"), format!("{settings:?}"), "read twice, they say the same");
            Ok(format!("{settings:?}"))
        }
        Err(found) => {
            assert!(!found.0.is_empty());
            assert_eq!(found.to_string(), problems.to_string());
            for problem in &found.0 {
                let text = problem.to_string();
                assert!(!text.is_empty() && text.len() < 100_000, "{} bytes: {text:.200}", text.len());
            }
            Err(found.0.iter().map(|problem| format!("{problem}\n")).collect())
        }
    }
}

#[test]
fn orderer_yaml() {
    let golden = ["1.4.yaml", "2.5.yaml", "3.1.yaml"];
    let path = |name: &str| repository().join("tests/golden/orderer-yaml").join(name);
    let files: Vec<Vec<u8>> = golden.iter().map(|name| fs::read(path(name)).unwrap()).collect();
    let others: Vec<&[u8]> = files.iter().map(Vec::as_slice).chain([RADDLE.as_bytes()]).collect();
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("orderer.yaml", &files[1]);
    write("raddle.yaml", RADDLE.as_bytes());
    load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    let edits = proptest::collection::vec(edit(), 1..4);
    let strategy = (any::<Index>(), any::<bool>(), edits);
    try_inputs("orderer.yaml", 300, &strategy, |(which, is_ours, edits)| {
        let original = if is_ours { RADDLE.as_bytes() } else { which.get(&files) };
        let text = edits.iter().fold(original.to_vec(), |text, edit| edit.of(&text, &others));
        let (ours, fabrics) =
            if is_ours { (&text[..], &files[1][..]) } else { (RADDLE.as_bytes(), &text[..]) };
        write("orderer.yaml", fabrics);
        write("raddle.yaml", ours);
        Outcome::of(&load(folder.path()))
    });
}
