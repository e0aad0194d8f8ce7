//! A guide that runs: every `sh` block of a page, in order, in one shell.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

/// Runs a page of `docs/guides` in a folder, with programs that stand in another one. The page must have more than
/// `commands_min` times the `command`, so that a guide which has lost its blocks is noticed.
pub fn runs(page: &Path, (command, commands_min): (&str, usize), programs: &Path, folder: &Path) {
    let script = script(&std::fs::read_to_string(page).unwrap());
    assert!(script.matches(command).count() > commands_min, "the guide has lost its commands:\n{script}");
    #[allow(clippy::disallowed_methods, reason = "the shell finds its own tools where this test did")]
    let path = std::env::var("PATH").unwrap();
    let run = Command::new("sh")
        .arg("-xc")
        .arg(&script)
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("KFM_ACTOR", "ops")
        .env_remove("KFM_ROOT")
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}\n{}", said(&run.stdout), said(&run.stderr));
}

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
