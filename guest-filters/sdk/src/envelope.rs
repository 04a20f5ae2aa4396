//! The envelope that a filter judges, read only as far as it is asked for.

use crate::host;

/// The envelope that a filter judges.
///
/// Each method asks the host and costs fuel, 100 and one for each byte that comes back; what is not asked for is not
/// copied. [`Facts`](crate::Facts) cost nothing.
pub struct Envelope(pub(crate) host::Envelope);

impl Envelope {
    /// `size_bytes` bytes of the payload from `offset` on, fewer at its end: a marshalled `common.Payload`.
    #[must_use]
    pub fn read_payload(&self, offset: u64, size_bytes: u32) -> Vec<u8> {
        self.0.read_payload(offset, size_bytes)
    }

    /// The rest of the channel header, beside [`Facts`](crate::Facts).
    ///
    /// # Errors
    ///
    /// A sentence: what cannot be read.
    pub fn header(&self) -> Result<Header, String> {
        self.0.header()
    }

    /// Who signed.
    ///
    /// # Errors
    ///
    /// A sentence: what cannot be read, or that it is no X.509 certificate.
    pub fn creator(&self) -> Result<Identity, String> {
        self.0.creator()
    }

    /// Evaluates a signature policy of the channel config, such as `/Channel/Application/Admins`, on the envelope's one
    /// signature.
    ///
    /// It costs as much fuel as checking a signature takes time. Asking for a ninth policy traps.
    ///
    /// # Errors
    ///
    /// See [`PolicyFailure`]. `?` makes a [`Refusal`](crate::Refusal) of it, as Fabric would.
    pub fn satisfies(&self, policy: &str) -> Result<(), PolicyFailure> {
        self.0.satisfies(policy)
    }

    /// [`satisfies`](Self::satisfies) for one of the two standard policies, without a name for the host to read.
    ///
    /// # Errors
    ///
    /// See [`PolicyFailure`].
    pub fn satisfies_writers(&self, scope: Scope) -> Result<(), PolicyFailure> {
        self.0.satisfies_writers(scope)
    }

    /// The host's sentence about the last policy that was not satisfied, such as `could not find policy /Channel/X`;
    /// none if all were. A refusal made from a [`PolicyFailure`] says it without this.
    #[must_use]
    pub fn policy_text(&self) -> Option<String> {
        self.0.policy_text()
    }
}

/// The rest of the channel header, beside [`Facts`](crate::Facts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The transaction's id, as the client wrote it.
    pub tx_id: String,
    /// Whatever the client wrote; Fabric's clients write 0.
    pub epoch: u64,
    /// For an endorser transaction a marshalled `ChaincodeHeaderExtension`.
    pub extension: Vec<u8>,
}

/// Who signed an envelope, as its certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The MSP that the creator claims to belong to.
    pub msp_id: String,
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// Of the certificate's subject.
    pub organisational_units: Vec<String>,
}

/// One of the channel's two standard signature policies for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/Channel/Writers`
    Channel,
    /// `/Channel/Orderer/Writers`
    Orderer,
}

/// Why a signature policy is not satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFailure {
    /// The policy says no.
    Denied,
    /// The channel config has no such policy.
    Missing,
    /// The envelope cannot be decoded, so that nobody has signed it.
    Unreadable,
}
