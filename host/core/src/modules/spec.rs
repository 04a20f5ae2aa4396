//! A module with all that decides what it does.

use std::fmt;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::module::{self, module_spec};
use raddle_proto::wire::go_decode;
use sha2::{Digest as _, Sha256};

use super::refusal::{Cause, ProfileRefusal};
use super::{
    BATCH_POLICY_KEY, COMPONENT_BYTES_MAX, FILTER_KEY_PREFIX, NAME_BYTES_MAX, REPLACEABLE_FILTER,
    SETTINGS_BYTES_MAX, SETTINGS_MAX, SPEC_BYTES_MAX, STANDARD_FILTERS, VERSION_BYTES_MAX,
};

/// SHA-256 of a component.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// What a module does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Judges one envelope.
    Filter,
    /// Says where a batch is cut.
    BatchPolicy,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::BatchPolicy => "batch policy",
        })
    }
}

/// Whether a module's word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Enforce,
    /// It runs and changes nothing.
    Shadow,
    /// It does not run.
    Off,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Off => "off",
        })
    }
}

/// What a channel's admins tell a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// What it is set to.
    pub value: String,
}

/// A module with all that decides what it does.
///
/// One that [`super::decode`] gives has passed all checks that need no sandbox. One made by hand is checked by
/// [`Spec::check`].
#[derive(Clone, PartialEq, Eq)]
pub struct Spec {
    /// Its name: of a filter the last part of its key, of a batch policy free. Lower-case letters, digits and hyphens,
    /// the first a letter, at most [`NAME_BYTES_MAX`].
    pub name: String,
    /// The author's version, for people. At most [`VERSION_BYTES_MAX`] printable ASCII characters.
    pub version: String,
    /// What it does.
    pub kind: Kind,
    /// Whether its word counts.
    pub mode: Mode,
    /// Filters run in ascending order, those of equal order by name.
    pub order: u32,
    /// Ascending by the bytes of their keys, no key twice; at most [`SETTINGS_MAX`] and [`SETTINGS_BYTES_MAX`].
    pub settings: Vec<Setting>,
    /// Most fuel of one call. The profile bounds it.
    pub fuel: u64,
    /// Most bytes of an instance's memory. The profile bounds it.
    pub memory_bytes: u64,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// A WebAssembly component; at most [`COMPONENT_BYTES_MAX`].
    pub component: Bytes,
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, kind, mode, order, settings, fuel, memory_bytes, digest, component } = self;
        f.debug_struct("Spec")
            .field("name", name)
            .field("version", version)
            .field("kind", kind)
            .field("mode", mode)
            .field("order", order)
            .field("settings", settings)
            .field("fuel", fuel)
            .field("memory_bytes", memory_bytes)
            .field("digest", digest)
            .field("component_bytes", &component.len())
            .finish()
    }
}

/// The part of a module's check that knows the sandbox: structure, world, fuel and memory.
///
/// A verdict depends on the spec alone and is the same on every orderer, for ever.
pub trait Profile {
    /// Checks the component and what it asks for.
    ///
    /// # Errors
    ///
    /// The module breaks the profile.
    fn check(&self, spec: &Spec) -> Result<(), ProfileRefusal>;
}

impl Spec {
    /// The key of the policy that carries the module.
    #[must_use]
    pub fn key(&self) -> String {
        match self.kind {
            Kind::Filter => format!("{FILTER_KEY_PREFIX}{}", self.name),
            Kind::BatchPolicy => BATCH_POLICY_KEY.to_owned(),
        }
    }

    /// Checks all that needs no sandbox.
    ///
    /// # Errors
    ///
    /// See [`Cause`].
    pub fn check(&self) -> Result<(), Cause> {
        check_name(&self.name)?;
        if self.kind == Kind::Filter
            && self.name != REPLACEABLE_FILTER
            && STANDARD_FILTERS.contains(&self.name.as_str())
        {
            return Err(Cause::Reserved { name: self.name.clone() });
        }
        let is_printable = self.version.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_printable || self.version.len() > VERSION_BYTES_MAX {
            return Err(Cause::Version { used: self.version.len() });
        }
        self.check_settings()?;
        if self.component.len() > COMPONENT_BYTES_MAX {
            return Err(Cause::ComponentBytes { used: self.component.len() });
        }
        let found = Digest::of(&self.component);
        if found == self.digest { Ok(()) } else { Err(Cause::Digest { stated: self.digest, found }) }
    }

    fn check_settings(&self) -> Result<(), Cause> {
        if self.settings.len() > SETTINGS_MAX {
            return Err(Cause::Settings { used: self.settings.len() });
        }
        let used = self.settings.iter().map(|it| it.key.len().saturating_add(it.value.len()));
        let used = used.fold(0_usize, usize::saturating_add);
        if used > SETTINGS_BYTES_MAX {
            return Err(Cause::SettingsBytes { used });
        }
        match self.settings.iter().zip(self.settings.iter().skip(1)).find(|(one, next)| one.key >= next.key) {
            Some((_, next)) => Err(Cause::SettingsOrder { key: next.key.clone() }),
            None => Ok(()),
        }
    }

    /// The canonical bytes.
    pub(super) fn marshal(&self) -> Vec<u8> {
        module::ModuleSpec {
            name: self.name.clone(),
            version: self.version.clone(),
            kind: match self.kind {
                Kind::Filter => module_spec::Kind::Filter,
                Kind::BatchPolicy => module_spec::Kind::BatchPolicy,
            } as i32,
            mode: match self.mode {
                Mode::Enforce => module_spec::Mode::Enforce,
                Mode::Shadow => module_spec::Mode::Shadow,
                Mode::Off => module_spec::Mode::Off,
            } as i32,
            order: self.order,
            settings: self
                .settings
                .iter()
                .map(|it| module::Setting { key: it.key.clone(), value: it.value.clone() })
                .collect(),
            fuel_limit: self.fuel,
            memory_limit_bytes: self.memory_bytes,
            sha256: Bytes::copy_from_slice(&self.digest.0),
            component: self.component.clone(),
        }
        .encode_to_vec()
    }

    /// Reads canonical bytes that stand under `key`, and checks what needs no sandbox.
    pub(super) fn unmarshal(key: &str, bytes: Bytes) -> Result<Self, Cause> {
        if bytes.len() > SPEC_BYTES_MAX {
            return Err(Cause::SpecBytes);
        }
        let read: module::ModuleSpec =
            go_decode(bytes.clone()).map_err(|error| Cause::Unreadable { what: error.to_string() })?;
        if read.encode_to_vec() != bytes {
            return Err(Cause::NotCanonical);
        }
        let kind = match module_spec::Kind::try_from(read.kind) {
            Ok(module_spec::Kind::Filter) => Kind::Filter,
            Ok(module_spec::Kind::BatchPolicy) => Kind::BatchPolicy,
            _ => return Err(Cause::UnknownKind { number: read.kind }),
        };
        let mode = match module_spec::Mode::try_from(read.mode) {
            Ok(module_spec::Mode::Enforce) => Mode::Enforce,
            Ok(module_spec::Mode::Shadow) => Mode::Shadow,
            Ok(module_spec::Mode::Off) => Mode::Off,
            _ => return Err(Cause::UnknownMode { number: read.mode }),
        };
        let digest = <[u8; 32]>::try_from(read.sha256.as_ref());
        let digest = digest.map_err(|_| Cause::DigestBytes { used: read.sha256.len() })?;
        let spec = Self {
            name: read.name,
            version: read.version,
            kind,
            mode,
            order: read.order,
            settings: read.settings.into_iter().map(|it| Setting { key: it.key, value: it.value }).collect(),
            fuel: read.fuel_limit,
            memory_bytes: read.memory_limit_bytes,
            digest: Digest(digest),
            component: read.component,
        };
        if spec.key() != key {
            return Err(Cause::Key { expected: spec.key(), kind });
        }
        spec.check()?;
        Ok(spec)
    }
}

fn check_name(name: &str) -> Result<(), Cause> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(is_known);
    if is_right { Ok(()) } else { Err(Cause::Name { name: name.chars().take(NAME_BYTES_MAX).collect() }) }
}
