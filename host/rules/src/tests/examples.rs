//! The example modules in the sandbox that a node runs them in: what each refuses, and where each cuts.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::bundle::Bundle;
use raddle_core::cutter::{CutBatch, CutReason, Cutter};
use raddle_proto::wire::{Envelope, channel_header};

use super::filters::run::{RECEIVED, Says, bind, field, on_guest, settings};
use super::made::call;
use super::run::{bundle, load};
use crate::check::{ModuleKind, check};
use crate::profile::ModuleLimits;
use crate::{Case, Creator, NoLog, PolicyVerdict, RefusalStatus, Timestamp};

/// An example, as it is built into `dist`.
macro_rules! example {
    ($name:literal) => {
        include_bytes!(concat!("../../../../guest-filters/dist/examples/", $name, ".wasm"))
    };
}

const FILTERS: &[(&str, &[u8])] = &[
    ("allow-organisations", example!("allow-organisations")),
    ("size-budget", example!("size-budget")),
    ("clock-skew", example!("clock-skew")),
    ("expiration-grace", example!("expiration-grace")),
    ("deny-functions", example!("deny-functions")),
    ("custom-filter", example!("custom-filter")),
];

const POLICIES: &[(&str, &[u8])] =
    &[("isolate-large", example!("isolate-large")), ("fair-share", example!("fair-share"))];

#[test]
fn every_example_passes_the_check_and_is_small() {
    for (examples, kind) in [(FILTERS, ModuleKind::Filter), (POLICIES, ModuleKind::BatchPolicy)] {
        for (name, bytes) in examples {
            assert_eq!(check(bytes).unwrap().kind(), kind, "{name}");
            // The one with the most to read, a whole transaction, is the largest: 32 KB is enough for each.
            assert!(bytes.len() < 32_000, "{name} has {} bytes", bytes.len());
        }
    }
}

/// An envelope of this type and payload data, with a signature of 71 bytes.
fn envelope(header_type: u8, sent: Option<Timestamp>, data: &[u8]) -> Envelope {
    let sent = sent.map_or_else(Vec::new, |sent| {
        assert!((0..0x4000).contains(&sent.seconds), "two bytes of a varint");
        field(3, &[8, (sent.seconds as u8 & 0x7f) | 0x80, (sent.seconds >> 7) as u8])
    });
    let header = [&[8, header_type][..], &sent, &field(4, b"mychannel"), &field(5, b"tx")].concat();
    Envelope::new(&[field(1, &field(1, &header)), field(2, data)].concat(), &[0x30; 71])
}

fn by(msp_id: &str) -> Says {
    let creator = Creator {
        msp_id: msp_id.to_owned(),
        certificate: Bytes::from_static(b"\x30\x00"),
        organisational_units: vec!["client".to_owned()],
    };
    Says { creator: Some(creator), ..Says::default() }
}

/// Status and sentence of the refusal, if there is one.
type Answer = Option<(RefusalStatus, String)>;

fn ask(bytes: &[u8], pairs: &[(&str, &str)], envelope: Envelope, says: &Says) -> Answer {
    let filter = bind(bytes, pairs);
    on_guest(|stack| {
        assert_eq!(filter.check_settings(stack), Ok(Ok(())));
        let header = channel_header(&envelope);
        let case = Case::new(envelope, header, RECEIVED, Box::new(says.clone()));
        filter.check(stack, &case).unwrap().err().map(|refusal| (refusal.status, refusal.sentence))
    })
}

fn refused(status: RefusalStatus, sentence: &str) -> Answer {
    Some((status, sentence.to_owned()))
}

fn message(size: usize) -> Envelope {
    envelope(3, Some(RECEIVED), &vec![0; size])
}

#[test]
fn filters_that_ask_who_wrote_it() {
    let only = &[("msp-ids", "Org1MSP")][..];
    let allow = |says: &Says| ask(example!("allow-organisations"), only, message(9), says);
    assert_eq!(allow(&by("Org1MSP")), None);
    let sentence = "Org2MSP may not write here; allowed: Org1MSP";
    assert_eq!(allow(&by("Org2MSP")), refused(RefusalStatus::Forbidden, sentence));
    assert_eq!(allow(&Says::default()), refused(RefusalStatus::BadRequest, "no creator"));

    let budgets = &[("budgets", "Org1MSP:2 KiB"), ("others", "1 KiB")][..];
    let budget = |size, says: &Says| ask(example!("size-budget"), budgets, message(size), says);
    assert_eq!((budget(1_900, &by("Org1MSP")), budget(900, &by("Org2MSP"))), (None, None));
    let size = message(1_900).size_bytes();
    let sentence = format!("{size} bytes; Org2MSP may send envelopes of 1024 bytes here");
    assert_eq!(budget(1_900, &by("Org2MSP")), refused(RefusalStatus::TooLarge, &sentence));
}

#[test]
fn filters_that_ask_for_times() {
    let at = |seconds| Some(Timestamp { seconds, nanoseconds: 0 });
    let skew =
        |sent| ask(example!("clock-skew"), &[("max", "1 min")], envelope(3, sent, b""), &Says::default());
    assert_eq!((skew(at(941)), skew(at(1_060))), (None, None));
    let wrong =
        |how| refused(RefusalStatus::BadRequest, &format!("the client's clock is {how} by more than 60 s"));
    assert_eq!((skew(at(940)), skew(at(1_061))), (wrong("slow"), wrong("fast")));
    let none = refused(RefusalStatus::BadRequest, "the channel header has no timestamp");
    assert_eq!(skew(None), none);

    let grace = |seconds| {
        let says = Says { expires: at(seconds), ..Says::default() };
        ask(example!("expiration-grace"), &[("grace", "2 min")], message(9), &says)
    };
    assert_eq!((grace(1_001), grace(881)), (None, None));
    let sentence = "broadcast client identity expired, more than 120 s ago";
    assert_eq!(grace(880), refused(RefusalStatus::BadRequest, sentence));
}

#[test]
fn a_filter_that_reads_the_transaction() {
    let admins = "/Channel/Application/Admins";
    let pairs = &[("deny", "assets:DeleteAsset,audit"), ("unless", admins)][..];
    let ask =
        |data: &[u8], says: &Says| ask(example!("deny-functions"), pairs, envelope(3, None, data), says);
    let denied = Says::of(admins, PolicyVerdict::Denied("no admin".to_owned()));
    let long = vec![7; 100_000];
    assert_eq!(ask(&call("assets", &[b"CreateAsset", &long]), &denied), None);
    for (data, sentence) in [
        (call("assets", &[b"DeleteAsset", &long]), "nobody calls DeleteAsset of assets on this channel"),
        (call("audit", &[]), "nobody calls audit on this channel"),
    ] {
        assert_eq!(ask(&data, &denied), refused(RefusalStatus::Forbidden, sentence));
        assert_eq!(ask(&data, &Says::default()), None, "an admin may");
    }
    let broken = refused(RefusalStatus::BadRequest, "the transaction has no action");
    assert_eq!(ask(b"", &denied), broken);
}

/// An envelope of so many bytes, by somebody of an organisation.
fn ordered(size: usize, msp_id: &str, who: &str) -> Envelope {
    let creator = [field(1, msp_id.as_bytes()), field(2, who.as_bytes())].concat();
    let channel = [&[8, 3][..], &field(4, b"mychannel")].concat();
    let header = [field(1, &channel), field(2, &field(1, &creator))].concat();
    let empty = [field(1, &header), field(2, &[])].concat();
    let payload = [field(1, &header), field(2, &vec![0; size.saturating_sub(empty.len() + 71)])].concat();
    Envelope::new(&payload, &[0x30; 71])
}

/// Sizes of the batches that are cut, and why each was.
fn cuts(bytes: &[u8], pairs: &[(&str, &str)], envelopes: Vec<Envelope>) -> Vec<(usize, CutReason)> {
    let module = load(bytes);
    let channel = Bundle::clone(&bundle());
    on_guest(|stack| {
        let limits = ModuleLimits::default();
        let policy = module.bind(stack, bundle(), settings(pairs), limits, Arc::new(NoLog)).unwrap();
        assert_eq!(policy.check_settings(), Ok(Ok(())));
        let mut cutter = Cutter::new(channel.batch_size, Rc::new(policy));
        let mut cut = Vec::new();
        let mut note = |batch: Option<CutBatch>| cut.extend(batch.map(|it| (it.envelopes.len(), it.reason)));
        for envelope in &envelopes {
            let taken = cutter.take(envelope).unwrap();
            assert!(taken.faults.is_empty(), "{:?}", taken.faults);
            note(taken.before);
            note(taken.after);
        }
        note(cutter.cut(CutReason::TimeToCut));
        cut
    })
}

#[test]
fn a_policy_that_isolates_large_envelopes() {
    use CutReason::{DoesNotFit, Full, MaxMessageCount, TimeToCut};
    let of = |sizes: &[usize]| {
        let envelopes = sizes.iter().map(|size| ordered(*size, "Org1MSP", "alice")).collect();
        cuts(example!("isolate-large"), &[("over", "4 KiB")], envelopes)
    };
    assert_eq!(of(&[500, 500, 5_000, 500]), [(2, DoesNotFit), (1, Full), (1, TimeToCut)]);
    assert_eq!(of(&[5_000, 90_000]), [(1, Full), (1, Full)]);
    assert_eq!(of(&[500; 11]), [(10, MaxMessageCount), (1, TimeToCut)]);
    // 20,000 bytes are preferred.
    assert_eq!(of(&[3_900; 6]), [(5, DoesNotFit), (1, TimeToCut)]);
}

#[test]
fn a_policy_that_gives_each_organisation_its_share() {
    use CutReason::{DoesNotFit, MaxMessageCount, TimeToCut};
    let of = |who: &[(&str, &str)]| {
        let envelopes = who.iter().map(|(msp_id, name)| ordered(500, msp_id, name)).collect();
        cuts(example!("fair-share"), &[("percent", "30")], envelopes)
    };
    let (alice, bob, eve, dan) =
        (("Org1MSP", "alice"), ("Org1MSP", "bob"), ("Org2MSP", "eve"), ("Org3MSP", "dan"));
    // Ten envelopes make a block; three are 30 percent.
    assert_eq!(of(&[alice, bob, alice, bob, alice]), [(3, DoesNotFit), (2, TimeToCut)]);
    assert_eq!(of(&[alice, eve, bob, eve, alice, eve, dan, eve]), [(7, DoesNotFit), (1, TimeToCut)]);
    let fair = [alice, eve, dan, ("", ""), bob, eve, dan, ("", ""), alice, eve];
    assert_eq!(of(&fair), [(10, MaxMessageCount)]);
}

#[test]
fn an_example_refuses_settings_in_its_own_words() {
    for (bytes, pairs, sentence) in [
        (
            &example!("allow-organisations")[..],
            &[][..],
            "setting `msp-ids` is missing: expected a list, separated by \
            commas, each a text",
        ),
        (
            example!("clock-skew"),
            &[("max", "soon")],
            "setting `max` is `soon`: expected a length of time, such as \
            `90 s`, `5 min`, `2 h` or `7 d`",
        ),
        (
            example!("deny-functions"),
            &[("deny", "a"), ("unles", "b")],
            "unknown setting `unles`: did you mean \
            `unless`?",
        ),
    ] {
        let filter = bind(bytes, pairs);
        let answer = on_guest(|stack| filter.check_settings(stack));
        assert_eq!(answer, Ok(Err(sentence.to_owned())));
    }
}
