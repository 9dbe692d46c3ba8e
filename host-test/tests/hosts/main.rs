//! One corpus and one set of properties over every host, the faults that a host can have, and what
//! the guest's file must be like.

mod faults;
mod fixture;
mod invariants;
mod lua;
mod lua_program;
mod module;
mod reason;
mod reload;
mod repair;
mod server_faults;
mod stack;
#[path = "../../../plugin/engine/tests/support/mod.rs"]
mod support;
