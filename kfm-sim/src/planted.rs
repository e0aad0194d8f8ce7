//! Plants every bug of the log, one at a time, and looks whether the histories catch it.
//!
//! A bug is chosen when a process begins, so each gets a process of its own.

use std::process::{Command, ExitCode};

use kfm_wal::planted::{Bug, VARIABLE};

/// Runs the histories of `seeds` with each bug, and without one; fails if a bug is not caught, or if anything is
/// caught without one.
pub fn command(seeds: &str) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::from(2) };
    let histories = |bug: Option<Bug>| {
        let mut command = Command::new(&program);
        command.args(["wal", "--seeds", seeds, "--first"]).env_remove(VARIABLE);
        if let Some(bug) = bug {
            command.env(VARIABLE, format!("{bug:?}"));
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let broken = text.lines().find_map(|line| line.strip_prefix("broken: ")).map(str::to_owned);
        // A bug that makes a history panic is caught as well.
        let died =
            (output.status.code() != Some(0) && broken.is_none()).then(|| "the process died".to_owned());
        Ok::<_, std::io::Error>(broken.or(died))
    };
    let mut failed = 0;
    for bug in [None].into_iter().chain(Bug::ALL.map(Some)) {
        let name = bug.map_or_else(|| "no bug".to_owned(), |bug| format!("{bug:?}"));
        let verdict = match histories(bug) {
            Ok(Some(broken)) => broken,
            Ok(None) => "not caught".to_owned(),
            Err(error) => format!("not run: {error}"),
        };
        let good = (verdict != "not caught") == bug.is_some() && !verdict.starts_with("not run");
        failed += u32::from(!good);
        println!("{} {name:24} {verdict}", if good { "ok  " } else { "FAIL" });
    }
    println!("{} bugs planted, {failed} failed", Bug::ALL.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
