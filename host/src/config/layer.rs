//! A file under the environment variables that override it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::keys::{Schema, nearest};
use super::problem::{Origin, Problem};
use super::yaml::{self, Entry, Node, Value};

/// Longer than any that a person writes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Environment variables by name.
pub type Environment = BTreeMap<String, String>;

/// A value that somebody set, and who.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub value: Value,
    pub origin: Origin,
}

/// One file with its variables.
pub(super) struct Layer<'a> {
    schema: Schema,
    path: PathBuf,
    environment: &'a Environment,
    /// Leaves of the file by the table's key.
    leaves: BTreeMap<&'static str, (Entry, Value)>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl<'a> Layer<'a> {
    /// Reads `path`; a file that is not there sets nothing.
    pub fn read(schema: Schema, path: Option<&Path>, environment: &'a Environment) -> Self {
        let mut layer = Self {
            schema,
            path: path.map(Path::to_owned).unwrap_or_default(),
            environment,
            leaves: BTreeMap::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        if let Some(path) = path {
            match read_text(path) {
                Ok(text) => layer.take_text(&text),
                Err(what) => layer.problem(None, "", what, "make it readable, or name another folder"),
            }
        }
        layer.check_variables();
        layer
    }

    fn take_text(&mut self, text: &str) {
        match yaml::read(text) {
            Ok(Node { value: Value::Null, .. }) => {}
            Ok(Node { value: Value::Map(entries), .. }) => self.take_map("", entries),
            Ok(node) => {
                self.problem(Some(node.place), "", "a file of settings is a map", "write `key: value`")
            }
            Err(error) => {
                let what = format!("this is no YAML: {}", error.what);
                self.problem(error.place, "", what, "mend the line; look at indentation and quotes too");
            }
        }
    }

    fn take_map(&mut self, above: &str, entries: Vec<Entry>) {
        let mut seen = BTreeSet::new();
        for entry in entries {
            let key = if above.is_empty() { entry.key.clone() } else { format!("{above}.{}", entry.key) };
            if !seen.insert(entry.key.to_ascii_lowercase()) {
                self.problem(Some(entry.place), &key, "the key stands here twice", "keep one of them");
            }
            self.take_entry(&key, entry);
        }
    }

    fn take_entry(&mut self, key: &str, entry: Entry) {
        let known = self.schema.find(key);
        match (known, &entry.node.value) {
            // A map below a key that has keys below it in the table is looked into, unless it has names of people.
            (_, Value::Map(entries)) if self.schema.is_section(key) && !self.schema.is_open(key) => {
                let entries = entries.clone();
                self.take_map(key, entries);
            }
            (Some(known), value) => {
                let value = value.clone();
                self.leaves.insert(known, (entry, value));
            }
            (None, Value::Null) if self.schema.is_section(key) => {}
            (None, _) if self.schema.is_section(key) => {
                self.problem(Some(entry.place), key, "here stands a map", "write its keys below, indented");
            }
            (None, _) if self.schema.has_no_effect(key) => {}
            (None, _) => self.unknown(key, &entry),
        }
    }

    fn unknown(&mut self, key: &str, entry: &Entry) {
        let remedy = match self.schema.nearest(key) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "remove it".to_owned(),
        };
        let problem = self.at(Some(entry.place), key, "no such key".to_owned(), remedy);
        match self.schema.is_strict {
            true => self.problems.push(problem),
            false => self.warnings.push(problem),
        }
    }

    /// Variables that look like ours and are none: their setting would be silently without effect.
    fn check_variables(&mut self) {
        let known: BTreeSet<String> = self.schema.keys.iter().map(|key| self.schema.variable(key)).collect();
        let prefix = format!("{}_", self.schema.name.to_uppercase());
        for name in self.environment.keys().filter(|name| name.starts_with(&prefix)) {
            let is_file_of_known = name.strip_suffix("_FILE").is_some_and(|name| known.contains(name));
            if known.contains(name) || is_file_of_known || self.schema.is_variable_without_effect(name) {
                continue;
            }
            let meant = nearest(name, &known);
            // Fabric's variables are many, and most of them have no effect here yet.
            if meant.is_none() && !self.schema.is_strict {
                continue;
            }
            let problem = Problem {
                origin: Origin::Environment(name.clone()),
                key: String::new(),
                what: "no such variable".to_owned(),
                remedy: meant.map_or("unset it".to_owned(), |meant| format!("did you mean ${meant}?")),
            };
            match self.schema.is_strict {
                true => self.problems.push(problem),
                false => self.warnings.push(problem),
            }
        }
    }

    /// What is set for a key of the table. An empty variable sets nothing.
    ///
    /// Source: fabric v2.5.16 `common/viperutil/config_util.go` `getKeysRecursively`, `stringFromFileDecodeHook`.
    pub fn get(&mut self, key: &'static str) -> Option<Found> {
        let variable = self.schema.variable(key);
        let set = |name: &str| self.environment.get(name).filter(|value| !value.is_empty()).cloned();
        if let Some(text) = set(&variable) {
            let value = Value::Scalar { text, is_plain: false };
            return Some(Found { value, origin: Origin::Environment(variable) });
        }
        if let Some((entry, value)) = self.leaves.get(key)
            && !matches!(value, Value::Null)
        {
            let origin = Origin::File { path: self.path.clone(), place: Some(entry.place) };
            return Some(Found { value: value.clone(), origin });
        }
        let variable = format!("{variable}_FILE");
        let path = set(&variable)?;
        let origin = Origin::Environment(variable);
        match read_text(Path::new(&path)) {
            Ok(text) => {
                let value = Value::Scalar { text, is_plain: false };
                Some(Found { value, origin })
            }
            Err(what) => {
                let what = format!("{path} {what}");
                let remedy = "name a file that can be read".to_owned();
                self.problems.push(Problem { origin, key: key.to_owned(), what, remedy });
                None
            }
        }
    }

    fn at(&self, place: Option<yaml::Place>, key: &str, what: String, remedy: String) -> Problem {
        let origin = Origin::File { path: self.path.clone(), place };
        Problem { origin, key: key.to_owned(), what, remedy }
    }

    fn problem(&mut self, place: Option<yaml::Place>, key: &str, what: impl Into<String>, remedy: &str) {
        let problem = self.at(place, key, what.into(), remedy.to_owned());
        self.problems.push(problem);
    }
}

/// A whole file; or why not, to stand behind its name.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let bytes = path.metadata().map_err(cannot)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("is too long: {bytes} bytes are more than {FILE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(cannot)
}
