//! From the guest's core module to the component of `wit/logtriage.wit`.
//!
//! The module carries its WIT in a section that `wit-bindgen` wrote. What it asks of WASI preview 1
//! the reactor adapter of the Wasmtime project asks of WASI preview 2.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

/// The component of a core module, validated.
///
/// # Errors
/// The module does not have what its WIT says, or asks for what the adapter does not have.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            let adapter = WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)
        })
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| format!("the module is no component: {error:#}"))
}
