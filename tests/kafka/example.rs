//! The walk-through of the three orderers, as its README has it.

use std::fs;

use tempfile::TempDir;

use crate::broker::free_port;
use crate::harness::repository;
use crate::harness::shell::{shell, type_in};
use crate::harness::walkthrough::steps;

#[test]
fn the_walk_through_of_the_three_orderers_goes_as_it_says() {
    let readme = fs::read_to_string(repository().join("examples/three-orderers/README.md")).unwrap();
    let folder = TempDir::new().unwrap();
    // Three in a row that nobody has now.
    let port = (0..).map(|_| free_port()).find(|port| port % 10 < 7).unwrap();
    let variables =
        format!("export PORT={port} KAFKA_PORT={} KAFKA_CONTROLLER_PORT={}\n", free_port(), free_port());
    let jars = crate::broker::jars().display().to_string();
    let steps = steps(&readme, "## Use it");
    assert_eq!(steps.len(), 6);
    let walk = std::panic::catch_unwind(|| {
        for mut step in steps.clone() {
            step.command.insert_str(0, &format!("{variables}export KAFKA_JARS='{jars}'\n"));
            type_in(folder.path(), &step);
        }
    });
    // Whatever went wrong, nothing goes on.
    let down = repository().join("examples/three-orderers/down");
    shell(folder.path(), &down.display().to_string()).status().unwrap();
    if let Err(panic) = walk {
        std::panic::resume_unwind(panic);
    }
}
