//! See `logtriage_fuzz::filter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| logtriage_fuzz::filter(data));
