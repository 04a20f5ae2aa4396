//! All keys: what may stand in the files, what it is, whether it has an effect, and what its variable is called.

mod fabric;
mod nearest;
mod raddle;

pub(super) use fabric::ORDERER;
pub(super) use nearest::nearest;
pub(super) use raddle::RADDLE;

/// One of the two files, and the variables that override it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    /// The file's name without its ending; in upper case the first part of each variable.
    pub name: &'static str,
    /// Everything that may stand in it, in the order in which it is shown.
    pub keys: &'static [Key],
    /// Sections in which Fabric passes over keys that it does not know.
    pub lenient: &'static [&'static str],
    /// Whether a variable that is no key's is a problem, or only a warning.
    pub is_strict: bool,
}

/// A key that may stand in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name, with those of the sections around it.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What counts where nobody sets it, as it would be written; empty for nothing.
    pub default: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// Which orderers know it.
    pub versions: Versions,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A text that is not shown.
    Secret,
    /// A file or folder, seen from the folder of the settings.
    Path,
    Boolean,
    /// A whole number from 0 to this one.
    Number(u64),
    /// A whole number of 64 bits.
    Integer,
    Fraction,
    Duration,
    /// Bytes, in 32 bits.
    Size,
    List,
    /// A list of [`Kind::Path`].
    Paths,
    /// A version of Kafka.
    KafkaVersion,
    /// Something of our own, which its reader checks.
    Own,
    /// A map of our own, with names that people choose.
    OwnMap,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It does what it says.
    Works,
    /// It does what it says, but for some values.
    Partly {
        /// Why these do nothing, or what there is instead.
        why: &'static str,
        /// Which.
        vain: &'static [&'static str],
    },
    /// It does nothing here.
    NoEffect {
        /// Why, or what there is instead.
        why: &'static str,
        /// Values that ask for nothing.
        idle: &'static [&'static str],
    },
    /// It only says how, where another key that has no effect asks for something.
    With(&'static str),
}

/// The lines of Fabric whose orderers take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    bits: u8,
}

impl Versions {
    pub(super) const NONE: Self = Self { bits: 0 };
    pub(super) const V1: Self = Self { bits: 1 };
    pub(super) const V1_V2: Self = Self { bits: 3 };
    pub(super) const V2_V3: Self = Self { bits: 6 };
    pub(super) const V3: Self = Self { bits: 4 };
    pub(super) const ALL: Self = Self { bits: 7 };

    /// Those that take both keys.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.bits == 0
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [(1, "1.4"), (2, "2.5"), (4, "3.1")];
        all.into_iter().filter(|(bit, _)| self.bits & bit != 0).map(|(_, name)| name).collect()
    }
}

impl Kind {
    /// Whether the value may stand in a file that `File:` names.
    ///
    /// Source: fabric v2.5.16 `common/viperutil/config_util.go` `stringFromFileDecodeHook`,
    /// `pemBlocksFromFileDecodeHook`.
    pub const fn takes_file(self) -> bool {
        matches!(self, Self::Text | Self::Secret | Self::List)
    }
}

impl Schema {
    /// The variable that overrides a key: `ORDERER_GENERAL_LISTENPORT` for `General.ListenPort`.
    ///
    /// Source: fabric v2.5.16 `common/viperutil/config_util.go` `getFromEnv`.
    pub fn variable(&self, key: &str) -> String {
        format!("{}_{key}", self.name).to_uppercase().replace('.', "_")
    }

    /// The key of the table. Case does not count, as in Fabric.
    pub fn find(&self, key: &str) -> Option<&'static Key> {
        self.keys.iter().find(|known| known.name.eq_ignore_ascii_case(key))
    }

    /// Whether `key` is above keys of the table.
    pub fn is_section(&self, key: &str) -> bool {
        self.keys.iter().any(|known| is_below(known.name, key))
    }

    /// Everything that is above keys of the table.
    pub fn sections(&self) -> Vec<&'static str> {
        let above = |name: &'static str| {
            name.match_indices('.').filter_map(move |(place, _)| name.get(..place)).collect::<Vec<_>>()
        };
        let mut sections: Vec<_> = self.keys.iter().flat_map(|key| above(key.name)).collect();
        sections.sort_unstable();
        sections.dedup();
        sections
    }

    /// Whether Fabric passes over what it does not know there.
    pub fn is_lenient(&self, key: &str) -> bool {
        self.lenient.iter().any(|section| is_below(key, section))
    }

    /// The key or section that somebody who wrote `key` may have meant.
    pub fn nearest(&self, key: &str) -> Option<&'static str> {
        let keys = self.keys.iter().map(|known| known.name);
        nearest::key(key, &keys.chain(self.sections()).collect::<Vec<_>>())
    }
}

/// Whether a key stands somewhere in a section. Case does not count.
pub(super) fn is_below(key: &str, section: &str) -> bool {
    match (key.get(..section.len()), key.get(section.len()..)) {
        (Some(head), Some(rest)) => head.eq_ignore_ascii_case(section) && rest.starts_with('.'),
        _ => false,
    }
}
