//! What operators ask a node over HTTP, and what they get.

mod examples;
mod garbage;
mod metrics;
mod reference;
mod requests;
mod tls;

use std::path::Path;

use tempfile::TempDir;

use crate::harness::http::{self, Reply};
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};

/// A node of `raddle dev` that serves operators.
struct Served {
    node: Node,
    operations: String,
    folder: TempDir,
}

impl Served {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let operations = format!("127.0.0.1:{}", free_port());
        let node = Node::start_in(folder.path(), &["--operations", &operations]);
        Self { node, operations, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn get(&self, path: &str) -> Reply {
        http::ask(&self.operations, "GET", path, &[], b"")
    }

    fn put_spec(&self, body: &str) -> Reply {
        http::ask(&self.operations, "PUT", "/logspec", &[], body.as_bytes())
    }

    fn metrics(&self) -> Metrics {
        let reply = self.get("/metrics");
        assert_eq!(reply.code(), 200, "{reply:?}");
        Metrics(reply.text().to_owned())
    }

    /// Runs a command as people do in the node's folder.
    fn run(&self, arguments: &[&str]) {
        let output = raddle(self.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a command that is refused.
    fn is_refused(&self, arguments: &[&str]) {
        assert_eq!(raddle(self.path(), arguments).status.code(), Some(1), "{arguments:?}");
    }

    /// Installs a filter that refuses everything, under a name.
    fn install_refusing(&self, name: &str, more: &[&str]) {
        let component = crate::harness::repository().join("guest-filters/dist/hostile/filter-refuses.wasm");
        std::fs::copy(component, self.path().join("module.wasm")).unwrap();
        self.run(&[&["module", "install", "module.wasm", "--name", name, "--yes"], more].concat());
    }

    /// Has everything happen that is counted.
    fn with_traffic() -> Self {
        let served = Self::start();
        served.run(&["send", "hello", "--wait"]);
        served.run(&["block", "show", "newest"]);
        served.install_refusing("no-way", &["--set", "sentence=secret words"]);
        served.is_refused(&["send", "hello"]);
        served.is_refused(&["send", "hello", "--channel", "nowhere"]);
        // Asks the node what its modules have done.
        served.run(&["module", "show", "no-way"]);
        served
    }
}

/// What was read at `/metrics`.
struct Metrics(String);

impl Metrics {
    /// The value of a series, written as it stands there.
    fn value(&self, series: &str) -> Option<f64> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(line.parse().unwrap())
    }

    #[track_caller]
    fn has(&self, series: &str, expected: f64) {
        assert_eq!(self.value(series), Some(expected), "{series}\n{}", self.0);
    }

    /// The type of a family.
    fn kind(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix("# TYPE ")?.strip_prefix(name)?.strip_prefix(' '))
    }

    /// The names of its labels, but for those of buckets, in order.
    fn labels(&self, name: &str) -> Vec<&str> {
        let series = self.0.lines().find(|line| {
            let rest = line.strip_prefix(name).map(|rest| rest.strip_prefix("_count").unwrap_or(rest));
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let labels = series.and_then(|it| it.split_once('{')).map_or("", |(_, rest)| rest);
        let mut labels: Vec<_> =
            labels.split("\",").filter_map(|pair| Some(pair.split_once("=\"")?.0)).collect();
        labels.sort_unstable();
        labels
    }
}
