use kfm_lineage::integrity::{Census, IntegrityChange};
use serde_json::json;

use super::*;
use crate::fixture::{
    self, Operation, broken_census, held, item, labelled, multihash, public, step, withdrawn,
};
use crate::label::CareLabel;
use crate::licence::AllowedLicences;
use crate::protection::Protection;
use crate::treatment::Treatment;
use crate::{Decision, Policy, StepFacts};

/// The columns of the table in the states page, and adopting beside them.
const COLUMNS: [(JudgedKind, bool); 7] = [
    (JudgedKind::Adopt, false),
    (JudgedKind::Publish, false),
    (JudgedKind::Publish, true),
    (JudgedKind::Hotfix, false),
    (JudgedKind::Rollback, false),
    (JudgedKind::Revert, false),
    (JudgedKind::Abort, false),
];

/// What happens to an operation in each column: denied, a finding, or only counted.
fn effects(rule: &str, operation: &Operation) -> [&'static str; 7] {
    COLUMNS.map(|(kind, strict)| {
        let decision = judge(&Operation { kind, strict, ..operation.clone() });
        let found: Vec<_> = decision.findings.iter().filter(|finding| finding.rule == rule).collect();
        let others = decision.denials().filter(|finding| finding.rule != rule).count();
        assert_eq!(others, 0, "only {rule} may deny here: {:?}", decision.findings);
        assert_eq!(decision.allowed, !found.iter().any(|finding| finding.denies));
        match found.first() {
            None => "count",
            Some(finding) if finding.denies => "deny",
            Some(_) => "find",
        }
    })
}

fn judge(operation: &Operation) -> Decision {
    let licences = ["CC0-1.0", "CC-BY-4.0", "public-domain"].map(str::to_owned);
    Policy::default().with_licences(AllowedLicences(licences.into())).judge(&operation.facts())
}

fn of(step: StepFacts) -> Operation {
    Operation::new(JudgedKind::Publish, vec![step])
}

const DENY: [&str; 7] = ["find", "deny", "deny", "deny", "deny", "deny", "deny"];
const FIND: [&str; 7] = ["find"; 7];
const WORSE_DENIES: [&str; 7] = ["find", "find", "deny", "deny", "find", "find", "find"];

#[test]
fn protection_denies_in_every_column() {
    let whole = || Some(item(json!({})));
    let own = |label: &str| Some(fixture::placeless(json!({"kfm:care_label": label})));
    let nobodys =
        || Protection { authorities: Vec::new(), floor: Treatment::Public, ..labelled(CareLabel::Sensitive) };
    let overdue =
        Protection { review_by: Some(jiff::civil::date(2020, 1, 1)), ..labelled(CareLabel::Sensitive) };
    let guarded = |refs: serde_json::Value| {
        Some(item(json!({"assets": {"red": {"href": "https://example.org/r.tif", "auth:refs": refs}}})))
    };
    for (rule, step) in [
        ("CARE-A1-access", step(whole(), whole(), Protection::unlabelled())),
        ("CARE-A1-access", step(whole(), None, fixture::unreadable())),
        ("CARE-A1-asset", step(guarded(json!(["oauth"])), guarded(json!([])), public())),
        ("CARE-A2-authority", step(None, own("sensitive"), nobodys())),
        ("CARE-A2-hold", step(whole(), whole(), held())),
        ("CARE-A3-resurrect", step(None, whole(), withdrawn())),
        ("CARE-E1-geo", step(None, whole(), labelled(CareLabel::Sensitive))),
        ("CARE-E1-review", step(None, own("sensitive"), overdue)),
    ] {
        assert_eq!(effects(rule, &of(step)), DENY, "{rule}");
    }
}

#[test]
fn governance_denies_in_every_column() {
    let whole = || of(step(None, Some(item(json!({}))), public()));
    let blank = Operation { reason: Some(String::new()), ..whole() };
    assert_eq!(effects("GOV-reason", &blank), DENY);
    assert_eq!(effects("GOV-tier", &Operation { tier: 5, ..whole() }), DENY);
}

#[test]
fn nothing_checked_denies_in_every_column_and_for_a_genesis_too() {
    assert_eq!(effects("GOV-cover", &Operation::new(JudgedKind::Publish, Vec::new())), ["deny"; 7]);
}

#[test]
fn breaks_and_orphans_deny_by_what_the_operation_does_to_them() {
    let with = |integrity| Operation { integrity, ..of(step(None, Some(item(json!({}))), public())) };
    let (whole, broken) = (Census::default(), broken_census());
    let moved = ["collection.json".to_owned(), "items/other.json".to_owned()].into();
    let introduced = IntegrityChange::of_publish(whole.clone(), broken.clone());
    let left = IntegrityChange::of_rollback(broken.clone(), broken.clone(), &whole, &broken, &moved);
    let returned = IntegrityChange::of_rollback(whole.clone(), broken.clone(), &broken, &whole, &moved);
    let old = IntegrityChange::of_rollback(broken.clone(), broken.clone(), &broken, &broken, &moved);
    for rule in ["FAIR-I3-links", "FAIR-I3-orphans"] {
        let only = |mut change: IntegrityChange| {
            let keep = |f: &kfm_lineage::integrity::IntegrityFinding| {
                matches!(f, kfm_lineage::integrity::IntegrityFinding::BrokenLink(_))
                    == (rule == "FAIR-I3-links")
            };
            change.introduced.retain(keep);
            change.left.retain(keep);
            change.returned.retain(keep);
            effects(rule, &with(change))
        };
        assert_eq!(
            only(introduced.clone()),
            ["find", "find", "deny", "deny", "deny", "deny", "deny"],
            "{rule}"
        );
        assert_eq!(
            only(left.clone()),
            ["count", "count", "count", "count", "deny", "deny", "deny"],
            "{rule}"
        );
        assert_eq!(
            only(returned.clone()),
            ["count", "count", "count", "count", "find", "find", "find"],
            "{rule}"
        );
        assert_eq!(only(old.clone()), ["count"; 7], "{rule}");
    }
}

#[test]
fn what_is_returned_is_counted_apart_and_raises_the_risk() {
    let (whole, broken) = (Census::default(), broken_census());
    let integrity = IntegrityChange::of_rollback(whole.clone(), broken.clone(), &broken, &whole, &[].into());
    let rollback = of(step(None, Some(item(json!({}))), public()));
    let decision = judge(&Operation { kind: JudgedKind::Rollback, integrity, ..rollback });
    assert_eq!((decision.integrity.returned, decision.integrity.introduced), (2, 0));
    assert!(decision.allowed && decision.risk_level == kfm_lineage::RiskLevel::Moderate);
}

#[test]
fn fair_denies_what_is_worse_than_now_where_a_publish_is_strict_or_a_hotfix() {
    let licence = |licence: serde_json::Value| item(json!({"properties": {"license": licence}}));
    let checksum = |digit| item(json!({"assets": {"red": {"file:checksum": multihash(digit)}}}));
    let whole = || item(json!({}));
    let alone = [
        ("FAIR-F1-id", item(json!({"id": "other"}))),
        ("FAIR-R1.1-licence", licence(json!(null))),
        ("VER-immutable", checksum('b')),
        ("VER-schema", item(json!({"bbox": null}))),
    ];
    for (rule, after) in alone {
        assert_eq!(effects(rule, &of(step(Some(whole()), Some(after), public()))), WORSE_DENIES, "{rule}");
    }
    // A missing id is a fault of shape too, and a checksum that is not valid is a changed checksum.
    let with_others = [
        ("FAIR-F1-id", item(json!({"id": null}))),
        ("FAIR-F3-asset", item(json!({"assets": {"red": {"file:checksum": "PLACEHOLDER"}}}))),
    ];
    for (rule, after) in with_others {
        let rollback =
            Operation { kind: JudgedKind::Rollback, ..of(step(Some(whole()), Some(after), public())) };
        let decision = judge(&rollback);
        assert!(decision.allowed && decision.risk_level == kfm_lineage::RiskLevel::Moderate, "{rule}");
        assert!(decision.findings.iter().any(|finding| finding.rule == rule), "{rule}");
    }
}

#[test]
fn fair_finds_what_stood_before_and_denies_nothing_for_it() {
    let same =
        |document: serde_json::Value| of(step(Some(item(document.clone())), Some(item(document)), public()));
    let cases = [
        ("FAIR-F1-id", json!({"id": null})),
        ("FAIR-F3-asset", json!({"assets": {"red": {"file:checksum": null}}})),
        ("FAIR-R1.1-licence", json!({"properties": {"license": "UNKNOWN"}})),
        ("VER-schema", json!({"stac_version": null})),
    ];
    for (rule, document) in cases {
        assert_eq!(effects(rule, &same(document)), FIND, "{rule}");
    }
}

#[test]
fn a_fair_rule_that_cannot_tell_denies_where_its_row_says_deny() {
    let unreadable = || Some(item(json!({"properties": {"license": 4}})));
    let effects = |before| effects("FAIR-R1.1-licence", &of(step(before, unreadable(), public())));
    assert_eq!(effects(Some(item(json!({})))), WORSE_DENIES);
    assert_eq!(effects(unreadable()), FIND, "it is no worse than now");
}

#[test]
fn what_is_not_json_is_judged_by_the_registry_and_denied_by_nothing_else() {
    let empty = || Some(fixture::not_json(""));
    let decision = judge(&of(step(empty(), empty(), public())));
    assert!(decision.allowed);
    assert_eq!(decision.census.not_json, 1);
    let unlabelled = judge(&of(step(empty(), empty(), Protection::unlabelled())));
    assert!(!unlabelled.allowed);
}

#[test]
fn a_looser_licence_is_found_and_denies_nowhere() {
    let licensed = |licence: &str| Some(item(json!({"properties": {"license": licence}})));
    assert_eq!(
        effects("CARE-C-licence", &of(step(licensed("proprietary"), licensed("public-domain"), public()))),
        FIND
    );
}

#[test]
fn a_notice_denies_nowhere() {
    let touched = of(step(None, Some(fixture::placeless(json!({}))), labelled(CareLabel::Sensitive)));
    assert_eq!(effects("CARE-R1-notice", &touched), FIND);
    let odd = item(json!({"assets": {"red": {"href": "ftp://example.org/red.tif"}}}));
    assert_eq!(effects("FAIR-A1-proto", &of(step(None, Some(odd), public()))), FIND);
}

#[test]
fn every_class_has_a_row_for_every_aspect_that_its_rules_use() {
    let aspects = |class| match class {
        RuleClass::Integrity => vec![Introduced, Left, Returned],
        _ => vec![Stands, Worse, Unknown],
    };
    for rule in crate::rules::ALL {
        for aspect in aspects(rule.meta.class) {
            let rows =
                DENIALS.iter().filter(|row| row.class == rule.meta.class && row.aspects.contains(&aspect));
            assert_eq!(rows.count(), 1, "{} {aspect:?}", rule.meta.id);
        }
    }
}

#[test]
fn what_the_table_does_not_name_denies() {
    assert_eq!(effect(RuleClass::Integrity, Stands, JudgedKind::Adopt, false), Deny);
}
