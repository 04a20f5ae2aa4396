//! What an orderer tells its operators: how it is, what it counts, what it logs.
//!
//! - [`OperationsListener`]: where and how they are served
//! - [`Logging`]: the log of the process, whose words operators may change
//! - [`Counted`]: what is counted while the node works, and by whom: [`Counting`]
//! - `status`: how the node is; `health`: what is not as it should be
//! - `families`: the same as Prometheus reads it; as JSON the page for people reads it

mod counted;
mod families;
mod health;
mod process;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use prometheus::TextEncoder;
use raddle_serve::guard::Guard;
use raddle_serve::operations::{FailedCheck, Operations};
use raddle_serve::tls::Acceptor;

use crate::certificates::{Expiries, Keeper};
use crate::config::Tls;
use crate::node::Node;

pub use counted::{Counted, Counting};
use status::Abouts;

/// Where operators are served, and how.
#[derive(Clone)]
pub struct OperationsListener {
    /// Where. With port 0 the system chooses the port.
    pub listen: SocketAddr,
    /// Its TLS; none: whoever can connect gets everything.
    pub tls: Option<Tls>,
    /// Whether there are metrics.
    pub has_metrics: bool,
    /// The log of the process.
    pub logging: Arc<dyn Logging>,
}

/// The log of a process.
pub trait Logging: Send + Sync + 'static {
    /// What is logged, in Fabric's words.
    fn spec(&self) -> String;

    /// Has something else logged from now on.
    ///
    /// # Errors
    ///
    /// Why the words say nothing; what is logged is as it was.
    fn set_spec(&self, spec: &str) -> Result<(), String>;

    /// How many lines were logged, by level.
    fn lines(&self) -> Vec<(&'static str, u64)>;
}

/// What is told of a node.
pub(crate) struct NodeOperations {
    node: Arc<Node>,
    logging: Arc<dyn Logging>,
    has_metrics: bool,
    counted: Arc<Counted>,
    expiries: Expiries,
    /// Those of all listeners.
    acceptors: Vec<Acceptor>,
    guard: Arc<Guard>,
    started: SystemTime,
    abouts: Abouts,
}

impl NodeOperations {
    pub(crate) fn new(
        node: &Arc<Node>,
        listener: OperationsListener,
        counted: Arc<Counted>,
        (certificates, guard): (&Keeper, Arc<Guard>),
        started: SystemTime,
    ) -> Self {
        Self {
            node: Arc::clone(node),
            logging: listener.logging,
            has_metrics: listener.has_metrics,
            counted,
            expiries: certificates.expiries().clone(),
            acceptors: certificates.acceptors().to_vec(),
            guard,
            started,
            abouts: Abouts::default(),
        }
    }
}

impl Operations for NodeOperations {
    fn failed_checks(&self) -> Vec<FailedCheck> {
        health::of_node(&self.node)
    }

    fn notes(&self) -> Vec<FailedCheck> {
        health::notes(&self.node)
    }

    /// Who builds may say from which commit.
    fn version(&self) -> (&str, Option<&str>) {
        (env!("CARGO_PKG_VERSION"), option_env!("RADDLE_COMMIT"))
    }

    fn log_spec(&self) -> String {
        self.logging.spec()
    }

    fn set_log_spec(&self, spec: &str) -> Result<(), String> {
        self.logging.set_spec(spec)?;
        tracing::info!(spec, "operators have changed what is logged");
        Ok(())
    }

    fn metrics_are_on(&self) -> bool {
        self.has_metrics
    }

    fn metrics(&self) -> String {
        let mut all = families::of(self, &self.look_up());
        all.extend(self.counted.gather());
        all.sort_by(|a, b| a.name().cmp(b.name()));
        // Fails only where a family is empty, and none is.
        TextEncoder::new().encode_to_string(&all).unwrap_or_default()
    }

    fn status(&self) -> String {
        // Fails only for maps whose keys are no texts, and there are none.
        serde_json::to_string(&self.look_up()).unwrap_or_default()
    }
}
