//! The command of the simulator.
//!
//! ```sh
//! cargo run --release -- wal --seeds 0..10000        # histories of the log; exit 1 if a promise was broken
//! cargo run --release -- wal --seed 42               # one of them, step by step
//! cargo run --release -- slots --seeds 0..10000      # histories of the log on slots, on a bad object store
//! cargo run --release -- honesty --seeds 0..1000     # a hundred single faults on each of a thousand logs
//! cargo run --release -- long wal --minutes 90 --file F --commit C --machine M
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use kfm_sim::campaign::{Campaign, Outcome};
use kfm_sim::counts::Counts;
use kfm_sim::evidence::Origin;
use kfm_sim::wal::damage::Kind;

const USAGE: &str = "usage: kfm-sim wal|slots|honesty --seeds A..B [--first] | wal|slots --seed N
       kfm-sim long wal|slots|honesty --minutes M --file FILE --commit COMMIT --machine TEXT";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    command(&words).unwrap_or_else(|| {
        eprintln!("{USAGE}");
        ExitCode::from(2)
    })
}

/// Runs the command in these words; `None` if they are not a command.
fn command(words: &[&str]) -> Option<ExitCode> {
    match words {
        [name @ ("wal" | "slots"), "--seed", seed] => Some(show(Campaign::of(name)?, seed.parse().ok()?)),
        [name, "--seeds", seeds] => Some(report(&Campaign::of(name)?.run(range(seeds)?, usize::MAX))),
        [name, "--seeds", seeds, "--first"] => Some(report(&Campaign::of(name)?.run(range(seeds)?, 1))),
        ["long", name, rest @ ..] => long(Campaign::of(name)?, rest),
        _ => None,
    }
}

fn range(text: &str) -> Option<Range<u64>> {
    let (first, end) = text.split_once("..")?;
    Some(first.parse().ok()?..end.parse().ok()?)
}

fn show(campaign: Campaign, seed: u64) -> ExitCode {
    let history = campaign.read(seed, true);
    history.lines.iter().for_each(|line| println!("{line}"));
    exit(history.violation.is_none())
}

fn report(outcome: &Outcome) -> ExitCode {
    for (kind, number) in outcome.counts.iter().filter(|(kind, _)| !kind.contains('/')) {
        println!("{kind:24} {number:>12}");
    }
    table(&outcome.counts);
    for (seed, violation) in &outcome.broken {
        println!("broken: seed={seed} {violation}");
    }
    println!("{} histories, {} violations", outcome.counts.of("histories"), outcome.counts.of("violations"));
    exit(outcome.broken.is_empty())
}

/// Prints how many times each verdict was given, for each kind of fault.
fn table(counts: &Counts) {
    let verdicts = ["intact", "refused", "seen_by_witness", "in_window", "silent_loss", "false_refusal"];
    if counts.of("faults") == 0 {
        return;
    }
    println!("\n{:24} {}", "fault", verdicts.map(|verdict| format!("{verdict:>16}")).concat());
    for kind in Kind::ALL.map(Kind::word) {
        let cells = verdicts.map(|verdict| format!("{:>16}", counts.of(&format!("{kind}/strike_{verdict}"))));
        println!("{kind:24} {}", cells.concat());
    }
}

fn long(campaign: Campaign, words: &[&str]) -> Option<ExitCode> {
    let ["--minutes", minutes, "--file", file, "--commit", commit, "--machine", machine] = words else {
        return None;
    };
    let time = Duration::from_secs(60 * minutes.parse::<u64>().ok()?);
    let origin = Origin { commit: (*commit).to_owned(), machine: (*machine).to_owned() };
    match campaign.run_long(Path::new(file), &origin, time) {
        Ok(evidence) => {
            let broken = evidence.runs.iter().flat_map(|run| &run.broken).count();
            println!("{}: seeds 0..{}, {broken} broken", evidence.name, evidence.next_seed());
            Some(exit(broken == 0))
        }
        Err(error) => {
            eprintln!("evidence is not kept: path={file}: {error}");
            Some(ExitCode::from(2))
        }
    }
}

fn exit(kept: bool) -> ExitCode {
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
