//! Changes of modules for people, who cannot read the bytes that carry one.

use raddle_core::modules::Spec;
use raddle_proto::common::Config;

use super::Difference;
use crate::admin::modules::{Installed, installed};

/// Where the policies stand that carry modules.
const ORDERERS: &str = "/Channel/Orderer/";

/// The same differences, where a module's are told by what it is, and by what of it changes.
#[must_use]
pub fn in_words(differences: Vec<Difference>, old: &Config, new: &Config) -> Vec<Difference> {
    let (old, new) = (installed(old), installed(new));
    differences
        .into_iter()
        .map(|difference| of_module(&difference, &old, &new).unwrap_or(difference))
        .collect()
}

fn of_module(difference: &Difference, old: &[Installed], new: &[Installed]) -> Option<Difference> {
    let key = difference.path.strip_prefix(ORDERERS)?;
    let key = key.strip_suffix("/sub_policy").unwrap_or(key);
    let of =
        |all: &[Installed]| all.iter().find(|it| it.key == key).map(|it| it.spec.as_ref().ok().map(traits));
    let changed = |old: &[String], new: &[String]| {
        let only: Vec<&str> = old.iter().filter(|it| !new.contains(it)).map(String::as_str).collect();
        if only.is_empty() { "nothing".to_owned() } else { only.join(", ") }
    };
    let path = format!("{ORDERERS}{key}");
    match (of(old), of(new)) {
        (None, Some(Some(new))) => Some(Difference { path, old: None, new: Some(new.join(", ")) }),
        (Some(Some(old)), None) => Some(Difference { path, old: Some(old.join(", ")), new: None }),
        (Some(Some(old)), Some(Some(new))) if old != new => {
            Some(Difference { path, old: Some(changed(&old, &new)), new: Some(changed(&new, &old)) })
        }
        _ => None,
    }
}

/// All that makes a module what it is, each in words.
fn traits(spec: &Spec) -> Vec<String> {
    let Spec { name, version, kind, mode, order, settings, fuel, memory_bytes, digest, component } = spec;
    let digest = digest.to_string();
    let mut traits = vec![
        format!("{kind} {name}"),
        format!("mode {mode}"),
        format!("order {order}"),
        format!("{} bytes with SHA-256 {}…", component.len(), digest.get(..12).unwrap_or(&digest)),
        format!("{fuel} fuel a call"),
        format!("{memory_bytes} bytes of memory"),
    ];
    if !version.is_empty() {
        traits.push(format!("version {version}"));
    }
    traits.extend(settings.iter().map(|it| format!("{}={}", it.key, it.value)));
    traits
}
