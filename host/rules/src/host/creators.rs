//! What only batch policies may ask: who created the envelopes of the batch.

use std::collections::BTreeMap;

use bytes::Bytes;
use raddle_core::batch_policy::EnvelopeInfo;
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::go_decode;
use wasmtime::component::LinkerInstance;

use super::{State, World, pay, size};

type Store<'a> = super::Store<'a, Creators>;

/// Who created the batch's envelopes, by number.
#[derive(Default)]
pub(crate) struct Creators(BTreeMap<u32, Bytes>);

impl Creators {
    /// Remembers who created an envelope that the instance is about to be shown.
    pub(crate) fn meet(&mut self, envelope: &EnvelopeInfo<'_>) {
        self.0.entry(envelope.creator.0).or_insert_with(|| Bytes::copy_from_slice(envelope.creator_bytes));
    }
}

impl World for Creators {
    const INTERFACE: &'static str = "raddle:rules/creators@1.0.0";

    fn imports(import: &mut LinkerInstance<'_, State<Self>>) -> wasmtime::Result<()> {
        // Reads the whole identity, so it costs as much as handing it over.
        import.func_wrap("msp-id", |mut store: Store<'_>, (creator,): (u32,)| {
            let moved = identity(&store, creator).map_or(0, |identity| size(identity));
            pay(&mut store, moved)?;
            Ok((identity(&store, creator).and_then(msp_id),))
        })?;
        import.func_wrap("identity", |mut store: Store<'_>, (creator,): (u32,)| {
            let moved = identity(&store, creator).map_or(0, |identity| size(identity));
            pay(&mut store, moved)?;
            Ok((identity(&store, creator).map(|identity| identity.to_vec()).unwrap_or_default(),))
        })
    }
}

fn identity<'a>(store: &'a Store<'_>, creator: u32) -> Option<&'a Bytes> {
    store.data().own.0.get(&creator)
}

/// The MSP id of a creator, if it is an identity that Go's library can read and that names one.
fn msp_id(creator: &Bytes) -> Option<String> {
    let identity: SerializedIdentity = go_decode(creator.clone()).ok()?;
    (!identity.mspid.is_empty()).then_some(identity.mspid)
}
