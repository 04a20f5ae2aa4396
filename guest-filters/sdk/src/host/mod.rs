//! What a module asks of its host: the component's imports, or in a native build a stand-in for them.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, missing_docs, clippy::all, reason = "written by the generator")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../proto/wit/world.wit",
        world: "batch-policy",
        pub_export_macro: true,
    });
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, missing_docs, clippy::all, reason = "written by the generator")]
pub mod filter_bindings {
    wit_bindgen::generate!({
        path: "../../proto/wit/world.wit",
        world: "filter",
        // What the world is, the export says by itself.
        disable_custom_section_link_helpers: true,
        pub_export_macro: true,
        with: {
            "raddle:rules/channel@1.0.0": crate::host::bindings::raddle::rules::channel,
            "raddle:rules/settings@1.0.0": crate::host::bindings::raddle::rules::settings,
            "raddle:rules/logging@1.0.0": crate::host::bindings::raddle::rules::logging,
        },
    });
}
