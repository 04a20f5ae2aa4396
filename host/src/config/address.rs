//! Addresses to listen on.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// The address of a host and a port. Of several that a host has, the first of IPv4, as Go's listeners take it.
///
/// Source: Go 1.26 `net/dial.go` `ListenConfig.Listen`: `addrs.first(isIPv4)`.
///
/// # Errors
///
/// The rest of a sentence that begins with what was written.
pub fn resolve(address: &str) -> Result<SocketAddr, String> {
    let addresses = address.to_socket_addrs().map_err(|error| format!("is no address: {error}"))?;
    preferred(addresses).ok_or_else(|| "has no address".to_owned())
}

fn preferred(addresses: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    let addresses: Vec<_> = addresses.collect();
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn of_a_hosts_addresses_the_first_of_ipv4_is_taken() {
        let of = |all: &[&str]| {
            preferred(all.iter().map(|it| it.parse().unwrap())).map(|address| address.to_string())
        };
        assert_eq!(of(&["[::1]:1", "127.0.0.1:1", "127.0.0.2:1"]).as_deref(), Some("127.0.0.1:1"));
        assert_eq!(of(&["[::1]:1", "[::2]:1"]).as_deref(), Some("[::1]:1"));
        assert_eq!(of(&[]), None);
    }
}
