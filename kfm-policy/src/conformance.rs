//! The laws of [`PolicyCheck`], one function each, for the author of a check.
//!
//! [`policy_check_conformance!`](crate::policy_check_conformance) makes a test of each.

use serde_json::json;

use crate::check::{PolicyCheck, Verdict};
use crate::facts::{JudgedKind, StepFacts};
use crate::fixture::{self, Operation};
use crate::label::CareLabel;
use crate::protection::Protection;
use crate::rules;

/// Texts of the protected documents in the corpus; they are in no other document.
const SECRETS: [&str; 5] =
    ["Spring of the elders", "elders-spring", "grandmother@example.org", "-98.51234", "elders-spring.tif"];

/// Makes one test for each law of `PolicyCheck`.
///
/// ```
/// mod memory_check {
///     kfm_policy::policy_check_conformance!(kfm_policy::MemoryCheck::new());
/// }
/// ```
#[macro_export]
macro_rules! policy_check_conformance {
    ($check:expr) => {
        #[test]
        fn a_check_is_named() {
            $crate::conformance::named(&$check);
        }

        #[test]
        fn a_check_is_pure() {
            $crate::conformance::pure(&$check);
        }

        #[test]
        fn a_check_is_total() {
            $crate::conformance::total(&$check);
        }

        #[test]
        fn a_check_counts() {
            $crate::conformance::counts(&$check);
        }

        #[test]
        fn a_check_speaks() {
            $crate::conformance::speaks(&$check);
        }

        #[test]
        fn a_check_is_discreet() {
            $crate::conformance::discreet(&$check);
        }
    };
}

/// Law **Named**: the id is always the same, not blank, and not that of a built-in rule.
///
/// # Panics
/// If the law does not hold.
pub fn named(check: &dyn PolicyCheck) {
    let id = check.id().to_owned();
    assert!(!id.trim().is_empty(), "the id is blank");
    assert!(rules::ALL.iter().all(|rule| rule.meta.id != id), "the id is that of a built-in rule: {id}");
    for operation in corpus() {
        check.check(&operation.facts());
        assert_eq!(check.id(), id, "the id changes");
    }
}

/// Law **Pure**: the same facts give the same verdict, whatever was judged in between.
///
/// # Panics
/// If the law does not hold.
pub fn pure(check: &dyn PolicyCheck) {
    let judge = || corpus().iter().map(|operation| check.check(&operation.facts())).collect::<Vec<_>>();
    assert_eq!(judge(), judge(), "the same facts gave another verdict");
}

/// Law **Total**: any facts get a verdict.
///
/// # Panics
/// If the law does not hold.
pub fn total(check: &dyn PolicyCheck) {
    for operation in corpus() {
        check.check(&operation.facts());
    }
}

/// Law **Counts**: a pass says how many steps were looked at; facts without steps do not pass.
///
/// # Panics
/// If the law does not hold.
pub fn counts(check: &dyn PolicyCheck) {
    for operation in corpus() {
        if let Verdict::Pass { entities } = check.check(&operation.facts()) {
            assert!(!operation.steps.is_empty(), "facts without steps were passed");
            assert!(entities > 0, "a pass looked at nothing");
            assert!(entities <= operation.steps.len() as u64, "a pass looked at more than there is");
        }
    }
}

/// Law **Speaks**: a fail has an objection, and each objection a subject, a message and a remedy.
///
/// # Panics
/// If the law does not hold.
pub fn speaks(check: &dyn PolicyCheck) {
    for operation in corpus() {
        if let Verdict::Fail(objections) = check.check(&operation.facts()) {
            assert!(!objections.is_empty(), "a fail without an objection");
            for objection in objections {
                let remedy = objection.remedy.to_string();
                let texts = [&objection.subject, &objection.message, &remedy];
                assert!(texts.iter().all(|text| !text.trim().is_empty()), "a blank text: {objection:?}");
            }
        }
    }
}

/// Law **Discreet**: no objection contains a text from the documents of a protected entity.
///
/// # Panics
/// If the law does not hold.
pub fn discreet(check: &dyn PolicyCheck) {
    for operation in corpus() {
        let verdict = format!("{:?}", check.check(&operation.facts()));
        for secret in SECRETS {
            assert!(!verdict.contains(secret), "a protected text is told: {verdict}");
        }
    }
}

/// Operations of every kind, over every form that documents and labels can have.
pub(crate) fn corpus() -> Vec<Operation> {
    let all = steps();
    let mut corpus = vec![];
    for kind in JudgedKind::ALL {
        corpus.push(Operation::new(kind, Vec::new()));
        corpus.push(Operation::new(kind, all.clone()));
        corpus.extend(all.iter().map(|step| Operation::new(kind, vec![step.clone()])));
    }
    let mut odd = Operation::new(JudgedKind::Rollback, all);
    odd.actor.clear();
    odd.reason = Some(String::new());
    odd.tier = u8::MAX;
    odd.cells_total = u64::MAX;
    odd.skipped = u64::MAX;
    odd.forced = true;
    corpus.push(odd);
    corpus
}

fn steps() -> Vec<StepFacts> {
    let secret = |place: &str| {
        fixture::item(json!({
            "id": SECRETS[1], "title": SECRETS[0], "description": format!("ask {} at {place}", SECRETS[2]),
            "license": "CC-BY-4.0", "properties": {"license": null},
            "bbox": [-98.51234, 38.12345, -98.51234, 38.12345],
            "assets": {"spring": {"href": format!("https://example.org/{}", SECRETS[4])}},
        }))
    };
    let (old, new) = (secret("38.12345, -98.51234"), secret("the river"));
    let mut steps = vec![
        fixture::step(None, Some(fixture::item(json!({}))), fixture::public()),
        fixture::step(Some(fixture::item(json!({}))), None, fixture::public()),
        fixture::step(None, None, fixture::public()),
    ];
    for text in ["", "\n", "[]", "{\"a\": 1,}", "\u{0}"] {
        steps.push(fixture::step(
            Some(fixture::not_json(text)),
            Some(fixture::not_json("4")),
            fixture::public(),
        ));
    }
    let sensitive = Protection { heritage: true, ..fixture::labelled(CareLabel::Sensitive) };
    let protections = [
        sensitive,
        fixture::labelled(CareLabel::Restricted),
        fixture::held(),
        fixture::withdrawn(),
        fixture::unreadable(),
        Protection::unlabelled(),
    ];
    for protection in protections {
        steps.push(fixture::step(Some(old.clone()), Some(new.clone()), protection.clone()));
        steps.push(fixture::step(Some(old.clone()), None, protection));
    }
    steps
}

#[cfg(test)]
mod tests;
