//! A component in a file, and what a command line says of its settings and limits.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use raddle_core::modules::{Setting, Spec};
use raddle_rules::check::{self, Checked, ModuleKind, Refusal};
use raddle_rules::profile::{Limit, ModuleLimits};
use raddle_rules::{SETTINGS_BYTES_MAX, SETTINGS_MAX};

use crate::admin::modules::Kind;
use crate::cli::{Code, Exit, Failure, program};
use crate::workbench;

/// Most bytes of a component's file that are read; the static check says what is wrong with a longer one.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// A component that passed the static check.
pub struct Component {
    /// The file's name, without folder and ending.
    pub stem: String,
    /// The component.
    pub bytes: Bytes,
    /// What it is.
    pub kind: Kind,
    /// What the check found.
    pub checked: Checked,
}

/// What a module is told, for commands that run one.
#[derive(Debug, clap::Args)]
pub struct Told {
    /// A setting of the module; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A file of settings, YAML or JSON; --set wins
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Most fuel of one call
    #[arg(long, value_name = "FUEL")]
    fuel: Option<u64>,
    /// Most bytes of an instance's memory
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
}

impl Component {
    /// Reads a file, or the one component in a folder, and checks it, without compiling it.
    ///
    /// # Errors
    ///
    /// It cannot be read, or no orderer would take it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let path = &if path.is_dir() { only_component_of(path)? } else { path.to_owned() };
        let failed = |what: String| {
            Failure::new(Code::File, Exit::Usage, format!("{} cannot be read: {what}", path.display()))
        };
        let no_module = |refusal: Refusal| refused(format!("{} is no module: {refusal}", path.display()));
        let size = path.metadata().map_err(|error| failed(error.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(no_module(Refusal::TooMuch { limit: Limit::ComponentBytes, used: size }));
        }
        let bytes = Bytes::from(std::fs::read(path).map_err(|error| failed(error.to_string()))?);
        let checked = check::check(&bytes).map_err(no_module)?;
        let kind = match checked.kind() {
            ModuleKind::Filter => Kind::Filter,
            ModuleKind::BatchPolicy => Kind::BatchPolicy,
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { stem, bytes, kind, checked })
    }

    /// What an instance gets that asks for nothing.
    pub fn limits(&self) -> ModuleLimits {
        match self.kind {
            Kind::Filter => ModuleLimits::of_filter(),
            Kind::BatchPolicy => ModuleLimits::default(),
        }
    }

    /// The module as `told`; its name is the file's, or another one where the file's is none.
    ///
    /// # Errors
    ///
    /// Settings or limits that no module has.
    pub fn spec(&self, told: &Told) -> Result<Spec, Failure> {
        let limits = (
            told.fuel.unwrap_or(self.limits().fuel_per_call()),
            told.memory.unwrap_or(self.limits().memory_bytes()),
        );
        let name = if check_name(&self.stem).is_ok() { self.stem.as_str() } else { "module" };
        let spec = workbench::spec(name, self.kind, self.bytes.clone(), limits, told.all()?);
        workbench::check(&spec).map_err(|refusal| refused(refusal.sentence))?;
        Ok(spec)
    }
}

impl Told {
    /// No settings, and these limits.
    pub const fn limits(fuel: Option<u64>, memory: Option<u64>) -> Self {
        Self { set: Vec::new(), settings: None, fuel, memory }
    }

    /// All settings.
    fn all(&self) -> Result<Vec<Setting>, Failure> {
        let mut all = match &self.settings {
            Some(path) => workbench::read::<workbench::SettingsForm>(path)?.pairs(),
            None => Vec::new(),
        };
        let given = settings(&self.set)?;
        all.retain(|it| given.iter().all(|given| given.key != it.key));
        all.extend(given);
        all.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(all)
    }
}

/// The file in a module's folder that `raddle module build` has made.
fn only_component_of(folder: &Path) -> Result<PathBuf, Failure> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut components = files.filter(|path| path.extension().is_some_and(|it| it == "wasm"));
    let (shown, program) = (folder.display(), program());
    match (components.next(), components.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            let sentence = format!("{shown} has several components; name one of the files");
            Err(Failure::new(Code::File, Exit::Usage, sentence))
        }
        (None, _) => Err(Failure::new(Code::File, Exit::Usage, format!("{shown} has no component"))
            .hint(format!("`{program} module build {shown}` makes it"))),
    }
}

/// Whether a module can have the name.
///
/// # Errors
///
/// It cannot.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_known);
    if is_right {
        return Ok(());
    }
    let sentence = format!(
        "{name:?} is no name of a module: a lower-case letter, then lower-case letters, digits and hyphens, at most \
         64 in all"
    );
    Err(refused(sentence).hint("--name gives it another one than the file's"))
}

/// Settings as a command line gives them.
///
/// # Errors
///
/// One has not the form, is given twice, or they are too many.
pub fn settings(set: &[String]) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    for text in set {
        let pair = text.split_once('=');
        let (key, value) =
            pair.ok_or_else(|| refused(format!("{text:?} is no setting of the form KEY=VALUE")))?;
        settings.push(Setting { key: key.to_owned(), value: value.to_owned() });
    }
    settings.sort_by(|left, right| left.key.cmp(&right.key));
    let doubled = settings.windows(2).find_map(|pair| match pair {
        [one, other] if one.key == other.key => Some(one.key.clone()),
        _ => None,
    });
    if let Some(key) = doubled {
        return Err(refused(format!("setting {key:?} is given twice")));
    }
    let bytes: usize = settings.iter().map(|it| it.key.len() + it.value.len()).sum();
    if settings.len() > SETTINGS_MAX || bytes > SETTINGS_BYTES_MAX {
        let count = settings.len();
        return Err(refused(format!(
            "{count} settings of {bytes} bytes are too many: at most {SETTINGS_MAX} of {SETTINGS_BYTES_MAX} bytes"
        )));
    }
    Ok(settings)
}

/// The module, or what it is told, has to be changed.
pub fn refused(sentence: String) -> Failure {
    Failure::new(Code::ModuleRefused, Exit::Usage, sentence)
}
