//! See `logtriage_fuzz::splice`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| logtriage_fuzz::splice(data));
