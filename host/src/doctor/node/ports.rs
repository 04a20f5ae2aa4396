//! The addresses to listen on.

use std::io::ErrorKind;
use std::net::TcpListener;

use super::{Part, finding, fine};
use crate::config::{self, Settings};
use crate::doctor::{Finding, Verdict};

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let address = format!("{}:{}", settings.listen_address.value, settings.listen_port.value);
    let (key, origin) = ("General.ListenAddress", &settings.listen_address.origin);
    let finding_of = |verdict, found: String, why: &str, remedy: String| {
        finding(
            Part::Ports,
            verdict,
            [key.into(), found, "an address of this machine, and free".into()],
            why,
            &[remedy],
        )
    };
    let Ok(resolved) = config::resolve(&address) else {
        let remedy = format!("write an address of this machine, or 0.0.0.0 for all, at {key} ({origin})");
        let what = format!("{address} is no address");
        return vec![finding_of(Verdict::Wrong, what, "the node does not start", remedy)];
    };
    // Opened and closed at once: no connection is taken.
    vec![match TcpListener::bind(resolved) {
        Ok(_) => fine(Part::Ports, key, format!("{address} is free"), "an address of this machine, and free"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => finding_of(
            Verdict::Warning,
            format!("{address} is taken"),
            "another program listens there, or this node runs",
            format!("find out who listens: ss -ltnp 'sport = :{}'", settings.listen_port.value),
        ),
        Err(error) => finding_of(
            Verdict::Wrong,
            format!("{address}: {error}"),
            "the node does not start",
            match error.kind() {
                ErrorKind::PermissionDenied => {
                    "take a port from 1024 on, or give the right CAP_NET_BIND_SERVICE".into()
                }
                _ => format!("write an address of this machine, or 0.0.0.0 for all, at {key} ({origin})"),
            },
        ),
    }]
}
