//! The build script of a filter: a small stack, so that stack, data and arena fit into one page of memory.
//!
//! It stands behind the flags of whoever builds, so it wins over the stack that those set.

/// A filter that recurses deeply needs more, and traps otherwise: the stack lies below the data.
const STACK_BYTES: u32 = 16_384;

fn main() {
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg=-zstack-size={STACK_BYTES}");
    }
}
