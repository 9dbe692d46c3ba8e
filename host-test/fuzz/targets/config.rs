//! See `logtriage_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| logtriage_fuzz::config(data));
