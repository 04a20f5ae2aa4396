//! A chain that stops everywhere writes what a chain writes that never stops.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use raddle_proto::wire::Class;

use super::*;
use crate::ids::ConfigSequence;

/// A record in the making: sequences and original offsets depend on where it will stand.
#[derive(Clone, Debug)]
enum Draft {
    Normal { creator: u8, size: usize, lag: u64, original: Option<usize> },
    Config { lag: u64, original: Option<usize> },
    TimeToCut { ahead: u64 },
    Connect,
    Garbage,
}

fn draft() -> impl Strategy<Value = Draft> {
    let original = || proptest::option::weighted(0.4, 0usize..40);
    prop_oneof![
        12 => (0u8..3, 60usize..1300, 0u64..2, original())
            .prop_map(|(creator, size, lag, original)| Draft::Normal { creator, size, lag, original }),
        1 => (0u64..2, original()).prop_map(|(lag, original)| Draft::Config { lag, original }),
        2 => (0u64..2).prop_map(|ahead| Draft::TimeToCut { ahead }),
        1 => Just(Draft::Connect),
        1 => Just(Draft::Garbage),
    ]
}

/// Makes records of drafts: time-to-cuts and configs name what is next where they stand.
fn topic(setup: &Setup, drafts: &[Draft]) -> Vec<Bytes> {
    let mut chain = setup.chain();
    let mut records = Vec::new();
    for draft in drafts {
        let sequence = chain.bundle().sequence.0;
        let original_of =
            |original: &Option<usize>| original.map_or(0, |it| (it % (records.len() + 1)) as i64);
        let value = match draft {
            Draft::Normal { creator, size, lag, original } => {
                let envelope = envelope_by(3, &format!("creator-{creator}"), *size, Bytes::new());
                record(&envelope, Class::Normal, sequence.saturating_sub(*lag), original_of(original))
            }
            Draft::Config { lag, original } => {
                let config = config_envelope(setup.config(sequence + 1 - lag.min(&sequence)));
                record(&config, Class::Config, sequence.saturating_sub(*lag), original_of(original))
            }
            Draft::TimeToCut { ahead } => {
                time_to_cut(chain.state().tip.0 + 1 - ahead.min(&chain.state().tip.0))
            }
            Draft::Connect => wire::KafkaMessage::Connect.marshal(),
            Draft::Garbage => Bytes::from_static(b"\xff\xff"),
        };
        let event = Event::Record { offset: Offset(records.len() as i64), value: value.clone() };
        step(&mut chain, event, true, &mut |_| {}).unwrap();
        records.push(value);
    }
    records
}

/// A block's words and hash, which cover all of it.
type Seen = (String, BlockHash);

fn blocks_without_stop(mut chain: Chain, records: &[Bytes]) -> Vec<Seen> {
    let mut blocks = Vec::new();
    for (offset, value) in records.iter().enumerate() {
        let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
        step(&mut chain, event, true, &mut |action| {
            if let Action::WriteBlock(cut) = action {
                blocks.push((words(action), cut.block.hash()));
            }
        })
        .unwrap();
    }
    blocks
}

/// Stops after every record, and after every block even where its record makes another.
fn blocks_with_stops(
    start: &dyn Fn(ChainState, Arc<CurrentConfig>) -> Chain,
    setup: &Setup,
    records: &[Bytes],
) -> Vec<Seen> {
    let mut state = ChainState::genesis(BlockHash([7; 32]));
    let mut config = setup.read(0);
    let mut blocks = Vec::new();
    for last in 0..records.len() {
        'restart: loop {
            let mut chain = start(state, Arc::clone(&config));
            let from = usize::try_from(state.offsets.last_persisted.0 + 1).unwrap_or(0);
            for (offset, value) in records.iter().enumerate().take(last + 1).skip(from) {
                let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
                let mut first: Option<Box<CutBlock>> = None;
                step(&mut chain, event, true, &mut |action| {
                    if let (Action::WriteBlock(cut), None) = (action, &first) {
                        first = Some(cut.clone());
                    }
                })
                .unwrap();
                if let Some(cut) = first {
                    state = cut.state;
                    config = cut.config.clone().unwrap_or(config);
                    blocks.push((words(&Action::WriteBlock(cut.clone())), cut.block.hash()));
                    continue 'restart;
                }
            }
            break;
        }
    }
    blocks
}

fn check_policy(setup: &Setup, drafts: &[Draft], policies: &Rc<dyn BatchPolicies>) {
    let records = topic(setup, drafts);
    let start = |state, config| Chain::new(state, config, Rc::clone(policies)).unwrap();
    let expected = blocks_without_stop(setup.chain_with(Rc::clone(policies)), &records);
    assert_eq!(blocks_with_stops(&start, setup, &records), expected);
}

/// Where the config of each sequence stands.
fn config_offsets(mut chain: Chain, records: &[Bytes]) -> BTreeMap<ConfigSequence, Offset> {
    let mut offsets = BTreeMap::new();
    for (offset, value) in records.iter().enumerate() {
        let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
        step(&mut chain, event, true, &mut |action| {
            if let Action::WriteBlock(cut) = action
                && let Some(config) = &cut.config
            {
                offsets.insert(config.bundle.sequence, cut.state.offsets.last_persisted);
            }
        })
        .unwrap();
    }
    offsets
}

fn cases() -> u32 {
    if std::env::var_os("RADDLE_SOAK").is_some() { 10_000 } else { 100 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn restarts_leave_no_trace(drafts in proptest::collection::vec(draft(), 1..80), has_raddle in any::<bool>()) {
        let capabilities = if has_raddle { vec!["V2_0", "RADDLE_1_0"] } else { vec!["V2_0"] };
        let setup = Setup { max_message_count: 12, capabilities, ..Setup::default() };
        check_policy(&setup, &drafts, &(Rc::new(StandardPolicies) as Rc<dyn BatchPolicies>));
        let counts = || Ok(Box::new(CountsCalls::default()) as Box<dyn Batch>);
        check_policy(&setup, &drafts, &(Rc::new(Policies(counts)) as Rc<dyn BatchPolicies>));
        let one_creator = || Ok(Box::new(OneCreator) as Box<dyn Batch>);
        check_policy(&setup, &drafts, &(Rc::new(Policies(one_creator)) as Rc<dyn BatchPolicies>));
    }

    #[test]
    fn nor_where_the_standard_rule_takes_a_policys_place(drafts in vec(draft(), 1..80), from in 0i64..60) {
        let setup = Setup { max_message_count: 12, ..Setup::default() };
        let records = topic(&setup, &drafts);
        let counts = || Ok(Box::new(CountsCalls::default()) as Box<dyn Batch>);
        let policies = Rc::new(Policies(counts)) as Rc<dyn BatchPolicies>;
        let unstopped = || {
            let state = ChainState::genesis(BlockHash([7; 32]));
            Chain::overridden(state, setup.read(0), Rc::clone(&policies), Some(Offset(from))).unwrap()
        };
        let configs = config_offsets(unstopped(), &records);
        let start = |state, config: Arc<CurrentConfig>| {
            let own = configs.get(&config.bundle.sequence).copied().unwrap_or(Offset::NOTHING_READ);
            let from = Some(Offset(from)).filter(|from| *from >= own);
            Chain::overridden(state, config, Rc::clone(&policies), from).unwrap()
        };
        prop_assert_eq!(blocks_with_stops(&start, &setup, &records), blocks_without_stop(unstopped(), &records));
    }

    #[test]
    fn any_records_are_taken_without_a_panic(records in vec(vec(any::<u8>(), 0..60), 0..40)) {
        let mut chain = Setup::default().chain();
        for (offset, value) in records.into_iter().enumerate() {
            let event = Event::Record { offset: Offset(offset as i64), value: value.into() };
            step(&mut chain, event, true, &mut |_| {}).unwrap();
        }
    }
}
