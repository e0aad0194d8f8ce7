use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::check::Objection;
use crate::facts::OperationFacts;
use crate::memory::MemoryCheck;

mod memory_check {
    crate::policy_check_conformance!(crate::MemoryCheck::new().with_objection("items/scene.json", "frozen"));
}

/// A check that breaks one law, the one in its name.
#[derive(Debug, Default)]
struct Lawless {
    broken: &'static str,
    asked: AtomicU64,
}

impl PolicyCheck for Lawless {
    fn id(&self) -> &str {
        if self.broken == "named" { "CARE-A1-access" } else { "X-lawless" }
    }

    fn version(&self) -> &str {
        "1"
    }

    fn check(&self, facts: &OperationFacts<'_>) -> Verdict {
        let objection = |message: String| {
            Verdict::Fail(vec![Objection { subject: "operation".into(), message, remedy: "none".into() }])
        };
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match self.broken {
            "pure" => objection(format!("asked {asked} times before")),
            "total" => panic!("no steps, no verdict"),
            "counts" => Verdict::Pass { entities: 1 },
            "speaks" => Verdict::Fail(Vec::new()),
            _ => objection(format!("{:?}", facts.steps)),
        }
    }
}

macro_rules! a_law_catches {
    ($test:ident, $law:ident, $message:literal) => {
        #[test]
        #[should_panic(expected = $message)]
        fn $test() {
            $law(&Lawless { broken: stringify!($law), ..Lawless::default() });
        }
    };
}

a_law_catches!(a_borrowed_name_is_caught, named, "that of a built-in rule");
a_law_catches!(a_memory_of_earlier_calls_is_caught, pure, "gave another verdict");
a_law_catches!(a_panic_is_caught, total, "no steps, no verdict");
a_law_catches!(a_pass_of_nothing_is_caught, counts, "without steps were passed");
a_law_catches!(a_silent_objection_is_caught, speaks, "without an objection");
a_law_catches!(a_check_that_tells_secrets_is_caught, discreet, "a protected text is told");

#[test]
fn the_built_in_rules_tell_no_secret_of_a_protected_document() {
    let policy = crate::Policy::default();
    for operation in corpus() {
        let decision = serde_json::to_string(&policy.judge(&operation.facts())).unwrap();
        for secret in SECRETS {
            assert!(!decision.contains(secret), "{secret}: {decision}");
        }
    }
}

#[test]
fn a_memory_check_has_a_version_of_its_objections() {
    let (a, b) = (MemoryCheck::new(), MemoryCheck::new().with_objection("a.json", "frozen"));
    assert_ne!(a.version(), b.version());
}
