//! `raddle help`, `raddle version`, and what bare `raddle` says.

use super::{Code, Exit, Failure, program};
use crate::manual::PAGES;

/// A page of help.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A topic, such as `channel` or `module`, or an error code (`RDL-4004`); none lists them all
    name: Option<String>,
}

/// Explains a topic or a code.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(name) = &arguments.name else { return topics() };
    if let Some(page) = PAGES.iter().find(|page| page.name.eq_ignore_ascii_case(name)) {
        anstream::print!("{}", page.text);
        return Ok(());
    }
    if let Some(code) = Code::parse(name) {
        anstream::println!("{code}\n\n{}", code.explanation());
        return Ok(());
    }
    let sentence = format!("there is no topic or code {name:?}");
    Err(Failure::new(Code::UnknownTopic, Exit::Usage, sentence)
        .hint(format!("`{} help` lists what there is", program())))
}

fn topics() -> Result<(), Failure> {
    let program = program();
    anstream::println!("Topics, each explained by `{program} help TOPIC`:");
    for page in PAGES {
        anstream::println!("  {:<12} {}", page.name, page.text.lines().next().unwrap_or_default());
    }
    anstream::println!("\nError codes, each explained by `{program} help CODE`:");
    for code in Code::ALL {
        anstream::println!("  {code}     {}", code.explanation().lines().next().unwrap_or_default());
    }
    anstream::println!("\nCommands and their options: `{program} --help`");
    Ok(())
}

/// What bare `raddle` prints: where to begin.
pub fn overview() -> Result<(), Failure> {
    let program = program();
    anstream::println!("{program} demo       the whole story in one process, in a few seconds");
    anstream::println!("{program} dev        a node that works, out of nothing, in this folder");
    anstream::println!("{program} help       topics, error codes; `{program} --help` for all commands");
    Ok(())
}

/// The version.
pub fn version() -> Result<(), Failure> {
    anstream::println!("raddle {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}
