//! `kfm wal probe-durability`: how long syncs take, and what that proves.

use std::time::Duration;

use kfm_rollback::Platform;
use kfm_wal::local::probe::Durability;

use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone};
use crate::shell;

/// Measures the disk below the log.
pub(super) async fn run(platform: &Platform) -> Result<Answer> {
    let report = platform.wal_probe().await?;
    let reaches = report.verdict == Durability::ReachesADevice;
    let mut screen = if reaches {
        Screen::new(Tone::Good, "A sync takes the time that a device needs")
    } else {
        Screen::new(Tone::Bad, "A sync takes no time: nothing reaches a device")
    };
    let time = |ns: u64| format!("{:?}", Duration::from_nanos(ns));
    screen.fact("place", shell::place(platform.wal_place()));
    screen.fact("a write", time(report.write_ns_p50)).fact("a sync", time(report.sync_ns_p50));
    screen.fact("the longest", time(report.sync_ns_max));
    if reaches {
        screen.detail("proves: syncs are not turned off, and the log does not lie in memory");
        screen.detail(
            "does not prove: that the device, or the host of a virtual one, keeps its cache at a power cut",
        );
    }
    let complaint = (!reaches).then(|| {
        let message = format!("syncs do not reach a device: sync_ns_p50={}", report.sync_ns_p50);
        Failure::findings(message).with_hint("put the log on a disk: a power cut takes what was acknowledged")
    });
    Ok(Answer::new(&report, screen)?.complain(complaint))
}
