//! The plans of the presets, as they were reviewed: what an outage costs, for each class of failure.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

use std::fmt::Write as _;

use kfm_retry::{ErrorClass, Policy, preset};

/// A work item whose jitter every snapshot shows.
const KEY: &str = "ks-naip-2023|7|38099";

fn reviewed(policy: &Policy) -> String {
    let mut text = String::new();
    for class in [
        ErrorClass::Server,
        ErrorClass::StacTimeout,
        ErrorClass::Neo4jTransient,
        ErrorClass::Io,
        ErrorClass::Schema,
    ] {
        write!(text, "{class}\n{}\n", policy.plan(KEY, class)).unwrap();
    }
    write!(
        text,
        "an attempt at most {:?}, the call at most {:?}",
        policy.attempt_timeout_of(),
        policy.longest()
    )
    .unwrap();
    text
}

#[test]
fn the_plan_of_the_toolkits_policy_is_the_one_that_was_reviewed() {
    insta::assert_snapshot!("kfm", reviewed(&Policy::kfm()));
}

#[test]
fn the_plan_of_every_preset_is_the_one_that_was_reviewed() {
    for (name, policy) in preset::ALL {
        insta::assert_snapshot!(name, reviewed(&policy));
    }
}
