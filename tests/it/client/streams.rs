//! The streams of one connection.

use raddle::client::{Client, Patience};
use raddle::network::DevNetwork;
use tempfile::TempDir;

use crate::harness::admin::Admin;
use crate::harness::process::Node;

/// More than an orderer allows a connection at once.
const STREAMS: usize = 300;

/// Whoever drops what comes is done with it: were the stream kept open, later ones would wait for its place.
#[tokio::test]
async fn a_connection_may_ask_for_blocks_as_often_as_it_likes() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("state");
    let node = Node::start(&folder);
    let admin = Admin::of(&DevNetwork::read(&folder.join("network")).unwrap());
    let client = Client::connect(&node.address, Patience::default()).await.unwrap();
    for _ in 0..STREAMS {
        assert_eq!(admin.newest(&client).await.unwrap().header.unwrap().number, 0);
    }
}
