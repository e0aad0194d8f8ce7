//! The guide to a `kfm` of one's own runs as it stands, with the programs of `own-kfm` as the workspace builds them;
//! `.ci/own-kfm` runs it with those that a stranger builds.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

/// Returns the `sh` blocks of a page, one after the other.
fn script(page: &str) -> String {
    let mut script = String::from("set -eu\n");
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => script.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    script
}

#[test]
fn the_guide_to_a_kfm_of_ones_own_runs_as_it_stands() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/own-kfm.md");
    let script = script(&std::fs::read_to_string(page).unwrap());
    assert!(script.matches("own-kfm ").count() > 5, "the guide has lost its commands:\n{script}");
    let folder = tempfile::tempdir().unwrap();
    let programs = [
        ("kfm", env!("CARGO_BIN_EXE_plain-kfm")),
        ("own-kfm", env!("CARGO_BIN_EXE_own-kfm")),
        ("tile-job", env!("CARGO_BIN_EXE_tile-job")),
    ];
    for (name, program) in programs {
        std::os::unix::fs::symlink(program, folder.path().join(name)).unwrap();
    }
    #[allow(clippy::disallowed_methods, reason = "the shell finds its own tools where this test did")]
    let path = std::env::var("PATH").unwrap();
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let run = Command::new("sh")
        .arg("-xc")
        .arg(&script)
        .current_dir(&work)
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .env("KFM_ACTOR", "ops")
        .env_remove("KFM_ROOT")
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}\n{}", said(&run.stdout), said(&run.stderr));
}
