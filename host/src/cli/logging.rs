//! What a running node tells of itself, on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Fabric's variable for what is logged.
const SPEC: &str = "FABRIC_LOGGING_SPEC";

/// Starts the log: warnings and errors, with `is_verbose` also what goes as it should, and otherwise what
/// `$FABRIC_LOGGING_SPEC` asks for. Only our own crates speak: what libraries find worth a warning is for their
/// authors.
pub fn start(is_verbose: bool) {
    let spec = std::env::var(SPEC).unwrap_or_default();
    let asked = level_of(&spec);
    let level = match asked {
        _ if is_verbose => LevelFilter::DEBUG,
        Ok(Some(level)) => level,
        Ok(None) | Err(_) => LevelFilter::WARN,
    };
    let ours = Targets::new().with_target("raddle", level);
    let has_colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colours)
        .with_target(false);
    // Fails only where a log was started before: a test that runs two commands in one process.
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();
    if let Err(word) = asked {
        tracing::warn!("${SPEC}: {word:?} is no level; write debug, info, warn or error");
    }
}

/// The level of everything that Fabric's spec does not name: `grpc=error:info` is `info`. Fabric's loggers have no
/// counterpart here, so what it says of single ones does not count.
///
/// # Errors
///
/// The word that is no level.
///
/// Source: fabric v2.5.16 `common/flogging/loggerlevels.go` `ActivateSpec`, `common/flogging/levels.go`
/// `NameToLevel`.
fn level_of(spec: &str) -> Result<Option<LevelFilter>, &str> {
    let mut level = None;
    for field in spec.split(':').filter(|field| !field.is_empty()) {
        let (name, word) = field.split_once('=').map_or((None, field), |(name, word)| (Some(name), word));
        let named = match word.to_ascii_lowercase().as_str() {
            "debug" | "payload" => LevelFilter::DEBUG,
            "info" => LevelFilter::INFO,
            "warn" | "warning" => LevelFilter::WARN,
            "error" | "dpanic" | "panic" | "fatal" => LevelFilter::ERROR,
            _ => return Err(word),
        };
        if name.is_none() {
            level = Some(named);
        }
    }
    Ok(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fabrics_spec_gives_the_level_of_what_it_does_not_name() {
        for (spec, expected) in [
            ("", Ok(None)),
            ("info", Ok(Some(LevelFilter::INFO))),
            ("DEBUG", Ok(Some(LevelFilter::DEBUG))),
            ("grpc=error:Warning", Ok(Some(LevelFilter::WARN))),
            ("info:orderer.common,grpc=debug", Ok(Some(LevelFilter::INFO))),
            ("orderer.consensus=debug", Ok(None)),
            ("fatal", Ok(Some(LevelFilter::ERROR))),
            ("loud", Err("loud")),
            ("grpc=loud:info", Err("loud")),
        ] {
            assert_eq!(level_of(spec), expected, "{spec}");
        }
    }
}
