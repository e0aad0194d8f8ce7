use serde_json::json;

use super::*;
use crate::Policy;
use crate::facts::OperationFacts;
use crate::fixture::{self, Operation, item, public, step};
use crate::principals::{PrivateKey, Role};
use crate::protection::Protection;

fn plan(name: &str) -> Digest {
    Digest::of_bytes(name.as_bytes())
}

fn operation(kind: JudgedKind) -> Operation {
    Operation::new(kind, vec![step(None, Some(item(json!({}))), public())])
}

/// A revert that loosens a licence, which one reviewer must approve.
fn risky() -> Operation {
    let licensed = |licence: &str| Some(item(json!({"properties": {"license": licence}})));
    let change = step(licensed("proprietary"), licensed("public-domain"), public());
    Operation::new(JudgedKind::Revert, vec![change])
}

fn later(seconds: i64) -> Timestamp {
    fixture::now() + jiff::SignedDuration::from_secs(seconds)
}

fn bo() -> (PrivateKey, Principals) {
    let key = PrivateKey::from_seed([7; 32]);
    let text = format!("[[principal]]\nname = 'bo'\nroles = ['reviewer']\npublic_key = '{}'\n", key.public());
    (key, Principals::load(Some(&text)).unwrap())
}

fn ask(facts: &OperationFacts<'_>, approvals: &[Approval]) -> Result<Permit, PermitRefused> {
    let (_, principals) = bo();
    let consent = Consent::Asked { requested_by: "rita", approvals, principals: &principals };
    Policy::default().permit(facts, &plan("a"), consent).map(|(permit, _)| permit)
}

#[test]
fn a_permit_opens_its_plan_for_a_while() {
    let permit = ask(&operation(JudgedKind::Rollback).facts(), &[]).unwrap();
    assert_eq!(permit.opens(&plan("a"), fixture::now()), Ok(()));
    assert_eq!(
        permit.opens(&plan("b"), fixture::now()),
        Err(PermitError::OtherPlan { permitted: plan("a") })
    );
    assert_eq!(permit.opens(&plan("a"), later(15 * 60 - 1)), Ok(()));
    let expires_at = later(15 * 60);
    assert_eq!(permit.opens(&plan("a"), expires_at), Err(PermitError::Expired { expires_at }));
}

#[test]
fn a_permit_names_its_policy() {
    let permit = ask(&operation(JudgedKind::Publish).facts(), &[]).unwrap();
    assert_eq!(*permit.policy_snapshot_ref(), Policy::default().snapshot_ref());
    assert_eq!((permit.kind(), permit.risk_level()), (JudgedKind::Publish, RiskLevel::Low));
}

#[test]
fn what_a_rule_denies_gets_no_permit_however_it_is_approved() {
    let denied = Operation::new(JudgedKind::Revert, vec![step(None, None, Protection::unlabelled())]);
    let (key, _) = bo();
    let approval = Approval::sign(plan("a"), ("bo", Role::Reviewer), fixture::now(), later(60), &key);
    let refused = ask(&denied.facts(), &[approval]).unwrap_err();
    assert!(matches!(refused, PermitRefused::Denied { .. }));
    assert_eq!(refused.to_string(), "denied by policy: findings=1");
    let consent = Policy::default().permit(&denied.facts(), &plan("a"), Consent::Given);
    assert!(matches!(consent, Err(PermitRefused::Denied { .. })), "recovery asks the rules again");
}

#[test]
fn what_needs_an_approval_gets_a_permit_once_it_is_approved() {
    let (key, _) = bo();
    let refused = ask(&risky().facts(), &[]).unwrap_err();
    let PermitRefused::ApprovalsMissing { missing, needed, decision, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(
        (missing.as_str(), needed.text.as_str(), decision.allowed),
        ("1 reviewer", "1 reviewer", true)
    );
    let approval = Approval::sign(plan("a"), ("bo", Role::Reviewer), fixture::now(), later(60), &key);
    let permit = ask(&risky().facts(), &[approval]).unwrap();
    assert_eq!(permit.reviewers(), ["bo"]);
}

#[test]
fn an_approval_that_does_not_count_is_told() {
    let (key, _) = bo();
    let other = Approval::sign(plan("b"), ("bo", Role::Reviewer), fixture::now(), later(60), &key);
    let PermitRefused::ApprovalsMissing { refused, .. } = ask(&risky().facts(), &[other]).unwrap_err() else {
        panic!("approvals are missing")
    };
    assert_eq!(refused[0].why, crate::ApprovalError::OtherPlan);
}

#[test]
fn whoever_executes_may_not_have_approved() {
    let (key, _) = bo();
    let approval = Approval::sign(plan("a"), ("bo", Role::Reviewer), fixture::now(), later(60), &key);
    let by_bo = Operation { actor: "bo".to_owned(), ..risky() };
    assert!(matches!(ask(&by_bo.facts(), &[approval]), Err(PermitRefused::ApprovalsMissing { .. })));
}

#[test]
fn an_open_operation_is_not_approved_a_second_time() {
    let consent = Policy::default().permit(&risky().facts(), &plan("a"), Consent::Given);
    assert!(consent.is_ok());
}

#[test]
fn approvals_are_not_asked_of_publishes_and_aborts() {
    for kind in [JudgedKind::Publish, JudgedKind::Adopt, JudgedKind::Abort] {
        assert!(ask(&Operation { kind, ..risky() }.facts(), &[]).is_ok(), "{kind:?}");
    }
    for kind in [JudgedKind::Hotfix, JudgedKind::Rollback] {
        assert!(ask(&Operation { kind, ..risky() }.facts(), &[]).is_err(), "{kind:?}");
    }
}
