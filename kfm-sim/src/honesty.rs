//! The honesty table: a log that has acknowledged all its records gets one fault after another.
//!
//! One seed is one log and a hundred faults, each in a copy of its own. Most logs are closed before the
//! faults. Some lose the power directly after the last acknowledgement, so that the mark behind the last
//! frame may be missing: these show the one case that nothing can see, and how often it happens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_lineage::Timestamp;
use kfm_wal::conformance::run;
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::{LocalLog, LocalOptions, NewRecord, WalStore};

use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::trace::Trace;
use crate::wal::History;
use crate::wal::damage::Target;
use crate::wal::local::DIR;

/// How many faults a log gets, one at a time.
pub const FAULTS_A_LOG: u64 = 100;

/// How many logs of a hundred lose the power after their last acknowledgement.
const POWER_CUT_PERCENT: u64 = 15;

/// Makes the faults in the log of a seed; returns the verdicts.
pub fn strikes(seed: u64) -> History {
    let mut chance = Chance::new(seed);
    let machine = SimulatedDisk::new();
    let first_bytes = 8192 + 4096 * chance.below(3);
    let options = LocalOptions::new(Arc::new(VirtualClock::new(SystemTime::UNIX_EPOCH)))
        .with_segment_sizes(SegmentSizes { first_bytes, max_bytes: first_bytes })
        .with_entropy(Arc::new(SeededEntropy::new(seed)))
        .with_holder("a simulated writer")
        .with_disk(Arc::new(machine.clone()));
    let (trace, mut counts) = (Trace::new(false), crate::counts::Counts::default());
    let window = chance.percent(POWER_CUT_PERCENT);
    let written = write(&options, &mut chance);
    if window {
        // Before the log is closed, the mark is written but not synced.
        machine.reboot(chance.number());
    }
    let mut violation = written.map(drop).err();
    counts.add("logs", 1);
    let options = options.with_disk(Arc::new(SimulatedDisk::new()));
    match Target::of(&machine, options, window) {
        Some(target) if violation.is_none() => {
            for _ in 0..FAULTS_A_LOG {
                let (fault, verdict) = target.strike(&mut chance);
                trace.note(format_args!("{fault:?} {verdict:?}"));
                counts.add("faults", 1);
                counts.add(verdict.word(), 1);
                counts.add(&format!("{}/{}", fault.kind.word(), verdict.word()), 1);
                if let Some(text) = verdict.violation() {
                    violation.get_or_insert_with(|| format!("after {fault:?}: {text}"));
                }
            }
        }
        _ => violation = violation.or(Some("the log does not read before any fault".to_owned())),
    }
    History { seed, counts, digest: trace.digest(), lines: trace.lines(), violation }
}

/// Writes a log in one session or several; every append is acknowledged. Returns the last handle.
fn write(options: &LocalOptions, chance: &mut Chance) -> Result<LocalLog, String> {
    let payload_bytes_max = *chance.pick(&[40, 400, 1500]);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let at = Timestamp::try_from(start).expect("a year between 1970 and 9999");
    let mut turns = chance.below(3);
    loop {
        let (log, _) = LocalLog::open(DIR, options.clone()).map_err(|error| error.to_string())?;
        for _ in 0..1 + chance.below(12) {
            let records: Vec<NewRecord> = (0..1 + chance.below(3))
                .map(|_| {
                    let mut op_id = [0; 16];
                    op_id[..8].copy_from_slice(&chance.number().to_be_bytes());
                    op_id[8..].copy_from_slice(&chance.number().to_be_bytes());
                    let bytes = usize::try_from(chance.below(payload_bytes_max)).expect("a short payload");
                    NewRecord { op_id, rtype: 1, schema: 1, at, payload: vec![chance.number() as u8; bytes] }
                })
                .collect();
            run(log.append(&records, None)).map_err(|error| error.to_string())?;
        }
        if turns == 0 {
            return Ok(log);
        }
        turns -= 1;
    }
}
