//! What the command line says when it cannot do what it was asked for.

use std::process::ExitCode;

use raddle_core::bundle::GenesisError;
use raddle_rules::{EngineError, LoadError, StackError};
use raddle_serve::server::ServerError;

use super::{Code, program};
use crate::identity::SignerError;
use crate::network::NetworkError;
use crate::node::{NoLog, NodeError, StartError};
use crate::orderer::OrdererError;
use crate::replay::ReplayError;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Refused or failed.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Nobody answers, or not to the end.
    Unreachable = 3,
    /// Interrupted before its end, as shells have it: 128 and the number of SIGINT.
    Interrupted = 130,
    /// Our bug.
    Bug = 255,
}

/// One sentence, a code, an exit, and perhaps more lines and a hint.
#[derive(Debug)]
pub struct Failure {
    /// What happened, in one word: `failed`, `refused` by an orderer, or `ended` by who called.
    pub word: &'static str,
    /// Stable, and explained by `raddle help`.
    pub code: Code,
    /// How the process ends.
    pub exit: Exit,
    /// What is wrong, without a final period.
    pub sentence: String,
    /// More about it, a line each.
    pub lines: Vec<String>,
    /// What to do next, if more is known than the code's explanation says.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without more lines and without a hint.
    #[must_use]
    pub fn new(code: Code, exit: Exit, sentence: impl Into<String>) -> Self {
        Self { word: "failed", code, exit, sentence: sentence.into(), lines: Vec::new(), hint: None }
    }

    /// The same, with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with one more line: what it tells, and the amount or text.
    #[must_use]
    pub fn line(mut self, what: &str, text: &str) -> Self {
        self.lines.push(format!("{what:<6} {text}"));
        self
    }

    /// Prints it to stderr; answers how the process ends.
    #[must_use]
    pub fn report(self) -> ExitCode {
        anstream::eprintln!("{} {}  {}", super::report::emphasis(self.word), self.code, self.sentence);
        for line in &self.lines {
            anstream::eprintln!("  {line}");
        }
        if let Some(hint) = &self.hint {
            anstream::eprintln!("  hint   {hint}");
        }
        anstream::eprintln!("  more   {} help {}", program(), self.code);
        ExitCode::from(self.exit as u8)
    }
}

/// The one place where a replay's errors become what a person sees.
impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let sentence = error.to_string();
        match error {
            ReplayError::Genesis(_) => Self::new(Code::Genesis, Exit::Usage, sentence),
            ReplayError::OtherChannel { found, .. } => Self::new(Code::OtherChannel, Exit::Usage, sentence)
                .hint(format!("give the genesis block of {found}, or the dump of the other topic")),
            ReplayError::Open { .. } => Self::new(Code::File, Exit::Usage, sentence),
            ReplayError::Line { .. } => Self::new(Code::TopicLine, Exit::Failed, sentence)
                .hint("dump the topic again; nothing was written"),
            ReplayError::Gap { .. } | ReplayError::Backwards { .. } => {
                Self::new(Code::TopicOffsets, Exit::Failed, sentence)
                    .hint("dump the whole topic, from offset 0 on and in order; nothing was written")
            }
            ReplayError::Chain { .. } => Self::new(Code::ChainHalted, Exit::Failed, sentence),
            ReplayError::Sign { .. } => Self::new(Code::Msp, Exit::Failed, sentence),
            ReplayError::Write { .. } => Self::new(Code::File, Exit::Failed, sentence),
        }
    }
}

impl From<SignerError> for Failure {
    fn from(error: SignerError) -> Self {
        Self::new(Code::Msp, Exit::Usage, error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(Code::Sandbox, Exit::Failed, error.to_string())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            // Only modules of our own are loaded here.
            LoadError::Refused(_) => Self::new(Code::Bug, Exit::Bug, error.to_string()),
            LoadError::Local(_) => Self::new(Code::Sandbox, Exit::Failed, error.to_string()),
        }
    }
}

impl From<StackError> for Failure {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Spawn { .. } => Self::new(Code::Sandbox, Exit::Failed, error.to_string()),
            StackError::Panicked { .. } => Self::new(Code::Bug, Exit::Bug, error.to_string()),
        }
    }
}

/// The one place where what keeps an orderer from running becomes what a person sees.
impl From<OrdererError> for Failure {
    fn from(error: OrdererError) -> Self {
        let sentence = error.to_string();
        match error {
            OrdererError::Genesis(_) => Self::new(Code::Genesis, Exit::Usage, sentence),
            OrdererError::Folder { .. } => Self::new(Code::File, Exit::Failed, sentence),
            OrdererError::Channel(StartError::Ledger(_)) | OrdererError::Removal(_) => {
                Self::new(Code::Store, Exit::Failed, sentence)
            }
            OrdererError::Node(error) | OrdererError::Channel(StartError::Node(error)) => error.into(),
            OrdererError::Server(error) => error.into(),
            OrdererError::Join(_) => Self::new(Code::Join, Exit::Failed, sentence),
            OrdererError::Task(_) | OrdererError::Metrics(_) => Self::new(Code::Bug, Exit::Bug, sentence),
        }
    }
}

impl From<GenesisError> for Failure {
    fn from(error: GenesisError) -> Self {
        Self::new(Code::Genesis, Exit::Usage, error.to_string())
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Bind { .. } => Self::new(Code::Listen, Exit::Failed, error.to_string())
                .hint("another node may be running; `--listen 127.0.0.1:0` takes any free port"),
            _ => Self::new(Code::Listen, Exit::Failed, error.to_string()),
        }
    }
}

impl From<NoLog> for Failure {
    fn from(error: NoLog) -> Self {
        let sentence = error.to_string();
        let local = |map: String| {
            format!("to order it on this node alone, write `Ordering: {{{map}}}` in raddle.yaml")
        };
        match &error {
            NoLog::UnknownType { channel, .. } => Self::new(Code::NotMapped, Exit::Usage, sentence)
                .hint(local(format!("channels: {{{channel}: local}}"))),
            NoLog::NotMapped { kind, .. } => {
                Self::new(Code::NotMapped, Exit::Usage, sentence).hint(local(format!("{kind}: local")))
            }
            NoLog::NoBrokers { .. } => Self::new(Code::NotMapped, Exit::Usage, sentence)
                .hint("name them in raddle.yaml: `Ordering: {kafka: [host:port]}`"),
            NoLog::Local(_) => Self::new(Code::Store, Exit::Failed, sentence),
            NoLog::Kafka(_) => Self::new(Code::NotMapped, Exit::Usage, sentence),
        }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        let sentence = error.to_string();
        match error {
            NodeError::Config { .. } | NodeError::Rules { .. } => {
                Self::new(Code::Genesis, Exit::Usage, sentence)
            }
            NodeError::Ledger(_) | NodeError::NoConfigBlock { .. } => {
                Self::new(Code::Store, Exit::Failed, sentence)
            }
            NodeError::Engine(error) => error.into(),
            NodeError::Load(error) => error.into(),
            NodeError::Stack(error) => error.into(),
            NodeError::Thread(_) => Self::new(Code::Sandbox, Exit::Failed, sentence),
            NodeError::NoLog(error) => error.into(),
            NodeError::SystemChannels { .. } => Self::new(Code::Join, Exit::Failed, sentence),
            NodeError::Twice(_) => Self::new(Code::Bug, Exit::Bug, sentence),
        }
    }
}

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Self::new(Code::Network, Exit::Failed, error.to_string())
    }
}
