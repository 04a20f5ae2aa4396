//! A file under the environment variables that override it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::keys::{Key, Schema, is_below, nearest};
use super::problem::{Origin, Problem};
use super::value::{self, Wrong};
use super::yaml::{self, Entry, Node, Place, Value};

/// Longer than any that a person writes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is said where a section is written as one value.
const SECTION: &str = "here belongs a map";

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
    leaves: BTreeMap<&'static str, Found>,
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
        layer.take_sections();
        layer.check_variables();
        layer
    }

    /// What the table says of the keys.
    pub const fn schema(&self) -> Schema {
        self.schema
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
        let origin = self.origin(Some(entry.place));
        match (self.schema.find(key), entry.node.value) {
            (Some(known), value) => {
                self.leaves.insert(known.name, Found { value, origin });
            }
            (None, Value::Map(entries)) if self.schema.is_section(key) => self.take_map(key, entries),
            (None, Value::Null) if self.schema.is_section(key) => {}
            (None, other) if self.schema.is_section(key) => {
                let what = format!("here stands {}", value::kind(&other));
                self.problem(Some(entry.place), key, what, "write its keys below, indented");
            }
            (None, _) => self.unknown(key, origin),
        }
    }

    fn unknown(&mut self, key: &str, origin: Origin) {
        let remedy = match self.schema.nearest(key) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "remove it".to_owned(),
        };
        let problem = Problem { origin, key: key.to_owned(), what: "no such key".to_owned(), remedy };
        match self.schema.is_lenient(key) {
            true => self.warnings.push(problem),
            false => self.problems.push(problem),
        }
    }

    /// Variables that stand for a whole section, as a JSON object of texts; what the file has there does not count.
    ///
    /// Source: fabric v1.4.12 `common/viperutil/config_util.go` `unmarshalJSON`. Later orderers refuse such a variable.
    fn take_sections(&mut self) {
        for section in self.schema.sections() {
            let variable = self.schema.variable(section);
            let Some(text) = self.variable(&variable) else { continue };
            let origin = Origin::Environment(variable);
            let Ok(entries) = serde_json::from_str::<BTreeMap<String, String>>(&text) else {
                let remedy = format!(
                    "set ${}_… for each of its keys, or a JSON object of texts",
                    self.schema.variable(section)
                );
                let (key, what) = (section.to_owned(), SECTION.to_owned());
                self.problems.push(Problem { origin, key, what, remedy });
                continue;
            };
            self.leaves.retain(|key, _| !is_below(key, section));
            for (name, text) in entries {
                let key = format!("{section}.{name}");
                match self.schema.find(&key) {
                    Some(known) => {
                        let value = Value::Scalar { text, is_plain: false };
                        self.leaves.insert(known.name, Found { value, origin: origin.clone() });
                    }
                    None => self.unknown(&key, origin.clone()),
                }
            }
        }
    }

    /// Variables that look like ours and are none: their setting would be silently without effect.
    ///
    /// Differs: Fabric passes over them.
    fn check_variables(&mut self) {
        let keys: BTreeSet<String> =
            self.schema.keys.iter().map(|key| self.schema.variable(key.name)).collect();
        let sections: BTreeSet<String> =
            self.schema.sections().into_iter().map(|section| self.schema.variable(section)).collect();
        let files = self.schema.keys.iter().filter(|key| key.kind.takes_file());
        let files: BTreeSet<String> =
            files.map(|key| format!("{}_FILE", self.schema.variable(key.name))).collect();
        let prefix = format!("{}_", self.schema.name.to_uppercase());
        for name in self.environment.keys().filter(|name| name.starts_with(&prefix)) {
            if [&keys, &sections, &files].iter().any(|known| known.contains(name)) {
                continue;
            }
            // What all have in common makes none alike.
            let rest = |name: &'_ str| name.strip_prefix(&prefix).unwrap_or_default().to_owned();
            let meant = nearest(&rest(name), keys.iter().map(|known| rest(known)));
            let meant = meant.map(|rest| format!("{prefix}{rest}"));
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

    /// What is set for a key of the table. What cannot be found out is a problem, and set to nothing.
    pub fn get(&mut self, key: &'static str) -> Option<Found> {
        let known = self.schema.find(key)?;
        self.look(known).unwrap_or_else(|problem| {
            self.problems.push(problem);
            None
        })
    }

    /// What is set for a key of the table. An empty variable sets nothing.
    ///
    /// # Errors
    ///
    /// A file that should hold the value cannot be read.
    ///
    /// Source: fabric v2.5.16 `common/viperutil/config_util.go` `getKeysRecursively`, `stringFromFileDecodeHook`.
    pub fn look(&self, key: &Key) -> Result<Option<Found>, Problem> {
        let variable = self.schema.variable(key.name);
        let file = format!("{variable}_FILE");
        if let Some(text) = self.variable(&variable) {
            let value = Value::Scalar { text, is_plain: false };
            return Ok(Some(Found { value, origin: Origin::Environment(variable) }));
        }
        match self.leaves.get(key.name).filter(|found| !matches!(found.value, Value::Null)) {
            Some(Found { value: Value::Map(entries), origin }) if key.kind.takes_file() => {
                let entry = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case("File"));
                let Some(entry) = entry else {
                    return Ok(Some(Found { value: Value::Map(entries.clone()), origin: origin.clone() }));
                };
                let from_file = Found {
                    value: entry.node.value.clone(),
                    origin: match origin {
                        Origin::File { .. } => self.origin(Some(entry.place)),
                        other => other.clone(),
                    },
                };
                let over = self.variable(&file).map(|text| Found {
                    value: Value::Scalar { text, is_plain: false },
                    origin: Origin::Environment(file),
                });
                self.contents(key, over.unwrap_or(from_file)).map(Some)
            }
            Some(found) => Ok(Some(found.clone())),
            None if key.kind.takes_file() => match self.variable(&file) {
                Some(text) => {
                    let value = Value::Scalar { text, is_plain: false };
                    let named = Found { value, origin: Origin::Environment(file) };
                    self.contents(key, named).map(Some)
                }
                None => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// What stands in the files that are named.
    fn contents(&self, key: &Key, named: Found) -> Result<Found, Problem> {
        let refused = |Wrong { what, remedy }| Problem {
            origin: named.origin.clone(),
            key: format!("{}.File", key.name),
            what,
            remedy,
        };
        let unread = |what| Wrong { what, remedy: "name a file that can be read".to_owned() };
        let paths = value::list(&named).map_err(refused)?;
        if paths.is_empty() {
            return Err(refused(unread("no file is named".to_owned())));
        }
        let place = Place { line: 1, column: 1 };
        let mut texts = Vec::new();
        for path in paths {
            let text =
                read_text(Path::new(&path)).map_err(|what| refused(unread(format!("{path} {what}"))))?;
            texts.push(Node { place, value: Value::Scalar { text, is_plain: false } });
        }
        let value = match texts.pop() {
            Some(Node { value, .. }) if texts.is_empty() => value,
            last => Value::List(texts.into_iter().chain(last).collect()),
        };
        Ok(Found { value, origin: named.origin })
    }

    /// The keys of the file itself, with their places.
    pub fn in_file(&self) -> impl Iterator<Item = (&'static Key, &Origin)> {
        let leaves = self.leaves.iter().filter(|(_, found)| matches!(found.origin, Origin::File { .. }));
        leaves.filter_map(|(name, found)| Some((self.schema.find(name)?, &found.origin)))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn origin(&self, place: Option<Place>) -> Origin {
        Origin::File { path: self.path.clone(), place }
    }

    fn problem(&mut self, place: Option<Place>, key: &str, what: impl Into<String>, remedy: &str) {
        let origin = self.origin(place);
        let (what, remedy) = (what.into(), remedy.to_owned());
        self.problems.push(Problem { origin, key: key.to_owned(), what, remedy });
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
