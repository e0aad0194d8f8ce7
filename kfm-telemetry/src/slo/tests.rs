use super::*;
use crate::record::EventId;
use crate::text::Label;

const DAY: &str = "2025-11-14";

fn at(minute: u32) -> Timestamp {
    let start: Timestamp = format!("{DAY}T00:00:00Z").parse().unwrap();
    start.checked_add(Duration::from_secs(u64::from(minute) * 60)).unwrap()
}

fn day() -> Window {
    Window { from: at(0), to: at(24 * 60) }
}

fn rollback_id(n: u32) -> RollbackId {
    RollbackId::parse(&format!("rb_2025_11_14T00_00_00Z_pub_2025_11_13T00_00_00Z_daily_{n}")).unwrap()
}

/// A rollback that was asked for at 0:00 and took `minutes` minutes.
fn rollback(n: u32, minutes: u32) -> OperationRecord {
    let event = EventId::parse(&format!("rollback/{n}/{minutes}")).unwrap();
    let mut record = OperationRecord::new(
        event,
        at(minutes),
        RecordKind::Operation,
        Stage::RollbackExecute,
        Label::lossy("ops"),
    );
    record.ids.rollback_id = Some(rollback_id(n));
    record.duration_ms = u64::from(minutes) * 60_000;
    record.broken_links_caused = Some(0);
    record.orphans_caused = Some(0);
    record
}

fn with_status(mut record: OperationRecord, status: EventStatus, class: Option<&str>) -> OperationRecord {
    record.status = status;
    record.error_class = class.map(|class| class.parse().unwrap());
    record
}

fn report_of(records: &[OperationRecord]) -> SloReport {
    report(&Observed { records, invalid_lines: 0, ended: &BTreeSet::new(), window: day() })
}

#[test]
fn under_twenty_rollbacks_nothing_is_met_or_missed_and_the_numbers_are_there() {
    let records: Vec<_> = (0..19).map(|n| rollback(n, 120)).collect();
    let report = report_of(&records);
    assert_eq!(report.recovery.p50, SloState::InsufficientData);
    assert_eq!((report.recovery.observed.count, report.recovery.observed.p50_ms), (19, Some(120 * 60_000)));
    assert_eq!(report.failures.state, SloState::InsufficientData);
    assert_eq!(report.failures.ratio, None);
    assert!(report.failures.interval.unwrap().high > 0.1);
}

#[test]
fn with_twenty_rollbacks_within_their_time_recovery_is_met() {
    let records: Vec<_> = (0..20).map(|n| rollback(n, if n < 19 { 10 } else { 30 })).collect();
    let report = report_of(&records);
    assert_eq!((report.recovery.p50, report.recovery.p95), (SloState::Met, SloState::Met));
    assert_eq!(report.recovery.observed.max_ms, Some(30 * 60_000));
}

#[test]
fn two_slow_rollbacks_of_twenty_miss_the_p95_alone() {
    let records: Vec<_> = (0..20).map(|n| rollback(n, if n < 18 { 10 } else { 31 })).collect();
    let report = report_of(&records);
    assert_eq!((report.recovery.p50, report.recovery.p95), (SloState::Met, SloState::Missed));
    assert_eq!(report.recovery.observed.state, SloState::Missed);
}

#[test]
fn a_percentile_is_the_nearest_rank() {
    let values: Vec<u64> = (1..=20).collect();
    assert_eq!(percentile(&values, 50), Some(10));
    assert_eq!(percentile(&values, 95), Some(19));
    assert_eq!(percentile(&[7], 95), Some(7));
    assert_eq!(percentile(&[], 50), None);
}

#[test]
fn a_rollback_that_was_resumed_is_one_and_took_from_its_first_request() {
    let mut first = with_status(rollback(1, 5), EventStatus::Held, Some("store"));
    first.requested_at = Some(at(1));
    let mut second = rollback(1, 45);
    second.duration_ms = 60_000;
    second.resumed = true;
    let report = report_of(&[second, first]);
    assert_eq!((report.rollbacks.completed, report.rollbacks.open), (1, 0));
    // Five minutes of work that ended at 0:05 began at 0:00, before the request that was recorded.
    assert_eq!(report.recovery.observed.max_ms, Some(45 * 60_000));
}

#[test]
fn a_clock_that_went_back_gives_no_negative_recovery() {
    let mut record = rollback(1, 5);
    record.requested_at = Some(at(90));
    assert_eq!(report_of(&[record]).recovery.observed.max_ms, Some(5 * 60_000));
}

#[test]
fn refusals_and_denials_are_not_failures() {
    let mut records: Vec<_> = (0..20).map(|n| rollback(n, 1)).collect();
    records.push(with_status(rollback(30, 2), EventStatus::Denied, Some("policy")));
    records.push(with_status(rollback(31, 2), EventStatus::Refused, Some("stale")));
    records.push(with_status(rollback(32, 2), EventStatus::Aborted, None));
    let report = report_of(&records);
    assert_eq!((report.failures.count, report.failures.failed), (21, 0));
    assert_eq!(report.failures.state, SloState::Met);
    assert_eq!((report.rollbacks.denied, report.rollbacks.refused), (1, 1));
    assert_eq!(report.rollbacks.aborted_on_request, 1);
}

#[test]
fn one_failure_in_twenty_misses_the_one_percent() {
    let mut records: Vec<_> = (0..19).map(|n| rollback(n, 1)).collect();
    records.push(with_status(rollback(30, 2), EventStatus::Aborted, Some("verification")));
    let report = report_of(&records);
    assert_eq!((report.failures.count, report.failures.failed), (20, 1));
    assert_eq!(report.failures.state, SloState::Missed);
}

#[test]
fn what_ended_outside_the_window_is_left_out() {
    let before = rollback(1, 5);
    let window = Window { from: at(6), to: at(60) };
    let inside = rollback(2, 7);
    let after = rollback(3, 61);
    let records = [before, inside, after];
    let report = report(&Observed { records: &records, invalid_lines: 0, ended: &BTreeSet::new(), window });
    assert_eq!(report.rollbacks.completed, 1);
}

#[test]
fn one_broken_link_is_a_miss_however_few_rollbacks_there_were() {
    let mut record = rollback(1, 1);
    record.broken_links_caused = Some(1);
    let report = report_of(&[record]);
    assert_eq!((report.broken_links.state, report.broken_links.found), (SloState::Missed, 1));
    assert_eq!(report.orphans.state, SloState::InsufficientData);
}

#[test]
fn a_rollback_in_which_nobody_counted_is_not_taken_for_good() {
    let mut records: Vec<_> = (0..30).map(|n| rollback(n, 1)).collect();
    assert_eq!(report_of(&records).orphans.state, SloState::Met);
    records[7].orphans_caused = None;
    let orphans = report_of(&records).orphans;
    assert_eq!((orphans.state, orphans.not_measured), (SloState::InsufficientData, 1));
}

#[test]
fn a_violation_in_any_operation_is_a_miss() {
    let mut record = rollback(1, 1);
    record.stage = Stage::Publish;
    record.status = EventStatus::Failed;
    record.care_violations = 1;
    assert_eq!(report_of(&[record]).care_violations.state, SloState::Missed);
}

#[test]
fn no_data_is_not_green() {
    let report = report_of(&[]);
    assert_eq!(report.recovery.observed.state, SloState::InsufficientData);
    assert_eq!(report.failures.interval, None);
    for invariant in [report.broken_links, report.orphans, report.care_violations] {
        assert_eq!(invariant.state, SloState::InsufficientData);
    }
    assert_eq!(report.completeness.state, SloState::InsufficientData);
}

#[test]
fn an_operation_of_the_log_without_a_record_is_missing() {
    let records: Vec<_> = (0..20).map(|n| rollback(n, 1)).collect();
    let mut ended: BTreeSet<OperationId> = (0..20).map(|n| rollback_id(n).into()).collect();
    let observed = |ended: &BTreeSet<OperationId>, invalid_lines| {
        report(&Observed { records: &records, invalid_lines, ended, window: day() }).completeness
    };
    assert_eq!(observed(&ended, 0).state, SloState::Met);
    assert_eq!(observed(&ended, 1).state, SloState::Missed);
    ended.insert(rollback_id(99).into());
    assert_eq!((observed(&ended, 0).state, observed(&ended, 0).missing), (SloState::Missed, 1));
}

#[test]
fn the_slowest_policy_recheck_decides() {
    let recheck = |n: u32, seconds: u64| {
        let mut record = rollback(n, 1);
        record.event_id = EventId::parse(&format!("recheck/{n}")).unwrap();
        record.kind = RecordKind::Phase;
        record.phase = PHASE_POLICY_RECHECK.parse().ok();
        record.duration_ms = seconds * 1_000;
        record
    };
    let mut records: Vec<_> = (0..20).map(|n| recheck(n, 120)).collect();
    assert_eq!(report_of(&records).policy_recheck.state, SloState::Met);
    records.push(recheck(20, 121));
    assert_eq!(report_of(&records).policy_recheck.state, SloState::Missed);
}

#[test]
fn an_event_that_was_written_twice_counts_once() {
    let record = rollback(1, 3);
    let report = report_of(&[record.clone(), record]);
    assert_eq!(report.rollbacks.completed, 1);
    assert_eq!(report.care_violations.count, 1);
}

#[test]
fn wilsons_interval_has_the_published_values() {
    // R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for (k, n, low, high) in
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    {
        let interval = wilson(k, n).unwrap();
        assert!((interval.low - low).abs() < 5e-5, "{k} of {n}: {interval:?}");
        assert!((interval.high - high).abs() < 5e-5, "{k} of {n}: {interval:?}");
    }
    assert_eq!(wilson(0, 0), None);
    assert_eq!(wilson(2, 1), None);
    assert_eq!(wilson(5, 5).unwrap().high, 1.0);
}
