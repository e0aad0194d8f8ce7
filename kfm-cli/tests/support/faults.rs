//! Faults below the command: a process is gone right before the n-th of its calls on files below a folder.
//!
//! Where a process is stopped is counted, not timed, so that a busy machine changes nothing. The library that counts is
//! `testing/faults/fault.c`, built by the C compiler that Rust itself links with.
#![allow(dead_code, reason = "each test file uses its part")]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// The library, built once for a test binary.
static LIBRARY: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/faults/fault.c");
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    assert!(cc.status().unwrap().success(), "the C compiler builds {}", source.display());
    (folder, library)
});

fn below<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("LD_PRELOAD", &LIBRARY.1).env("FAULT_ROOT", folder.canonicalize().unwrap())
}

/// Runs a command to its end; returns what it said and its calls for files below a folder, each as number, kind and file.
pub fn traced(command: &mut Command, folder: &Path) -> (Output, Vec<String>) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let output = below(command, folder).env("FAULT_LOG", log.path()).output().unwrap();
    let calls = std::fs::read_to_string(log.path()).unwrap();
    (output, calls.lines().map(str::to_owned).collect())
}

/// Returns the number of the first call of this kind and place among those of [`traced`].
pub fn number_of(calls: &[String], wanted: &str) -> u64 {
    let call = calls.iter().find(|call| call.contains(wanted)).unwrap();
    call.split(' ').next().unwrap().parse().unwrap()
}

/// Runs a command that is killed right before its `call`th call for a file below a folder, from 1; says whether it came
/// so far.
pub fn killed_before(command: &mut Command, folder: &Path, call: u64) -> bool {
    let command = below(command, folder).env("FAULT_AT", call.to_string()).env("FAULT_ERRNO", "kill");
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().signal() == Some(9)
}
