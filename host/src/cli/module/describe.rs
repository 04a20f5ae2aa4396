//! What a component is, for its author.

use std::path::Path;

use raddle_core::modules::Spec;
use raddle_rules::check::{ModuleKind, measure};
use raddle_rules::profile::{Limit, PAGE_BYTES};

use super::component::Component;
use crate::admin::modules::Kind;

/// Limits that say more about the profile than about a module: those are shown that are used up by this share.
const NEAR_PERCENT: u64 = 50;

/// What there is to say of a component that passed the check.
pub fn text(path: &Path, component: &Component, spec: &Spec, shows_all: bool) -> String {
    let checked = &component.checked;
    let measured = measure(&component.bytes).ok();
    let imports = measured.as_ref().map(|it| it.imports.join(", ")).unwrap_or_default();
    let (begins, most) = (checked.initial_memory_bytes(), spec.memory_bytes);
    let mut text = [
        ("component", format!("{}   {}, {} bytes", path.display(), component.kind, component.bytes.len())),
        ("sha256", spec.digest.to_string()),
        ("world", ModuleKind::from(component.kind).export().to_owned()),
        ("imports", if imports.is_empty() { "nothing".to_owned() } else { imports }),
        ("features", "those of profile 1, and no others".to_owned()),
        ("memory", format!("{begins} bytes to begin with, may have {most}")),
        ("fuel", format!("{} a call, of {} that it may be given", spec.fuel, checked.fuel_per_call_max())),
        ("cost", cost(component)),
    ]
    .iter()
    .fold(String::new(), |text, (what, value)| text + &format!("{what:<11} {value}\n"));
    let used = measured.map(|it| it.used).unwrap_or_default();
    for (limit, used) in used.into_iter().filter(|(limit, used)| is_shown(*limit, *used, shows_all)) {
        text.push_str(&format!("limit       {used} of {} {limit}\n", limit.allowed()));
    }
    text
}

fn is_shown(limit: Limit, used: u64, shows_all: bool) -> bool {
    let near = u128::from(used) * 100 >= u128::from(limit.allowed()) * u128::from(NEAR_PERCENT);
    shows_all || limit == Limit::ComponentBytes || (near && limit.allowed() > 1)
}

/// What asking the module costs at least, from how it begins.
fn cost(component: &Component) -> String {
    match component.kind {
        Kind::Filter if component.checked.initial_memory_bytes() > PAGE_BYTES => {
            "some 11 µs an envelope and more: it begins with more than one page of 64 KiB, which costs 7 µs of them"
        }
        Kind::Filter => "some 4 µs an envelope, 6 µs if it asks for texts; 7 µs more if it outgrows its first page",
        Kind::BatchPolicy => "some 50 µs a batch, and a few for each envelope",
    }
    .to_owned()
}
