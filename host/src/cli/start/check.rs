//! `raddle start --check`: every key with the value that counts and where it comes from, and all that is wrong.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::Failure;
use crate::cli::output::{Output, print, print_json, printable};
use crate::config::{Effective, Origin, Problem, Problems, Settings};

#[derive(Serialize)]
struct Json<'a> {
    settings: Vec<JsonSetting<'a>>,
    problems: Vec<JsonProblem<'a>>,
    warnings: Vec<JsonProblem<'a>>,
}

#[derive(Serialize)]
struct JsonSetting<'a> {
    key: &'a str,
    value: Option<&'a str>,
    #[serde(flatten)]
    origin: JsonOrigin<'a>,
    /// Why it has no effect.
    without_effect: Option<&'static str>,
    /// The versions of Fabric that know the key.
    fabric: Vec<&'static str>,
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    key: Option<&'a str>,
    #[serde(flatten)]
    origin: JsonOrigin<'a>,
    what: &'a str,
    remedy: &'a str,
}

/// Exactly one of file and variable is set; neither is for a default.
#[derive(Serialize)]
struct JsonOrigin<'a> {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    variable: Option<&'a str>,
}

/// Prints the settings, and fails with all problems, if there are any.
pub fn run(settings: &Settings, problems: Problems, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => print(&text(settings))?,
        Output::Json => print_json(&Json {
            settings: settings.effective.iter().map(setting).collect(),
            problems: problems.0.iter().map(problem).collect(),
            warnings: settings.warnings.iter().map(problem).collect(),
        })?,
    }
    if problems.0.is_empty() { Ok(()) } else { Err(problems.into()) }
}

fn text(settings: &Settings) -> String {
    let mut text = String::new();
    for Effective { key, value, origin, without_effect, .. } in &settings.effective {
        let value = value.as_deref().map_or_else(String::new, |value| format!(" {}", printable(value)));
        let effect = without_effect.map_or_else(String::new, |why| format!(", without effect: {why}"));
        let _ = writeln!(text, "{key}:{value}  # {origin}{effect}");
    }
    text
}

fn setting(it: &Effective) -> JsonSetting<'_> {
    JsonSetting {
        key: &it.key,
        value: it.value.as_deref(),
        origin: origin(&it.origin),
        without_effect: it.without_effect,
        fabric: it.versions.names(),
    }
}

fn problem(it: &Problem) -> JsonProblem<'_> {
    let key = Some(it.key.as_str()).filter(|key| !key.is_empty());
    JsonProblem { key, origin: origin(&it.origin), what: &it.what, remedy: &it.remedy }
}

fn origin(origin: &Origin) -> JsonOrigin<'_> {
    let none = JsonOrigin { file: None, line: None, column: None, variable: None };
    match origin {
        Origin::File { path, place } => JsonOrigin {
            file: Some(path.display().to_string()),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            variable: None,
        },
        Origin::Environment(name) => JsonOrigin { variable: Some(name), ..none },
        Origin::Default => none,
    }
}
