//! Any bytes, read as a frame: the body is `kfm_wal::fuzz::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kfm_wal::fuzz::frame(bytes));
