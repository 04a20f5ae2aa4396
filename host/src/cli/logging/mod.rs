//! What a running node tells of itself, on stderr.

mod spec;

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::{Layer, Registry};

use crate::operations::Logging;
use spec::{Level, Spec};

/// Fabric's variable for what is logged.
const SPEC: &str = "FABRIC_LOGGING_SPEC";

/// The levels that lines have, as Fabric calls them.
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

/// The log, whose level can be changed.
pub struct Log {
    spec: Mutex<Spec>,
    filter: Handle<Targets, Registry>,
    lines: Arc<Lines>,
}

/// How many lines there were, by level.
#[derive(Default)]
struct Lines([AtomicU64; LEVELS.len()]);

/// Starts the log: warnings and errors, with `is_verbose` also what goes as it should, and otherwise what
/// `$FABRIC_LOGGING_SPEC` asks for. Only our own crates speak.
///
/// Differs: where nobody says what is logged, Fabric tells what goes as it should, too.
pub fn start(is_verbose: bool) -> Arc<Log> {
    let asked = std::env::var(SPEC).ok().filter(|spec| !spec.is_empty()).map(|spec| Spec::read(&spec));
    let spec = match &asked {
        _ if is_verbose => Spec::all(Level::Debug),
        Some(Ok(spec)) => spec.clone(),
        Some(Err(_)) | None => Spec::all(Level::Warn),
    };
    let (filter, handle) = reload::Layer::new(spec.targets());
    let lines = Arc::new(Lines::default());
    let has_colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let written = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colours)
        .with_target(false)
        .and_then(Counting(Arc::clone(&lines)));
    // Fails only where a log was started before: a test that runs two commands in one process.
    let _ = tracing_subscriber::registry().with(written.with_filter(filter)).try_init();
    if let Some(Err(why)) = asked {
        tracing::warn!("${SPEC}: {why}; write debug, info, warn or error");
    }
    Arc::new(Log { spec: Mutex::new(spec), filter: handle, lines })
}

impl Logging for Log {
    fn spec(&self) -> String {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).to_string()
    }

    fn set_spec(&self, text: &str) -> Result<(), String> {
        let spec = Spec::read(text)?;
        // Held, so that what is shown is what is logged.
        let mut shown = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        self.filter.reload(spec.targets()).map_err(|error| error.to_string())?;
        *shown = spec;
        Ok(())
    }

    fn lines(&self) -> Vec<(&'static str, u64)> {
        let counts = self.lines.0.iter().map(|count| count.load(Ordering::Relaxed));
        LEVELS.into_iter().zip(counts).collect()
    }
}

/// Counts lines.
struct Counting(Arc<Lines>);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let place = match *event.metadata().level() {
            tracing::Level::TRACE | tracing::Level::DEBUG => 0,
            tracing::Level::INFO => 1,
            tracing::Level::WARN => 2,
            tracing::Level::ERROR => 3,
        };
        if let Some(count) = self.0.0.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
