//! The envelope that a filter judges, read only as far as it is asked for.

use crate::host;

/// The envelope that a filter judges.
///
/// Each method asks the host and costs fuel, 100 and one for each byte that comes back; what is not asked for is not
/// copied. [`Facts`](crate::Facts) cost nothing.
///
/// ```
/// use raddle_guest::testing::{Envelope, Host};
/// use raddle_guest::{Channel, Envelope as View, Facts, Filter, Refusal, Settings};
///
/// /// Asks for a transaction's id, and for a creator of Org1.
/// struct Orderly;
///
/// impl Filter for Orderly {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self)
///     }
///
///     fn check(&self, _facts: &Facts, envelope: &View) -> Result<(), Refusal> {
///         let header = envelope.header().map_err(Refusal::bad_request)?;
///         let creator = envelope.creator().map_err(Refusal::bad_request)?;
///         if header.tx_id.is_empty() {
///             return Err(Refusal::bad_request("no transaction id"));
///         }
///         if creator.msp_id != "Org1MSP" {
///             return Err(Refusal::forbidden(format!("{} may not write here", creator.msp_id)));
///         }
///         Ok(())
///     }
/// }
///
/// let check = |envelope: Envelope| Host::new().check::<Orderly>(&envelope);
/// assert!(check(Envelope::of_size(9).with_tx_id("tx1"))?.is_accepted());
/// assert_eq!(check(Envelope::of_size(9))?.sentence(), Some("no transaction id"));
/// let theirs = check(Envelope::of_size(9).with_tx_id("tx1").by("Org2MSP", "eve"))?;
/// assert_eq!(theirs.sentence(), Some("Org2MSP may not write here"));
/// # Ok::<(), String>(())
/// ```
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
///
/// ```
/// use raddle_guest::Header;
///
/// let header = Header { tx_id: "7d1c".to_owned(), ..Header::default() };
/// assert_eq!((header.tx_id.len(), header.epoch), (4, 0));
/// ```
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

impl Identity {
    /// Whether the certificate's subject has this organisational unit. With Fabric's NodeOUs it says what role its
    /// organisation gave the holder: `client`, `admin`, `peer`, `orderer`.
    ///
    /// It is what the certificate says. Whether that is true, and whether its holder has signed, is for a signature
    /// policy to say: see [`Envelope::satisfies`].
    ///
    /// ```
    /// use raddle_guest::Identity;
    ///
    /// let bob = Identity { organisational_units: vec!["client".to_owned()], ..Identity::default() };
    /// assert!(bob.has_unit("client") && !bob.has_unit("admin"));
    /// ```
    #[must_use]
    pub fn has_unit(&self, unit: &str) -> bool {
        self.organisational_units.iter().any(|own| own == unit)
    }
}

/// One of the channel's two standard signature policies for writing.
///
/// ```
/// use raddle_guest::{Envelope, Refusal, Scope};
///
/// fn is_writer(envelope: &Envelope) -> Result<(), Refusal> {
///     Ok(envelope.satisfies_writers(Scope::Channel)?)
/// }
/// # let _ = is_writer;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/Channel/Writers`
    Channel,
    /// `/Channel/Orderer/Writers`
    Orderer,
}

/// Why a signature policy is not satisfied.
///
/// ```
/// use raddle_guest::{Envelope, PolicyFailure, Refusal};
///
/// /// Where the channel has no such policy, everybody may.
/// fn is_auditor(envelope: &Envelope) -> Result<(), Refusal> {
///     match envelope.satisfies("/Channel/Application/Auditors") {
///         Err(PolicyFailure::Missing) | Ok(()) => Ok(()),
///         Err(failure) => Err(failure.into()),
///     }
/// }
/// # let _ = is_auditor;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFailure {
    /// The policy says no.
    Denied,
    /// The channel config has no such policy.
    Missing,
    /// The envelope cannot be decoded, so that nobody has signed it.
    Unreadable,
}
