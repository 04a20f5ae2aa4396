//! What guests log.

use crate::profile::{LOG_BYTES_PER_CALL, LOG_LINES_PER_CALL};
use crate::text::printable;

/// How much a line matters, as its module says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// For the module's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth acting upon some day.
    Warn,
    /// Worth acting upon.
    Error,
}

/// Takes the lines that guests log, from any guest thread.
pub trait LogSink: Send + Sync {
    /// One line. Control characters are escaped.
    fn line(&self, level: LogLevel, line: &str);

    /// A call logged `lines` more than are kept.
    fn dropped(&self, lines: u64);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl LogSink for NoLog {
    fn line(&self, _level: LogLevel, _line: &str) {}

    fn dropped(&self, _lines: u64) {}
}

/// What is left of a call's share of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogBudget {
    lines_left: u32,
    bytes_left: usize,
    dropped: u64,
}

impl LogBudget {
    /// The share of one call.
    pub(crate) const fn new() -> Self {
        Self { lines_left: LOG_LINES_PER_CALL, bytes_left: LOG_BYTES_PER_CALL, dropped: 0 }
    }

    /// Hands a line on, or counts it.
    pub(crate) fn log(&mut self, sink: &dyn LogSink, level: LogLevel, message: &str) {
        let bytes_left = self.bytes_left.checked_sub(message.len());
        let lines_left = self.lines_left.checked_sub(1);
        if let (Some(bytes_left), Some(lines_left)) = (bytes_left, lines_left) {
            self.bytes_left = bytes_left;
            self.lines_left = lines_left;
            sink.line(level, &printable(message, LOG_BYTES_PER_CALL));
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// The call is over.
    pub(crate) fn close(self, sink: &dyn LogSink) {
        if self.dropped > 0 {
            sink.dropped(self.dropped);
        }
    }
}
