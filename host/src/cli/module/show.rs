//! `raddle module list` and `show`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use raddle_serve::channels::{ModuleReport, ModulesReport};
use serde::Serialize;

use crate::admin::modules::{self, Installed, Kind, Mode, ModuleError, Spec};
use crate::cli::Failure;
use crate::cli::channel::current::{self, Current};
use crate::cli::connection::{Flags, block_on};
use crate::cli::output::{Output, count, print, print_json, printable};
use crate::client::{Place, range};

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
    /// What it has done on the orderer that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageView>,
}

#[derive(Serialize)]
struct UsageView {
    calls: u64,
    #[serde(flatten)]
    answers: Answers,
    faults: BTreeMap<&'static str, u64>,
    fuel: u64,
    nanoseconds: u64,
    memory_bytes: u64,
}

/// What a module of each kind has answered.
#[derive(Serialize)]
#[serde(untagged)]
enum Answers {
    Filter { accepted: u64, refused: u64, refused_by_rules: u64, left_out: u64 },
    BatchPolicy { batches: u64, did_not_fit: u64, full: u64 },
}

impl UsageView {
    fn of(report: &ModuleReport, kind: &str) -> Self {
        let faults = [
            ("out-of-fuel", report.out_of_fuel),
            ("trapped", report.trapped),
            ("over-limit", report.over_limit),
            ("bad-answer", report.bad_answer),
            ("local", report.local_faults),
        ];
        let ModuleReport { accepted, refused, refused_by_rules, left_out, .. } = *report;
        let ModuleReport { batches, did_not_fit, full, .. } = *report;
        Self {
            calls: report.calls,
            answers: match kind == Kind::BatchPolicy.to_string() {
                true => Answers::BatchPolicy { batches, did_not_fit, full },
                false => Answers::Filter { accepted, refused, refused_by_rules, left_out },
            },
            faults: faults.into_iter().filter(|(_, count)| *count > 0).collect(),
            fuel: report.fuel,
            nanoseconds: report.nanoseconds,
            memory_bytes: report.memory_bytes,
        }
    }

    fn text(&self) -> String {
        let faults = self.faults.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let each = |total: u64| total.checked_div(self.calls).unwrap_or_default();
        let answers = match self.answers {
            Answers::Filter { accepted, refused, .. } => format!("{accepted} accepted, {refused} refused"),
            Answers::BatchPolicy { batches, did_not_fit, full } => format!(
                "{}, of which it cut {did_not_fit} before an envelope that did not fit and {full} as full",
                count(batches, "batch", "batches"),
            ),
        };
        format!(
            "asked {} here: {answers}, {faults} faults; {} fuel and {} µs a call, at most {} KiB of memory",
            count(self.calls, "time", "times"),
            each(self.fuel),
            each(self.nanoseconds) / 1000,
            self.memory_bytes >> 10,
        )
    }

    /// What a filter in mode shadow would change.
    fn compared(&self) -> Option<String> {
        let Answers::Filter { accepted, refused_by_rules, left_out, .. } = self.answers else { return None };
        let mut text = format!(
            "would refuse {} of the {} envelopes that the rules let pass; the rules themselves refused \
             {refused_by_rules}",
            self.calls.saturating_sub(accepted),
            self.calls,
        );
        if left_out > 0 {
            text.push_str(&format!(
                "; it was not asked about {left_out}, since more came than there was time for"
            ));
        }
        Some(text)
    }
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
        Self {
            key: module.key,
            mod_policy: module.mod_policy,
            config_version: module.version,
            broken,
            spec,
            usage: None,
        }
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

/// The config, and what the modules in it have done on the orderer that was asked. Only Raddle's orderers tell that.
fn fetch(flags: &Flags) -> Result<(Current, ModulesReport), Failure> {
    let settings = flags.settings()?;
    block_on(async {
        let connection = settings.connect().await?;
        let current = current::fetch(&connection).await?;
        if modules::installed(&current.config).is_empty() {
            return Ok((current, ModulesReport::default()));
        }
        let hash = connection.client.certificate_hash();
        let seek = range(Place::Newest, Place::Newest, false);
        let request = connection.signer.bound_seek(&connection.channel, &seek, SystemTime::now(), hash)?;
        let report = connection.client.modules(&request).await.unwrap_or_else(|error| {
            anstream::eprintln!(
                "note: what the modules have done is not known: {}",
                printable(&error.to_string())
            );
            ModulesReport::default()
        });
        Ok((current, report))
    })
}

impl View {
    fn with_usage(mut self, report: &ModulesReport) -> Self {
        if let Some(spec) = &self.spec {
            let usage = report.modules.iter().find(|usage| usage.name == spec.name);
            self.usage = usage.map(|usage| UsageView::of(usage, &spec.kind));
        }
        self
    }
}

/// Lists all modules, in the order in which they are asked.
pub fn list(arguments: &ListArguments) -> Result<(), Failure> {
    let (current, report) = fetch(&arguments.connection)?;
    let views = modules::installed(&current.config).into_iter();
    let views: Vec<View> = views.map(|module| View::from(module).with_usage(&report)).collect();
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
                "{}   {}   {}   order {}   {} bytes   sha256 {}\n{}",
                printable(&spec.name),
                spec.kind,
                spec.mode,
                spec.order,
                spec.component_bytes,
                spec.sha256,
                view.usage.map_or(String::new(), |usage| format!("  {}\n", usage.text())),
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
    let (current, report) = fetch(&arguments.connection)?;
    let unknown = || ModuleError::Unknown { name: arguments.name.clone() };
    let view = View::from(modules::find(&current.config, &arguments.name).ok_or_else(unknown)?);
    let view = view.with_usage(&report);
    if arguments.output == Output::Json {
        return print_json(&view);
    }
    let mut lines = vec![("key", view.key), ("mod policy", view.mod_policy)];
    lines.push(("changed", format!("{} times", view.config_version)));
    let is_shadow = view.spec.as_ref().is_some_and(|spec| spec.mode == Mode::Shadow.to_string());
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
    if let Some(usage) = view.usage {
        lines.push(("usage", usage.text()));
        lines.extend(usage.faults.iter().map(|(class, count)| ("fault", format!("{class}: {count} times"))));
        if is_shadow {
            lines.extend(usage.compared().map(|text| ("shadow", text)));
        }
    }
    lines.extend(view.broken.map(|broken| ("broken", broken)));
    print(
        &lines
            .iter()
            .fold(String::new(), |text, (what, value)| text + &format!("{what:<11} {}\n", printable(value))),
    )
}
