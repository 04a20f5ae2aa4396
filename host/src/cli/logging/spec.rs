//! What is logged, in Fabric's words: `[<logger>[,<logger>...]=]<level>[:...]`.
//!
//! Source: fabric v2.5.16 `common/flogging/{loggerlevels,levels}.go`.

use std::collections::BTreeMap;
use std::fmt;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// The crates that speak: what libraries find worth a warning is for their authors.
const OURS: &str = "raddle";

/// Levels, and above them what is logged of named loggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    default: Level,
    loggers: BTreeMap<String, Level>,
}

/// Fabric's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Payload,
    Debug,
    Info,
    Warn,
    Error,
    DPanic,
    Panic,
    Fatal,
}

// === impl Spec ===

impl Spec {
    /// One level for everything.
    pub(super) const fn all(default: Level) -> Self {
        Self { default, loggers: BTreeMap::new() }
    }

    /// Reads Fabric's words.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in Fabric's sentences.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let wrong = |what: String| Err(format!("invalid logging specification '{text}': {what}"));
        let (mut default, mut loggers) = (Level::Info, BTreeMap::new());
        for field in text.split(':') {
            let bad_segment = || wrong(format!("bad segment '{field}'"));
            match field.split('=').collect::<Vec<_>>().as_slice() {
                // As there, an empty one is info.
                [""] => default = Level::Info,
                [word] => match Level::read(word) {
                    Some(level) => default = level,
                    None => return bad_segment(),
                },
                ["", _] => return wrong(format!("no logger specified in segment '{field}'")),
                [names, word] => {
                    let Some(level) = Level::read(word) else { return bad_segment() };
                    for name in names.split(',') {
                        if !is_name(name.strip_suffix('.').unwrap_or(name)) {
                            return wrong(format!("bad logger name '{name}'"));
                        }
                        loggers.insert(name.to_owned(), level);
                    }
                }
                _ => return bad_segment(),
            }
        }
        Ok(Self { default, loggers })
    }

    /// What our crates log by it. `raddle.node` names the module `raddle::node` and those within; Fabric's loggers have
    /// no counterpart here, so what is said of them does not count.
    pub(super) fn targets(&self) -> Targets {
        let named = self.loggers.iter().filter(|(name, _)| name.starts_with(OURS));
        let named =
            named.map(|(name, level)| (name.trim_end_matches('.').replace('.', "::"), level.filter()));
        Targets::new().with_target(OURS, self.default.filter()).with_targets(named)
    }
}

/// As Fabric shows it.
impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, level) in &self.loggers {
            write!(formatter, "{name}={level}:")?;
        }
        write!(formatter, "{}", self.default)
    }
}

/// Words with points between them.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|it| it.is_ascii_alphanumeric() || "_#:-".contains(it))
    };
    name.split('.').all(is_part)
}

// === impl Level ===

impl Level {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "PAYLOAD" | "payload" => Self::Payload,
            "DEBUG" | "debug" => Self::Debug,
            "INFO" | "info" | "NOTICE" | "notice" => Self::Info,
            "WARNING" | "WARN" | "warning" | "warn" => Self::Warn,
            "ERROR" | "error" | "CRITICAL" | "critical" => Self::Error,
            "DPANIC" | "dpanic" => Self::DPanic,
            "PANIC" | "panic" => Self::Panic,
            "FATAL" | "fatal" => Self::Fatal,
            _ => return None,
        })
    }

    const fn filter(self) -> LevelFilter {
        match self {
            Self::Payload | Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error | Self::DPanic | Self::Panic | Self::Fatal => LevelFilter::ERROR,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            // Differs: Fabric has no name for it, and shows one that it does not read.
            Self::Payload => "payload",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::DPanic => "dpanic",
            Self::Panic => "panic",
            Self::Fatal => "fatal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fabrics_words_are_read_and_shown_as_fabric_does() {
        for (text, expected) in [
            ("", Ok("info")),
            ("info", Ok("info")),
            ("DEBUG", Ok("debug")),
            ("debug:", Ok("info")),
            ("grpc=error:WARNING", Ok("grpc=error:warn")),
            (
                "info:orderer.common,grpc=debug:a.b.=fatal",
                Ok("a.b.=fatal:grpc=debug:orderer.common=debug:info"),
            ),
            ("critical:x=notice", Ok("x=info:error")),
            ("loud", Err("bad segment 'loud'")),
            ("grpc=loud:info", Err("bad segment 'grpc=loud'")),
            ("grpc=:info", Err("bad segment 'grpc='")),
            ("=debug", Err("no logger specified in segment '=debug'")),
            ("a=b=debug", Err("bad segment 'a=b=debug'")),
            ("a,=debug", Err("bad logger name ''")),
            (".a=debug", Err("bad logger name '.a'")),
            ("a..=debug", Err("bad logger name 'a..'")),
        ] {
            let read = Spec::read(text).map(|spec| spec.to_string());
            let expected = expected
                .map(str::to_owned)
                .map_err(|what| format!("invalid logging specification '{text}': {what}"));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn only_our_modules_and_everything_at_once_have_levels() {
        let targets = Spec::read("grpc=debug:raddle.node=debug:error").map(|spec| spec.targets());
        let enables = |target: &str, level: tracing::Level| {
            targets.as_ref().is_ok_and(|targets| targets.would_enable(target, &level))
        };
        assert!(enables("raddle::node::driver", tracing::Level::DEBUG));
        assert!(enables("raddle_serve::server", tracing::Level::ERROR));
        assert!(!enables("raddle_serve::server", tracing::Level::INFO));
        assert!(!enables("grpc", tracing::Level::ERROR));
    }
}
