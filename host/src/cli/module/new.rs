//! `raddle module new`.

use std::path::Path;

use raddle_author::project::{self, Kind, Language, NewError};
use raddle_core::modules::{REPLACEABLE_FILTER, STANDARD_FILTERS};

use crate::cli::output::print;
use crate::cli::{Code, Exit, Failure, program};

/// Options of `raddle module new`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raddle module new my-rule
  raddle module new fair-blocks --kind batch-policy
  raddle module new my-rule --language c

More: `raddle help author`.")]
pub struct Arguments {
    /// The module's name, and the folder's
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is to be
    #[arg(long, value_enum, default_value_t)]
    kind: KindFlag,
    /// What it is to be written in
    #[arg(long, value_enum, default_value_t)]
    language: LanguageFlag,
}

/// Kinds of modules, as flags name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KindFlag {
    /// Judges envelopes
    #[default]
    Filter,
    /// Says where blocks end
    BatchPolicy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum LanguageFlag {
    /// Rust, with Raddle's SDK
    #[default]
    Rust,
    /// C, with wit-bindgen's bindings and without a C library
    C,
}

/// Makes a folder with a module in it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { name, kind, language } = arguments;
    if STANDARD_FILTERS.contains(&name.as_str()) && name != REPLACEABLE_FILTER {
        let sentence = format!("no module can be called {name}: every channel has a filter of that name");
        return Err(Failure::new(Code::NoNewModule, Exit::Usage, sentence));
    }
    let kind = match kind {
        KindFlag::Filter => Kind::Filter,
        KindFlag::BatchPolicy => Kind::BatchPolicy,
    };
    let (language, source) = match language {
        LanguageFlag::Rust => (Language::Rust, "src/lib.rs"),
        LanguageFlag::C => (Language::C, "rule.c"),
    };
    project::create(Path::new("."), name, kind, language)?;
    let program = program();
    print(&format!(
        "made     {name}: {source} is the module, cases what it has to answer, raddle-guest the SDK\n\n\
         Next:\n  {program} module build {name}\n  {program} module test {name}\n"
    ))
}

impl From<NewError> for Failure {
    fn from(error: NewError) -> Self {
        let sentence = error.to_string();
        match error {
            NewError::Exists { .. } => Self::new(Code::NoNewModule, Exit::Usage, sentence)
                .hint("give another name, or take it away; nothing was changed"),
            NewError::Name { .. } | NewError::Taken { .. } => {
                Self::new(Code::NoNewModule, Exit::Usage, sentence)
            }
            NewError::Bindings(_) => Self::new(Code::Bug, Exit::Bug, sentence),
            NewError::Write { .. } => Self::new(Code::File, Exit::Failed, sentence),
        }
    }
}
