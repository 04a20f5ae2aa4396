//! The filter on this machine: no orderer, no WebAssembly.
#![allow(clippy::unwrap_used)]

use raddle_guest::RefusalStatus::{BadRequest, Forbidden};
use raddle_guest::testing::{Envelope, Host};

use super::*;

const MESSAGE: Envelope = Envelope::of_size(10).of_type(Some(0));
const TRANSACTION: Envelope = Envelope::of_size(10).of_type(Some(3));

#[test]
fn a_denied_type_is_refused_and_others_pass() {
    let host = Host::new().with_setting("deny-types", "MESSAGE, CHAINCODE_PACKAGE");
    let refused = host.check::<Deny>(&MESSAGE).unwrap();
    let sentence = "this channel takes no envelopes of type MESSAGE".to_owned();
    assert_eq!(refused.refusal, Some((BadRequest, sentence)));
    assert!(host.check::<Deny>(&TRANSACTION).unwrap().is_accepted());
}

#[test]
fn a_denied_organisation_is_refused_and_others_pass() {
    let host = Host::new().with_setting("deny-msps", "Org2MSP,Org3MSP");
    for (msp_id, expected) in [
        ("Org1MSP", None),
        ("Org2MSP", Some((Forbidden, "Org2MSP may not write to this channel".to_owned()))),
        ("Org3MSP", Some((Forbidden, "Org3MSP may not write to this channel".to_owned()))),
    ] {
        assert_eq!(host.check::<Deny>(&MESSAGE.by(msp_id, "somebody")).unwrap().refusal, expected);
    }
    let unreadable = host.check::<Deny>(&MESSAGE.by_nobody()).unwrap();
    assert_eq!(unreadable.status(), Some(BadRequest));
}

#[test]
fn who_wrote_an_envelope_is_read_only_if_somebody_is_denied() {
    let imports = |host: Host| host.check::<Deny>(&TRANSACTION).unwrap().imports;
    let of_types = imports(Host::new().with_setting("deny-types", "MESSAGE"));
    let of_msps = imports(Host::new().with_setting("deny-msps", "Org2MSP"));
    assert_eq!(of_msps, of_types + 1);
}

#[test]
fn settings_that_make_no_sense_are_refused_with_a_sentence() {
    let types = "MESSAGE, ENDORSER_TRANSACTION, DELIVER_SEEK_INFO, CHAINCODE_PACKAGE, PEER_ADMIN_OPERATION";
    let no_type = format!(
        "setting `deny-types` is `MESSAGE,CONFIG_UPDATE`: expected a list, separated by commas, each one of {types}"
    );
    for (key, value, sentence) in [
        ("deny-msps", "", "neither `deny-types` nor `deny-msps` says what to refuse"),
        ("deny-msp", "Org2MSP", "unknown setting `deny-msp`: did you mean `deny-msps`?"),
        ("deny-types", "MESSAGE,CONFIG_UPDATE", &no_type),
    ] {
        let host = Host::new().with_setting(key, value);
        assert_eq!(host.check_filter_settings::<Deny>().unwrap_err(), sentence, "{key}={value}");
    }
}
