//! `raddle module list` and `show`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::admin::modules::{self, Installed, ModuleError, Spec};
use crate::cli::Failure;
use crate::cli::channel::current::{self, Current};
use crate::cli::connection::{Flags, block_on};
use crate::cli::output::{Output, print, print_json, printable};

/// Options of `raddle module list`.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// Options of `raddle module show`.
#[derive(Debug, clap::Args)]
pub struct ShowArguments {
    /// The module
    #[arg(value_name = "NAME")]
    name: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// A module for programs. What a broken one has not is left out.
#[derive(Serialize)]
struct View {
    key: String,
    mod_policy: String,
    config_version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
    #[serde(flatten)]
    spec: Option<SpecView>,
}

#[derive(Serialize)]
struct SpecView {
    name: String,
    version: String,
    kind: String,
    mode: String,
    order: u32,
    settings: BTreeMap<String, String>,
    fuel: u64,
    memory_bytes: u64,
    sha256: String,
    component_bytes: usize,
}

impl From<Installed> for View {
    fn from(module: Installed) -> Self {
        let (broken, spec) = match module.spec {
            Ok(spec) => (None, Some(SpecView::from(spec))),
            Err(refusal) => (Some(refusal.to_string()), None),
        };
        Self { key: module.key, mod_policy: module.mod_policy, config_version: module.version, broken, spec }
    }
}

impl From<Spec> for SpecView {
    fn from(spec: Spec) -> Self {
        Self {
            kind: spec.kind.to_string(),
            mode: spec.mode.to_string(),
            sha256: spec.digest.to_string(),
            component_bytes: spec.component.len(),
            name: spec.name,
            version: spec.version,
            order: spec.order,
            settings: spec.settings.into_iter().map(|it| (it.key, it.value)).collect(),
            fuel: spec.fuel,
            memory_bytes: spec.memory_bytes,
        }
    }
}

fn fetch(flags: &Flags) -> Result<Current, Failure> {
    let settings = flags.settings()?;
    block_on(async { current::fetch(&settings.connect().await?).await })
}

/// Lists all modules, in the order in which they are asked.
pub fn list(arguments: &ListArguments) -> Result<(), Failure> {
    let current = fetch(&arguments.connection)?;
    let views: Vec<View> = modules::installed(&current.config).into_iter().map(View::from).collect();
    if arguments.output == Output::Json {
        return print_json(&views);
    }
    if views.is_empty() {
        return print("no module is installed\n");
    }
    let mut text = String::new();
    for view in views {
        text.push_str(&match (view.spec, view.broken) {
            (Some(spec), _) => format!(
                "{}   {}   {}   order {}   {} bytes   sha256 {}\n",
                printable(&spec.name),
                spec.kind,
                spec.mode,
                spec.order,
                spec.component_bytes,
                spec.sha256,
            ),
            (None, broken) => {
                format!("{}   {}\n", printable(&view.key), printable(&broken.unwrap_or_default()))
            }
        });
    }
    print(&text)
}

/// Shows one module.
pub fn show(arguments: &ShowArguments) -> Result<(), Failure> {
    let current = fetch(&arguments.connection)?;
    let unknown = || ModuleError::Unknown { name: arguments.name.clone() };
    let view = View::from(modules::find(&current.config, &arguments.name).ok_or_else(unknown)?);
    if arguments.output == Output::Json {
        return print_json(&view);
    }
    let mut lines = vec![("key", view.key), ("mod policy", view.mod_policy)];
    lines.push(("changed", format!("{} times", view.config_version)));
    if let Some(spec) = view.spec {
        lines.extend([
            ("name", spec.name),
            ("version", spec.version),
            ("kind", spec.kind),
            ("mode", spec.mode),
            ("order", spec.order.to_string()),
            ("fuel", format!("{} a call", spec.fuel)),
            ("memory", format!("{} bytes", spec.memory_bytes)),
            ("component", format!("{} bytes, sha256 {}", spec.component_bytes, spec.sha256)),
        ]);
        lines.extend(spec.settings.into_iter().map(|(key, value)| ("setting", format!("{key}={value}"))));
    }
    lines.extend(view.broken.map(|broken| ("broken", broken)));
    print(
        &lines
            .iter()
            .fold(String::new(), |text, (what, value)| text + &format!("{what:<11} {}\n", printable(value))),
    )
}
