//! Configs that change who may read, in the middle of the stream.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle::admin::update::{Draft, compute};
use raddle::client::{Place, Verifier};
use raddle::network::Role;
use raddle_core::bundle::read_genesis;
use raddle_core::config_update::{payload_to_sign, propose};
use raddle_core::ids::Offset;
use raddle_proto::common::{ConfigGroup, HeaderType};
use raddle_proto::orderer::ConsensusType;
use raddle_proto::orderer::consensus_type::State;
use raddle_proto::wire::{Envelope, KafkaMessage, Regular};
use tokio_stream::StreamExt as _;

use super::{Scene, all, denied, following, next, number, numbers, refused, rest, told};
use crate::harness::orderer::{channel as channel_of, wait_for_height};
use crate::network::{Team, channel};

impl Scene {
    /// Puts a config into the log: the channel's first one, changed, as number `sequence`. All admins have signed it.
    pub(super) async fn configure(&self, sequence: u64, change: impl FnOnce(&mut ConfigGroup)) {
        let node_channel = channel_of(&self.orderer);
        let mut standing = node_channel.board().standing();
        standing.wait_for(|_| node_channel.rules().bundle().sequence.0 + 1 == sequence).await.unwrap();
        let current = Arc::clone(&node_channel.rules().config);
        let mut changed = read_genesis(self.network.genesis.clone()).unwrap().config.config.clone();
        change(changed.channel_group.as_mut().unwrap());
        let mut draft = Draft::new(compute(&channel(), &current.config, &changed).unwrap());
        let network = &self.network;
        for team in [&network.orderers, &network.org1, &network.org2] {
            draft.sign(&team.signer(Role::Admin)).unwrap();
        }
        let update = draft.envelope(&network.org1.signer(Role::Admin), SystemTime::now()).unwrap();
        let proposal = propose(&current, &update).unwrap();
        let signer = network.orderers.signer(Role::Orderer);
        let header = signer.signature_header().unwrap();
        let payload = payload_to_sign(
            &channel(),
            raddle_proto::common::HeaderType::Config,
            proposal.envelope.encode_to_vec().into(),
            1,
            header.creator,
            header.nonce,
        );
        let envelope = Envelope::new(&payload, &signer.sign(&payload).unwrap());
        let record = KafkaMessage::config(envelope.marshal(), sequence - 1, 0).marshal();
        crate::harness::orderer::channel(&self.orderer).log().append(&channel(), record).await.unwrap();
    }

    /// All envelopes in the log so far, where `last` must be the last one.
    async fn logged(&self, last: &Bytes) -> Vec<Regular> {
        let mut records = crate::harness::orderer::channel(&self.orderer).log().read(&channel(), Offset(0));
        let mut logged: Vec<Regular> = Vec::new();
        while logged.last().is_none_or(|regular| regular.payload != *last) {
            let value = records.next().await.unwrap().unwrap().value;
            if let KafkaMessage::Regular(regular) = KafkaMessage::unmarshal(value).unwrap() {
                logged.push(regular);
            }
        }
        logged
    }
}

pub(super) fn remove_org2(group: &mut ConfigGroup) {
    group.groups.get_mut("Application").unwrap().groups.remove("Org2").unwrap();
}

fn set_state(group: &mut ConfigGroup, state: State) {
    let value = group.groups.get_mut("Orderer").unwrap().values.get_mut("ConsensusType").unwrap();
    let consensus =
        ConsensusType { state: state.into(), ..ConsensusType::decode(value.value.clone()).unwrap() };
    value.value = consensus.encode_to_vec().into();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_is_removed_gets_all_blocks_before_that_one_and_sends_nothing_behind_it() {
    let scene = Scene::start().await;
    let (org1, org2) = (scene.network.org1.signer(Role::Client), scene.network.org2.signer(Role::Client));
    scene.grow(&org2, 2).await;
    let mut stays = scene.read(&org1, &following(Place::Oldest)).await;
    let mut goes = scene.read(&org2, &following(Place::Oldest)).await;
    assert_eq!(numbers(&mut goes, 3).await, [0, 1, 2]);
    let mut verifier = Verifier::from_start(channel());
    for _ in 0..3 {
        verifier.verify(&next(&mut stays).await).unwrap();
    }
    scene.configure(1, remove_org2).await;
    let config = next(&mut stays).await;
    assert_eq!(verifier.verify(&config).unwrap().number, 3);
    let refusal = refused(goes).await;
    assert_eq!(told(&refusal), (403, Some("RDL-1211"), denied("Readers")));
    assert_eq!(refusal.detail.reason.len(), 1, "no proof: {:?}", refusal.detail.reason);
    let refusal = refused(scene.read(&org2, &all()).await).await;
    assert_eq!((refusal.status, refusal.detail.code.as_deref()), (403, Some("RDL-1211")));

    let refusal = scene.send_refused(&org2).await;
    assert_eq!((refusal.status, refusal.info), (403, denied("Writers")));
    let sent = scene.send(&org1, 4).await;
    let block = next(&mut stays).await;
    assert_eq!(verifier.verify(&block).unwrap().config, Some(3));
    assert_eq!(block.data.unwrap().data, sent);
    let logged = scene.logged(sent.last().unwrap()).await;
    let sequences: Vec<_> = logged.iter().map(|regular| regular.config_sequence).collect();
    assert_eq!(sequences, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_admitted_before_its_sender_was_removed_is_in_no_block() {
    let scene = Scene::start().await;
    let (org1, org2) = (scene.network.org1.signer(Role::Client), scene.network.org2.signer(Role::Client));
    scene.configure(1, remove_org2).await;
    // Judged by the config of before, so that they are judged again.
    let put = [&org2, &org1, &org1, &org2, &org1, &org1, &org2].map(|signer| {
        let envelope =
            signer.envelope(&channel(), HeaderType::Message, b"late".as_slice(), SystemTime::now());
        (std::ptr::eq(signer, &org1), envelope.unwrap().marshal())
    });
    for (_, envelope) in &put {
        let record = KafkaMessage::normal(envelope.clone(), 0, 0).marshal();
        crate::harness::orderer::channel(&scene.orderer).log().append(&channel(), record).await.unwrap();
    }
    wait_for_height(&scene.orderer, 3).await;
    let sent = scene.send(&org1, 4).await;
    wait_for_height(&scene.orderer, 4).await;
    let blocks = rest(scene.read(&org1, &all()).await).await;
    let stays = put.into_iter().filter_map(|(stays, envelope)| stays.then_some(envelope));
    assert_eq!(blocks[2].data.as_ref().unwrap().data, stays.collect::<Vec<_>>());
    assert_eq!(blocks[3].data.as_ref().unwrap().data, sent);
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_maintenance_only_orderers_read_and_members_are_told_why_they_do_not() {
    let scene = Scene::start().await;
    let network = &scene.network;
    let (member, orderer) = (network.org1.signer(Role::Peer), network.orderers.signer(Role::Client));
    let client = network.org1.signer(Role::Client);
    scene.grow(&client, 1).await;
    let mut members = scene.read(&member, &following(Place::Oldest)).await;
    let mut orderers = scene.read(&orderer, &following(Place::Oldest)).await;
    assert_eq!(numbers(&mut members, 2).await, [0, 1]);
    assert_eq!(numbers(&mut orderers, 2).await, [0, 1]);
    scene.configure(1, |group| set_state(group, State::Maintenance)).await;
    assert_eq!(numbers(&mut orderers, 1).await, [2]);
    for reader in [members, scene.read(&member, &all()).await, scene.read(&client, &all()).await] {
        let refusal = refused(reader).await;
        assert_eq!(told(&refusal), (403, Some("RDL-1211"), denied("Readers")));
        let proof = refusal.detail.text("proof").unwrap();
        assert!(proof.starts_with("/Channel/Orderer/Readers is not satisfied by "), "{proof}");
        assert!(proof.contains("Org1MSP") && proof.contains("OrdererMSP"), "{proof}");
    }
    let outsider = Team::new("Org3").signer(Role::Client);
    let refusal = refused(scene.read(&outsider, &all()).await).await;
    assert_eq!(told(&refusal), (403, Some("RDL-1211"), denied("Readers")));
    assert_eq!(refusal.detail.text("proof"), None);
    for signer in [&client, &orderer] {
        let refusal = scene.send_refused(signer).await;
        let info = "normal transactions are rejected: maintenance mode";
        assert_eq!((refusal.status, refusal.info.as_str()), (503, info));
    }

    scene.configure(2, |group| set_state(group, State::Normal)).await;
    assert_eq!(numbers(&mut orderers, 1).await, [3]);
    assert_eq!(rest(scene.read(&member, &all()).await).await.len(), 4);
    scene.grow(&client, 1).await;
    let block = next(&mut orderers).await;
    assert_eq!(number(&block), 4);
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_read_stays_so_over_a_restart() {
    let scene = Scene::start().await;
    let (org1, org2) = (scene.network.org1.signer(Role::Client), scene.network.org2.signer(Role::Client));
    scene.configure(1, remove_org2).await;
    wait_for_height(&scene.orderer, 2).await;
    let scene = scene.restart(|_| {}).await;
    assert_eq!(refused(scene.read(&org2, &all()).await).await.status, 403);
    assert_eq!(rest(scene.read(&org1, &all()).await).await.len(), 2);
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_without_the_policy_for_readers_has_none() {
    let scene = Scene::start().await;
    let (org1, orderer) =
        (scene.network.org1.signer(Role::Admin), scene.network.orderers.signer(Role::Admin));
    scene.configure(1, |group| group.policies.remove("Readers").map(drop).unwrap()).await;
    wait_for_height(&scene.orderer, 2).await;
    for signer in [&org1, &orderer] {
        let refusal = refused(scene.read(signer, &all()).await).await;
        let text = "could not find policy /Channel/Readers";
        assert_eq!(told(&refusal), (403, Some("RDL-1211"), text.to_owned()));
    }
    scene.orderer.stop().await.unwrap();
}
