//! The identity that signs blocks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use raddle_msp::Certificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{Part, finding, fine, unix_seconds};
use crate::config::Settings;
use crate::doctor::{Finding, Verdict};
use crate::identity::Signer;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Days before the end from which on somebody should be at it.
const DAYS_WARNED: i64 = 60;

/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;

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
        findings.push(validity(&certificate, now));
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

fn validity(certificate: &Certificate, now: SystemTime) -> Finding {
    let left =
        certificate.not_after().unix_seconds().saturating_sub(unix_seconds(now)).div_euclid(DAY_SECONDS);
    let end = certificate.not_after();
    let found = match left {
        ..0 => format!("it ended on {end}"),
        left => format!("{left} days, until {end}"),
    };
    let verdict = match left {
        ..0 => Verdict::Wrong,
        0..DAYS_WARNED => Verdict::Warning,
        _ => return fine(Part::Msp, "certificate's time", found, "60 days or more"),
    };
    finding(
        Part::Msp,
        verdict,
        ["certificate's time".into(), found, format!("{DAYS_WARNED} days or more")],
        "peers refuse blocks that are signed by a certificate which has ended",
        &[
            "ask the organisation's authority for a new certificate, for the same key or a new one".into(),
            "put it into signcerts, the key into keystore, and start the node again".into(),
        ],
    )
}

/// Keys that others may read.
fn rights(folder: &Path) -> Vec<Finding> {
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let open = files.filter_map(|file| {
        let mode = file.metadata().ok().filter(fs::Metadata::is_file)?.permissions().mode();
        (mode & OTHERS != 0).then(|| (file.path(), mode & 0o777))
    });
    open.map(|(path, mode)| {
        finding(
            Part::Msp,
            Verdict::Warning,
            ["key's rights".into(), format!("{mode:03o} on {}", path.display()), "600".into()],
            "who reads the key can sign blocks as this orderer",
            &[format!("chmod 600 {}", path.display())],
        )
    })
    .collect()
}
