//! `General.BCCSP`: where the key is that blocks are signed with.

use std::path::PathBuf;

use super::layer::Layer;
use super::value::{self, Wrong};
use super::{Setting, by_table, read, report};

/// Refuses providers that this node has not.
///
/// Source: fabric v2.5.16 `bccsp/factory/nopkcs11.go` `initFactories`.
pub(super) fn check(layer: &mut Layer<'_>) {
    const KEY: &str = "General.BCCSP.Default";
    let provider = by_table(layer, KEY, value::text);
    let (what, remedy) = match provider.value.as_str() {
        "SW" => return,
        "PKCS11" => (
            "this version does not use keys in a hardware module".to_owned(),
            "write SW, and put the key into the folder keystore of General.LocalMSPDir",
        ),
        other => (format!("{other:?} is no provider"), "write SW"),
    };
    report(layer, KEY, &provider.origin, Wrong { what, remedy: remedy.to_owned() });
}

/// The folder with the node's key, if it is not the MSP's own. Seen from where the node is started, as in Fabric.
///
/// Differs: Fabric 2.5 and later read `KeyStorePath` alone, though their sample has `KeyStore`, which Fabric 1.4 reads.
/// Here either counts, and the MSP's own folder is looked into too.
///
/// Source: fabric v1.4.12 and v2.5.16 `bccsp/factory/swfactory.go` `FileKeystoreOpts`.
pub(super) fn key_store(layer: &mut Layer<'_>) -> Option<Setting<PathBuf>> {
    let names = ["General.BCCSP.SW.FileKeyStore.KeyStore", "General.BCCSP.SW.FileKeyStore.KeyStorePath"];
    let set = names.map(|key| read(layer, key, String::new(), value::text));
    set.into_iter().find(|folder| !folder.value.is_empty()).map(|folder| folder.map(PathBuf::from))
}
