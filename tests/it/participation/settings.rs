//! The keys of `orderer.yaml`, and what they do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use tempfile::TempDir;

use crate::harness::golden;
use crate::harness::http;
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};
use crate::start::{folder, refuses};

fn node(more: &str) -> (TempDir, String) {
    let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local}\n");
    let address = format!("127.0.0.1:{}", free_port());
    let path = folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}Admin:\n  ListenAddress: {address}\n{more}")).unwrap();
    (folder, address)
}

#[test]
fn an_api_that_is_not_enabled_says_so() {
    let (folder, address) = node("");
    let node = Node::start_by_settings(folder.path());
    for (method, path) in [("GET", http::CHANNELS), ("POST", "/participation/v1/x")] {
        let reply = http::ask(&address, method, path, &[], b"");
        assert_eq!(
            (reply.code(), reply.text()),
            (503, "{\"error\":\"channel participation API is disabled\"}\n")
        );
    }
    assert_eq!(http::ask(&address, "GET", "/", &[], b"").code(), 404);
    assert!(node.stop().status.success());
}

#[test]
fn an_api_that_is_enabled_joins_channels_whose_blocks_are_not_too_long() {
    let (folder, address) = node("ChannelParticipation:\n  Enabled: true\n  MaxRequestBodySize: 64 KB\n");
    let node = Node::start_by_settings(folder.path());
    let block = fs::read(golden("appkafka.block")).unwrap();
    let too_long = [block.as_slice(), &[0; 64 << 10]].concat();
    let reply = http::join(&address, &too_long);
    let sentence = "{\"error\":\"cannot read form from request body: http: request body too large\"}\n";
    assert_eq!((reply.code(), reply.text()), (400, sentence));
    assert_eq!(http::join(&address, &block).code(), 201);
    assert!(http::list(&address).contains("appkafka"));
    let not_mapped = http::join(&address, &fs::read(golden("raftchannel.block")).unwrap());
    let sentence = "cannot join: channel raftchannel is of type etcdraft, and no log orders that (default)";
    let expected = format!("{{\"error\":\"{sentence}\"}}\n");
    assert_eq!((not_mapped.code(), not_mapped.text()), (400, expected.as_str()));
    assert!(node.stop().status.success());
}

/// Every beginning of a join, and bytes of any kind.
#[test]
fn what_is_no_request_changes_nothing() {
    let (folder, address) = node("ChannelParticipation:\n  Enabled: true\n");
    let node = Node::start_by_settings(folder.path());
    let (content_type, body) =
        http::form("config-block", "config.block", &fs::read(golden("appkafka.block")).unwrap());
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: orderer\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        http::CHANNELS,
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    let beginnings = (0..request.len()).step_by(211).map(|end| request[..end].to_vec());
    let garbage = (0..100_u32).map(|seed| {
        let byte = |at: u32| (seed.wrapping_mul(2_654_435_761).wrapping_add(at * at) >> 7) as u8;
        (0..seed * 7).map(byte).collect::<Vec<u8>>()
    });
    for bytes in beginnings.chain(garbage) {
        let mut stream = TcpStream::connect(&address).unwrap();
        // It may end before all is sent.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(http::list(&address), "{\"systemChannel\":null,\"channels\":null}\n");
    let ended = node.stop();
    assert!(ended.status.success() && !ended.said.contains("panicked"), "{}", ended.said);
}

/// A node whose last channel was removed does not begin with its bootstrap block again.
#[test]
fn a_channel_of_the_bootstrap_block_that_was_removed_stays_away() {
    let (folder, address) = node("ChannelParticipation:\n  Enabled: true\n");
    let path = folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let block = format!("BootstrapFile: {}", golden("appkafka.block").display());
    fs::write(&path, text.replace("BootstrapMethod: none", &block)).unwrap();
    let node = Node::start_by_settings(folder.path());
    assert_eq!(http::remove(&address, "appkafka").code(), 204);
    assert!(node.stop().status.success());
    let node = Node::start_by_settings(folder.path());
    assert_eq!(http::list(&address), "{\"systemChannel\":null,\"channels\":null}\n");
    // By its block it may come back.
    assert_eq!(http::join(&address, &fs::read(golden("appkafka.block")).unwrap()).code(), 201);
    assert!(node.stop().status.success());
}

#[test]
fn keys_that_cannot_be_used_are_told_with_their_remedies() {
    let (folder, _) = node(
        "  TLS:\n    Enabled: true\n    Certificate: no.crt\n    PrivateKey: no.key\n\
         ChannelParticipation:\n  MaxRequestBodySize: 5 GB\n",
    );
    let output = raddle(folder.path(), &["start"]);
    refuses(&output, 2, "failed RDL-4012  ");
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        "Admin.TLS.Certificate: ",
        "Admin.TLS.PrivateKey: ",
        "ChannelParticipation.MaxRequestBodySize: \"5 GB\" is too much",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn an_address_that_is_taken_or_none_is_told() {
    let (folder, address) = node("");
    let taken = std::net::TcpListener::bind(&address).unwrap();
    let output = raddle(folder.path(), &["start"]);
    refuses(&output, 1, &format!("failed RDL-4010  cannot listen on {address}: "));
    drop(taken);
    let path = folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap().replace(&address, "nowhere");
    fs::write(&path, text).unwrap();
    refuses(&raddle(folder.path(), &["start"]), 2, "failed RDL-4012  Admin.ListenAddress (");
}
