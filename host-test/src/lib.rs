//! Hosts and shared helpers for tests and benchmarks.
