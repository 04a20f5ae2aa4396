//! The only place where machine code enters the process.
#![allow(unsafe_code)]

use raddle_core::batch_policy::LocalFault;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::Artifact;

impl Artifact {
    /// Makes a component of it, which may then be instantiated.
    ///
    /// # Errors
    ///
    /// It was made by an engine of another version or other settings, or there is no memory for it.
    pub(crate) fn load(&self, engine: &Engine) -> Result<Component, LocalFault> {
        // SAFETY: the bytes must be what `precompile_component` made, unchanged. An `Artifact` cannot be had otherwise:
        // its field is private to the folder, and is filled by our own compiler in this process, from the pipe of a
        // child that runs our own program, or from a file whose MAC our own key verifies over all of them. They are in
        // our memory as a whole, not mapped from a file that could change. The engine itself compares its version and
        // settings with those that they were made under.
        let component = unsafe { Component::deserialize(engine, &self.bytes) };
        component.map_err(|error| LocalFault { cause: format!("the artifact cannot be loaded: {error:#}") })
    }
}
