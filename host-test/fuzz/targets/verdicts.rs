//! See `logtriage_fuzz::verdicts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| logtriage_fuzz::verdicts(data));
