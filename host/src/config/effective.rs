//! Every key of the tables with the value that counts, who set it, and whether it has an effect.

use std::collections::BTreeMap;
use std::path::Path;

use super::keys::{Fate, Key, Kind, Versions};
use super::layer::{Found, Layer};
use super::problem::{Origin, Problem};
use super::value::{self, Wrong};
use super::yaml::Value;

/// Keys that go under another name in older files, which counts where the newer one is not set.
const OLDER: [(&str, &str); 2] =
    [("General.BootstrapMethod", "General.GenesisMethod"), ("General.BootstrapFile", "General.GenesisFile")];

/// A key and the value that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The key, as it is written in Fabric's documentation.
    pub key: String,
    /// The value, as it would be written; none if nobody sets it and nothing counts in its place.
    pub value: Option<String>,
    /// Who set it.
    pub origin: Origin,
    /// Why it has no effect, if it has none.
    pub without_effect: Option<&'static str>,
    /// Which of Fabric's orderers know it.
    pub versions: Versions,
}

/// Whether a key that has no effect asks for something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// It does, and this is why nothing comes of it.
    InVain(&'static str),
    Nothing,
}

impl Layer<'_> {
    /// Reports every value that is not what its key wants.
    pub(super) fn check_kinds(&mut self, beside: &Path) {
        for key in self.schema().keys {
            let Some(found) = self.get(key.name) else { continue };
            // Its reader reports it.
            if matches!(key.kind, Kind::Own | Kind::OwnMap) {
                continue;
            }
            if let Err(wrong) = value::shown(key.kind, &found, beside) {
                super::report(self, key.name, &found.origin, wrong);
            }
        }
    }

    /// All keys that have an effect, and those that have none where somebody asks for one.
    pub(super) fn effective(&self, beside: &Path) -> Vec<Effective> {
        let mut asking: BTreeMap<&str, Asks> = BTreeMap::new();
        let keys = self.schema().keys;
        for key in keys {
            asking.insert(key.name, self.asks(key, beside));
        }
        let mut all = Vec::new();
        for key in keys {
            let set = self.set(key, beside);
            let asks = match key.fate {
                Fate::Works => Asks::Nothing,
                Fate::With(other) if set.is_some() => asking.get(other).copied().unwrap_or(Asks::Nothing),
                _ => asking.get(key.name).copied().unwrap_or(Asks::Nothing),
            };
            let without_effect = match asks {
                Asks::InVain(why) => Some(why),
                Asks::Nothing => None,
            };
            let is_older = OLDER.iter().any(|(_, older)| *older == key.name);
            let is_shown = match key.fate {
                Fate::Works | Fate::Partly { .. } => set.is_some() || !is_older && key.kind != Kind::OwnMap,
                _ => set.is_some() && without_effect.is_some(),
            };
            if is_shown {
                let (value, origin) =
                    set.or_else(|| self.older(key, beside)).unwrap_or_else(|| by_default(key, beside));
                let (key, versions) = (key.name.to_owned(), key.versions);
                all.push(Effective { key, value, origin, without_effect, versions });
            }
        }
        all
    }

    /// What has no effect and should have.
    pub(super) fn warn(&mut self, beside: &Path) {
        let in_vain = self.effective(beside).into_iter().filter_map(|it| Some((it.without_effect?, it)));
        let warnings = in_vain.map(|(why, Effective { key, origin, .. })| {
            let (what, remedy) = ("it has no effect".to_owned(), why.to_owned());
            Problem { origin, key, what, remedy }
        });
        let warnings: Vec<_> = warnings.collect();
        self.warnings.extend(warnings);
        self.warn_of_versions();
    }

    /// A Go orderer stops at keys that its version does not know; so it would not come back with this file.
    fn warn_of_versions(&mut self) {
        let mut common: Option<(Versions, &'static str)> = None;
        let mut warning = None;
        for (key, origin) in self.in_file().filter(|(key, _)| key.versions != Versions::NONE) {
            let (versions, before) = common.unwrap_or((Versions::ALL, key.name));
            let left = versions.and(key.versions);
            if left.is_none() {
                let what = format!("no Go orderer takes both this key and {before}");
                let remedy = "keep what your version of Fabric knows, so that it can come back".to_owned();
                warning = Some(Problem { origin: origin.clone(), key: key.name.to_owned(), what, remedy });
                break;
            }
            common = Some((left, if left == versions { before } else { key.name }));
        }
        self.warnings.extend(warning);
    }

    /// Whether a key asks for something that it does not get.
    fn asks(&self, key: &Key, beside: &Path) -> Asks {
        let is_one_of = |values: &[&str], value: &str| values.iter().any(|it| it.eq_ignore_ascii_case(value));
        let (why, is_vain) = match (key.fate, self.set(key, beside)) {
            (Fate::NoEffect { why, idle }, Some((Some(value), _))) => (why, !is_one_of(idle, &value)),
            (Fate::Partly { why, vain }, Some((Some(value), _))) => (why, is_one_of(vain, &value)),
            _ => return Asks::Nothing,
        };
        if is_vain { Asks::InVain(why) } else { Asks::Nothing }
    }

    /// What somebody set, if it is a value of the key's kind.
    fn set(&self, key: &Key, beside: &Path) -> Option<(Option<String>, Origin)> {
        let found = self.look(key).ok().flatten()?;
        match key.kind {
            Kind::OwnMap => None,
            kind => {
                value::shown(kind, &found, beside).ok().flatten().map(|shown| (Some(shown), found.origin))
            }
        }
    }

    fn older(&self, key: &Key, beside: &Path) -> Option<(Option<String>, Origin)> {
        let (_, older) = OLDER.iter().find(|(newer, _)| *newer == key.name)?;
        self.set(self.schema().find(older)?, beside)
    }
}

/// A default of the table, as if somebody had written it.
pub(super) fn found_default(text: &str) -> Found {
    Found { value: Value::Scalar { text: text.to_owned(), is_plain: true }, origin: Origin::Default }
}

fn by_default(key: &Key, beside: &Path) -> (Option<String>, Origin) {
    let shown: Result<_, Wrong> = value::shown(key.kind, &found_default(key.default), beside);
    // What nobody sets is zero, or a default that means the same.
    let shown = shown.ok().flatten().or_else(|| Some(key.default.to_owned()).filter(|it| !it.is_empty()));
    (shown, Origin::Default)
}
