//! Whatever comes to the port of operations is answered as by Fabric's server, and shows nothing of the machine.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use proptest::prelude::*;

use super::Served;
use crate::harness::http;

const PATHS: [&str; 6] = ["/healthz", "/logspec", "/version", "/metrics", "/status", "/"];

/// What is answered to these bytes until the end.
fn answered(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    // Whoever has heard enough may have gone.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn paths_are_looked_up_as_gos_server_does() {
    let served = Served::start();
    for (method, path, status, location) in [
        ("GET", "/", 200, None),
        ("POST", "/", 405, None),
        ("GET", "/index.html", 404, None),
        ("HEAD", "/status", 200, None),
        ("GET", "/healthz/", 404, None),
        ("GET", "/Healthz", 404, None),
        ("GET", "//healthz", 307, Some("/healthz")),
        ("GET", "/a/../healthz?x=1", 307, Some("/healthz?x=1")),
        ("GET", "/%68ealthz", 200, None),
        ("GET", "/healthz?x=1", 200, None),
        ("GET", "/%zz", 400, None),
        ("GET", "/debug/pprof/", 404, None),
        ("GET", "/..%2f..%2fetc/passwd", 404, None),
        ("GET", "/../../etc/passwd", 307, Some("/etc/passwd")),
        ("PUT", "/healthz", 405, None),
        ("OPTIONS", "*", 400, None),
        ("PATCH", "/metrics", 200, None),
        ("BREW", "/version", 400, None),
    ] {
        let reply = http::ask(&served.operations, method, path, &[("Connection", "close")], b"");
        let location = location.or(reply.header("Location").filter(|_| status == 200));
        assert_eq!(
            (reply.code(), reply.header("Location")),
            (status, location),
            "{method} {path}: {reply:?}"
        );
    }
}

#[test]
fn headers_that_are_many_or_long_end_their_connection_alone() {
    let served = Served::start();
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let long = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", "a".repeat(1 << 20));
    for request in [many, long] {
        let answer = answered(&served.operations, request.as_bytes());
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(served.get("/healthz").code(), 200);
}

#[test]
fn any_bytes_are_answered_or_hung_up_on_and_the_next_one_is_served() {
    let served = Served::start();
    let state = served.path().display().to_string();
    let request = (
        prop_oneof!["GET|PUT|POST|HEAD", "[A-Z]{0,9}", "\\PC{0,9}"],
        prop_oneof![proptest::sample::select(&PATHS[..]).prop_map(str::to_owned), "/\\PC{0,40}"],
        proptest::collection::vec(("[a-zA-Z-]{1,12}", "\\PC{0,30}"), 0..4),
        proptest::collection::vec(any::<u8>(), 0..200),
    );
    let config = ProptestConfig { cases: 200, ..ProptestConfig::default() };
    proptest!(config, |((method, path, headers, body) in request)| {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()));
        let answer = answered(&served.operations, &[head.as_bytes(), &body].concat());
        let text = String::from_utf8_lossy(&answer);
        prop_assert!(answer.is_empty() || text.starts_with("HTTP/1.1 "), "{}", text);
        prop_assert!(!text.contains(&state) && !text.contains(" 500 "), "{}", text);
        prop_assert_eq!(served.get("/healthz").code(), 200);
    });
}
