//! The sidecar between two ends that speak Vector's protocol: labels, bytes, acknowledgements.

mod acknowledgements;
mod events;
#[path = "../hosts/fixture.rs"]
#[allow(dead_code)]
mod fixture;
mod labels;
mod process;
#[path = "../../../plugin/engine/tests/support/mod.rs"]
mod support;
mod transport;
