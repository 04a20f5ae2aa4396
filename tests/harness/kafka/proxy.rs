//! A network between clients and a broker that stalls, or is slow: connections stay open meanwhile.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Forwards to a port of this machine. Its threads end with the connections, and with the test process.
pub struct Proxy {
    port: u16,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_stalled: bool,
    delay: Duration,
}

impl Proxy {
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::<Line>::default();
        let accepting = Arc::clone(&line);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A broker that is away refuses, and so the client finds its connection closed.
                let Ok(broker) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                for (from, to) in [(&client, &broker), (&broker, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let line = Arc::clone(&accepting);
                    std::thread::spawn(move || line.forward(from, to));
                }
            }
        });
        Self { port, line }
    }

    /// Where clients are to come.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards nothing until [`Self::go_on`]; takes connections all the same.
    pub fn stall(&self) {
        self.change(|state| state.is_stalled = true);
    }

    /// Ends a stall; nothing was lost.
    pub fn go_on(&self) {
        self.change(|state| state.is_stalled = false);
    }

    /// From now on everything is so much later, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.line.state.lock().unwrap());
        self.line.changed.notify_all();
    }
}

impl Line {
    fn forward(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let state = self.state.lock().unwrap();
            let delay = self.changed.wait_while(state, |state| state.is_stalled).unwrap().delay;
            // The network that is slow: to be late is what is asked of it.
            std::thread::sleep(delay);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
