//! Error codes: stable, to be searched for, and each with an explanation.

use std::fmt;

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
    /// Nothing is known by the name that was asked for.
    UnknownTopic,
    /// The sandbox does not start on this machine.
    Sandbox,
    /// Our bug.
    Bug,
}

impl Code {
    /// All codes, in ascending order.
    pub const ALL: [Self; 10] = [
        Self::UnknownTopic,
        Self::Genesis,
        Self::OtherChannel,
        Self::TopicLine,
        Self::TopicOffsets,
        Self::ChainHalted,
        Self::File,
        Self::Msp,
        Self::Sandbox,
        Self::Bug,
    ];

    /// The number, for ever.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::UnknownTopic => 1001,
            Self::Genesis => 4001,
            Self::OtherChannel => 4002,
            Self::TopicLine => 4003,
            Self::TopicOffsets => 4004,
            Self::ChainHalted => 4005,
            Self::File => 4006,
            Self::Msp => 4007,
            Self::Sandbox => 4008,
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

    /// Cause and remedy.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::UnknownTopic => {
                "There is no help on what was asked for.\n\n\
                 Call `help` without a name: it lists the topics and the codes."
            }
            Self::Genesis => {
                "The file given as genesis block is not the first block of a channel that can be ordered here.\n\n\
                 It must hold one marshalled common.Block with number 0 whose envelope is the channel's config, as\n\
                 configtxgen writes it or as `peer channel fetch 0` gets it. The config may ask only for capabilities\n\
                 that this version has: Orderer V1_1, V1_4_2, V2_0, RADDLE_1_0; Channel V1_1, V1_3, V1_4_2, V1_4_3,\n\
                 V2_0. A block that was cut short or changed does not match the data hash in its own header: fetch it\n\
                 again."
            }
            Self::OtherChannel => {
                "The topic holds envelopes of another channel than the genesis block is of.\n\n\
                 A channel's topic has the channel's name. Give the genesis block of that channel, or the dump of the\n\
                 other topic. Nothing was written."
            }
            Self::TopicLine => {
                "A line of the topic dump is no record.\n\n\
                 Nothing was written: a block that lacks an envelope would fork the channel.\n\n\
                 Each line is one JSON object with `offset` (a number) and `value` (the marshalled KafkaMessage in\n\
                 base64, or null); `key` may be there and is expected to be \"0\". If the file's end is the\n\
                 problem, the dump was cut off: dump the topic again. A value that is no KafkaMessage is another\n\
                 matter: orderers skip it, and so does the replay."
            }
            Self::TopicOffsets => {
                "The dump's offsets are not 0, 1, 2, … in order. Nothing was written.\n\n\
                 A missing record may hold envelopes, so blocks made without it would not be the channel's. Orderers\n\
                 neither write in transactions nor compact their topics, so a topic of theirs has no gaps of its own.\n\
                 Look whether the dump was filtered, joined from parts, or begins where Kafka had already deleted\n\
                 records (the topic's retention.ms must be -1). Then dump it again, from the beginning."
            }
            Self::ChainHalted => {
                "The channel cannot go on at a record without risking other blocks than the other orderers have.\n\n\
                 The message names the cause: a capability that this version does not have (use a version that has\n\
                 it), or a batch policy that cannot run on this machine (memory, addresses for its stack, a processor\n\
                 that is far too slow). Nothing was written."
            }
            Self::File => {
                "A file or folder cannot be read or written; the message says which and why.\n\n\
                 The output appears under its name only when it is whole: until then it is a file beside it whose\n\
                 name begins with `.raddle-`, so its folder must take new files."
            }
            Self::Msp => {
                "The MSP folder gives no identity to sign blocks with.\n\n\
                 It is laid out as Fabric's tools do it: one certificate in `signcerts`, and its private key (P-256,\n\
                 PKCS #8, PEM) in `keystore`. For an orderer this is the folder that LocalMSPDir of orderer.yaml\n\
                 names.\n\
                 Without --msp-id and --msp-dir blocks are written unsigned."
            }
            Self::Sandbox => {
                "The sandbox for modules does not start on this machine.\n\n\
                 It needs addresses, not memory: 272 MiB of stack for each channel's thread and some for each module.\n\
                 Look at `ulimit -v` and at the container's limits."
            }
            Self::Bug => {
                "This is our mistake. No input, file or module should lead here.\n\n\
                 Please report what you called and what it printed."
            }
        }
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
