//! Config updates: as clients send them, and as admins sign whatever they like.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;
use raddle::identity::Signer;
use raddle_core::bundle::CurrentConfig;
use raddle_core::config_update::{inspect_maintenance, propose, validate};
use raddle_proto::common::{self, ConfigEnvelope, ConfigUpdateEnvelope, Payload};
use raddle_proto::wire::{Envelope, go_decode};

use super::mutation::{Mutation, mutate, mutations};
use super::{Outcome, envelope, try_inputs};
use crate::harness::cases::config_update_cases;
use crate::harness::{Recorded, golden};

/// An update that was sent to a channel, and the config that it was sent to.
struct Sent {
    current: Arc<CurrentConfig>,
    envelope: Bytes,
    update: Bytes,
}

fn updates() -> Vec<Sent> {
    let mut current = Recorded::mychannel().start().1;
    let mut sent = Vec::new();
    for case in config_update_cases() {
        let bytes = case.bytes();
        let Some(update) = update_of(&bytes) else { continue };
        let proposed = propose(&current, &Envelope::unmarshal(bytes.clone()).unwrap());
        sent.push(Sent { current: Arc::clone(&current), envelope: bytes, update: update.config_update });
        if let Ok(proposal) = proposed.as_ref().map(|it| Arc::clone(&it.next))
            && case.status == "SUCCESS"
        {
            current = proposal;
        }
    }
    assert!(sent.len() > 20 && current.config.sequence > 10, "{}", current.config.sequence);
    sent
}

fn update_of(envelope: &Bytes) -> Option<ConfigUpdateEnvelope> {
    let envelope = Envelope::unmarshal(envelope.clone()).ok()?;
    let payload: Payload = go_decode(envelope.payload().clone()).ok()?;
    go_decode(payload.data).ok()
}

/// Those whom the channel's policies ask for: the admins of an organisation and of the orderers.
struct Admins([Signer; 2]);

impl Admins {
    fn read() -> Self {
        let orderer = Signer::from_msp_dir("OrdererMSP", &golden("orderer-admin-msp")).unwrap();
        Self([envelope::member(), orderer])
    }

    /// An update that both have signed, whatever it is.
    fn sign(&self, update: &[u8]) -> Bytes {
        let signatures = self.0.iter().map(|admin| {
            let signature_header = admin.signature_header().unwrap().encode_to_vec();
            let signature = admin.sign(&[&signature_header, update].concat()).unwrap();
            common::ConfigSignature { signature_header: signature_header.into(), signature }
        });
        let update = ConfigUpdateEnvelope {
            config_update: Bytes::copy_from_slice(update),
            signatures: signatures.collect(),
        };
        let header = common::ChannelHeader {
            r#type: common::HeaderType::ConfigUpdate.into(),
            channel_id: "mychannel".into(),
            ..Default::default()
        };
        let header = common::Header { channel_header: header.encode_to_vec().into(), ..Default::default() };
        let payload = Payload { header: Some(header), data: update.encode_to_vec().into() }.encode_to_vec();
        Envelope::new(&payload, &[]).marshal()
    }
}

/// What is proposed must be valid, and the same when it is read from the log.
fn propose_and_validate(current: &CurrentConfig, bytes: Bytes) -> Option<ConfigEnvelope> {
    let proposal = propose(current, &Envelope::unmarshal(bytes).ok()?).ok()?;
    let _ = inspect_maintenance(current, &proposal);
    assert_eq!(proposal.next.config.sequence, current.config.sequence + 1);
    assert_eq!(proposal.envelope.config.as_ref(), Some(&proposal.next.config));
    let next = validate(current, &proposal.envelope).expect("what one orderer proposes all find valid");
    assert_eq!(next.config, proposal.next.config);
    let encoded = proposal.envelope.encode_to_vec();
    assert_eq!(go_decode::<ConfigEnvelope>(encoded.into()).as_ref(), Ok(&proposal.envelope));
    Some(proposal.envelope)
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The envelope, so that the signatures under the update hold only if it is as it was.
    Envelope,
    /// The update, signed when it was changed.
    Update,
    /// The config record that comes of it.
    Record,
}

fn what() -> impl Strategy<Value = What> + Clone {
    prop_oneof![2 => Just(What::Envelope), 4 => Just(What::Update), 1 => Just(What::Record)]
}

fn try_one(
    sent: &[Sent],
    admins: &Admins,
    which: Index,
    mutations: &[Mutation],
    what: What,
) -> Option<ConfigEnvelope> {
    let Sent { current, envelope, update } = which.get(sent);
    match what {
        What::Envelope => {
            let envelopes: Vec<&Bytes> = sent.iter().map(|it| &it.envelope).collect();
            let bytes = Bytes::from(mutate(envelope, mutations, &envelopes));
            let proposed = propose_and_validate(current, bytes.clone())?;
            let update = update_of(&bytes).unwrap().config_update;
            assert!(sent.iter().any(|it| it.update == update), "nobody has signed what was changed");
            Some(proposed)
        }
        What::Update => {
            let updates: Vec<&Bytes> = sent.iter().map(|it| &it.update).collect();
            propose_and_validate(current, admins.sign(&mutate(update, mutations, &updates)))
        }
        What::Record => {
            let proposed = propose_and_validate(current, admins.sign(update))?;
            let record = mutate(&proposed.encode_to_vec(), mutations, &[] as &[&[u8]]);
            let record: ConfigEnvelope = go_decode(record.into()).ok()?;
            let next = validate(current, &record).ok()?;
            // Only an update makes a config, and the same update makes the same.
            let last_update = Bytes::from(record.last_update.clone().unwrap().encode_to_vec());
            assert_eq!(update_of(&last_update).unwrap().config_update, update, "nobody has signed another");
            assert_eq!(Some(next.config), proposed.config);
            Some(record)
        }
    }
}

#[test]
fn config_update() {
    let (sent, admins) = (updates(), Admins::read());
    assert!(sent.iter().any(|it| propose_and_validate(&it.current, admins.sign(&it.update)).is_some()));
    try_inputs("config update", 200, &(any::<Index>(), mutations(), what()), |(which, mutations, what)| {
        match try_one(&sent, &admins, which, &mutations, what) {
            Some(_) => Outcome::Taken,
            None => Outcome::Refused,
        }
    });
}
