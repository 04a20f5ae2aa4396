//! Order, answers, budgets and time.

use super::*;

#[test]
fn a_record_may_be_as_large_as_the_limit_and_no_larger() {
    let home = Home::new();
    let settings = Settings { max_record_bytes: 5 << 20, max_in_flight_bytes: 1, ..settings() };
    let log = LocalLog::create(&home.path(), &settings, clock_at(1)).unwrap();
    let one = channel("one");
    let largest = vec![7; 5 << 20];
    assert_eq!(log.record_bytes_max(&one), Some(5 << 20));
    assert_eq!(append(&log, &one, &largest).unwrap(), Offset(0));
    let refused = append(&log, &one, vec![7; (5 << 20) + 1]).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { size_bytes: 5_242_881, limit_bytes: 5_242_880 }));
    let text = refused.to_string();
    assert!(
        text.starts_with("the record has 5242881 bytes, the ordered log takes at most 5242880;"),
        "{text}"
    );
    assert_eq!(append(&log, &one, "").unwrap(), Offset(1));
    drop(log);
    // A lower limit hides nothing.
    let settings = Settings { max_record_bytes: 10, ..settings };
    let log = LocalLog::open(&home.path(), &settings, clock_at(1)).unwrap();
    let records = all(&log, &one);
    assert!(records[0].value == largest && records[1].value.is_empty());
}

#[test]
fn a_channel_over_its_budget_is_busy_and_others_are_not() {
    let disk = disk::Disk::with_log();
    let settings = Settings { max_in_flight_bytes: 1_000, ..settings() };
    let log = LocalLog::start(disk.database(), Path::new("test"), &settings, clock_at(1)).unwrap();
    let (one, two) = (channel("one"), channel("two"));
    let held = disk.hold();
    let large = log.append(&one, Bytes::from(vec![0; 5_000]));
    let busy = poll(&mut log.append(&one, Bytes::from_static(b"x")));
    assert!(matches!(busy, Poll::Ready(Err(AppendError::Busy { in_flight_bytes: 5_128, .. }))), "{busy:?}");
    let other: Vec<_> = (0..3).map(|_| log.append(&two, Bytes::from(vec![0; 205]))).collect();
    let over = block_on(log.append(&two, Bytes::from(vec![0; 205]))).unwrap_err();
    assert_eq!(
        over.to_string(),
        "999 bytes of this channel are on their way to the ordered log, 333 more would pass its budget of 1000"
    );
    assert!(!over.is_outcome_unknown());
    drop(held);
    assert_eq!(block_on(large).unwrap(), Offset(0));
    for append in other {
        block_on(append).unwrap();
    }
    // The budget is free again, and what was refused is nowhere.
    assert_eq!(append(&log, &one, "y").unwrap(), Offset(1));
    assert_eq!(append(&log, &two, "y").unwrap(), Offset(3));
}

#[test]
fn timestamps_follow_the_clock_and_never_go_back() {
    let home = Home::new();
    let now = Arc::new(AtomicI64::new(500));
    let (one, two) = (channel("one"), channel("two"));
    let log = LocalLog::create(&home.path(), &settings(), clock_of(&now)).unwrap();
    let mut clock_and_stamp = vec![(500, 500), (700, 700), (600, 700)];
    for (ms, _) in &clock_and_stamp {
        now.store(*ms, Ordering::SeqCst);
        append(&log, &one, "x").unwrap();
    }
    append(&log, &two, "x").unwrap();
    drop(log);
    let log = LocalLog::open(&home.path(), &settings(), clock_of(&now)).unwrap();
    for case in [(-5, 700), (701, 701)] {
        now.store(case.0, Ordering::SeqCst);
        append(&log, &one, "x").unwrap();
        clock_and_stamp.push(case);
    }
    let stamps: Vec<_> = all(&log, &one).into_iter().map(|record| record.timestamp_ms.0).collect();
    assert_eq!(stamps, clock_and_stamp.iter().map(|(_, stamp)| *stamp).collect::<Vec<_>>());
    assert_eq!(all(&log, &two)[0].timestamp_ms, TimestampMs(600));
}
