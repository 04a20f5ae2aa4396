//! What a config with modules means.

use super::*;

fn active(policies: Vec<(String, ConfigPolicy)>, bundle: &Bundle) -> ModuleSet {
    active_modules(&config(policies), bundle, &Takes)
}

fn names(set: &ModuleSet) -> Vec<(&str, bool)> {
    set.filters.iter().map(|it| (it.name.as_str(), it.spec.is_ok())).collect()
}

#[test]
fn filters_run_by_order_and_name_and_broken_ones_stand_first() {
    let ordered = |name: &str, order| carried(&Spec { order, ..spec(name, Kind::Filter) });
    let off = carried(&Spec { mode: Mode::Off, ..spec("off", Kind::Filter) });
    let shadow = carried(&Spec { mode: Mode::Shadow, ..spec("shadow", Kind::Filter) });
    let broken = ("raddle.filter.z".to_owned(), policy_of("raddle.1:AAAA"));
    let bad = carried(&with_component(spec("y", Kind::Filter), BAD_COMPONENT));
    let policies = vec![
        ordered("b", 1),
        ordered("a", 2),
        ordered("c", 1),
        off,
        shadow,
        carried(&Spec { mode: Mode::Shadow, order: 1, ..spec("zealous", Kind::Filter) }),
        broken,
        bad,
        carried(&Spec {
            mode: Mode::Shadow,
            ..with_component(spec("bad-shadow", Kind::Filter), BAD_COMPONENT)
        }),
        carried(&Spec { mode: Mode::Off, ..with_component(spec("bad-off", Kind::Filter), BAD_COMPONENT) }),
        ordered("expiration", 9),
    ];
    let set = active(policies.clone(), &bundle(&["V2_0"]));
    let expected = [("y", false), ("z", false), ("b", true), ("c", true), ("a", true), ("expiration", true)];
    assert_eq!(names(&set), expected);
    let shadows: Vec<_> = set.shadows.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(shadows, ["zealous", "shadow"], "what is broken, and does not count, is left out");
    assert_eq!(set.batch_policy, Err(WhyShipped::None));

    let without = active(policies.clone(), &bundle(&[]));
    assert!(names(&without).is_empty() && without.shadows.is_empty());
    let mut system = bundle(&["V2_0"]);
    system.has_consortiums = true;
    assert_eq!(names(&active(policies, &system)), []);
}

#[test]
fn the_batch_policy_is_the_channels_own_only_where_nothing_speaks_against_it() {
    let raddle = bundle(&["V2_0", "RADDLE_1_0"]);
    let set = |spec: &Spec, bundle: &Bundle| active(vec![carried(spec)], bundle).batch_policy;
    assert_eq!(set(&batch_policy(), &raddle), Ok(batch_policy()));
    assert_eq!(set(&batch_policy(), &bundle(&["V2_0"])), Err(WhyShipped::NoCapability));
    let system = Bundle { has_consortiums: true, ..raddle.clone() };
    assert_eq!(set(&batch_policy(), &system), Err(WhyShipped::NoCapability));
    for mode in [Mode::Off, Mode::Shadow] {
        assert_eq!(set(&Spec { mode, ..batch_policy() }, &raddle), Err(WhyShipped::Off));
    }
    let bad = set(&with_component(batch_policy(), BAD_COMPONENT), &raddle);
    assert!(matches!(bad, Err(WhyShipped::Broken(ModuleRefusal::Module { cause: Cause::Profile(_), .. }))));
    let broken = vec![(BATCH_POLICY_KEY.to_owned(), policy_of("raddle.1:AAAA"))];
    assert!(matches!(active(broken, &raddle).batch_policy, Err(WhyShipped::Broken(_))));
    assert_eq!(active(vec![], &raddle).batch_policy, Err(WhyShipped::None));
    assert_eq!(active_modules(&Config::default(), &raddle, &Takes).batch_policy, Err(WhyShipped::None));
}

#[test]
fn what_has_no_key_of_a_module_is_none() {
    let (_, policy) = carried(&filter());
    for key in ["raddle.x", "Readers", "raddle.filter", "Raddle.filter.x"] {
        let set = active(vec![(key.to_owned(), policy.clone())], &bundle(&["V2_0"]));
        assert_eq!(names(&set), [], "{key}");
    }
}
