//! See `logtriage_fuzz::repair`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| logtriage_fuzz::repair(data));
