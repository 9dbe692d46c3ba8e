//! See `logtriage_fuzz::rules`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| logtriage_fuzz::rules(data));
