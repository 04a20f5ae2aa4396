//! Which orderer, channel and identity a command uses, and what it says when it does not know.

use std::fs;

use raddle::client::{ClientConfig, FILE};
use tempfile::TempDir;

use super::double::Double;
use super::{Folder, raddle};
use crate::harness::repository;

#[test]
fn a_command_that_knows_nothing_says_what_to_type() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["send", "x"][..], &["block", "show"], &["block", "export", "--out", "o"]] {
        let said = raddle(folder.path(), arguments).ill(
            2,
            "failed RDL-1002  no .raddle/client.yaml is in this folder or above it, and no flag says --orderer \
             HOST:PORT --channel NAME --msp-id ID --msp-dir DIR\n",
        );
        assert!(
            said.contains(" dev` starts an orderer here and writes the file; or give the flags\n"),
            "{said}"
        );
    }
    let said = raddle(folder.path(), &["send", "--orderer", "a:1", "--msp-id", "M", "x"])
        .ill(2, "failed RDL-1002  no .raddle/client.yaml is ");
    assert!(said.contains("no flag says --channel NAME --msp-dir DIR\n"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_bad_file_is_told_with_its_line() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(".raddle")).unwrap();
    let path = folder.path().join(FILE);
    let whole = path.display().to_string();
    for (text, place, what) in [
        ("orderer: a:1\nchanel: c\n", ":2:1: ", "unknown field"),
        ("orderer: a:1\norderer: b:2\n", ":2:1: ", "duplicate mapping key: orderer"),
        ("orderer: [a, b]\n", ":1:10: ", ""),
        ("orderer: {a: b\n", ":", ""),
        ("- orderer\n", ":1:1: ", ""),
        ("just words", ":1:1: ", ""),
        ("channel: \"\\q\"\n", ":1:", ""),
        ("a: &x [*x, *x]\n", ":1:", ""),
    ] {
        fs::write(&path, text).unwrap();
        let said = raddle(folder.path(), &["send", "x"]).ill(2, &format!("failed RDL-1003  {whole}{place}"));
        let first = said.lines().next().unwrap();
        assert!(
            first.contains(what) && !first.ends_with('.') && !first.contains("Policy"),
            "{text:?}: {said}"
        );
    }
    fs::write(&path, b"orderer: \xff\n").unwrap();
    raddle(folder.path(), &["send", "x"])
        .ill(2, &format!("failed RDL-4006  {whole} cannot be read: stream did not contain valid UTF-8"));
    fs::write(&path, vec![b'#'; (64 << 10) + 1]).unwrap();
    raddle(folder.path(), &["send", "x"])
        .ill(2, &format!("failed RDL-1003  {whole} has more than 65536 bytes"));
    fs::write(&path, "orderer: 127.0.0.1:1\nchannel: c\n").unwrap();
    let said = raddle(folder.path(), &["send", "x"])
        .ill(2, &format!("failed RDL-1002  {whole} and the flags leave out --msp-id ID --msp-dir DIR\n"));
    assert!(said.contains("help RDL-1002`\n"), "{said}");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    raddle(folder.path(), &["send", "x"])
        .ill(2, &format!("failed RDL-4006  {whole} cannot be read: Is a directory"));
}

#[test]
fn a_bad_address_and_a_bad_identity_are_told() {
    let folder = Folder::of("127.0.0.1:1");
    for (address, what) in [
        ("http://127.0.0.1:7050", "an address has no scheme"),
        ("localhost", "it has no port"),
        ("localhost:70500", "its port is none of 0 to 65535"),
    ] {
        let said = folder
            .raddle(&["send", "--orderer", address, "x"])
            .ill(2, &format!("failed RDL-1003  {address:?} is no address of the form host:port: {what}\n"));
        assert!(said.contains("hint   an address is host:port"), "{said}");
    }
    folder.raddle(&["send", "--msp-dir", "no", "x"]).ill(2, "failed RDL-4007  no/signcerts cannot be read: ");
}

#[test]
fn folders_below_use_the_same_file_and_flags_say_otherwise() {
    let double = Double::of_mychannel(|_| {});
    let folder = TempDir::new().unwrap();
    // The identity lies beside the file, which names it as seen from there.
    let msp = folder.path().join(".raddle/msp");
    for part in ["signcerts", "keystore"] {
        fs::create_dir_all(msp.join(part)).unwrap();
        for entry in fs::read_dir(repository().join("tests/golden/identity").join(part)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), msp.join(part).join(entry.file_name())).unwrap();
        }
    }
    let config = ClientConfig {
        orderer: Some("127.0.0.1:1".into()),
        channel: Some("mychannel".into()),
        msp_id: Some("OrdererMSP".into()),
        msp_dir: Some(msp),
        admins: Vec::new(),
        ..ClientConfig::default()
    };
    config.write(&folder.path().join(FILE)).unwrap();
    let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(text.ends_with("\nmsp-dir: \"msp\"\n"), "{text}");
    let below = folder.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    raddle(&below, &["block", "show"]).ill(3, "failed RDL-1006  no orderer answers at 127.0.0.1:1: ");
    raddle(&below, &["block", "show", "--orderer", &double.address]).well();
}

#[test]
fn shells_get_a_script_that_knows_all_commands() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = raddle(folder.path(), &["completions", shell]).well();
        for word in ["send", "block", "export", "completions", "msp-dir"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(raddle(folder.path(), &["completions", "csh"]).exit, Some(2));
}
