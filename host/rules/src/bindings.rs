//! The two worlds in Rust, made from the WIT that authors build against.

/// The world of batch policies.
pub(crate) mod batch_policy {
    wasmtime::component::bindgen!({
        path: "../../proto/wit",
        world: "batch-policy",
    });
}

/// The world of filters.
pub(crate) mod filter {
    wasmtime::component::bindgen!({
        path: "../../proto/wit",
        world: "filter",
    });
}
