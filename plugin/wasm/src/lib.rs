//! Logtriage as one WebAssembly module for two kinds of hosts.
//!
//! * Fluent Bit's `wasm` filter loads the module as it is: [`fluent_bit`] is its C ABI.
//! * Encoded as a component it has the interface of `wit/logtriage.wit`: `component`.
//!
//! Fluent Bit drops a record when its filter traps, answers nothing, or answers what is no JSON.
//! So nothing here may trap, and whatever is wrong, the record passes:
//!
//! ```text
//! fluent_bit   pointers in, a pointer out; did the last call trap?        unsafe
//! memory       malloc and free, which a host may call, or forget to       unsafe
//! system       which directories there are, what time it is               unsafe
//! filter       a record in, a record out, labelled if that can be
//! repair       what Fluent Bit writes that is not JSON becomes JSON
//! ```

#[cfg(target_family = "wasm")]
mod component;
pub mod filter;
#[cfg(target_family = "wasm")]
mod fluent_bit;
#[cfg(target_family = "wasm")]
mod memory;
pub mod repair;
#[cfg(target_family = "wasm")]
mod system;

/// The rules inside the program, compiled by the build script.
pub const BUILTIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));
