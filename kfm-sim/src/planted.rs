//! Plants every bug of the log, one at a time, and checks that the histories catch it.
//!
//! A bug is chosen when a process starts, so each bug gets a process of its own.

use std::process::{Command, ExitCode};

use kfm_wal::planted::{Bug, VARIABLE};

/// Runs the histories of `seeds` with each bug, and without any. Fails if a bug is not caught, or if
/// something is caught without a bug.
pub fn command(seeds: &str) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::from(2) };
    let histories = |campaign: &str, bug: Option<Bug>| {
        let mut command = Command::new(&program);
        command.args([campaign, "--seeds", seeds, "--first"]).env_remove(VARIABLE);
        if let Some(bug) = bug {
            command.env(VARIABLE, format!("{bug:?}"));
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let broken = text.lines().find_map(|line| line.strip_prefix("broken: ")).map(str::to_owned);
        // A bug that makes a history panic counts as caught.
        let died =
            (output.status.code() != Some(0) && broken.is_none()).then(|| "the process died".to_owned());
        Ok::<_, std::io::Error>(broken.or(died))
    };
    let mut failed = 0;
    let local = [None].into_iter().chain(Bug::LOCAL.map(Some)).map(|bug| ("wal", bug));
    let slots = [None].into_iter().chain(Bug::SLOTS.map(Some)).map(|bug| ("slots", bug));
    for (campaign, bug) in local.chain(slots) {
        let name = bug.map_or_else(|| "no bug".to_owned(), |bug| format!("{bug:?}"));
        let verdict = match histories(campaign, bug) {
            Ok(Some(broken)) => broken,
            Ok(None) => "not caught".to_owned(),
            Err(error) => format!("not run: {error}"),
        };
        let good = (verdict != "not caught") == bug.is_some() && !verdict.starts_with("not run");
        failed += u32::from(!good);
        println!("{} {campaign:5} {name:24} {verdict}", if good { "ok  " } else { "FAIL" });
    }
    println!("{} bugs planted, {failed} failed", Bug::LOCAL.len() + Bug::SLOTS.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
