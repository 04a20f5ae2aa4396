//! A bar for what takes long, or a line.

use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for less than this is noise.
const QUIET: Duration = Duration::from_secs(1);

/// Says on stderr what is waited for, once it has lasted a second; not where stderr is no terminal.
pub struct Slow {
    _lasting: Sender<()>,
}

impl Slow {
    /// From now until this is dropped.
    pub fn new(what: &'static str) -> Self {
        let (lasting, is_over) = channel();
        if std::io::stderr().is_terminal() {
            thread::spawn(move || {
                if is_over.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                    anstream::eprintln!("{what} …");
                }
            });
        }
        Self { _lasting: lasting }
    }
}

/// A bar on stderr that stays away for the first second, and wherever stderr is no terminal.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A bar over so many of something.
    pub fn new(total: u64, of_what: &str) -> Self {
        Self::by(total, &format!("{{bar:32}} {{pos}} of {{len}} {of_what}  {{eta}} left"))
    }

    /// A bar over so many bytes.
    pub fn of_bytes(total: u64) -> Self {
        Self::by(total, "{bar:32} {bytes} of {total_bytes}  {eta} left")
    }

    fn by(total: u64, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, started: Instant::now() }
    }

    /// Prints where the bar does not stand.
    pub fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// How long it takes by now.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// One more is done.
    pub fn advance(&self) {
        self.show();
        self.bar.inc(1);
    }

    /// So many are done.
    pub fn reach(&self, done: u64) {
        self.show();
        self.bar.set_position(done);
    }

    fn show(&self) {
        if self.bar.is_hidden() && self.started.elapsed() > QUIET {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

/// The bar goes away, however it ends.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
