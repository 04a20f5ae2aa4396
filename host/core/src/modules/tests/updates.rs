//! What an update may do to modules.

use std::slice::from_ref;

use super::*;

struct Try {
    old: Config,
    new: Config,
    before: Bundle,
    after: Bundle,
    update_bytes: u64,
    log_bytes_max: Option<u64>,
    is_signed_by_group: bool,
    allows_batch_policies: bool,
}

impl Try {
    fn from(old: &[Spec], new: &[Spec]) -> Self {
        Self {
            old: config(old.iter().map(carried)),
            new: config(new.iter().map(carried)),
            before: bundle(&["V2_0", "RADDLE_1_0"]),
            after: bundle(&["V2_0", "RADDLE_1_0"]),
            update_bytes: 1_000,
            log_bytes_max: None,
            is_signed_by_group: true,
            allows_batch_policies: false,
        }
    }

    fn result(&self) -> Result<Vec<Spec>, ModuleRefusal> {
        let update = Update {
            old: Side { bundle: &self.before, config: &self.old },
            new: Side { bundle: &self.after, config: &self.new },
            update_bytes: self.update_bytes,
            log_bytes_max: self.log_bytes_max,
            is_signed_by_group: self.is_signed_by_group,
            allows_batch_policies: self.allows_batch_policies,
        };
        check_update(&update, &Takes)
    }

    fn by_owner(self) -> Self {
        Self { is_signed_by_group: false, ..self }
    }

    fn cause(&self) -> Cause {
        match self.result() {
            Err(ModuleRefusal::Module { cause, .. }) => cause,
            other => panic!("{other:?}"),
        }
    }

    fn channel_cause(&self) -> ChannelCause {
        match self.result() {
            Err(ModuleRefusal::Channel(cause)) => cause,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_update_answers_what_it_installs_and_changes() {
    let other = spec("other", Kind::Filter);
    let changed = Spec { mode: Mode::Off, ..filter() };
    for (old, new, expected) in [
        (vec![], vec![], vec![]),
        (vec![], vec![filter(), batch_policy()], vec![batch_policy(), filter()]),
        (vec![filter()], vec![filter(), other.clone()], vec![other.clone()]),
        (vec![filter(), other.clone()], vec![changed.clone(), other], vec![changed]),
        (vec![filter(), batch_policy()], vec![], vec![]),
    ] {
        assert_eq!(Try::from(&old, &new).result(), Ok(expected));
    }
}

#[test]
fn an_owner_changes_all_and_raises_nothing() {
    let before = filter();
    let may = |after: Spec| Try::from(from_ref(&before), &[after]).by_owner();
    for after in [
        Spec { mode: Mode::Off, ..before.clone() },
        Spec { settings: vec![setting("z", "26")], ..before.clone() },
        Spec { version: "2.0.0".to_owned(), ..before.clone() },
        Spec { order: 9, fuel: 999, memory_bytes: 1, ..before.clone() },
        with_component(before.clone(), b"another".as_slice()),
    ] {
        assert_eq!(may(after.clone()).result(), Ok(vec![after]));
    }
    for (after, what, was, wanted) in [
        (Spec { order: 11, ..before.clone() }, "order", 10, 11),
        (Spec { fuel: 1_001, ..before.clone() }, "fuel", 1_000, 1_001),
        (Spec { memory_bytes: 65_537, ..before.clone() }, "memory", 65_536, 65_537),
    ] {
        assert_eq!(may(after.clone()).cause(), Cause::Raised { what, was, wanted });
        let by_group = Try::from(from_ref(&before), from_ref(&after));
        assert_eq!(by_group.result(), Ok(vec![after]));
    }
}

#[test]
fn what_cannot_be_read_is_left_alone_removed_by_anybody_and_replaced_by_the_group() {
    let broken = (filter().key(), policy_of("raddle.1:AAAA"));
    let other = spec("other", Kind::Filter);
    let old = || config([broken.clone(), carried(&other)]);
    let changed = Spec { mode: Mode::Off, ..other.clone() };
    let beside = Try { old: old(), new: config([broken.clone(), carried(&changed)]), ..Try::from(&[], &[]) };
    assert_eq!(beside.by_owner().result(), Ok(vec![changed]));
    let removed = Try { old: old(), new: config([carried(&other)]), ..Try::from(&[], &[]) };
    assert_eq!(removed.by_owner().result(), Ok(vec![]));
    let replaced =
        || Try { old: old(), new: config([carried(&filter()), carried(&other)]), ..Try::from(&[], &[]) };
    assert_eq!(replaced().result(), Ok(vec![filter()]));
    assert_eq!(replaced().by_owner().cause(), Cause::Repaired);
    let installed = Try { new: config([broken.clone()]), ..Try::from(&[], &[]) };
    assert!(matches!(installed.cause(), Cause::Deflate { .. }));
}

#[test]
fn a_module_is_judged_when_it_is_installed_or_changed() {
    let bad = with_component(filter(), BAD_COMPONENT);
    let sentence = "this is not a component".to_owned();
    let expected = Cause::Profile(ProfileRefusal { sentence });
    assert_eq!(Try::from(&[], from_ref(&bad)).cause(), expected);
    assert_eq!(Try::from(&[filter()], from_ref(&bad)).cause(), expected);
    assert_eq!(Try::from(from_ref(&bad), from_ref(&bad)).result(), Ok(vec![]));
    assert_eq!(Try::from(&[bad], &[]).result(), Ok(vec![]));
    let shadow = Spec { mode: Mode::Shadow, ..filter() };
    assert_eq!(Try::from(&[filter()], from_ref(&shadow)).result(), Ok(vec![shadow]));
    let unknown = Try { new: config([("raddle.x".to_owned(), policy_of(""))]), ..Try::from(&[], &[]) };
    assert_eq!(unknown.cause(), Cause::UnknownKey);
    let not_ours = Try { new: config([("Readers".to_owned(), policy_of(""))]), ..Try::from(&[], &[]) };
    assert_eq!(not_ours.result(), Ok(vec![]));
}

#[test]
fn modules_need_what_the_channel_must_have() {
    let with =
        |capabilities: &[&str], new: &[Spec]| Try { after: bundle(capabilities), ..Try::from(&[], new) };
    let shadow = Spec { mode: Mode::Shadow, ..batch_policy() };
    assert_eq!(with(&["V2_0", "RADDLE_1_0"], &[shadow]).cause(), Cause::Shadow);
    assert_eq!(with(&[], &[filter()]).cause(), Cause::NoResubmission);
    assert_eq!(with(&["V1_1"], &[filter()]).result(), Ok(vec![filter()]));
    assert_eq!(with(&["V2_0"], &[batch_policy()]).cause(), Cause::NoCapability);
    let mut system = Try::from(&[], &[filter()]);
    system.after.has_consortiums = true;
    assert_eq!(system.cause(), Cause::SystemChannel);

    let lost = Try { after: bundle(&[]), ..Try::from(&[filter()], &[filter()]) };
    assert_eq!(lost.channel_cause(), ChannelCause::LosesResubmission);
    let lost = Try { after: bundle(&[]), ..Try::from(&[filter()], &[]) };
    assert_eq!(lost.result(), Ok(vec![]));
    // What a channel never had, it does not lose.
    let never = Try { before: bundle(&[]), after: bundle(&[]), ..Try::from(&[filter()], &[filter()]) };
    assert_eq!(never.result(), Ok(vec![]));
}

#[test]
fn the_capability_that_stops_stock_orderers_is_added_where_the_orderer_allows_it() {
    let adds = |kind: &str, allows_batch_policies| {
        let mut it = Try { before: bundle(&["V2_0"]), allows_batch_policies, ..Try::from(&[], &[]) };
        it.after.consensus.kind = kind.to_owned();
        it
    };
    assert_eq!(adds("kafka", false).channel_cause(), ChannelCause::Capability);
    assert_eq!(adds("kafka", true).result(), Ok(vec![]));
    assert_eq!(adds("solo", false).result(), Ok(vec![]));
    assert_eq!(Try::from(&[], &[]).result(), Ok(vec![]));
}

#[test]
fn a_removing_update_always_has_room() {
    let new = config([carried(&filter())]);
    let size = prost::Message::encoded_len(&new) as u64;
    let needed = size + 1_000 + REPAIR_BYTES;
    let within = |block: u64, log: Option<u64>| {
        let mut it = Try::from(&[], &[filter()]);
        it.after.batch_size.absolute_max_bytes = u32::try_from(block).unwrap();
        it.log_bytes_max = log;
        it
    };
    let room =
        |allowed, limit| ChannelCause::Room { config: size, update: 1_000, used: needed, allowed, limit };
    assert_eq!(within(needed, None).result(), Ok(vec![filter()]));
    assert_eq!(within(needed - 1, None).channel_cause(), room(needed - 1, "AbsoluteMaxBytes"));
    assert_eq!(within(1 << 30, Some(needed)).result(), Ok(vec![filter()]));
    assert_eq!(within(1 << 30, Some(needed - 1)).channel_cause(), room(needed - 1, "the ordered log"));

    // Lowered beneath a module that is there: refused. Without modules it is nobody's business here.
    let mut lowered = Try::from(&[filter()], &[filter()]);
    lowered.after.batch_size.absolute_max_bytes = 1_000;
    assert!(matches!(lowered.channel_cause(), ChannelCause::Room { .. }));
    let mut removed = Try::from(&[filter()], &[]);
    removed.after.batch_size.absolute_max_bytes = 1_000;
    assert_eq!(removed.result(), Ok(vec![]));
}

#[test]
fn a_channels_modules_have_four_mebibytes_together() {
    let mut state = 7_u32;
    let mut noise = |bytes: usize| -> Vec<u8> {
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..bytes).map(next).collect()
    };
    let many: Vec<_> =
        ["a", "b", "c"].map(|name| with_component(spec(name, Kind::Filter), noise(1 << 20))).into();
    let mut room = Try::from(&[], &many[..2]);
    assert_eq!(room.result().unwrap().len(), 2);
    room = Try::from(&many[..2], &many);
    let ChannelCause::Total { used } = room.channel_cause() else { panic!() };
    assert!(used > CHANNEL_BYTES_MAX, "{used}");
    // To the last byte, whatever it is that takes the rest.
    let (key, new) = carried(&filter());
    let own = new.policy.as_ref().unwrap().value.len();
    let together = |bytes: usize| {
        let policy = Some(Policy { r#type: 3, value: vec![0; bytes - own].into() });
        let rest = ("raddle.rest".to_owned(), ConfigPolicy { policy, ..ConfigPolicy::default() });
        let (old, new) = (config([rest.clone()]), config([rest, (key.clone(), new.clone())]));
        Try { old, new, ..Try::from(&[], &[]) }
    };
    assert_eq!(together(CHANNEL_BYTES_MAX).result(), Ok(vec![filter()]));
    let used = CHANNEL_BYTES_MAX + 1;
    assert_eq!(together(used).channel_cause(), ChannelCause::Total { used });
    // What is there already is not judged, so that it can be made less.
    assert_eq!(Try::from(&many, &many).result(), Ok(vec![]));
    assert_eq!(Try::from(&many, &many[1..]).result(), Ok(vec![]));
}
