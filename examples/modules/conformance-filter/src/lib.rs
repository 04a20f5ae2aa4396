//! What the filters of another language are held to: it does what its setting `do` says. The README tells each.

use raddle_guest::{
    Channel, ConsensusState, Envelope, Facts, Filter, FromSetting, Refusal, Settings, Timestamp,
    export_filter, log,
};

/// What is to be done with every envelope.
#[derive(Clone, Copy)]
enum Do {
    Accept,
    RefuseBadRequest,
    RefuseForbidden,
    RefuseTooLarge,
    TellFacts,
    TellHeader,
    TellCreator,
    TellPayload,
    TellChannel,
    TellSettings,
    AskPolicy,
    Log,
    Trap,
    Spin,
}

const WORDS: [(&str, Do); 14] = [
    ("accept", Do::Accept),
    ("refuse-bad-request", Do::RefuseBadRequest),
    ("refuse-forbidden", Do::RefuseForbidden),
    ("refuse-too-large", Do::RefuseTooLarge),
    ("tell-facts", Do::TellFacts),
    ("tell-header", Do::TellHeader),
    ("tell-creator", Do::TellCreator),
    ("tell-payload", Do::TellPayload),
    ("tell-channel", Do::TellChannel),
    ("tell-settings", Do::TellSettings),
    ("ask-policy", Do::AskPolicy),
    ("log", Do::Log),
    ("trap", Do::Trap),
    ("spin", Do::Spin),
];

impl FromSetting for Do {
    fn expected() -> String {
        format!("one of {}", WORDS.map(|(word, _)| word).join(", "))
    }

    fn from_setting(value: &str) -> Option<Self> {
        WORDS.iter().find(|(word, _)| *word == value).map(|(_, it)| *it)
    }
}

struct Conformance {
    what: Do,
    /// The sentence of a refusal.
    say: String,
    policy: String,
    offset: u64,
    size_bytes: u32,
    settings: Settings,
    channel: Channel,
}

impl Filter for Conformance {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&["do", "say", "policy", "offset", "size"])?;
        Ok(Self {
            what: settings.required("do")?,
            say: settings.with_default("say", String::new())?,
            policy: settings.with_default("policy", "/Channel/Writers".to_owned())?,
            offset: settings.with_default("offset", 0)?,
            size_bytes: settings.with_default("size", u32::MAX)?,
            settings: settings.clone(),
            channel: channel.clone(),
        })
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        let told = match self.what {
            Do::Accept => return Ok(()),
            Do::RefuseBadRequest => self.say.clone(),
            Do::RefuseForbidden => return Err(Refusal::forbidden(self.say.clone())),
            Do::RefuseTooLarge => return Err(Refusal::too_large(self.say.clone())),
            Do::TellFacts => told_facts(facts),
            Do::TellHeader => told_header(envelope)?,
            Do::TellCreator => told_creator(envelope)?,
            Do::TellPayload => hex(&envelope.read_payload(self.offset, self.size_bytes)),
            Do::TellChannel => told_channel(&self.channel),
            Do::TellSettings => told_settings(&self.settings),
            Do::AskPolicy => return Ok(envelope.satisfies(&self.policy)?),
            Do::Log => {
                log::debug("a debug line");
                log::info("an info line");
                log::warn("a warning");
                log::error("an error");
                return Ok(());
            }
            Do::Trap => std::process::abort(),
            Do::Spin => loop {
                std::hint::spin_loop();
            },
        };
        Err(Refusal::bad_request(told))
    }
}

fn told_facts(facts: &Facts) -> String {
    let Facts { payload_size_bytes, signature_size_bytes, header_type, .. } = facts;
    let (sent, expires, received) =
        (time(facts.timestamp), time(facts.creator_expires), time(Some(facts.received)));
    let has = |size: &u64| if *size > 0 { "some" } else { "none" };
    format!(
        "type {header_type}; payload {}; signature {}; sent {sent}; received {received}; expires {}",
        has(payload_size_bytes),
        has(signature_size_bytes),
        if expires == "none" { "never" } else { "some day" },
    )
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| format!("{}.{:09}", time.seconds, time.nanoseconds))
}

fn told_header(envelope: &Envelope) -> Result<String, Refusal> {
    let header = envelope.header().map_err(Refusal::bad_request)?;
    Ok(format!("tx-id {}; epoch {}; extension {}", header.tx_id, header.epoch, hex(&header.extension)))
}

fn told_creator(envelope: &Envelope) -> Result<String, Refusal> {
    let creator = envelope.creator().map_err(Refusal::bad_request)?;
    // A certificate's DER is a sequence.
    let is_der = creator.certificate.first() == Some(&0x30);
    let units = creator.organisational_units.join(", ");
    Ok(format!("msp {}; units {units}; certificate {}", creator.msp_id, if is_der { "some" } else { "none" }))
}

fn told_channel(channel: &Channel) -> String {
    let size = channel.batch_size();
    let mode = match channel.consensus_state() {
        ConsensusState::Normal => "normal",
        ConsensusState::Maintenance => "maintenance",
    };
    format!(
        "channel {}; config sequence {}; {mode}; {} envelopes, {} bytes at most, {} preferred; max alone {}; V2_0 {}; \
         V9_9 {}; expiration {}",
        channel.name(),
        channel.config_sequence(),
        size.max_message_count,
        size.absolute_max_bytes,
        size.preferred_max_bytes,
        channel.absolute_max_bytes(),
        channel.has_orderer_capability("V2_0"),
        channel.has_orderer_capability("V9_9"),
        channel.has_expiration_check(),
    )
}

fn told_settings(settings: &Settings) -> String {
    let pairs = settings.keys().into_iter().map(|key| {
        let value = settings.get(&key).unwrap_or_default();
        format!("{key}={value}")
    });
    let missing = if settings.get("missing").is_none() { "none" } else { "some" };
    format!("{}; missing {missing}", pairs.collect::<Vec<_>>().join(", "))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

export_filter!(Conformance);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    fn sentence(pairs: &[(&str, &str)]) -> Option<String> {
        let host = pairs.iter().fold(Host::new(), |host, (key, value)| host.with_setting(key, value));
        let envelope =
            Envelope::of_size(0).with_payload(b"\x00\x7f\xff").with_tx_id("a").with_header(7, b"x");
        host.check::<Conformance>(&envelope).unwrap().refusal.map(|(_, sentence)| sentence)
    }

    #[test]
    fn it_does_what_it_is_told() {
        for (pairs, expected) in [
            (&[("do", "accept")][..], None),
            (&[("do", "refuse-forbidden"), ("say", "no")], Some("no")),
            (&[("do", "tell-header")], Some("tx-id a; epoch 7; extension 78")),
            (&[("do", "tell-payload"), ("offset", "1"), ("size", "9")], Some("7fff")),
            (&[("do", "tell-creator")], Some("msp Org1MSP; units client; certificate none")),
            (&[("do", "tell-settings"), ("say", "")], Some("do=tell-settings, say=; missing none")),
            (&[("do", "ask-policy")], None),
            (
                &[("do", "ask-policy"), ("policy", "/Channel/Nobody")],
                Some("could not find policy /Channel/Nobody"),
            ),
            (
                &[("do", "tell-facts")],
                Some(
                    "type 3; payload some; signature none; sent 1767225600.000000000; received \
                    1767225600.000000000; expires some day",
                ),
            ),
        ] {
            assert_eq!(sentence(pairs).as_deref(), expected, "{pairs:?}");
        }
    }
}
