//! Objectives, computed from operation records and from nothing else (R93, R95).
//!
//! A quarter has few operations, so every number comes with its count: a ratio has its interval, and an
//! objective with fewer than [`ENOUGH`] observations is `insufficient_data`, neither met nor missed. Only
//! where one event is too many (a broken link, an orphan, a violation) does a single one mean a miss.
//! Refusals and denials show that the guard works, and are counted apart from failures.

mod interval;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kfm_lineage::{OperationId, RollbackId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use interval::{Interval, wilson};

use crate::focus::unite;
use crate::record::{EventStatus, OperationRecord, RecordKind, Stage};

/// With fewer observations than this an objective is neither met nor missed.
pub const ENOUGH: u64 = 20;

/// Objective: half of all recoveries take no longer than 10 minutes.
pub const RECOVERY_P50: Duration = Duration::from_secs(10 * 60);

/// Objective: 95 of 100 recoveries take no longer than 30 minutes.
pub const RECOVERY_P95: Duration = Duration::from_secs(30 * 60);

/// Objective: no recheck of the policy takes longer than 2 minutes.
pub const POLICY_RECHECK: Duration = Duration::from_secs(2 * 60);

/// Objective: a smaller part of the rollbacks than this fails, 1 %.
pub const FAILURE_RATIO: f64 = 0.01;

/// The phase in which the policy is asked again before an operation opens.
pub const PHASE_POLICY_RECHECK: &str = "policy_recheck";

/// The input of a report.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The operation records, in any order.
    pub records: &'a [OperationRecord],
    /// Number of lines that are not valid records.
    pub invalid_lines: u64,
    /// The operations that ended in the window, according to the log: each must have its record.
    pub ended: &'a BTreeSet<OperationId>,
    /// The window; a record from before `from` or after `to` is left out.
    pub window: Window,
}

/// A span of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// The first moment of the window.
    pub from: Timestamp,
    /// The last moment of the window.
    pub to: Timestamp,
}

/// The state of every objective in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SloReport {
    /// The version of the format of this report.
    pub schema: SloSchema,
    /// The window of the report.
    pub window: Window,
    /// How the rollbacks and reverts ended.
    pub rollbacks: Ends,
    /// The time from the request to the completed manifest.
    pub recovery: Recovery,
    /// The failures among the rollbacks that ended.
    pub failures: Failures,
    /// The broken links that rollbacks introduced or left.
    pub broken_links: Invariant,
    /// The orphans that rollbacks introduced or left.
    pub orphans: Invariant,
    /// The violations of CARE that took effect, in any operation.
    pub care_violations: Invariant,
    /// How long the recheck of the policy took.
    pub policy_recheck: Durations,
    /// Whether every operation has its record.
    pub completeness: Completeness,
}

/// The versions of the format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SloSchema {
    /// Version 1 of the format.
    #[serde(rename = "kfm.slo/v1")]
    V1,
}

/// Whether an objective is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SloState {
    /// The objective is met.
    Met,
    /// The objective is missed.
    Missed,
    /// There are too few observations to decide.
    InsufficientData,
}

/// How rollbacks and reverts ended; each one is counted once, by its last record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ends {
    /// Number of those after which readers see what was planned.
    pub completed: u64,
    /// Number of those that failed, or that the engine took back.
    pub failed: u64,
    /// Number of those that were taken back because a principal asked for it.
    pub aborted_on_request: u64,
    /// Number of those that are held or interrupted.
    pub open: u64,
    /// Number of requests that policy denied.
    pub denied: u64,
    /// Number of requests that were refused before they began.
    pub refused: u64,
}

/// Durations of a kind of work, with their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Durations {
    /// Whether the objective is met.
    pub state: SloState,
    /// Number of durations that were observed.
    pub count: u64,
    /// The median, in milliseconds; none without an observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<u64>,
    /// The 95th percentile, in milliseconds; none without an observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u64>,
    /// The longest, in milliseconds; none without an observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
}

/// The time of recovery: two objectives over the same durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// Whether the objective of the median is met.
    pub p50: SloState,
    /// Whether the objective of the 95th percentile is met.
    pub p95: SloState,
    /// The durations; their state is the worse of the two.
    pub observed: Durations,
}

/// The ratio of failures, with its counts and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failures {
    /// Whether the objective is met.
    pub state: SloState,
    /// Number of rollbacks that ended.
    pub count: u64,
    /// Number of those that failed.
    pub failed: u64,
    /// The ratio of failures; none with fewer than [`ENOUGH`] observations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The interval of the true ratio at 95 %; none without an observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// A count that must be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invariant {
    /// Whether the objective is met.
    pub state: SloState,
    /// Number of operations in which it was counted.
    pub count: u64,
    /// Number of operations in which it was not counted; they do not count as good.
    pub not_measured: u64,
    /// The sum of the counts; the objective is 0.
    pub found: u64,
}

/// Whether every operation has its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// Whether the objective is met.
    pub state: SloState,
    /// Number of operations that ended, according to the log.
    pub count: u64,
    /// Number of those without a record.
    pub missing: u64,
    /// Number of lines that are not valid records.
    pub invalid_lines: u64,
}

/// Computes the state of every objective.
pub fn report(observed: &Observed<'_>) -> SloReport {
    let window = observed.window;
    // A rollback that ended in the window may have been asked for before the window.
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
    let completed =
        || rollbacks.ended.values().map(|run| run.last).filter(|last| last.status == EventStatus::Ok);
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
    /// When the rollback was asked for, from the first record that says so.
    asked: Timestamp,
    last: &'a OperationRecord,
}

impl<'a> Rollbacks<'a> {
    /// Groups records, which come in the order of time; a rollback that was resumed keeps the time of its
    /// first request.
    fn of(runs: &[&'a OperationRecord], from: Timestamp) -> Self {
        let mut ended: BTreeMap<&RollbackId, Run<'_>> = BTreeMap::new();
        let mut ends = Ends::default();
        for record in runs {
            if !matches!(record.stage, Stage::RollbackExecute | Stage::RollbackRevert) {
                continue;
            }
            let counts = u64::from(record.ts >= from);
            match (record.status, &record.ids.rollback_id) {
                (EventStatus::Denied, _) => ends.denied += counts,
                (EventStatus::Refused, _) => ends.refused += counts,
                // The rollback failed before it had an id.
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
                (EventStatus::Ok, _) => ends.completed += 1,
                (EventStatus::Aborted, None) => ends.aborted_on_request += 1,
                (EventStatus::Held | EventStatus::Interrupted, _) => ends.open += 1,
                _ => ends.failed += 1,
            }
        }
        Self { ended, ends }
    }

    /// Returns how long each completed rollback took, in milliseconds; a revert is not a recovery.
    fn recoveries(&self) -> Vec<u64> {
        let completed = self
            .ended
            .values()
            .filter(|run| run.last.status == EventStatus::Ok && run.last.stage == Stage::RollbackExecute);
        completed.map(|run| millis(run.last.ts.duration_since(run.asked))).collect()
    }
}

/// Returns when the operation of a record was asked for; at the latest when its work began, so that a clock
/// that went back does not make the duration negative.
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

/// Returns the smallest value that at least `percent` of 100 do not exceed (nearest rank): always an observed
/// one.
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

/// Judges a count that must be 0: a single one is a miss, however few operations were counted; none at all is
/// met once enough were.
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

/// Returns the operation that a record is of; a rollback's record names its publish too, and is not of that.
fn ids(record: &OperationRecord) -> Option<OperationId> {
    match (&record.ids.rollback_id, &record.ids.hotfix_id, &record.ids.publish_id) {
        (Some(id), _, _) => Some(id.clone().into()),
        (None, Some(id), _) => Some(id.clone().into()),
        (None, None, Some(id)) => Some(id.clone().into()),
        (None, None, None) => None,
    }
}

#[cfg(test)]
mod tests;
