//! Which chaincode an endorser transaction calls, which function of it, and with what.

use crate::walk::{Part, Source, Walk};
use crate::{Envelope, Facts, Header};

/// `type` of the channel header of an endorser transaction.
const ENDORSER_TRANSACTION: i32 = 3;
/// Most arguments of a call that are looked at, the function's name included.
const ARGUMENTS_MAX: usize = 1_024;
/// Longest name of a chaincode or a function that is read.
const NAME_BYTES_MAX: u32 = 1_024;

/// A call of chaincode, as an endorser transaction carries it.
///
/// It is what the client proposed. That the endorsers have run this very call, peers find out when they have the block:
/// they compare the proposal's hash with the one that was endorsed, and mark a transaction invalid where it differs.
///
/// Source: fabric v2.5.16 `core/common/validation/msgvalidation.go` `validateEndorserTransaction`.
///
/// ```
/// use raddle_guest::testing::{Envelope, Host};
/// use raddle_guest::{Channel, Envelope as View, Facts, Filter, Refusal, Settings};
///
/// /// Nobody deletes assets.
/// struct NoDeletion;
///
/// impl Filter for NoDeletion {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self)
///     }
///
///     fn check(&self, facts: &Facts, envelope: &View) -> Result<(), Refusal> {
///         let call = envelope.invocation(facts).map_err(Refusal::bad_request)?;
///         if call.chaincode() == "assets" && call.function().as_deref() == Some("DeleteAsset") {
///             return Err(Refusal::forbidden("assets are for ever"));
///         }
///         Ok(())
///     }
/// }
///
/// let check = |arguments| Host::new().check::<NoDeletion>(&Envelope::invoking("assets", arguments));
/// assert_eq!(check(&["DeleteAsset", "asset1"])?.sentence(), Some("assets are for ever"));
/// assert!(check(&["ReadAsset", "asset1"])?.is_accepted());
/// # Ok::<(), String>(())
/// ```
pub struct Invocation<'a> {
    envelope: &'a Envelope,
    chaincode: String,
    arguments: Vec<Part>,
}

impl Envelope {
    /// The one call of chaincode that an endorser transaction carries.
    ///
    /// It reads the payload piece by piece and skips certificates, endorsements and results; a usual transaction costs
    /// some 50,000 fuel, a hundredth of what a call of a filter gets.
    ///
    /// # Errors
    ///
    /// A sentence: this is no endorser transaction, or it is one that peers find invalid, or that no client of Fabric's
    /// writes (a field twice that stands alone, more than 1,024 arguments).
    pub fn invocation(&self, facts: &Facts) -> Result<Invocation<'_>, String> {
        if facts.header_type != ENDORSER_TRANSACTION {
            return Err(format!("an envelope of type {} calls no chaincode", facts.header_type));
        }
        let whole = Part { start: 0, end: facts.payload_size_bytes };
        let (chaincode, arguments) = call(self, whole)?;
        Ok(Invocation { envelope: self, chaincode, arguments })
    }
}

impl Header {
    /// The chaincode that the extension of an endorser transaction's channel header names: the cheapest way to know it.
    /// Peers mark a transaction invalid where it is not the chaincode that was endorsed.
    ///
    /// Source: fabric v2.5.16 `core/committer/txvalidator/v20/plugindispatcher/dispatcher.go` `Dispatch`.
    ///
    /// # Errors
    ///
    /// A sentence: the extension is none, or names no chaincode.
    ///
    /// ```
    /// use raddle_guest::Header;
    ///
    /// let header = Header { extension: b"\x12\x08\x12\x06assets".to_vec(), ..Header::default() };
    /// assert_eq!(header.chaincode(), Ok("assets".to_owned()));
    /// assert_eq!(Header::default().chaincode(), Err("the transaction names no chaincode".to_owned()));
    /// ```
    pub fn chaincode(&self) -> Result<String, String> {
        let extension = self.extension.as_slice();
        let mut walk = Walk::new(extension);
        let whole = Part { start: 0, end: extension.len() as u64 };
        let id = walk.one(whole, 2, "the chaincode's id")?;
        let name = walk.one(id, 2, "the chaincode's name")?;
        chaincode_name(extension, name)
    }
}

impl Invocation<'_> {
    /// The chaincode's name. Never empty.
    #[must_use]
    pub fn chaincode(&self) -> &str {
        &self.chaincode
    }

    /// The function's name, which is by convention the first argument: with a contract's name and a colon before it
    /// where the client gave one. None if there is no argument, or one that is no name: longer than 1 KiB, or no UTF-8.
    #[must_use]
    pub fn function(&self) -> Option<String> {
        name(self.envelope, *self.arguments.first()?)
    }

    /// How many arguments the chaincode gets, the function's name included.
    #[must_use]
    pub fn argument_count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument, read now: it costs 100 fuel and one for each byte. 0 is the function's name.
    #[must_use]
    pub fn argument(&self, index: usize) -> Option<Vec<u8>> {
        let part = *self.arguments.get(index)?;
        Some(self.envelope.read_payload(part.start, u32::try_from(part.len()).ok()?))
    }

    /// Bytes of an argument, known without reading it.
    #[must_use]
    pub fn argument_size_bytes(&self, index: usize) -> Option<u64> {
        self.arguments.get(index).map(|part| part.len())
    }
}

/// From a `common.Payload` to the chaincode's name and the places of its arguments.
fn call(source: &(impl Source + ?Sized), payload: Part) -> Result<(String, Vec<Part>), String> {
    let mut walk = Walk::new(source);
    let transaction = walk.one(payload, 2, "the transaction")?;
    let actions = walk.all(transaction, 1, 1, "the transaction's action")?;
    let action = *actions.first().ok_or("the transaction has no action")?;
    let action_payload = walk.one(action, 2, "the action's payload")?;
    let proposal = walk.one(action_payload, 1, "the proposal")?;
    let invocation = walk.one(proposal, 1, "the proposal's input")?;
    let spec = walk.one(invocation, 1, "the chaincode's spec")?;
    let id = walk.one(spec, 2, "the chaincode's id")?;
    let input = walk.one(spec, 3, "the chaincode's input")?;
    let place = walk.one(id, 2, "the chaincode's name")?;
    let chaincode = chaincode_name(source, place)?;
    Ok((chaincode, walk.all(input, 1, ARGUMENTS_MAX, "the arguments")?))
}

fn chaincode_name(source: &(impl Source + ?Sized), place: Part) -> Result<String, String> {
    match name(source, place) {
        Some(name) if !name.is_empty() => Ok(name),
        Some(_) => Err("the transaction names no chaincode".to_owned()),
        None => Err("the chaincode's name is none: too long, or not UTF-8".to_owned()),
    }
}

fn name(source: &(impl Source + ?Sized), place: Part) -> Option<String> {
    let size = u32::try_from(place.len()).ok().filter(|size| *size <= NAME_BYTES_MAX)?;
    if size == 0 {
        return Some(String::new());
    }
    String::from_utf8(source.read(place.start, size)).ok()
}

#[cfg(test)]
mod tests;
