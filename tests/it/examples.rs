//! The examples' walk-throughs: what their READMEs tell people to type, typed, in an empty folder.

use std::fs;

use tempfile::TempDir;

use crate::harness::process::Node;
use crate::harness::repository;
use crate::harness::shell::{shell, type_in};
use crate::harness::walkthrough::steps;

/// Does what a README says under "Use it".
fn walk_through(readme: &str) {
    let readme = fs::read_to_string(repository().join(readme)).unwrap();
    let folder = TempDir::new().unwrap();
    let mut node = None;
    let steps = steps(&readme, "## Use it");
    assert!(!steps.is_empty());
    for step in steps {
        let command = &step.command;
        if command.starts_with("raddle dev") {
            // It goes on in its own terminal; the shell becomes it.
            let started = Node::run(&mut shell(folder.path(), &format!("exec {command}")));
            assert!(step.prints(&started.ready), "{command} printed\n{}", started.ready);
            node = Some(started);
            continue;
        }
        type_in(folder.path(), &step);
    }
    assert_eq!(node.unwrap().stop().status.code(), Some(0));
}

#[test]
fn the_walk_through_of_the_custom_filter_goes_as_it_says() {
    walk_through("examples/custom-filter/README.md");
}
