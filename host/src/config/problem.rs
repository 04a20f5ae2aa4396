//! What is wrong with the settings, in words that help to mend it.

use std::fmt;
use std::path::PathBuf;

use super::yaml::Place;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file, and the line and column of the key there, from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The place; none if the file as a whole is meant.
        place: Option<Place>,
    },
    /// An environment variable.
    Environment(String),
    /// Nobody set it.
    Default,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// The key, as it is written in Fabric's documentation; empty if no key is meant.
    pub key: String,
    /// What is wrong, without a final period.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Settings that cannot be used: every problem, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} in the settings", count(.0.len()))]
pub struct Problems(pub Vec<Problem>);

fn count(problems: usize) -> String {
    match problems {
        1 => "1 problem".to_owned(),
        more => format!("{more} problems"),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, place: Some(place) } => write!(f, "{}:{place}", path.display()),
            Self::File { path, place: None } => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}
