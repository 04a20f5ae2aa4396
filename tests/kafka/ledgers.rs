//! What orderers of one channel must have in common, whatever befell them.

use raddle::client::{Client, Patience};

use crate::harness::admin::Admin;
use crate::harness::metadata_values;
use crate::harness::sender::{Followed, Sender};

/// Everything acknowledged is in a block of the first, and all have equal blocks up to there.
pub async fn all_is_in_equal_ledgers(sender: &Sender, admin: &Admin, addresses: &[String]) -> Followed {
    let followed = sender.follow(&addresses[0]).await;
    let mut ledgers = Vec::new();
    for address in addresses {
        let client = Client::connect(address, Patience::default()).await.unwrap();
        ledgers.push(admin.blocks_from(&client, 0));
    }
    for number in 0..followed.height {
        let mut blocks = Vec::new();
        for ledger in &mut ledgers {
            blocks.push(ledger.next().await.unwrap().unwrap());
        }
        for other in &blocks[1..] {
            assert!((&other.header, &other.data) == (&blocks[0].header, &blocks[0].data), "block {number}");
            assert_eq!(metadata_values(other), metadata_values(&blocks[0]), "block {number}");
        }
    }
    followed
}
