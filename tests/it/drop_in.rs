//! What starts Fabric's orderer starts this one: its files, its variables, its name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::ports::free_port;
use crate::harness::process::Node;
use crate::harness::{golden, repository};
use crate::start::refuses;

/// The program under the name of Fabric's.
fn orderer(folder: &Path) -> PathBuf {
    let path = folder.join("orderer");
    if !path.exists() {
        symlink(env!("CARGO_BIN_EXE_raddle"), &path).unwrap();
    }
    path
}

/// A folder with an `orderer.yaml` as it comes with Fabric.
fn with_sample(name: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let sample = repository().join("tests/golden/orderer-yaml").join(name);
    fs::copy(sample, folder.path().join("orderer.yaml")).unwrap();
    fs::write(folder.path().join("raddle.yaml"), "Ordering: {kafka: local}\n").unwrap();
    folder
}

/// Starts the node as images do: by its name alone, and with what differs from the sample in variables.
fn start(folder: &Path, variables: &[(&str, &str)]) -> Node {
    let port = free_port().to_string();
    let genesis = golden("kafka-genesis.block");
    let msp = repository().join("tests/golden/identity");
    let state = folder.join("state");
    let elsewhere = TempDir::new().unwrap();
    let mut command = Command::new(orderer(folder));
    command
        .current_dir(elsewhere.path())
        .env("FABRIC_CFG_PATH", folder)
        .env("ORDERER_GENERAL_LISTENADDRESS", "0.0.0.0")
        .env("ORDERER_GENERAL_LISTENPORT", port)
        .env("ORDERER_OPERATIONS_LISTENADDRESS", format!("127.0.0.1:{}", free_port()))
        .env("ORDERER_GENERAL_LOCALMSPDIR", msp)
        .env("ORDERER_GENERAL_LOCALMSPID", "OrdererMSP")
        .env("ORDERER_FILELEDGER_LOCATION", state)
        .envs(variables.iter().copied())
        .env(
            if has_bootstrap(variables) {
                "ORDERER_GENERAL_BOOTSTRAPFILE"
            } else {
                "ORDERER_GENERAL_GENESISFILE"
            },
            genesis,
        );
    Node::run(&mut command)
}

fn has_bootstrap(variables: &[(&str, &str)]) -> bool {
    variables.iter().any(|(name, _)| *name == "ORDERER_GENERAL_BOOTSTRAPMETHOD")
}

#[test]
fn the_samples_of_fabric_start_a_node_with_what_images_set_in_variables() {
    for (sample, variables) in [
        ("1.4.yaml", [("ORDERER_GENERAL_GENESISMETHOD", "file")]),
        ("2.5.yaml", [("ORDERER_GENERAL_BOOTSTRAPMETHOD", "file")]),
    ] {
        let folder = with_sample(sample);
        let mut node = start(folder.path(), &variables);
        assert!(node.ready.contains("  1 channels, state in "), "{}", node.ready);
        node.wait_for("Beginning to serve requests");
        let ended = node.stop();
        assert!(ended.status.success(), "{}", ended.said);
        assert!(folder.path().join("state/ledgers/syschannel").exists());
        // Each with file and line.
        let line = "orderer.yaml:";
        let warned = ended.said.lines().filter(|it| it.contains(line) && it.contains(": it has no effect; "));
        assert!(warned.count() >= 10, "{}", ended.said);
    }
}

fn run(folder: &Path, program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn called_by_the_name_of_fabrics_program_it_has_that_ones_commands() {
    let folder = TempDir::new().unwrap();
    let orderer = orderer(folder.path());
    let run = |arguments: &[&str]| run(folder.path(), &orderer, arguments);
    let version = run(&["version"]);
    assert!(version.status.success());
    let printed = String::from_utf8(version.stdout).unwrap();
    let expected = format!("orderer:\n Version: v{} (Raddle)\n OS/Arch: linux/", env!("CARGO_PKG_VERSION"));
    assert!(printed.starts_with(&expected), "{printed}");
    for arguments in [&[][..], &["start"], &["start", "--check"]] {
        refuses(
            &run(arguments),
            2,
            "failed RDL-4012  1 problem in the settings\n  default  there is no orderer.yaml in ",
        );
    }
    assert!(run(&["help", "RDL-4012"]).status.success());
    assert_eq!(run(&["benchmark"]).status.code(), Some(2));
    // The node calls itself to compile modules. There is none on standard input.
    let compile = run(&["compile-worker", "--cpu-seconds", "1", "--memory-bytes", "100000000"]);
    assert_ne!(compile.status.code(), Some(2));
}

/// Ten things are wrong with it.
const WRONG: &str = "
General:
  ListenPort: 70500
  ListenAdress: 0.0.0.0
  LocalMSPDir: gone
  LocalMSPID: [OrdererMSP]
  BootstrapMethod: provisional
  Authentication: {TimeWindow: 15 minutes, NoExpirationChecks: maybe}
  MaxRecvMsgSize: 100 MB
  BCCSP: {Default: PKCS11}
FileLedger:
  Location: orderer.yaml
";

#[test]
fn a_file_with_ten_problems_shows_ten_lines_and_nothing_is_made() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("orderer.yaml"), WRONG).unwrap();
    let expected = [
        "./orderer.yaml:3:3  General.ListenPort: 70500 is too much; write at most 65535",
        "./orderer.yaml:4:3  General.ListenAdress: no such key; did you mean General.ListenAddress?",
        "./orderer.yaml:5:3  General.LocalMSPDir: ./gone/signcerts cannot be read: No such file or directory \
         (os error 2); name the folder that holds signcerts and keystore of this orderer",
        "./orderer.yaml:6:3  General.LocalMSPID: here stands a list; write one word or text",
        "./orderer.yaml:7:3  General.BootstrapMethod: \"provisional\" is no method; make a block with configtxgen, \
         name it in General.BootstrapFile, and write file",
        "./orderer.yaml:8:20  General.Authentication.TimeWindow: \"15 minutes\" is no duration; write a number and a \
         unit, such as 15m or 500ms",
        "./orderer.yaml:8:44  General.Authentication.NoExpirationChecks: \"maybe\" is neither true nor false; write \
         true or false",
        "./orderer.yaml:9:3  General.MaxRecvMsgSize: \"100 MB\" is no whole number; write a number from 0 to \
         2147483647",
        "./orderer.yaml:10:11  General.BCCSP.Default: this version does not use keys in a hardware module; write SW, \
         and put the key into the folder keystore of General.LocalMSPDir",
        "./orderer.yaml:12:3  FileLedger.Location: ./orderer.yaml is no folder; name a folder; it is made if it is \
         not there",
    ];
    let all = format!("failed RDL-4012  10 problems in the settings\n  {}\n  more   ", expected.join("\n  "));
    let raddle = Path::new(env!("CARGO_BIN_EXE_raddle"));
    for arguments in [&["start"][..], &["start", "--check"], &["start", "--check", "--output", "json"]] {
        let output = run(folder.path(), raddle, arguments);
        refuses(&output, 2, &all);
        if arguments.contains(&"json") {
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let problems = json["problems"].as_array().unwrap();
            let lines: Vec<_> = problems.iter().map(|it| it["line"].as_u64().unwrap()).collect();
            assert_eq!(lines, [3, 4, 5, 6, 7, 8, 8, 9, 10, 12]);
            assert_eq!(problems[1]["key"], "General.ListenAdress");
            assert_eq!(problems[1]["remedy"], "did you mean General.ListenAddress?");
        }
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["orderer.yaml"]);
}

#[test]
fn a_check_shows_every_key_with_its_origin_to_programs_too() {
    let folder = with_sample("2.5.yaml");
    let output = Command::new(env!("CARGO_BIN_EXE_raddle"))
        .args(["start", "--check", "--output", "json"])
        .current_dir(folder.path())
        .env("ORDERER_GENERAL_BOOTSTRAPMETHOD", "none")
        .env("ORDERER_GENERAL_LOCALMSPDIR", repository().join("tests/golden/identity"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let setting = |key: &str| {
        let settings = json["settings"].as_array().unwrap();
        settings.iter().find(|it| it["key"] == key).unwrap_or_else(|| panic!("{key}")).clone()
    };
    let method = setting("General.BootstrapMethod");
    assert_eq!(
        (&method["value"], &method["variable"]),
        (&"none".into(), &"ORDERER_GENERAL_BOOTSTRAPMETHOD".into())
    );
    let interval = setting("Kafka.Retry.ShortInterval");
    assert_eq!((&interval["value"], &interval["file"]), (&"5s".into(), &"./orderer.yaml".into()));
    assert!(interval["line"].as_u64().unwrap() > 40 && interval["without_effect"].is_null());
    let total = setting("Kafka.Retry.LongTotal");
    assert_eq!(total["without_effect"], "brokers are tried for ever");
    assert_eq!(total["fabric"], serde_json::json!(["1.4", "2.5"]));
    let timeout = setting("General.ConnectionTimeout");
    assert_eq!(
        (&timeout["value"], &timeout["file"], &timeout["variable"]),
        (&"5s".into(), &serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert_eq!(setting("FileLedger.Location")["value"], "/var/hyperledger/production/orderer");
    assert_eq!(json["problems"], serde_json::json!([]));
    assert!(json["warnings"].as_array().unwrap().len() >= 10, "{said}");
}

#[test]
fn the_key_to_sign_with_may_lie_in_a_folder_of_its_own() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let identity = repository().join("tests/golden/identity");
    for (part, to) in [("signcerts", "msp/signcerts"), ("keystore", "keys")] {
        fs::create_dir_all(path.join(to)).unwrap();
        for file in fs::read_dir(identity.join(part)).unwrap().map(|it| it.unwrap()) {
            fs::copy(file.path(), path.join(to).join(file.file_name())).unwrap();
        }
    }
    fs::create_dir(path.join("msp/keystore")).unwrap();
    let text = format!(
        "General: {{ListenPort: {}, BootstrapMethod: none, LocalMSPID: OrdererMSP, \
         BCCSP: {{SW: {{FileKeyStore: {{KeyStore: keys}}}}}}}}\nFileLedger: {{Location: state}}\n",
        free_port()
    );
    fs::write(path.join("orderer.yaml"), &text).unwrap();
    let ended = Node::start_by_settings(path).stop();
    assert!(ended.status.success(), "{}", ended.said);
    fs::write(path.join("orderer.yaml"), text.replace("KeyStore: keys", "KeyStore: other")).unwrap();
    let output = run(path, Path::new(env!("CARGO_BIN_EXE_raddle")), &["start"]);
    refuses(&output, 2, "failed RDL-4007  none of the 0 files in ./msp/keystore is the P-256 key");
}
