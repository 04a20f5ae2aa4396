//! Clients in Go, against a node as people run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../harness/mod.rs"]
mod harness;

use harness::shell::walk_through;

#[test]
fn the_walk_through_of_the_go_client_goes_as_it_says() {
    walk_through("examples/go-client/README.md");
}
