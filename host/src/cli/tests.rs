//! The command line as scripts know it: its commands, their options, what these take and what they are by default.

use clap::{Arg, Command, CommandFactory as _};

use super::Arguments;

const PROMISED: &str = include_str!("../../../tests/golden/promises/command-line.txt");

/// A line for each command and each of its options, with those of the commands below it.
fn lines(command: &Command, path: &str) -> Vec<String> {
    // Every command has these.
    let is_everywhere = |argument: &Arg| ["help", "version"].contains(&argument.get_id().as_str());
    let arguments = command.get_arguments();
    let arguments = arguments.filter(|argument| !argument.is_hide_set() && !is_everywhere(argument));
    let own = arguments.map(|argument| format!("{path} {}", line(argument)));
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let below = commands.flat_map(|command| lines(command, &format!("{path} {}", command.get_name())));
    std::iter::once(path.to_owned()).chain(own).chain(below).collect()
}

fn line(argument: &Arg) -> String {
    let joined = |words: Vec<&std::ffi::OsStr>| words.join(" ".as_ref()).to_string_lossy().into_owned();
    let mut words = vec![argument.to_string()];
    words.extend(argument.get_short().map(|short| format!("-{short}")));
    if argument.is_required_set() {
        words.push("required".to_owned());
    }
    // Flags, too, have a value and a default of their own kind.
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        words.extend((!names.is_empty()).then(|| format!("of {}", names.join("|"))));
        let default: Vec<_> = argument.get_default_values().iter().map(AsRef::as_ref).collect();
        words.extend((!default.is_empty()).then(|| format!("default {}", joined(default))));
    }
    words.join(" ")
}

#[test]
fn the_command_line_is_what_was_promised() {
    let mut command = Arguments::command();
    command.build();
    let here = lines(&command, "raddle");
    let promised: Vec<&str> = PROMISED.lines().filter(|line| !line.starts_with('#')).collect();
    let gone: Vec<&&str> = promised.iter().filter(|line| !here.iter().any(|other| other == *line)).collect();
    assert!(gone.is_empty(), "scripts rely on what is no more so:\n{gone:#?}");
    let new: Vec<&String> = here.iter().filter(|line| !promised.contains(&line.as_str())).collect();
    assert!(new.is_empty(), "not promised yet; add it once it is to stay:\n{new:#?}");
}
