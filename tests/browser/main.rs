//! The page for operators, in a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod chromium;
#[path = "../harness/ports.rs"]
mod ports;
#[path = "../harness/process.rs"]
mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chromium::Browser;
use ports::free_port;
use process::Node;
use tempfile::TempDir;

/// Where pictures of the page are kept.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures")
}

fn raddle(folder: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
    command.args(arguments).current_dir(folder).output().unwrap().status.success()
}

/// The text of the whole page.
const TEXT: &str = "document.body.innerText";

#[test]
fn the_page_shows_what_the_node_does_while_it_does_it() {
    let folder = TempDir::new().unwrap();
    let operations = format!("127.0.0.1:{}", free_port());
    let _node = Node::start_in(folder.path(), &["--operations", &operations]);
    let mut browser = Browser::start(360);
    browser.open(&format!("http://{operations}/"));
    browser.wait_for("document.querySelector('#channels h3')?.textContent === 'demo'");
    browser.wait_for(&format!("{TEXT}.includes('none since the start')"));
    assert_eq!(browser.value("document.getElementById('health').textContent"), "well");

    // It changes by itself while load runs, again and again, and says that it is over.
    let [height, rate] =
        [0, 1].map(|n| format!("Number(document.querySelectorAll('#channels dd')[{n}].textContent)"));
    let mut load = Command::new(env!("CARGO_BIN_EXE_raddle"));
    load.args(["load", "--rate", "150", "--warm-up", "0s", "--duration", "5m", "--in-flight", "8"]);
    let mut load = load.current_dir(folder.path()).stdout(Stdio::null()).spawn().unwrap();
    for _ in 0..3 {
        let before = browser.value(&height).as_u64().unwrap();
        browser.wait_for(&format!("{height} > {before} && {rate} > 0"));
    }
    load.kill().unwrap();
    load.wait().unwrap();
    browser.wait_for(&format!("{rate} === 0"));

    // What a module says is text, whatever it is.
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-filters/dist/hostile/filter-refuses.wasm");
    let install = ["module", "install", dist.to_str().unwrap(), "--name", "no-way", "--yes"];
    let sentence = "sentence=<img src=x onerror=alert(1)>";
    assert!(raddle(folder.path(), &[&install[..], &["--set", sentence]].concat()));
    assert!(!raddle(folder.path(), &["send", "hello"]));
    browser.wait_for("document.getElementById('refusals').textContent.includes('<img src=x')");
    browser.wait_for("document.getElementById('channels').textContent.includes('no-way')");
    browser.wait_for(&format!("{TEXT}.includes('refused 1')"));
    assert_eq!(browser.value("document.images.length"), 0);
    for said in ["RDL-1104", "enrollment", "days left", "filter, enforce", "config 1"] {
        assert_eq!(browser.value(&format!("{TEXT}.includes({said:?})")), true, "{said}");
    }
    is_readable(&mut browser, 360);
    browser.keep_picture(&pictures().join("360.png"));
    browser.resize(1280);
    is_readable(&mut browser, 1280);
    browser.keep_picture(&pictures().join("1280.png"));
    nothing_is_wrong(&browser, &operations);
}

#[test]
fn a_node_that_is_gone_is_told_apart_from_one_that_is_well() {
    let folder = TempDir::new().unwrap();
    let operations = format!("127.0.0.1:{}", free_port());
    let node = Node::start_in(folder.path(), &["--operations", &operations]);
    let mut browser = Browser::start(360);
    browser.open(&format!("http://{operations}/"));
    browser.wait_for("document.getElementById('health').textContent === 'well'");
    node.kill();
    browser.wait_for("document.getElementById('health').textContent === 'no answer'");
    let _node = Node::start_in(folder.path(), &["--operations", &operations]);
    browser.wait_for("document.getElementById('health').textContent === 'well'");
}

/// Nothing is wider than the screen, and no letter is too small.
fn is_readable(browser: &mut Browser, width: u64) {
    let wide = browser.value("document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(wide <= width, "{wide} pixels on a screen of {width}");
    let smallest = browser.value(
        "Math.min(...[...document.querySelectorAll('main *')].filter((it) => it.innerText)\
         .map((it) => parseFloat(getComputedStyle(it).fontSize)))",
    );
    assert!(smallest.as_f64().unwrap() >= 11.0, "{smallest}");
}

/// No error was told, and nothing was asked of anybody else.
fn nothing_is_wrong(browser: &Browser, operations: &str) {
    let (mut asked, origin) = (0, format!("http://{operations}/"));
    for event in &browser.events {
        let (method, told) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
        let is_error = match method {
            "Runtime.exceptionThrown" => true,
            "Runtime.consoleAPICalled" => true,
            "Log.entryAdded" => true,
            "Network.requestWillBeSent" => {
                asked += 1;
                let url = told["request"]["url"].as_str().unwrap();
                !url.starts_with(&origin) && !url.starts_with("data:")
            }
            _ => false,
        };
        assert!(!is_error, "{event}");
    }
    assert!(asked >= 3, "{asked}");
}
