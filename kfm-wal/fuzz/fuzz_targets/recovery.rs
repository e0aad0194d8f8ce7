//! Any edits of a sound log, opened: the body is `kfm_wal::fuzz::recovery`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kfm_wal::fuzz::recovery(bytes));
