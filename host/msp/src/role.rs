//! Versions of MSPs, and the roles that organisational units tell.

use std::fmt;

/// Whose behaviour an MSP has. A channel's capabilities choose it, for all its MSPs.
///
/// Source: fabric v2.5.16 `common/capabilities/channel.go` `MSPVersion`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MspVersion {
    /// No capability: units tell no roles.
    V1_0,
    /// `V1_1`: units may tell clients from peers.
    V1_1,
    /// `V1_3` or `V1_4_2`: principals may be combined, and about anonymity.
    V1_3,
    /// `V1_4_3` or `V2_0`: units may tell admins and orderers too.
    V1_4_3,
}

/// A role that an organisational unit may tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum Role {
    Client,
    Peer,
    Admin,
    Orderer,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Client => "CLIENT",
            Self::Peer => "PEER",
            Self::Admin => "ADMIN",
            Self::Orderer => "ORDERER",
        })
    }
}
