//! A crowd in a process of its own, which stands back behind all others: those who want too much of a node do not run
//! on its processors elsewhere.
//!
//! A thread's low priority counts within its session alone, where the system has sessions share the processors (Linux's
//! autogroups). In the session of the test a crowd would be what keeps the system's own threads from completing the
//! node's writes.

use std::fs;
use std::io::{self, Read as _};
use std::process::{Child, Command, Stdio};

use rustix::process::setsid;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::crowd::{self, Tried};
use crate::harness::ports::free_port;

/// Tells the process what is asked of it.
const ASKED: &str = "RADDLE_TEST_CROWD";
const THIS_TEST: &str = "overload::apart::a_crowd_says_what_it_did_when_its_time_is_over";

/// What stands before what it did.
const MARK: &str = "tried ";

/// What a crowd is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    pub address: String,
    /// A request for all blocks, and an envelope that is good.
    pub seek: Vec<u8>,
    pub small: Vec<u8>,
    pub wants: Wants,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Wants {
    /// So many connections, from four addresses of this machine, all of which begin within this time.
    Everything { connections: u64, begin_within_ms: u64 },
    /// What a budget does not allow: so many envelopes in a second, and after a delay as fast as they are answered
    /// until that is made up for.
    Envelopes { per_second: u64 },
}

/// Clients at work in a process of their own. They end with this.
pub struct Crowd(Child);

impl Crowd {
    pub fn start(asked: &Asked) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1", THIS_TEST])
            .env(ASKED, serde_json::to_string(asked).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    pub async fn end(self) -> Tried {
        spawn_blocking(move || self.wait()).await.unwrap()
    }

    fn wait(mut self) -> Tried {
        drop(self.0.stdin.take());
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success(), "{said}");
        let tried = said.lines().find_map(|line| Some(line.split_once(MARK)?.1));
        serde_json::from_str(tried.unwrap_or_else(|| panic!("{said}"))).unwrap()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // It has ended where it was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the process does: what it is asked for, until its standard input ends.
fn be_crowd(asked: &str) {
    setsid().unwrap();
    // Where there are no autogroups there is nothing to be done.
    let _ = fs::write("/proc/self/autogroup", "19");
    let at_work = crowd::AtWork::start(&serde_json::from_str(asked).unwrap());
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    println!("{MARK}{}", serde_json::to_string(&at_work.end()).unwrap());
}

#[test]
fn a_crowd_says_what_it_did_when_its_time_is_over() {
    if let Ok(asked) = std::env::var(ASKED) {
        return be_crowd(&asked);
    }
    // Nobody listens there.
    let wants = Wants::Everything { connections: 5, begin_within_ms: 0 };
    let address = format!("127.0.0.1:{}", free_port());
    let crowd = Crowd::start(&Asked { address, seek: Vec::new(), small: Vec::new(), wants });
    assert_eq!(crowd.wait(), Tried::default());
}
