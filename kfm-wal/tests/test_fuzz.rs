//! The bodies of the fuzz targets on the committed inputs, so that a defect that a fuzzer found is found
//! without it too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::path::{Path, PathBuf};

use kfm_wal::fuzz;

/// Returns the inputs of a target, by their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{}", folder.display());
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Calls a target for each input and for inputs close to it, in an order that is always the same.
fn with_neighbours(target: &str, body: fn(&[u8]), neighbours: usize) {
    for (path, bytes) in corpus(target) {
        let holds = |bytes: &[u8]| {
            let outcome = std::panic::catch_unwind(|| body(bytes));
            assert!(outcome.is_ok(), "{} {bytes:?}", path.display());
        };
        holds(&bytes);
        let mut number = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..neighbours {
            let mut near = bytes.clone();
            for _ in 0..2 {
                number =
                    number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (number >> 33) as usize % near.len().max(1);
                if let Some(byte) = near.get_mut(at) {
                    *byte = (number >> 24) as u8;
                }
            }
            holds(&near);
        }
    }
}

#[test]
fn every_input_of_the_frame_parser_that_was_kept_breaks_no_law() {
    with_neighbours("frame", fuzz::frame, 500);
}

#[test]
fn every_folder_of_the_recovery_that_was_kept_breaks_no_law() {
    with_neighbours("recovery", fuzz::recovery, 25);
}
