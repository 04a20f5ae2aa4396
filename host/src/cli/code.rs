//! Error codes: stable, to be searched for, and each with an explanation.

use std::fmt;

use crate::manual;

/// A code, `RDL-nnnn`. The first digit says who acts: 1 the client, 2 the module's author, 3 the channel's admin,
/// 4 the operator, 9 us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A genesis block cannot be used.
    Genesis,
    /// A topic belongs to another channel than the genesis block.
    OtherChannel,
    /// A topic dump has a line that is no record.
    TopicLine,
    /// A topic dump lacks records, or has them twice or out of order.
    TopicOffsets,
    /// A channel halts at a record.
    ChainHalted,
    /// A file cannot be read or written.
    File,
    /// An MSP folder gives no identity to sign with.
    Msp,
    /// An envelope's headers cannot be read.
    EnvelopeUnreadable,
    /// No channel has the id that stands in an envelope.
    ChannelUnknown,
    /// An envelope is of a type that only orderers make.
    TypeNotTaken,
    /// A filter refuses an envelope.
    Filter,
    /// An envelope is not what peers can live with.
    Invariant,
    /// A channel is in maintenance.
    Maintenance,
    /// Config updates are not taken.
    ConfigUpdate,
    /// A filter fails at an envelope.
    FilterFault,
    /// A filter does not run on this orderer.
    FilterLocal,
    /// The ordered log does not take a record.
    OrderedLog,
    /// Nothing is known by the name that was asked for.
    UnknownTopic,
    /// A command is not told which orderer, channel or identity to use.
    Unconfigured,
    /// What a command is told of orderer, channel or identity cannot be used.
    ClientConfig,
    /// What is to be sent is longer than any orderer takes.
    TooLongToSend,
    /// A range of blocks ends before it begins.
    BlockRange,
    /// No orderer answers.
    Unreachable,
    /// An orderer does not answer to the end.
    BrokenOff,
    /// An orderer refuses, and gives no code of ours.
    Refused,
    /// What was sent is in no block yet.
    NotInABlock,
    /// A block is not the channel's.
    BlockFault,
    /// The sandbox does not start on this machine.
    Sandbox,
    /// Our bug.
    Bug,
}

impl Code {
    /// All codes, in ascending order.
    pub const ALL: [Self; 29] = [
        Self::UnknownTopic,
        Self::Unconfigured,
        Self::ClientConfig,
        Self::TooLongToSend,
        Self::BlockRange,
        Self::Unreachable,
        Self::BrokenOff,
        Self::Refused,
        Self::NotInABlock,
        Self::EnvelopeUnreadable,
        Self::ChannelUnknown,
        Self::TypeNotTaken,
        Self::Filter,
        Self::Invariant,
        Self::Maintenance,
        Self::ConfigUpdate,
        Self::BlockFault,
        Self::FilterFault,
        Self::Genesis,
        Self::OtherChannel,
        Self::TopicLine,
        Self::TopicOffsets,
        Self::ChainHalted,
        Self::File,
        Self::Msp,
        Self::Sandbox,
        Self::FilterLocal,
        Self::OrderedLog,
        Self::Bug,
    ];

    /// The number, for ever.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::UnknownTopic => 1001,
            Self::Unconfigured => 1002,
            Self::ClientConfig => 1003,
            Self::TooLongToSend => 1004,
            Self::BlockRange => 1005,
            Self::Unreachable => 1006,
            Self::BrokenOff => 1007,
            Self::Refused => 1008,
            Self::NotInABlock => 1009,
            Self::EnvelopeUnreadable => 1101,
            Self::ChannelUnknown => 1102,
            Self::TypeNotTaken => 1103,
            Self::Filter => 1104,
            Self::Invariant => 1105,
            Self::Maintenance => 1106,
            Self::ConfigUpdate => 1107,
            Self::BlockFault => 1301,
            Self::FilterFault => 2001,
            Self::Genesis => 4001,
            Self::OtherChannel => 4002,
            Self::TopicLine => 4003,
            Self::TopicOffsets => 4004,
            Self::ChainHalted => 4005,
            Self::File => 4006,
            Self::Msp => 4007,
            Self::Sandbox => 4008,
            Self::FilterLocal => 4101,
            Self::OrderedLog => 4102,
            Self::Bug => 9001,
        }
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
            assert!(code.explanation().contains("\n\n"), "{code}: cause, then remedy");
        }
        for text in ["", "RDL-", "RDL-1", "4004x", "RDL--4004"] {
            assert_eq!(Code::parse(text), None, "{text}");
        }
    }
}
