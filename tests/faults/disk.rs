//! A disk that is full.

use tempfile::TempDir;

use crate::client::Sender;
use crate::process::Node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_the_channel_halts_with_a_sentence_and_nothing_acknowledged_is_lost() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("state");
    Node::start(&folder).stop();
    let mut sender = Sender::new(&folder);
    let mut node = Node::start_with_files_up_to(&folder, Some(12 << 20));
    let address = node.address.clone();
    let refusals = sender.send(&address, 8 << 10, usize::MAX, || ()).await;
    assert!(!refusals.is_empty());
    for refusal in &refusals {
        assert!(
            ["cannot enqueue", "consenter for this channel has been halted"].contains(&refusal.as_str()),
            "{refusal}"
        );
    }
    assert!(!sender.acknowledged.is_empty());
    node.wait_for("failed RDL-4103  ");
    let ended = node.stop();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.said.contains("nothing that was acknowledged is lost"), "{}", ended.said);
    let node = Node::start(&folder);
    sender.all_is_in_one_block_each(&node.address).await;
    assert_eq!(node.stop().status.code(), Some(0));
}
