//! `raddle doctor`, and all of its parts but `raddle doctor kafka`.

use std::time::SystemTime;

use serde::Serialize;

use super::report::{explained, table};
use crate::cli::output::{Output, count, print, print_json};
use crate::cli::settings::ConfigFolder;
use crate::cli::{Code, Exit, Failure, compile_worker, logging};
use crate::doctor::node::tls::is_told;
use crate::doctor::node::{Given, Part};
use crate::doctor::{Finding, Verdict};

/// Whose settings, and how to print.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFolder,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Serialize)]
struct Json<'a> {
    findings: &'a [Finding],
    wrong: u64,
    unseen: u64,
    warnings: u64,
}

/// Looks at these, and prints what was found.
pub fn run(parts: &[Part], arguments: &Arguments) -> Result<(), Failure> {
    let _log = logging::start(false);
    let (settings, problems) = arguments.config.or_dev().read()?;
    // What is wrong with TLS alone is a finding like others; with anything else, nothing is as it seems.
    if !problems.0.iter().all(|problem| parts.contains(&Part::Tls) && is_told(problem)) {
        return Err(problems.into());
    }
    let (worker, now) = (compile_worker::worker(), SystemTime::now());
    let given = Given { settings: &settings, problems: &problems.0, worker, now };
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.look(&given)).collect();
    let number = |verdict| {
        u64::try_from(findings.iter().filter(|it| it.verdict == verdict).count()).unwrap_or(u64::MAX)
    };
    let (wrong, unseen) = (number(Verdict::Wrong), number(Verdict::Unseen));
    let warnings = number(Verdict::Warning);
    match arguments.output {
        Output::Json => print_json(&Json { findings: &findings, wrong, unseen, warnings })?,
        Output::Text => {
            let mut text = table(&findings);
            text.extend(findings.iter().filter(|it| it.verdict != Verdict::Ok).map(explained));
            let (ok, warned) = (number(Verdict::Ok), count(warnings, "warning", "warnings"));
            print(&format!("{text}\nfound  {ok} ok, {warned}, {unseen} unseen, {wrong} wrong\n"))?;
        }
    }
    if wrong == 0 {
        return Ok(());
    }
    let sentence = format!(
        "the node is not set up as it should be: {}",
        count(wrong, "thing is wrong", "things are wrong")
    );
    Err(Failure::new(Code::NodeUnfit, Exit::Failed, sentence))
}
