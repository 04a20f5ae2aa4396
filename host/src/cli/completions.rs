//! `raddle completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Failure, output};

/// Options of `raddle completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raddle completions bash > /etc/bash_completion.d/raddle
  raddle completions zsh > \"${fpath[1]}/_raddle\"
  raddle completions fish > ~/.config/fish/completions/raddle.fish")]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script that makes a shell complete commands and flags.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "raddle", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
