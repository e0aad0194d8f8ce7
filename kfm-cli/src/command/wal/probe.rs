//! `kfm wal probe-durability`: whether the log's disk or store keeps its promises, as far as this host can see.

use std::time::Duration;

use kfm_rollback::Platform;
use kfm_rollback::report::WalProbe;
use kfm_wal::local::probe::{Durability, DurabilityReport};
use kfm_wal::slots::probe::{Promise, StoreReport};

use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};
use crate::shell;

/// Measures the disk below a log in a folder, or tests the store of a shared log.
pub(super) async fn run(platform: &Platform) -> Result<Answer> {
    let probe = platform.wal_probe().await?;
    let place = platform.wal_place();
    let (screen, complaint) = match &probe {
        WalProbe::Disk(report) => disk(report, &place),
        WalProbe::Store(report) => store(report, &place),
    };
    Ok(Answer::new(&probe, screen)?.complain(complaint))
}

fn disk(report: &DurabilityReport, place: &str) -> (Screen, Option<Failure>) {
    let reaches = report.verdict == Durability::ReachesADevice;
    let mut screen = if reaches {
        Screen::new(Tone::Good, "A sync takes the time that a device needs")
    } else {
        Screen::new(Tone::Bad, "A sync takes no time: nothing reaches a device")
    };
    screen.fact("place", shell::place(place));
    screen.fact("a write", time(report.write_ns_p50)).fact("a sync", time(report.sync_ns_p50));
    screen.fact("the longest", time(report.sync_ns_max));
    if reaches {
        screen.detail("proves: syncs are not turned off, and the log does not lie in memory");
        screen.detail(
            "does not prove: that the device, or the host of a virtual one, keeps its cache through a power cut",
        );
    }
    let complaint = (!reaches).then(|| {
        let message = format!("syncs do not reach a device: sync_ns_p50={}", report.sync_ns_p50);
        Failure::findings(message)
            .with_hint("put the log on a disk: here a power cut loses what was acknowledged")
    });
    (screen, complaint)
}

fn store(report: &StoreReport, place: &str) -> (Screen, Option<Failure>) {
    let mut screen = match report.verdict {
        Promise::Kept => Screen::new(Tone::Good, "In every race exactly one creator succeeded"),
        Promise::BeyondDoubt => {
            Screen::new(Tone::Good, "Only one creator can succeed, as the store is built")
        }
        Promise::Broken => Screen::new(Tone::Bad, "The store breaks a promise: no log is safe in it"),
    };
    screen.fact("place", shell::place(place));
    if report.rounds > 0 {
        screen.fact("races", words::count(u64::from(report.rounds), "race") + " of eight creators");
    }
    screen.fact("a read", time(report.read_ns_p50)).fact("the longest", time(report.read_ns_max));
    if report.verdict == Promise::Kept {
        screen.detail("proves: the store does not ignore the condition of a creation");
        screen.detail(
            "does not prove: that it never loses a race, nor that what it acknowledged survives a power cut",
        );
    }
    let complaint = report.broken.as_ref().map(|promise| {
        let message =
            format!("store does not keep a promise that a log stands on: promise={promise} path={place}");
        Failure::findings(message)
            .with_hint("move the log to a store that creates an object once, and stop writing here")
    });
    (screen, complaint)
}

fn time(ns: u64) -> String {
    format!("{:?}", Duration::from_nanos(ns))
}
