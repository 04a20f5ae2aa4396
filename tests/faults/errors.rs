//! A disk that fails, all of a sudden.

use std::hash::{BuildHasher as _, RandomState};

use tempfile::TempDir;

use crate::client::Sender;
use crate::process::Node;

const FAILURES: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_writes_fail_at_any_moment_the_channel_halts_and_nothing_acknowledged_is_lost() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("state");
    Node::start(&folder).stop();
    let mut sender = Sender::new(&folder);
    let random = RandomState::new();
    for failure in 0..FAILURES {
        let mut node = Node::start_with_files_up_to(&folder, None);
        let answers = (random.hash_one(failure) % 600) as usize;
        let address = node.address.clone();
        let refusals = sender.send(&address, 700, answers, || node.fail_writes()).await;
        assert!(!refusals.is_empty(), "streams are answered, not cut off");
        node.wait_for("failed RDL-4103  ");
        let ended = node.stop();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.said);
        assert!(!ended.said.contains("panicked"), "{}", ended.said);
    }
    let node = Node::start(&folder);
    sender.all_is_in_one_block_each(&node.address).await;
    assert_eq!(node.stop().status.code(), Some(0));
}
