//! A file whose changes are held back, against one that takes them at once.

use proptest::prelude::*;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;
use crate::held::Held;

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
    Read(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u64..60, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(at, bytes)| Step::Write(at, bytes)),
        (0_u64..80).prop_map(Step::Length),
        Just(Step::Sync),
        (0_u64..80, 0_usize..40).prop_map(|(at, length)| Step::Read(at, length)),
    ]
}

fn file() -> Arc<dyn StorageBackend> {
    let file = InMemoryBackend::new();
    file.set_len(50).unwrap();
    file.write(0, &[0xee; 50]).unwrap();
    Arc::new(file)
}

fn all(file: &dyn StorageBackend) -> Vec<u8> {
    let mut bytes = vec![1; usize::try_from(file.len().unwrap()).unwrap()];
    file.read(0, &mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_held_back_reads_as_if_it_were_written_and_is_written_when_accepted(
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let (plain, below) = (file(), file());
        let held = Held::new(Arc::clone(&below)).unwrap();
        for step in steps {
            match step {
                Step::Write(at, bytes) => {
                    // redb makes a file longer before it writes there.
                    let end = at + bytes.len() as u64;
                    if end <= plain.len().unwrap() {
                        plain.write(at, &bytes).unwrap();
                        held.write(at, &bytes).unwrap();
                    }
                }
                Step::Length(length) => {
                    plain.set_len(length).unwrap();
                    held.set_len(length).unwrap();
                }
                Step::Sync => held.sync_data().unwrap(),
                Step::Read(at, length) => {
                    let (mut expected, mut found) = (vec![1; length], vec![2; length]);
                    let is_there = plain.read(at, &mut expected).is_ok();
                    prop_assert_eq!(held.read(at, &mut found).is_ok(), is_there);
                    prop_assert!(!is_there || found == expected);
                }
            }
            prop_assert_eq!(all(&held), all(&*plain));
        }
        prop_assert_eq!(all(&*below), vec![0xee; 50]);
        held.accept().unwrap();
        prop_assert_eq!(all(&*below), all(&*plain));
        held.set_len(7).unwrap();
        prop_assert_eq!(below.len().unwrap(), 7);
    }
}
