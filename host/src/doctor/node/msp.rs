//! The identity that signs blocks.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use raddle_msp::Certificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::time::left;
use super::{Part, finding, fine, key_rights};
use crate::config::Settings;
use crate::doctor::{Finding, Verdict};
use crate::identity::Signer;

pub(super) fn look(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let (folder, id) = (&settings.msp_dir.value, &settings.msp_id.value);
    let keys = settings.key_store.as_ref().map(|it| it.value.as_path());
    let mut findings = Vec::new();
    match Signer::from_folders(id, folder, keys) {
        Ok(_) => findings.push(fine(
            Part::Msp,
            "identity",
            format!("{id} in {}", folder.display()),
            "one that signs",
        )),
        Err(error) => findings.push(finding(
            Part::Msp,
            Verdict::Wrong,
            ["identity".into(), error.to_string(), "one certificate and its key".into()],
            "without it the node does not start",
            &[format!(
                "put signcerts and keystore of this orderer into {}, which General.LocalMSPDir ({}) names",
                folder.display(),
                settings.msp_dir.origin
            )],
        )),
    }
    if let Some(certificate) = certificate(folder) {
        let remedy = [
            "ask the organisation's authority for a new certificate, for the same key or a new one".into(),
            "put it into signcerts, the key into keystore, and start the node again".into(),
        ];
        let why = "peers refuse blocks that are signed by a certificate which has ended";
        findings.push(left(Part::Msp, "certificate's time", &certificate, now, why, &remedy));
    }
    let folders = keys.into_iter().map(Path::to_owned).chain([folder.join("keystore")]);
    findings.extend(folders.flat_map(|folder| rights(&folder)));
    findings
}

/// The first one, if it can be read.
pub(super) fn certificate(folder: &Path) -> Option<Certificate> {
    let files = fs::read_dir(folder.join("signcerts")).ok()?;
    let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        let der = CertificateDer::from_pem_slice(&fs::read(path).ok()?).ok()?;
        Certificate::parse(Bytes::copy_from_slice(&der)).ok()
    })
}

/// Keys that others may read.
fn rights(folder: &Path) -> Vec<Finding> {
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let why = "who reads the key can sign blocks as this orderer";
    files.filter_map(|file| key_rights(Part::Msp, &file.path(), why)).collect()
}
