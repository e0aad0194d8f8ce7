//! The guide to a `kfm` of one's own runs as it stands, with the programs of `own-kfm` as the workspace builds them;
//! `.ci/own-kfm` runs it with those that a stranger builds.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../kfm-cli/tests/support/guide.rs"]
mod guide;

use std::path::Path;

#[test]
fn the_guide_to_a_kfm_of_ones_own_runs_as_it_stands() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/own-kfm.md");
    let folder = tempfile::tempdir().unwrap();
    let programs = [
        ("kfm", env!("CARGO_BIN_EXE_plain-kfm")),
        ("own-kfm", env!("CARGO_BIN_EXE_own-kfm")),
        ("tile-job", env!("CARGO_BIN_EXE_tile-job")),
    ];
    for (name, program) in programs {
        std::os::unix::fs::symlink(program, folder.path().join(name)).unwrap();
    }
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    guide::runs(&page, ("own-kfm ", 5), folder.path(), &work);
}
