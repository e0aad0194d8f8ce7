use serde_json::json;

use super::*;
use crate::Policy;
use crate::facts::JudgedKind;
use crate::fixture::{Operation, item, labelled, placeless, public, step};
use crate::protection::Protection;

fn rollback_of(protection: Protection) -> Operation {
    Operation::new(JudgedKind::Rollback, vec![step(None, Some(placeless(json!({}))), protection)])
}

fn risk(operation: &Operation) -> RiskLevel {
    Policy::default().judge(&operation.facts()).risk_level
}

#[test]
fn a_small_public_whole_operation_is_of_low_risk() {
    assert_eq!(risk(&rollback_of(public())), RiskLevel::Low);
}

#[test]
fn many_cells_and_skipped_ones_are_of_moderate_risk() {
    let cells = |cells_total| risk(&Operation { cells_total, ..rollback_of(public()) });
    assert_eq!((cells(1_000), cells(1_001)), (RiskLevel::Low, RiskLevel::Moderate));
    assert_eq!(risk(&Operation { skipped: 1, ..rollback_of(public()) }), RiskLevel::Moderate);
}

#[test]
fn findings_of_fair_are_of_moderate_risk() {
    let document = item(json!({"properties": {"license": "UNKNOWN"}}));
    let operation = Operation::new(JudgedKind::Rollback, vec![step(None, Some(document), public())]);
    assert_eq!(risk(&operation), RiskLevel::Moderate);
}

#[test]
fn what_is_forced_heritage_sensitive_or_unknown_is_of_high_risk() {
    assert_eq!(risk(&Operation { forced: true, ..rollback_of(public()) }), RiskLevel::High);
    assert_eq!(risk(&rollback_of(Protection { heritage: true, ..public() })), RiskLevel::High);
    assert_eq!(risk(&rollback_of(labelled(CareLabel::Sensitive))), RiskLevel::High);
    assert_eq!(risk(&rollback_of(labelled(CareLabel::Restricted))), RiskLevel::High);
    assert_eq!(risk(&rollback_of(Protection::unlabelled())), RiskLevel::High);
}

#[test]
fn a_looser_licence_is_of_high_risk() {
    let licensed = |licence: &str| Some(item(json!({"properties": {"license": licence}})));
    let change = step(licensed("proprietary"), licensed("public-domain"), public());
    assert_eq!(risk(&Operation::new(JudgedKind::Revert, vec![change])), RiskLevel::High);
}

#[test]
fn restricted_heritage_is_critical() {
    let restricted = Protection { heritage: true, ..labelled(CareLabel::Restricted) };
    assert_eq!(risk(&rollback_of(restricted)), RiskLevel::Critical);
}

#[test]
fn the_risk_says_why() {
    let operation = Operation { skipped: 3, forced: true, ..rollback_of(public()) };
    let decision = Policy::default().judge(&operation.facts());
    let why: Vec<_> = decision.risk_reasons.iter().map(|reason| reason.why.as_str()).collect();
    assert_eq!(why, ["partial publish or missing artefacts, forced: 1", "cells skipped: 3"]);
}
