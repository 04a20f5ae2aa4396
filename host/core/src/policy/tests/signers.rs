//! Who signed.

use super::*;
use crate::policy::{
    SKIPPED_MAX, SignedDataError, SkipReason, config_update_as_signed_data, envelope_as_signed_data,
};
use raddle_proto::wire::Envelope;

fn names(signers: &Signers) -> Vec<&str> {
    signers.valid().iter().map(|signer| signer.id()).collect()
}

#[test]
fn a_signature_counts_if_it_is_good_and_the_first_of_its_identity() {
    let bad = |name| SignedData { signature: "x".into(), ..signed("Org1MSP", name, "") };
    let set = [
        bad("alice"),
        signed("Org1MSP", "alice", ""),
        signed("Org1MSP", "alice", ""),
        bad("alice"),
        signed("Org2MSP", "alice", ""),
        signed("NobodyMSP", "bob", ""),
        SignedData::default(),
        SignedData { identity: vec![0xff].into(), ..signed("Org1MSP", "carol", "") },
        SignedData { data: "other".into(), ..signed("Org1MSP", "dave", "") },
        signed("Org1MSP", "eve", ""),
    ];
    let signers = Signers::verify(&set, &Msps);
    assert_eq!(names(&signers), ["alice", "alice", "eve"]);
    let skipped: Vec<_> =
        signers.skipped().iter().map(|it| (it.index, it.msp_id.as_str(), it.reason.to_string())).collect();
    let invalid = "it is invalid: The signature is invalid";
    let expected = [
        (0, "Org1MSP", invalid),
        (2, "Org1MSP", "its identity has signed before"),
        // Not even looked at.
        (3, "Org1MSP", "its identity has signed before"),
        (5, "NobodyMSP", "its identity is invalid: MSP NobodyMSP is not defined on channel"),
        (6, "", "its identity is invalid: MSP  is not defined on channel"),
        (7, "", "its identity is invalid: the bytes end inside the tag or value at byte 0"),
        (8, "Org1MSP", invalid),
    ];
    assert_eq!(skipped, expected.map(|(index, msp_id, text)| (index, msp_id, text.to_owned())));
    assert_eq!(signers.skipped_beyond(), 0);
}

#[test]
fn identities_are_told_apart_by_msp_and_id_run_together() {
    let set = [signed("Org1", "23", ""), signed("Org12", "3", ""), signed("Org12", "4", "")];
    assert_eq!(names(&Signers::verify(&set, &Msps)), ["23", "4"]);
}

#[test]
fn of_many_bad_signatures_the_first_are_described() {
    let set = vec![SignedData { signature: "x".into(), ..signed("Org1MSP", "alice", "") }; 1000];
    let signers = Signers::verify(&set, &Msps);
    assert_eq!(signers.skipped().len(), SKIPPED_MAX);
    assert_eq!(signers.skipped_beyond(), 1000 - SKIPPED_MAX);
}

#[test]
fn a_huge_claim_gives_a_short_text() {
    let signers = Signers::verify(&[signed(&"N".repeat(1 << 20), "a", "")], &Msps);
    let skipped = &signers.skipped()[0];
    assert!(skipped.msp_id.len() < 300, "{}", skipped.msp_id.len());
    assert!(matches!(&skipped.reason, SkipReason::Identity(text) if text.len() < 300));
}

#[test]
fn an_envelope_tells_who_signed_what() {
    let payload =
        |header: Option<common::Header>| common::Payload { header, data: "data".into() }.encode_to_vec();
    let header = |signature_header: Bytes| Some(common::Header { signature_header, ..Default::default() });
    let by_alice = common::SignatureHeader { creator: "alice".into(), nonce: "1".into() }.encode_to_vec();
    let good = payload(header(by_alice.into()));
    let signed = envelope_as_signed_data(&Envelope::new(&good, b"signature")).unwrap();
    assert_eq!(signed.message(), good.as_slice());
    assert_eq!((signed.identity, signed.signature), ("alice".into(), "signature".into()));

    // A header of no bytes is one that says nothing.
    let empty = envelope_as_signed_data(&Envelope::new(&payload(header(Bytes::new())), b"")).unwrap();
    assert_eq!(empty.identity, Bytes::new());

    let garbage = "proto: cannot parse invalid wire-format data";
    for (payload, text) in [
        (vec![], "Missing Header".to_owned()),
        (payload(None), "Missing Header".to_owned()),
        (vec![0x0a], garbage.to_owned()),
        (payload(header(vec![0x0a].into())), format!("GetSignatureHeaderFromBytes failed, err {garbage}")),
    ] {
        let error = envelope_as_signed_data(&Envelope::new(&payload, b"")).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_config_update_is_signed_behind_each_header() {
    let header = |creator: &'static str| -> Bytes {
        common::SignatureHeader { creator: creator.into(), ..Default::default() }.encode_to_vec().into()
    };
    let signature = |signature_header| common::ConfigSignature { signature_header, signature: "s".into() };
    let update = |signatures| common::ConfigUpdateEnvelope { config_update: "update".into(), signatures };
    assert_eq!(config_update_as_signed_data(&update(vec![])), Ok(vec![]));

    let signed =
        config_update_as_signed_data(&update(vec![signature(header("a")), signature(header("b"))])).unwrap();
    assert_eq!(signed[1].message(), [&header("b")[..], b"update"].concat());
    assert_eq!([&signed[0].identity[..], &signed[1].identity[..]], [b"a", b"b"]);

    let spoilt = config_update_as_signed_data(&update(vec![signature(header("a")), signature("\n".into())]));
    assert!(matches!(spoilt, Err(SignedDataError::Wire(_))));
}
