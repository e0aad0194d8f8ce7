//! Policies as data: what is written can be read, mistakes are refused, and the schemas fit the types (R96).
#![cfg(all(feature = "schemars", feature = "stage"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

use std::path::Path;

use kfm_retry::breaker::{Opens, Rate};
use kfm_retry::{BreakerPolicy, ErrorClass, Policy, preset};
use serde_json::{Value, json};

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for file in kfm_retry::schema::schemas() {
        let committed = std::fs::read(folder.join(file.path)).unwrap_or_default();
        assert!(
            serde_json::from_slice::<Value>(&committed).ok().as_ref() == Some(file.schema.as_value()),
            "schemas/{} is not what the types say; if the change is meant, run \
             `cargo run -p kfm-retry --all-features --example write_schemas` and commit it",
            file.path
        );
    }
}

#[test]
fn the_toolkits_policy_reads_like_this() {
    let data = json!({
        "attempts": 5,
        "backoff": { "curve": "exponential", "jitter": "full", "base_ms": 500, "cap_ms": 30_000 },
        "attempt_timeout_ms": 10_000,
        "total_ms": 60_000,
        "retry_after": { "max_ms": 120_000, "beyond": "give_up" },
        "timeouts_are": "timeout",
        "limits": { "stac_timeout": 3, "neo4j_transient": 5, "io": 2 },
    });
    assert_eq!(serde_json::to_value(Policy::kfm()).unwrap(), data);
    assert_eq!(serde_json::from_value::<Policy>(data).unwrap(), Policy::kfm());
    assert_eq!(serde_json::from_value::<Policy>(json!({})).unwrap(), Policy::kfm());
}

#[test]
fn every_preset_is_read_back_as_it_was_written() {
    for (_, policy) in preset::ALL {
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy, "{text}");
    }
}

#[test]
fn a_policy_with_a_mistake_is_refused() {
    for wrong in [
        json!({ "attempts": 0 }),
        json!({ "attempts": 256 }),
        json!({ "atempts": 3 }),
        json!({ "attempt_timeout_ms": 0 }),
        json!({ "attempt_timeout_ms": -1 }),
        json!({ "backoff": { "base_ms": 0 } }),
        json!({ "backoff": { "jitter": "some" } }),
        json!({ "limits": { "io": 0 } }),
        json!({ "limits": { "weather": 2 } }),
    ] {
        assert!(serde_json::from_value::<Policy>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_breaker_with_a_window_is_read_back() {
    let rate = Rate { calls_min: 20, failed_percent: 30, slow: None };
    let policy = BreakerPolicy::kfm().opens(Opens::TimeWindow { window_ms: 60_000, rate });
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<BreakerPolicy>(&text).unwrap(), policy);
}

#[test]
fn class_names_are_the_same_in_data_and_in_telemetry() {
    for class in ErrorClass::ALL {
        assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
    }
}
