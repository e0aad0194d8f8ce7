//! Objectives, computed from operation records and from nothing else (R93, R95).
//!
//! Few operations are made in a quarter, so every number comes with its count: a ratio has its interval, and
//! under [`ENOUGH`] observations an objective is `insufficient_data`, neither met nor missed. Only where one
//! event is one too many (a broken link, an orphan, a violation) a single one is a miss. Refusals and denials
//! are the guard at work and are counted apart from failures.

mod interval;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kfm_lineage::{OperationId, RollbackId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use interval::{Interval, wilson};

use crate::focus::unite;
use crate::record::{OperationRecord, RecordKind, Stage, Status};

/// Observations under which an objective is neither met nor missed.
pub const ENOUGH: u64 = 20;

/// Half of all recoveries take no longer: 10 minutes.
pub const RECOVERY_P50: Duration = Duration::from_secs(10 * 60);

/// 95 of 100 recoveries take no longer: 30 minutes.
pub const RECOVERY_P95: Duration = Duration::from_secs(30 * 60);

/// No policy recheck takes longer: 2 minutes.
pub const POLICY_RECHECK: Duration = Duration::from_secs(2 * 60);

/// Fewer than this part of the rollbacks fail: 1 %.
pub const FAILURE_RATIO: f64 = 0.01;

/// The phase in which policy is asked again before an operation opens.
pub const PHASE_POLICY_RECHECK: &str = "policy_recheck";

/// What a report is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The operation records, in any order.
    pub records: &'a [OperationRecord],
    /// Lines that were no valid records.
    pub invalid_lines: u64,
    /// The operations that ended in the window, as the log has them: each must have its record.
    pub ended: &'a BTreeSet<OperationId>,
    /// The window; what ended before `from` or after `to` is left out.
    pub window: Window,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
}

/// The state of every objective in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SloReport {
    /// The form of this report.
    pub schema: SloSchema,
    /// The window.
    pub window: Window,
    /// How the rollbacks and reverts ended.
    pub rollbacks: Ends,
    /// From the request to the completed manifest.
    pub recovery: Recovery,
    /// Failures among the rollbacks that ended.
    pub failures: Failures,
    /// Broken links that rollbacks introduced or left.
    pub broken_links: Invariant,
    /// Orphans that rollbacks introduced or left.
    pub orphans: Invariant,
    /// Violations of CARE that took effect, in any operation.
    pub care_violations: Invariant,
    /// How long policy took when it was asked again.
    pub policy_recheck: Durations,
    /// Whether every operation has its record.
    pub completeness: Completeness,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SloSchema {
    /// The first form.
    #[serde(rename = "kfm.slo/v1")]
    V1,
}

/// How an objective stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SloState {
    /// It is met.
    Met,
    /// It is missed.
    Missed,
    /// Too little was observed to say.
    InsufficientData,
}

/// How rollbacks and reverts ended; each is counted once, by its last record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ends {
    /// Readers see what was planned.
    pub completed: u64,
    /// They failed, or were taken back by the engine.
    pub failed: u64,
    /// They were taken back because somebody asked for it.
    pub aborted_on_request: u64,
    /// They are held or interrupted.
    pub open: u64,
    /// Requests that policy denied.
    pub denied: u64,
    /// Requests that were not begun.
    pub refused: u64,
}

/// Durations, with their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Durations {
    /// How the objective stands.
    pub state: SloState,
    /// Observations.
    pub count: u64,
    /// Half took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<u64>,
    /// 95 of 100 took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u64>,
    /// None took longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
}

/// Recovery: two objectives over one set of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// How the objective of the p50 stands.
    pub p50: SloState,
    /// How the objective of the p95 stands.
    pub p95: SloState,
    /// The durations; their state is the worse of the two.
    pub observed: Durations,
}

/// A ratio, with its counts and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failures {
    /// How the objective stands.
    pub state: SloState,
    /// Rollbacks that ended, on request or not.
    pub count: u64,
    /// Those that failed.
    pub failed: u64,
    /// The ratio; none under [`ENOUGH`] observations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Where the true ratio lies, at 95 %; none without an observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// Something of which one is too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invariant {
    /// How the objective stands.
    pub state: SloState,
    /// Operations that were looked at.
    pub count: u64,
    /// Operations in which nobody looked; they are not taken for good.
    pub not_measured: u64,
    /// How many there were of what must not be.
    pub found: u64,
}

/// Whether every operation has its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// How the objective stands.
    pub state: SloState,
    /// Operations that ended, as the log has them.
    pub count: u64,
    /// Those without a record.
    pub missing: u64,
    /// Lines that are no valid records.
    pub invalid_lines: u64,
}

/// Computes the state of every objective.
pub fn report(observed: &Observed<'_>) -> SloReport {
    let window = observed.window;
    // A rollback that ended in the window may have been asked for before it.
    let records: Vec<OperationRecord> =
        unite(observed.records.iter().cloned()).into_iter().filter(|record| record.ts <= window.to).collect();
    let runs: Vec<&OperationRecord> = records.iter().filter(|r| r.kind == RecordKind::Operation).collect();
    let rollbacks = Rollbacks::of(&runs, window.from);
    let recent = || records.iter().filter(|record| record.ts >= window.from);
    let rechecks = recent().filter(|r| {
        r.kind == RecordKind::Phase && r.phase.as_ref().is_some_and(|p| p.as_str() == PHASE_POLICY_RECHECK)
    });
    let violations =
        recent().filter(|r| r.kind == RecordKind::Operation).map(|record| Some(record.care_violations));
    let recovery = durations(rollbacks.recoveries());
    let p50 = within(recovery.count, recovery.p50_ms, RECOVERY_P50);
    let p95 = within(recovery.count, recovery.p95_ms, RECOVERY_P95);
    let recheck = durations(rechecks.map(|record| record.duration_ms).collect());
    let completed = || rollbacks.ended.values().map(|run| run.last).filter(|last| last.status == Status::Ok);
    SloReport {
        schema: SloSchema::V1,
        window,
        rollbacks: rollbacks.ends,
        recovery: Recovery { p50, p95, observed: Durations { state: worse(p50, p95), ..recovery } },
        failures: failures(rollbacks.ends),
        broken_links: invariant(completed().map(|record| record.broken_links_caused)),
        orphans: invariant(completed().map(|record| record.orphans_caused)),
        care_violations: invariant(violations),
        policy_recheck: Durations { state: within(recheck.count, recheck.max_ms, POLICY_RECHECK), ..recheck },
        completeness: completeness(observed, &runs),
    }
}

/// The rollbacks and reverts of a window, each with its first and its last record.
struct Rollbacks<'a> {
    ended: BTreeMap<&'a RollbackId, Run<'a>>,
    ends: Ends,
}

/// The records of one rollback.
#[derive(Clone, Copy)]
struct Run<'a> {
    /// When it was asked for, as the first record to say so has it.
    asked: Timestamp,
    last: &'a OperationRecord,
}

impl<'a> Rollbacks<'a> {
    /// Groups records, which come in the order of time: a rollback that crashed keeps its first request.
    fn of(runs: &[&'a OperationRecord], from: Timestamp) -> Self {
        let mut ended: BTreeMap<&RollbackId, Run<'_>> = BTreeMap::new();
        let mut ends = Ends::default();
        for record in runs {
            if !matches!(record.stage, Stage::RollbackExecute | Stage::RollbackRevert) {
                continue;
            }
            let counts = u64::from(record.ts >= from);
            match (record.status, &record.rollback_id) {
                (Status::Denied, _) => ends.denied += counts,
                (Status::Refused, _) => ends.refused += counts,
                // It failed before it had an id.
                (_, None) => ends.failed += counts,
                (_, Some(id)) => {
                    let asked = asked_at(record);
                    let run = ended.entry(id).or_insert(Run { asked, last: record });
                    *run = Run { asked: run.asked.min(asked), last: record };
                }
            }
        }
        ended.retain(|_, run| run.last.ts >= from);
        for run in ended.values() {
            match (run.last.status, &run.last.error_class) {
                (Status::Ok, _) => ends.completed += 1,
                (Status::Aborted, None) => ends.aborted_on_request += 1,
                (Status::Held | Status::Interrupted, _) => ends.open += 1,
                _ => ends.failed += 1,
            }
        }
        Self { ended, ends }
    }

    /// How long each completed rollback took; a revert recovers nothing.
    fn recoveries(&self) -> Vec<u64> {
        let completed = self
            .ended
            .values()
            .filter(|run| run.last.status == Status::Ok && run.last.stage == Stage::RollbackExecute);
        completed.map(|run| millis(run.last.ts.duration_since(run.asked))).collect()
    }
}

/// When the operation of a record was asked for; a clock that went back does not make it negative.
fn asked_at(record: &OperationRecord) -> Timestamp {
    let began = record.ts.checked_sub(Duration::from_millis(record.duration_ms)).unwrap_or(record.ts);
    record.requested_at.map_or(began, |requested| requested.min(began))
}

fn millis(duration: jiff::SignedDuration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0)
}

fn durations(mut millis: Vec<u64>) -> Durations {
    millis.sort_unstable();
    let count = millis.len() as u64;
    Durations {
        state: SloState::InsufficientData,
        count,
        p50_ms: percentile(&millis, 50),
        p95_ms: percentile(&millis, 95),
        max_ms: millis.last().copied(),
    }
}

/// The smallest value that `percent` of 100 do not exceed (nearest rank): always one that was observed.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn within(count: u64, value_ms: Option<u64>, limit: Duration) -> SloState {
    match value_ms {
        Some(value) if count >= ENOUGH => met(u128::from(value) <= limit.as_millis()),
        _ => SloState::InsufficientData,
    }
}

fn met(is: bool) -> SloState {
    if is { SloState::Met } else { SloState::Missed }
}

fn worse(a: SloState, b: SloState) -> SloState {
    match (a, b) {
        (SloState::Missed, _) | (_, SloState::Missed) => SloState::Missed,
        (SloState::InsufficientData, _) | (_, SloState::InsufficientData) => SloState::InsufficientData,
        (SloState::Met, SloState::Met) => SloState::Met,
    }
}

fn failures(ends: Ends) -> Failures {
    let count = ends.completed + ends.failed + ends.aborted_on_request;
    let interval = wilson(ends.failed, count);
    let ratio = (count >= ENOUGH).then(|| ends.failed as f64 / count as f64);
    let state = ratio.map_or(SloState::InsufficientData, |ratio| met(ratio < FAILURE_RATIO));
    Failures { state, count, failed: ends.failed, ratio, interval }
}

/// Judges what must not be: one is a miss, however few were looked at; none is good once enough were.
fn invariant(found: impl Iterator<Item = Option<u64>>) -> Invariant {
    let mut judged = Invariant { state: SloState::InsufficientData, count: 0, not_measured: 0, found: 0 };
    for found in found {
        match found {
            Some(found) => {
                judged.count += 1;
                judged.found += found;
            }
            None => judged.not_measured += 1,
        }
    }
    if judged.found > 0 {
        judged.state = SloState::Missed;
    } else if judged.count >= ENOUGH && judged.not_measured == 0 {
        judged.state = SloState::Met;
    }
    judged
}

fn completeness(observed: &Observed<'_>, runs: &[&OperationRecord]) -> Completeness {
    let recorded: BTreeSet<OperationId> = runs.iter().flat_map(|record| ids(record)).collect();
    let count = observed.ended.len() as u64;
    let missing = observed.ended.iter().filter(|id| !recorded.contains(*id)).count() as u64;
    let state = match (missing + observed.invalid_lines, count) {
        (0, count) if count < ENOUGH => SloState::InsufficientData,
        (0, _) => SloState::Met,
        _ => SloState::Missed,
    };
    Completeness { state, count, missing, invalid_lines: observed.invalid_lines }
}

/// The operation that a record is of; a rollback's publish is what it is about, not what it is.
fn ids(record: &OperationRecord) -> Option<OperationId> {
    match (&record.rollback_id, &record.hotfix_id, &record.publish_id) {
        (Some(id), _, _) => Some(id.clone().into()),
        (None, Some(id), _) => Some(id.clone().into()),
        (None, None, Some(id)) => Some(id.clone().into()),
        (None, None, None) => None,
    }
}

#[cfg(test)]
mod tests;
