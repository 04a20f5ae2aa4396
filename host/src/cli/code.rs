//! Error codes: stable, to be searched for, and each with an explanation.

use std::fmt;

use crate::manual;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal;)*) => {
        /// A code, `RDL-nnnn`. The first digit says who acts: 1 the client, 2 the module's author, 3 the channel's
        /// admin, 4 the operator, 9 us. The numbers are for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Code {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl Code {
            /// All codes, in ascending order.
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$name),*];
        }
    };
}

codes! {
    /// Nothing is known by the name that was asked for.
    UnknownTopic = 1001;
    /// A command is not told which orderer, channel or identity to use.
    Unconfigured = 1002;
    /// What a command is told of orderer, channel or identity cannot be used.
    ClientConfig = 1003;
    /// What is to be sent is longer than any orderer takes.
    TooLongToSend = 1004;
    /// A range of blocks ends before it begins.
    BlockRange = 1005;
    /// No orderer answers.
    Unreachable = 1006;
    /// An orderer does not answer to the end.
    BrokenOff = 1007;
    /// An orderer refuses, and gives no code of ours.
    Refused = 1008;
    /// What was sent is in no block yet.
    NotInABlock = 1009;
    /// Client and orderer do not get into conversation.
    NoConversation = 1010;
    /// A load cannot be made as it was asked for.
    LoadPlan = 1011;
    /// A load was interrupted.
    Interrupted = 1012;
    /// An envelope's headers cannot be read.
    EnvelopeUnreadable = 1101;
    /// No channel has the id that stands in an envelope.
    ChannelUnknown = 1102;
    /// An envelope is of a type that only orderers make.
    TypeNotTaken = 1103;
    /// A filter refuses an envelope.
    Filter = 1104;
    /// An envelope is not what peers can live with.
    Invariant = 1105;
    /// A channel is in maintenance.
    Maintenance = 1106;
    /// A config update does not fit the channel's config, or lacks signatures.
    ConfigUpdate = 1107;
    /// A channel is not created.
    Creation = 1108;
    /// An organisation is over its budget.
    OverBudget = 1109;
    /// A request for blocks has no timestamp.
    SeekWithoutTime = 1201;
    /// A request for blocks is too old or too new.
    SeekOutOfTime = 1202;
    /// A request for blocks is too long.
    SeekTooLong = 1203;
    /// A request for blocks carries no `SeekInfo`.
    SeekUnreadable = 1204;
    /// A seek without start or stop.
    SeekIncomplete = 1205;
    /// A seek that stops before it starts.
    SeekReversed = 1206;
    /// A seek that starts beyond the next block.
    SeekBeyondEnd = 1207;
    /// A seek whose start is of no type.
    SeekFromNowhere = 1208;
    /// A block is not there yet, and the client does not want to wait.
    BlockNotReady = 1209;
    /// The certificate of who reads has ended.
    ReaderExpired = 1210;
    /// Who reads does not satisfy the channel's policy for readers.
    ReaderDenied = 1211;
    /// A request for blocks is not bound to its connection's certificate.
    SeekNotBound = 1212;
    /// A client has as many streams open as it may.
    TooManyStreams = 1213;
    /// A client did not read what it was sent.
    ReaderTooSlow = 1214;
    /// A block is not the channel's.
    BlockFault = 1301;
    /// A filter fails at an envelope.
    FilterFault = 2001;
    /// No folder for a module can be made.
    NoNewModule = 2002;
    /// No compiler here makes WebAssembly.
    NoToolchain = 2003;
    /// A module does not build.
    NotBuilt = 2004;
    /// A file of cases is none.
    CaseFile = 2005;
    /// A module answers otherwise than its cases want.
    CasesFailed = 2006;
    /// A change changes nothing.
    NoChange = 3001;
    /// What a config is to be changed to is no config.
    ConfigEdit = 3002;
    /// A config update lacks signatures.
    SignaturesMissing = 3003;
    /// A file holds no config update.
    UpdateFile = 3004;
    /// Somebody else changed the config meanwhile.
    ConfigMoved = 3005;
    /// A module cannot be installed.
    ModuleRefused = 3006;
    /// No module has the name that was asked for.
    ModuleUnknown = 3007;
    /// A channel's config cannot be used.
    ConfigUnusable = 3008;
    /// Somebody was asked and said no.
    NotConfirmed = 3009;
    /// A config update does with modules what it may not, or a module cannot be installed.
    ModuleNotInstalled = 3010;
    /// A genesis block cannot be used.
    Genesis = 4001;
    /// A topic belongs to another channel than the genesis block.
    OtherChannel = 4002;
    /// A topic dump has a line that is no record.
    TopicLine = 4003;
    /// A topic dump lacks records, or has them twice or out of order.
    TopicOffsets = 4004;
    /// A channel halts at a record.
    ChainHalted = 4005;
    /// A file cannot be read or written.
    File = 4006;
    /// An MSP folder gives no identity to sign with.
    Msp = 4007;
    /// The sandbox does not start on this machine.
    Sandbox = 4008;
    /// A store of log or blocks cannot be opened.
    Store = 4009;
    /// The address to listen on cannot be had.
    Listen = 4010;
    /// Organisations and channel cannot be generated, or those that were cannot be read.
    Network = 4011;
    /// The settings of a node cannot be used.
    Settings = 4012;
    /// No log that this node has is to order a channel.
    NotMapped = 4013;
    /// A channel cannot be joined or removed.
    Join = 4014;
    /// The blocks of a channel are not pulled.
    Pull = 4015;
    /// A filter does not run on this orderer.
    FilterLocal = 4101;
    /// The ordered log does not take a record.
    OrderedLog = 4102;
    /// The channel has halted on this orderer.
    Halted = 4103;
    /// The channel is starting, or the orderer is stopping.
    NotReady = 4104;
    /// The orderer takes no envelopes and makes no blocks.
    ReadOnly = 4105;
    /// Another orderer has other blocks.
    ForkSuspected = 4106;
    /// The channel is not served any more.
    ChannelClosed = 4201;
    /// A committed block cannot be read.
    BlockUnavailable = 4202;
    /// A block is longer than the orderer sends.
    BlockTooLong = 4203;
    /// Too much is on its way to readers.
    NoRoom = 4204;
    /// As many streams are open as the orderer has.
    OrdererFull = 4205;
    /// No Kafka broker can be asked.
    KafkaUnreachable = 4301;
    /// Kafka is not set up as orderers need it.
    KafkaUnfit = 4302;
    /// No channel of the node is ordered by Kafka.
    KafkaUnused = 4303;
    /// What a node rests on is not as it should be.
    NodeUnfit = 4401;
    /// Our bug.
    Bug = 9001;
}

impl Code {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code that a person typed: `RDL-4004`, `rdl-4004` or `4004`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let number: u16 = upper.strip_prefix("RDL-").unwrap_or(&upper).parse().ok()?;
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// What it means: one sentence, then cause and remedy.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        let heading = format!("## {self}\n\n");
        let (_, section) = manual::CODES.split_once(&heading).unwrap_or_default();
        section.split("\n## ").next().unwrap_or_default().trim_end()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RDL-{}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_client_of_broadcast_is_told_is_explained() {
        for code in crate::node::answers::CODES.iter().chain(&raddle_serve::channels::Code::OF_THIS_CRATE) {
            assert!(Code::parse(&code.to_string()).is_some(), "{code}");
        }
    }

    #[test]
    fn codes_are_distinct_ascending_and_found_by_what_people_type() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair.first().map(|it| it.number()) < pair.last().map(|it| it.number()))
        );
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.to_string()), Some(code));
            assert_eq!(Code::parse(&code.to_string().to_lowercase()), Some(code));
            assert_eq!(Code::parse(&code.number().to_string()), Some(code));
            let (first, rest) = code.explanation().split_once("\n\n").unwrap_or_default();
            assert!(!rest.is_empty(), "{code}: cause, then remedy");
            // The list of all shows the first line alone.
            assert!(first.ends_with('.') && !first.contains('\n'), "{code}: {first}");
        }
        let listed: Vec<&str> = manual::CODES.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(listed, Code::ALL.map(|code| code.to_string()));
        for text in ["", "RDL-", "RDL-1", "4004x", "RDL--4004"] {
            assert_eq!(Code::parse(text), None, "{text}");
        }
    }
}
