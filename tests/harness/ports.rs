//! Ports to listen on.

use std::net::TcpListener;

/// A port that nobody listens on at this moment: where Fabric's file says zero, 7050 is meant.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
