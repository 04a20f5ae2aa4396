//! `raddle module test`.

use std::path::{Path, PathBuf};

use raddle_rules::on_guest_stack;

use super::build::build;
use super::component::{Component, Told};
use crate::cli::output::{count, print, printable};
use crate::cli::{Code, Exit, Failure, compile_worker, program};
use crate::workbench::cases::{CaseError, Outcome, play};
use crate::workbench::{self, CaseFile, FormError, Workbench};

/// The folder of the cases, beside the module.
const FOLDER: &str = "cases";

/// Options of `raddle module test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raddle module test
  raddle module test my-rule.wasm --cases DIR

What a file of cases is: `raddle help author`.")]
pub struct Arguments {
    /// The module's folder, which is built first, or a component
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    module: PathBuf,
    /// The folder or file of the cases [default: the folder `cases` beside the module]
    #[arg(long, value_name = "DIR|FILE")]
    cases: Option<PathBuf>,
    /// Print what the module logs, of every case
    #[arg(short, long)]
    verbose: bool,
}

/// Plays the cases of a module.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (component, beside) = if arguments.module.is_dir() {
        (build(&arguments.module)?.0, arguments.module.clone())
    } else {
        let parent = arguments.module.parent().map(Path::to_owned).unwrap_or_default();
        (arguments.module.clone(), parent)
    };
    let component = Component::read(&component)?;
    let cases = arguments.cases.clone().unwrap_or_else(|| beside.join(FOLDER));
    let files = match cases.is_dir() {
        true => workbench::read_folder(&cases)?,
        false => vec![(cases.display().to_string(), workbench::read::<CaseFile>(&cases)?)],
    };
    if files.iter().all(|(_, file)| file.cases.is_empty()) {
        let sentence = format!("{} has no case, so nothing was tested", cases.display());
        return Err(Failure::new(Code::CaseFile, Exit::Usage, sentence)
            .hint(format!("`{} help author` tells what a file of cases is", program())));
    }
    let bench = Workbench::new(compile_worker::worker())?;
    let (mut passed, mut failed) = (0, 0);
    for (name, file) in &files {
        for outcome in played(&bench, &component, name, file)? {
            *(if outcome.passed { &mut passed } else { &mut failed }) += 1;
            print(&text(name, &outcome, arguments.verbose))?;
        }
    }
    print(&format!("\n{}: {passed} passed, {failed} failed\n", count(passed + failed, "case", "cases")))?;
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Code::CasesFailed,
        Exit::Failed,
        format!("{failed} of {} failed", cases_of(passed + failed)),
    ))
}

fn cases_of(number: u64) -> String {
    count(number, "case", "cases")
}

fn played(
    bench: &Workbench,
    component: &Component,
    name: &str,
    file: &CaseFile,
) -> Result<Vec<Outcome>, Failure> {
    let spec = component.spec(&Told::limits(file.fuel, file.memory))?;
    let module = bench.prepare(&spec).map_err(|error| super::check::not_prepared(&error))?;
    let played = on_guest_stack("cases", |stack| play(bench, stack, &module, file))?;
    played.map_err(|error| {
        let sentence = printable(&format!("{name}: {error}"));
        match error {
            CaseError::Local(_) => Failure::new(Code::Sandbox, Exit::Failed, sentence),
            _ => Failure::new(Code::CaseFile, Exit::Usage, sentence),
        }
    })
}

fn text(file: &str, outcome: &Outcome, is_verbose: bool) -> String {
    let word = if outcome.passed { "passed" } else { "FAILED" };
    let cuts = outcome.cuts.as_ref().filter(|_| outcome.passed);
    let (cuts, each) = match cuts {
        Some(cuts) => (format!("   {cuts}"), " at most a call"),
        None => (String::new(), ""),
    };
    let fuel = outcome.fuel_used.map_or(String::new(), |fuel| format!("   {fuel} fuel{each}"));
    let mut text = format!("{word}   {}: {}{cuts}{fuel}\n", printable(file), printable(&outcome.name));
    if !outcome.passed {
        text.push_str(&format!("         wanted {}\n", printable(&outcome.expected)));
        text.push_str(&format!("         found  {}\n", printable(&outcome.found)));
    }
    if is_verbose || !outcome.passed {
        text.extend(outcome.log.iter().map(|line| format!("         log    {}\n", printable(line))));
    }
    text
}

impl From<FormError> for Failure {
    fn from(error: FormError) -> Self {
        let code = if matches!(error, FormError::Read { .. }) { Code::File } else { Code::CaseFile };
        Self::new(code, Exit::Usage, printable(&error.to_string()))
    }
}
