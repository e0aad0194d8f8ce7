//! Which alerts are due: the rules of R93, in one place.
//!
//! Critical: broken links that a rollback introduced or left, a failure after references had moved, and a
//! policy that could not be evaluated. Warning: orphans, recovery that takes too long, and missing telemetry.
//! One alert the engine raises itself, because only the engine knows of it: taking an operation back failed
//! too.

use kfm_lineage::Timestamp;

use crate::alert::{AlertKind, AlertRecord};
use crate::record::{EventId, EventStatus, OperationRecord, RecordKind, Stage};
use crate::slo::{SloReport, SloState};

/// The `error_class` of an operation whose policy could not be evaluated.
pub const CLASS_POLICY_UNAVAILABLE: &str = "policy_unavailable";

/// Returns the alerts that follow from the record of an operation, the most urgent first.
///
/// Their ids follow from the record's id, so that a second call gives the same alerts.
pub fn of_record(record: &OperationRecord) -> Vec<AlertRecord> {
    if record.kind != RecordKind::Operation {
        return Vec::new();
    }
    let rolls_back = matches!(record.stage, Stage::RollbackExecute | Stage::RollbackRevert);
    let failed = match record.status {
        EventStatus::Failed | EventStatus::Held => true,
        EventStatus::Aborted => record.error_class.is_some(),
        // An operator has stopped it, at a safe point.
        EventStatus::Interrupted => false,
        EventStatus::Ok | EventStatus::Denied | EventStatus::Refused => false,
    };
    let unavailable =
        record.error_class.as_ref().is_some_and(|class| class.as_str() == CLASS_POLICY_UNAVAILABLE);
    let count = |caused: Option<u64>| caused.filter(|caused| rolls_back && *caused > 0);
    let (links, orphans) = (count(record.broken_links_caused), count(record.orphans_caused));
    let after_switch = failed && record.entities_touched > 0;
    let due = [
        links.map(|links| (AlertKind::BrokenLinks, Some(links))),
        after_switch.then_some((AlertKind::FailedAfterSwitch, Some(record.entities_touched))),
        unavailable.then_some((AlertKind::PolicyUnavailable, None)),
        orphans.map(|orphans| (AlertKind::Orphans, Some(orphans))),
    ];
    due.into_iter().flatten().map(|(alert, count)| about(record, alert, count)).collect()
}

/// Returns the alerts that follow from a report of the objectives, dated at the end of its window.
pub fn of_report(report: &SloReport) -> Vec<AlertRecord> {
    let missing = report.completeness.missing + report.completeness.invalid_lines;
    let due = [
        (report.recovery.p95, AlertKind::RecoveryTooSlow, report.recovery.observed.count),
        (report.completeness.state, AlertKind::TelemetryMissing, missing),
    ];
    let missed = due.into_iter().filter(|(state, ..)| *state == SloState::Missed);
    missed
        .map(|(_, alert, count)| AlertRecord { count: Some(count), ..named("slo", report.window.to, alert) })
        .collect()
}

fn about(record: &OperationRecord, alert: AlertKind, count: Option<u64>) -> AlertRecord {
    AlertRecord {
        requested_by: Some(record.requested_by.clone()),
        ids: record.ids.clone(),
        count,
        error_class: record.error_class.clone(),
        ..named(record.event_id.as_str(), record.ts, alert)
    }
}

/// Makes an alert whose id has its cause, its time and its kind.
fn named(cause: &str, ts: Timestamp, alert: AlertKind) -> AlertRecord {
    let word = alert.as_str();
    AlertRecord::new(EventId::lossy(&format!("alert/{word}/{ts}/{cause}")), ts, alert)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::text::Label;

    fn rollback(status: EventStatus) -> OperationRecord {
        let mut record = OperationRecord::new(
            EventId::lossy("rollback/1"),
            "2025-11-14T03:15:42Z".parse().unwrap(),
            RecordKind::Operation,
            Stage::RollbackExecute,
            Label::lossy("ops"),
        );
        record.status = status;
        record.entities_touched = 7;
        record.broken_links_caused = Some(0);
        record.orphans_caused = Some(0);
        record
    }

    fn kinds(record: &OperationRecord) -> Vec<AlertKind> {
        of_record(record).iter().map(|alert| alert.alert).collect()
    }

    #[test]
    fn a_rollback_that_went_well_calls_for_nothing() {
        assert_eq!(kinds(&rollback(EventStatus::Ok)), []);
    }

    #[test]
    fn links_and_orphans_that_a_rollback_caused_call_for_an_alert_each() {
        let mut record = rollback(EventStatus::Ok);
        record.broken_links_caused = Some(3);
        record.orphans_caused = Some(2);
        let alerts = of_record(&record);
        let found: Vec<_> = alerts.iter().map(|alert| (alert.alert, alert.severity, alert.count)).collect();
        assert_eq!(
            found,
            [
                (AlertKind::BrokenLinks, Severity::Critical, Some(3)),
                (AlertKind::Orphans, Severity::Warning, Some(2))
            ]
        );
        record.stage = Stage::Publish;
        assert_eq!(kinds(&record), [], "what a publish introduces are findings");
    }

    #[test]
    fn a_failure_is_critical_only_once_references_have_moved() {
        for status in [EventStatus::Failed, EventStatus::Held] {
            assert_eq!(kinds(&rollback(status)), [AlertKind::FailedAfterSwitch]);
            assert_eq!(kinds(&OperationRecord { entities_touched: 0, ..rollback(status) }), []);
        }
        for status in
            [EventStatus::Denied, EventStatus::Refused, EventStatus::Aborted, EventStatus::Interrupted]
        {
            assert_eq!(kinds(&rollback(status)), []);
        }
        let mut by_the_engine = rollback(EventStatus::Aborted);
        by_the_engine.error_class = "verification".parse().ok();
        assert_eq!(kinds(&by_the_engine), [AlertKind::FailedAfterSwitch]);
    }

    #[test]
    fn a_policy_that_could_not_be_evaluated_is_critical_although_it_denied() {
        let mut record = rollback(EventStatus::Denied);
        record.error_class = CLASS_POLICY_UNAVAILABLE.parse().ok();
        assert_eq!(kinds(&record), [AlertKind::PolicyUnavailable]);
    }

    #[test]
    fn a_phase_calls_for_nothing_its_operation_does() {
        let mut phase = rollback(EventStatus::Failed);
        phase.kind = RecordKind::Phase;
        assert_eq!(kinds(&phase), []);
    }

    #[test]
    fn the_same_record_calls_for_the_same_alerts() {
        let mut record = rollback(EventStatus::Held);
        record.orphans_caused = Some(1);
        assert_eq!(of_record(&record), of_record(&record));
        let ids: Vec<_> = of_record(&record).into_iter().map(|alert| alert.alert_id).collect();
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn a_missed_objective_calls_for_a_warning_and_too_little_data_for_none() {
        let window = crate::slo::Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::MAX };
        let ended = Default::default();
        let records: Vec<_> = (0..20)
            .map(|n| {
                let mut record = rollback(EventStatus::Ok);
                record.event_id = EventId::lossy(&format!("rollback/{n}"));
                record.ids.rollback_id = format!("rb_2025_11_14T00_00_00Z_{n}").parse().ok();
                record.duration_ms = 31 * 60_000;
                record
            })
            .collect();
        let due = |records: &[OperationRecord], invalid_lines| {
            let observed = crate::slo::Observed { records, invalid_lines, ended: &ended, window };
            of_report(&crate::slo::report(&observed)).iter().map(|alert| alert.alert).collect::<Vec<_>>()
        };
        assert_eq!(due(&records, 1), [AlertKind::RecoveryTooSlow, AlertKind::TelemetryMissing]);
        assert_eq!(due(&records[..19], 0), []);
    }
}
