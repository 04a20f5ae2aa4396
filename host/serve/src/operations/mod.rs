//! Operations: Fabric's HTTP endpoints by which operators and their tools see how an orderer is, and set what it logs.
//!
//! - [`Operations`]: the seam. What an orderer has to tell
//! - [`OperationsServer`]: the socket
//! - `handlers`: the requests themselves
//! - `spec`: the body of a request for another log level, as Go reads it
//!
//! Under TLS `/logspec` and `/metrics` want a certificate that could be verified; `/healthz` and `/version` want none.
//!
//! Differs: at `/` there is a page for people, and at `/status` what it shows; they want what metrics want.
//!
//! Source: fabric v2.5.16 `core/operations/system.go`, `common/fabhttp/server.go`.

mod handlers;
mod server;
mod spec;

pub use server::OperationsServer;

/// What an orderer tells its operators. Nothing of it waits.
pub trait Operations: Send + Sync + 'static {
    /// What is not as it should be. Reasons, and those of notes, are told to anybody: no file, key or payload may
    /// be in them.
    fn failed_checks(&self) -> Vec<FailedCheck>;

    /// What operators should know, and what is no failure: it stands beside Fabric's members of the answer.
    fn notes(&self) -> Vec<FailedCheck>;

    /// The version of the program, and the commit that it was built from, if it is known.
    fn version(&self) -> (&str, Option<&str>);

    /// What is logged, in Fabric's words: `grpc=error:info`.
    fn log_spec(&self) -> String;

    /// Has something else logged from now on.
    ///
    /// # Errors
    ///
    /// Why the words say nothing; what is logged is as it was.
    fn set_log_spec(&self, spec: &str) -> Result<(), String>;

    /// Whether metrics are offered.
    fn metrics_are_on(&self) -> bool;

    /// The metrics in Prometheus's text format.
    fn metrics(&self) -> String;

    /// How the orderer is, in JSON: what the page for people shows.
    fn status(&self) -> String;
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCheck {
    /// What: of a channel, as Fabric's Kafka orderer calls it, `channel/0`.
    pub component: String,
    /// Why.
    pub reason: String,
}
