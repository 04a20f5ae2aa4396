//! Bytes of every kind, and many threads.

use std::sync::Arc;

use proptest::prelude::*;
use raddle_proto::common::MspPrincipal;
use raddle_proto::msp::{FabricMspConfig, MspConfig, SerializedIdentity};
use raddle_proto::wire::go_decode;

use super::fabric::{Bytes, golden};
use super::recorded::{manager, msps_of, recorded_envelopes};
use crate::crl::RevocationList;
use crate::pem;
use crate::x509::{Certificate, Pools};
use crate::{CacheSizes, CachedManager, Msp, MspVersion};
use prost::Message as _;

#[derive(serde::Deserialize)]
struct Bases {
    bases: Vec<Bytes>,
}

/// Changes to bytes: where, how many go, what comes.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, Vec<u8>)>> {
    prop::collection::vec(
        (any::<prop::sample::Index>(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4)),
        1..6,
    )
}

fn changed(bytes: &[u8], changes: &[(prop::sample::Index, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, remove, insert) in changes {
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..bytes.len().min(at + remove), insert.iter().copied());
    }
    bytes
}

/// A creator's bytes of the recorded channel.
fn creator() -> bytes::Bytes {
    raddle_proto::wire::signature_header(&recorded_envelopes()[0]).unwrap().creator
}

#[test]
fn no_bytes_make_a_parser_panic() {
    let Bases { bases } = golden("parse.json.gz");
    let Bases { bases: lists } = golden("lists.json.gz");
    proptest!(|(base in 0..bases.len(), list in 0..lists.len(), changes in changes(), any in any::<Vec<u8>>())| {
        for der in [changed(&bases[base].0, &changes), changed(&lists[list].0, &changes), any] {
            let _ = Certificate::parse(der.clone().into()).map(|it| format!("{} {}", it.subject(), it.serial()));
            let _ = RevocationList::read(&der);
            let _ = pem::first_block(&der);
        }
    });
}

#[test]
fn no_bytes_make_an_msp_panic() {
    let (manager, creator) = (manager(MspVersion::V1_4_3), creator());
    let identity = manager.deserialize(&creator).unwrap();
    let config: FabricMspConfig = go_decode(msps_of("mychannel.block")[0].config.clone()).unwrap();
    let pem = std::str::from_utf8(&config.root_certs[0]).unwrap().to_owned();
    proptest!(|(changes in changes(), class in -1..6, field in 0..6, any in any::<Vec<u8>>())| {
        if let Ok(identity) = manager.deserialize(&changed(&creator, &changes)) {
            let _ = identity.validate();
        }
        let principal = MspPrincipal { principal_classification: class, principal: any.clone().into() };
        let _ = identity.satisfies(&principal);
        let _ = identity.verify(b"message", &any);
        let mut config = config.clone();
        let odd = bytes::Bytes::from(changed(pem.as_bytes(), &changes));
        match field {
            0 => config.root_certs = vec![odd],
            1 => config.intermediate_certs = vec![odd],
            2 => config.admins = vec![odd],
            3 => config.revocation_list = vec![any.into()],
            4 => config.tls_root_certs = vec![odd],
            _ => config.name = String::from_utf8_lossy(&odd).into_owned(),
        }
        let config = MspConfig { r#type: 0, config: config.encode_to_vec().into() };
        let _ = Msp::setup(&config, MspVersion::V1_4_3).map_err(|error| error.to_string());
    });
}

#[test]
fn a_combination_of_any_depth_is_taken_apart() {
    let identity = manager(MspVersion::V1_4_3).deserialize(&creator()).unwrap();
    let mut principal = MspPrincipal { principal_classification: 3, principal: bytes::Bytes::new() };
    for _ in 0..2_000 {
        let combined = raddle_proto::common::CombinedPrincipal { principals: vec![principal] };
        principal = MspPrincipal { principal_classification: 4, principal: combined.encode_to_vec().into() };
    }
    identity.satisfies(&principal).unwrap();
}

#[test]
fn a_hundred_signatures_are_checked_for_a_path_and_not_one_more() {
    let identity = manager(MspVersion::V1_4_3).deserialize(&creator()).unwrap();
    let root = &identity.msp().roots[0];
    // Roots of one key, which differ in a signature that nobody checks: each of them is a path.
    let roots = |count: u8| (0..count).map(|number| Arc::new(root.with_signature(&[number]).unwrap()));
    for (count, paths) in [(99, 99), (100, 100), (101, 100)] {
        let pools = Pools { roots: roots(count).collect(), ..Pools::default() };
        assert_eq!(pools.verify(identity.certificate()).unwrap().len(), paths);
    }
}

#[test]
fn strangers_are_not_remembered_and_members_are() {
    let cached = CachedManager::new(manager(MspVersion::V1_4_3), CacheSizes { identities: 4, principals: 4 });
    let Bases { bases } = golden("parse.json.gz");
    // The fourth is a root of a key that is not Fabric's; the third is a stranger's, and can be read.
    let stranger = pem::encode_certificate(&bases[2].0);
    let bytes = SerializedIdentity { mspid: "Org1MSP".to_owned(), id_bytes: stranger.into() }.encode_to_vec();
    for _ in 0..2 {
        let stranger = cached.deserialize(&bytes).unwrap();
        assert!(stranger.validate().is_err());
        assert_eq!(cached.identities_remembered(), 0);
    }
    let first = cached.deserialize(&creator()).unwrap();
    let second = cached.deserialize(&creator()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(cached.identities_remembered(), 1);
}

#[test]
fn the_memory_is_bounded() {
    let cached =
        CachedManager::new(manager(MspVersion::V1_4_3), CacheSizes { identities: 64, principals: 64 });
    let creator = creator();
    for index in 0..1_000_u32 {
        // A field that is not known makes other bytes of the same identity.
        let bytes = [creator.as_ref(), &[0x1d], &index.to_be_bytes()].concat();
        cached.deserialize(&bytes).unwrap().validate().unwrap();
    }
    assert!(cached.identities_remembered() <= 64, "{}", cached.identities_remembered());
    let large = [creator.as_ref(), &[0x1a, 0x80, 0x80, 0x04], &vec![0; 65_536]].concat();
    let once = cached.deserialize(&large).unwrap();
    assert!(!Arc::ptr_eq(&once, &cached.deserialize(&large).unwrap()));
}

#[test]
fn threads_share_one_memory() {
    let cached = CachedManager::new(manager(MspVersion::V1_4_3), CacheSizes::default());
    let envelopes = recorded_envelopes();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for envelope in envelopes.iter().take(200) {
                    let creator = raddle_proto::wire::signature_header(envelope).unwrap().creator;
                    let identity = cached.deserialize(&creator).unwrap();
                    identity.validate().unwrap();
                    identity.verify(envelope.payload(), envelope.signature()).unwrap();
                }
            });
        }
    });
}
