//! Health, version and log levels: Fabric's answers.

use std::process::Command;

use tempfile::TempDir;

use super::Served;
use crate::harness::http;
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};

#[test]
fn a_node_that_is_well_says_so_and_which_version_it_is() {
    let served = Served::start();
    let health = served.get("/healthz");
    assert_eq!(health.code(), 200);
    assert_eq!(health.header("Content-Type"), Some("application/json"));
    assert!(health.header("X-Request-Id").is_some_and(|id| id.len() == 36));
    assert!(health.text().starts_with(r#"{"status":"OK","time":"20"#) && health.text().ends_with("Z\"}"));
    let version = served.get("/version");
    assert_eq!(version.text(), format!(r#"{{"Version":"{}"}}"#, env!("CARGO_PKG_VERSION")));
    let named = http::ask(&served.operations, "GET", "/version", &[("x-request-id", "mine")], b"");
    assert_eq!((named.code(), named.header("X-Request-Id")), (200, Some("mine")));
}

#[test]
fn a_channel_that_has_halted_is_named_without_a_file() {
    let folder = TempDir::new().unwrap();
    let operations = format!("127.0.0.1:{}", free_port());
    // Without the trap the system would end the process where a write fails.
    let script = "trap '' XFSZ; exec \"$0\" dev --listen 127.0.0.1:0 --operations \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_raddle"), &operations]).current_dir(folder.path());
    let mut node = Node::run(&mut command);
    node.fail_writes();
    assert!(!raddle(folder.path(), &["send", "hello"]).status.success());
    node.wait_for("halted");
    let health = http::ask(&operations, "GET", "/healthz", &[], b"");
    assert_eq!(health.code(), 503, "{health:?}");
    let text = health.text();
    assert!(text.starts_with(r#"{"status":"Service Unavailable","time":""#), "{text}");
    let checks = r#","failed_checks":[{"component":"demo/0","reason":""#;
    assert!(text.contains(checks) && text.ends_with(r#""}]}"#), "{text}");
    assert!(!text.contains(folder.path().to_str().unwrap()) && !text.contains("redb"), "{text}");
    let metrics = http::ask(&operations, "GET", "/metrics", &[], b"");
    assert!(metrics.text().contains(r#"raddle_channel_state{channel="demo",state="halted"} 1"#));
    assert_eq!(http::ask(&operations, "HEAD", "/healthz", &[], b"").code(), 405);
}

#[test]
fn what_is_logged_changes_when_operators_say_so() {
    let mut served = Served::start();
    let spec = |served: &Served| served.get("/logspec").text().to_owned();
    assert_eq!(spec(&served), "{\"spec\":\"warn\"}\n");
    let changed = served.put_spec(r#"{"spec":"grpc=error:raddle=info:error"}"#);
    assert_eq!((changed.code(), changed.text()), (204, ""));
    assert_eq!(spec(&served), "{\"spec\":\"grpc=error:raddle=info:error\"}\n");
    served.run(&["send", "hello", "--wait"]);
    served.node.wait_for("block committed");
    assert_eq!(served.put_spec(r#"{"spec":"error"}"#).code(), 204);
    assert_eq!(spec(&served), "{\"spec\":\"error\"}\n");
}

#[test]
fn what_says_nothing_changes_nothing_and_is_answered_as_in_fabric() {
    let served = Served::start();
    let error = |text: &str| format!("{{\"error\":\"{text}\"}}\n");
    for (body, expected) in [
        (r#"{"spec":"loud"}"#, error("invalid logging specification 'loud': bad segment 'loud'")),
        (
            r#"{"spec":1}"#,
            error("json: cannot unmarshal number into Go struct field LogSpec.spec of type string"),
        ),
        ("", error("EOF")),
        ("{", error("unexpected EOF")),
    ] {
        let reply = served.put_spec(body);
        assert_eq!((reply.code(), reply.text()), (400, expected.as_str()), "{body}");
        assert_eq!(reply.header("Content-Type"), Some("application/json"));
    }
    let long = format!("{{\"spec\":\"{}\"}}", "a".repeat(70_000));
    assert_eq!(served.put_spec(&long).code(), 400);
    let post = http::ask(&served.operations, "POST", "/logspec", &[], b"{}");
    assert_eq!((post.code(), post.text()), (400, error("invalid request method: POST").as_str()));
    let version = http::ask(&served.operations, "DELETE", "/version", &[], b"");
    assert_eq!((version.code(), version.text()), (400, r#"{"Error":"invalid request method: DELETE"}"#));
    assert_eq!(served.get("/logspec").text(), "{\"spec\":\"warn\"}\n");
}

#[test]
fn what_the_page_shows_is_told_as_json() {
    let served = Served::with_traffic();
    let page = served.get("/");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.header("Content-Security-Policy").unwrap().starts_with("default-src 'none'"));
    let status = served.get("/status");
    assert_eq!(status.header("Content-Type"), Some("application/json"));
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    let channel = &status["channels"][0];
    assert_eq!(channel["name"], "demo");
    assert_eq!(
        (&channel["height"], &channel["state"], &channel["log"]["lag"]),
        (&3.into(), &"ordering".into(), &0.into())
    );
    assert_eq!(channel["cuts"]["config"], 1);
    let module = &channel["modules"][0];
    assert_eq!(
        (&module["name"], &module["refused"], &module["mode"]),
        (&"no-way".into(), &1.into(), &"enforce".into())
    );
    assert_eq!(module["digest"].as_str().unwrap().len(), 64);
    assert_eq!(status["certificates"][0]["role"], "enrollment");
    let refusals = status["refusals"].as_array().unwrap();
    let codes: Vec<_> =
        refusals.iter().map(|it| (it["channel"].as_str().unwrap(), it["code"].as_str().unwrap())).collect();
    assert_eq!(codes.len(), 2);
    assert_eq!((codes[0].0, codes[1]), ("unknown", ("demo", "RDL-1104")));
    assert!(status["failed_checks"].as_array().unwrap().is_empty());
}

/// What clients and modules have written stands on the page, among the refusals and the modules.
#[test]
fn the_page_takes_nothing_that_it_shows_for_markup() {
    let page = include_str!("../../../host/serve/src/operations/page.html");
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "createContextualFragment",
        "eval(",
    ] {
        assert!(!page.contains(way), "{way}");
    }
    assert!(page.contains("textContent") && page.contains("replaceChildren"));
    // And nothing comes from elsewhere; the one address is the name of SVG.
    let elsewhere: Vec<_> = page.match_indices("://").map(|(at, _)| &page[at..]).collect();
    assert!(elsewhere.iter().all(|it| it.starts_with("://www.w3.org/2000/svg")), "{elsewhere:?}");
}
