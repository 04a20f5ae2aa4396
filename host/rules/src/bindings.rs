//! The world of batch policies in Rust, made from the WIT that authors build against.

wasmtime::component::bindgen!({
    path: "../../proto/wit",
    world: "batch-policy",
});
