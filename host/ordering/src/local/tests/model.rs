//! The log against the simplest one that could be.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::disk::Disk;
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Clock(i64),
    /// Appends of these sizes to these channels, awaited in the end.
    Append(Vec<(u8, usize)>),
    Read(u8, i64),
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0_usize..300, 1 => 3_000_usize..9_000];
    prop_oneof![
        1 => (0_i64..1_000).prop_map(Step::Clock),
        6 => prop::collection::vec((0_u8..3, size), 1..12).prop_map(Step::Append),
        3 => (0_u8..3, -2_i64..60).prop_map(|(channel, from)| Step::Read(channel, from)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

type Model = BTreeMap<u8, Vec<(i64, Bytes)>>;

fn check_read(log: &LocalLog, model: &Model, name: u8, from: i64) {
    let records = model.get(&name).map(Vec::as_slice).unwrap_or_default();
    let end = i64::try_from(records.len()).unwrap();
    let id = channel(&name.to_string());
    if from < 0 {
        assert!(matches!(read_error(log, &id, from), ReadError::Gone { first: Offset(0), .. }));
    } else if from > end {
        assert!(matches!(read_error(log, &id, from), ReadError::Beyond { end: Offset(at), .. } if at == end));
    } else {
        let expected = records.iter().zip(0..).skip(usize::try_from(from).unwrap());
        let expected: Vec<_> = expected
            .map(|((ms, value), offset)| Record {
                offset: Offset(offset),
                timestamp_ms: TimestampMs(*ms),
                value: value.clone(),
            })
            .collect();
        assert_eq!(read(log, &id, from, expected.len()), expected);
    }
}

fn run(steps: Vec<Step>, tail_bytes: u64) {
    let mut disk = Disk::with_log();
    let now = Arc::new(AtomicI64::new(0));
    let settings = Settings { tail_bytes, ..settings() };
    let open =
        |disk: &Disk| LocalLog::start(disk.database(), Path::new("test"), &settings, clock_of(&now)).unwrap();
    let mut log = open(&disk);
    let mut model = Model::new();
    for (step, fill) in steps.into_iter().zip((0..=u8::MAX).cycle()) {
        match step {
            Step::Clock(ms) => now.store(ms, Ordering::SeqCst),
            Step::Append(records) => {
                let mut appends = Vec::new();
                for (name, size) in records {
                    let value = Bytes::from(vec![fill; size]);
                    appends.push((name, value.clone(), log.append(&channel(&name.to_string()), value)));
                }
                for (name, value, append) in appends {
                    let records = model.entry(name).or_default();
                    assert_eq!(block_on(append).unwrap().0, i64::try_from(records.len()).unwrap());
                    let last = records.last().map_or(i64::MIN, |(ms, _)| *ms);
                    records.push((last.max(now.load(Ordering::SeqCst)), value));
                }
            }
            Step::Read(name, from) => check_read(&log, &model, name, from),
            Step::Reopen => {
                drop(log);
                log = open(&disk);
            }
            Step::Crash => {
                disk = Disk::of(disk.crashed(|_| false));
                log = open(&disk);
            }
        }
    }
    for name in 0..3 {
        check_read(&log, &model, name, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_does_what_a_list_of_records_does(
        steps in prop::collection::vec(step(), 1..25),
        tail_bytes in prop_oneof![Just(0_u64), Just(2_000), Just(1 << 20)],
    ) {
        run(steps, tail_bytes);
    }
}
