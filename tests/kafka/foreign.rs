//! Records that no orderer wrote: each orderer leaves out the same, and says so.

use std::time::Duration;

use bytes::Bytes;
use raddle_core::chain::{Note, Skipped};
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_proto::wire::{Envelope, KafkaMessage};
use rdkafka::producer::Producer as _;
use tokio::task::block_in_place;

use crate::broker::Broker;
use crate::broker::admin::Foreign;
use crate::harness::admin::with_value;
use crate::harness::process::Node;
use crate::harness::sender::Sender;
use crate::settings::write_for;
use crate::trio::Trio;

/// Puts records of other programs into the topic, each of which the chain notes; answers their offsets and what is
/// noted of them.
fn put_rubbish(foreign: &Foreign, config: &Envelope) -> Vec<(i64, &'static str)> {
    let normal = |payload: &'static [u8]| KafkaMessage::normal(Bytes::from_static(payload), 1, 0).marshal();
    let of_unknown_class = {
        let envelope = Envelope::new(b"payload", b"signature").marshal();
        // Field 1 with the payload, field 3, the class, with 7.
        let mut regular = vec![0x0a, u8::try_from(envelope.len()).unwrap()];
        regular.extend_from_slice(&envelope);
        regular.extend_from_slice(&[0x10, 1, 0x18, 7]);
        let mut message = vec![0x0a, u8::try_from(regular.len()).unwrap()];
        message.extend_from_slice(&regular);
        Bytes::from(message)
    };
    let stray = |payload: Bytes| KafkaMessage::config(payload, 1, 0).marshal();
    let cases: [(Option<Bytes>, &str); 9] = [
        (Some(Bytes::from_static(b"\xff\xff not protobuf")), "skipped: not a KafkaMessage"),
        (None, "skipped: a KafkaMessage of no kind"),
        // Field 9.
        (Some(Bytes::from_static(&[0x4a, 1, b'x'])), "skipped: a KafkaMessage of no kind"),
        (Some(normal(b"\xff\xff no envelope")), "skipped: its payload is no envelope"),
        (Some(of_unknown_class), "skipped: of the unknown class 7"),
        (Some(stray(Envelope::new(b"\xff", b"").marshal())), "skipped: its config does not validate here"),
        // The config that the channel has already.
        (Some(stray(config.marshal())), "skipped: its config does not validate here"),
        (
            Some(KafkaMessage::time_to_cut(1_000_000).marshal()),
            "fork suspected: time-to-cut for block 1000000",
        ),
        (Some(KafkaMessage::time_to_cut(0).marshal()), "time-to-cut for block 0, which is written: ignored"),
    ];
    cases.into_iter().map(|(value, why)| (foreign.put_now(value.as_deref()), why)).collect()
}

/// Puts good envelopes, whatever they come with: other keys, headers, compressed batches, transactions whose ends leave
/// holes in the offsets. Go orderers read what was rolled back too.
fn put_good(trio: &Trio, broker: &Broker, channel: &ChannelId, sender: &mut Sender) {
    let mut put = |foreign: &Foreign, key: Option<&[u8]>, header: Option<&str>| {
        let envelope = trio.envelope(vec![b'z'; 1000]);
        sender.acknowledged.insert(envelope.signature().clone());
        foreign.put(key, Some(&KafkaMessage::normal(envelope.marshal(), 1, 0).marshal()), header);
    };
    let foreign = Foreign::new(&broker.address(), channel, &[("acks", "all")]);
    put(&foreign, None, None);
    put(&foreign, Some(b"another key"), Some("a header"));
    foreign.flush();
    for codec in ["gzip", "snappy", "lz4"] {
        let settings = [("compression.type", codec), ("linger.ms", "50"), ("acks", "all")];
        let compressing = Foreign::new(&broker.address(), channel, &settings);
        (0..5).for_each(|_| put(&compressing, Some(b"0"), None));
        compressing.flush();
    }
    let (transactional, patience) = ([("transactional.id", "foreign")], Duration::from_secs(60));
    let transactions = Foreign::new(&broker.address(), channel, &transactional);
    transactions.producer().init_transactions(patience).unwrap();
    for is_good in [true, false, true] {
        transactions.producer().begin_transaction().unwrap();
        (0..2).for_each(|_| put(&transactions, Some(b"0"), None));
        transactions.flush();
        match is_good {
            true => transactions.producer().commit_transaction(patience).unwrap(),
            false => transactions.producer().abort_transaction(patience).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_other_programs_are_left_out_or_taken_alike_by_all() {
    let (broker, channel) = (Broker::start(&[]), ChannelId("demo".into()));
    let trio = Trio::start(&[broker.address()]).await;
    let client = trio.client(0).await;
    let capability = "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0";
    trio.admin.change_until_taken(&client, |config| with_value(config, capability, "{}")).await.unwrap();
    let block = trio.channel(0).ledger().block(BlockNumber(1)).unwrap().unwrap();
    let block: raddle_proto::common::Block = prost::Message::decode(block).unwrap();
    let config = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
    let mut load = trio.load();
    trio.goes_on(1).await;

    let (mut sent, foreign) = (trio.sender(), Foreign::new(&broker.address(), &channel, &[("acks", "all")]));
    let noted = block_in_place(|| put_rubbish(&foreign, &config));
    trio.goes_on(1).await;
    block_in_place(|| put_good(&trio, &broker, &channel, &mut sent));
    trio.goes_on(1).await;

    load.all_was_taken();
    let mut sender = load.end().await;
    sender.acknowledged.append(&mut sent.acknowledged);
    let followed = trio.all_is_in_equal_ledgers(&sender).await;
    assert_eq!(followed.doubles().collect::<Vec<_>>(), []);
    for told in &trio.told {
        // Each told once; nothing else was left out.
        let is_told = |notes: &Vec<Note>| {
            let mut texts = noted.iter().map(|(offset, why)| format!("offset {offset}: {why}"));
            texts.all(|text| notes.iter().filter(|note| note.to_string().starts_with(&text)).count() == 1)
        };
        let mut notes = told.notes.subscribe();
        let notes = notes.wait_for(is_told).await.unwrap();
        let is_skip = |note: &&Note| matches!(note, Note::Skipped { .. });
        assert_eq!(notes.iter().filter(is_skip).count(), 7, "{notes:?}");
        let of_config = |note: &Note| matches!(note, Note::Skipped { why: Skipped::InvalidConfig(_), .. });
        assert_eq!(notes.iter().filter(|note| of_config(note)).count(), 2);
        let at = Offset(noted[7].0);
        let suspects = notes.iter().filter_map(|note| match note {
            Note::ForkSuspected { offset, .. } => Some(*offset),
            _ => None,
        });
        assert_eq!(suspects.collect::<Vec<_>>(), [at]);
    }

    // An orderer that is new reads it all, makes the same blocks, and logs what it leaves out.
    let folder = trio.folder.path().join("new");
    std::fs::create_dir(&folder).unwrap();
    write_for(&folder, &trio.network, &broker);
    let mut node = Node::start_by_settings(&folder);
    for (offset, why) in &noted[..8] {
        node.wait_for(&format!("offset {offset}: {why}"));
    }
    let addresses = [trio.orderers[0].address().to_string(), node.address.clone()];
    crate::ledgers::all_is_in_equal_ledgers(&sender, &trio.admin, &addresses).await;
    assert!(node.stop().status.success());
    trio.stop().await;
}
