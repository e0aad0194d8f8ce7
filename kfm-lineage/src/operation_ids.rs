//! The ids under which records, ledger entries and alerts name an operation (R90, R92).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{HotfixId, OperationId, PublishId, RollbackId};

/// The ids under which a record, a ledger entry or an alert names an operation, and what it is about. It is a part of
/// each, without a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OperationIds {
    /// The publish that it is, or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
    /// The rollback or revert that it is, or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// The hotfix that it is, or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix_id: Option<HotfixId>,
    /// The digest of the plan that was made, judged, approved or executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
}

impl OperationIds {
    /// Names one operation by its id.
    pub fn of(id: &OperationId) -> Self {
        Self {
            publish_id: PublishId::parse(id.as_str()).ok(),
            rollback_id: RollbackId::parse(id.as_str()).ok(),
            hotfix_id: HotfixId::parse(id.as_str()).ok(),
            plan_id: None,
        }
    }

    /// Names an operation and the publish or hotfix that it is about; a publish or a hotfix is its own target.
    pub fn of_turn(id: &OperationId, target: &OperationId) -> Self {
        Self { rollback_id: RollbackId::parse(id.as_str()).ok(), ..Self::of(target) }
    }

    /// Names a plan by its digest.
    pub fn of_plan(plan_id: Digest) -> Self {
        Self { plan_id: Some(plan_id), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> OperationId {
        OperationId::parse(text).unwrap()
    }

    const PUBLISH: &str = "pub_2025_11_14T03_15_42Z_daily";
    const ROLLBACK: &str = "rb_2025_11_15T00_00_00Z_pub_2025_11_14T03_15_42Z_daily";
    const HOTFIX: &str = "hf_2025_11_15T00_00_00Z_stac_licence";

    #[test]
    fn a_turn_is_named_by_its_own_id_and_by_that_of_its_target() {
        for (operation, target, named) in [
            (PUBLISH, PUBLISH, serde_json::json!({"publish_id": PUBLISH})),
            (HOTFIX, HOTFIX, serde_json::json!({"hotfix_id": HOTFIX})),
            (ROLLBACK, PUBLISH, serde_json::json!({"publish_id": PUBLISH, "rollback_id": ROLLBACK})),
            (ROLLBACK, HOTFIX, serde_json::json!({"hotfix_id": HOTFIX, "rollback_id": ROLLBACK})),
        ] {
            let ids = OperationIds::of_turn(&id(operation), &id(target));
            assert_eq!(serde_json::to_value(&ids).unwrap(), named);
        }
    }

    #[test]
    fn one_id_names_one_operation() {
        for (text, named) in [
            (PUBLISH, serde_json::json!({"publish_id": PUBLISH})),
            (ROLLBACK, serde_json::json!({"rollback_id": ROLLBACK})),
            (HOTFIX, serde_json::json!({"hotfix_id": HOTFIX})),
        ] {
            assert_eq!(serde_json::to_value(OperationIds::of(&id(text))).unwrap(), named);
        }
    }
}
