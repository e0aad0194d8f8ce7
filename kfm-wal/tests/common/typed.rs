//! Records of the operations log, as an engine would write them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use kfm_lineage::{Digest, OperationId, PublishId, Timestamp};
use kfm_wal::record::*;

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn publish_id(n: u64) -> PublishId {
    PublishId::new(time("2025-11-14T03:15:42Z"), &"kfm_daily_stac".parse().unwrap(), n as u32)
}

pub fn segment(bytes: &[u8], count: u64) -> SegmentRef {
    SegmentRef { digest: Digest::of_bytes(bytes), count, bytes: bytes.len() as u64 }
}

pub fn intent(n: u64) -> Record {
    let empty = segment(b"", 0);
    Record::PublishIntent(Box::new(PublishIntent {
        publish_id: publish_id(n),
        kind: PublishKind::Publish,
        started_at: time("2025-11-14T03:15:42Z"),
        requested_by: "pipeline:daily".to_owned(),
        reason: None,
        code_ref: CodeRef { pipeline_name: "kfm_daily_stac".to_owned(), ..CodeRef::default() },
        steps: segment(steps(n).as_bytes(), 1),
        already: 0,
        stac_scope: StacScope { items: empty, collections: empty },
        assets: empty,
        derivatives: empty,
        projector: "kfm-stac/1".to_owned(),
        pre_state_hash: Digest::of_bytes(b"before"),
        post_state_expected: Digest::of_bytes(b"after"),
        policy_snapshot_ref: Digest::of_bytes(b"policy"),
        sbom_ref: None,
        manifest_ref: None,
        telemetry_ref: Some("telemetry.ndjson".to_owned()),
    }))
}

/// The segment of steps that the intent of the same number names.
pub fn steps(n: u64) -> String {
    let step = kfm_lineage::Step {
        cell: kfm_lineage::CellId::new(kfm_lineage::Domain::Stac, "catalog", format!("items/{n}.json")),
        unit: "landsat".to_owned(),
        entity: entity(n),
        from_version: None,
        to_version: Some("v1".parse().unwrap()),
        before: None,
        after: Some(Digest::of_bytes(&n.to_le_bytes())),
        derived: false,
        stac_id: None,
        collection: None,
        other_names: kfm_lineage::OtherNames::default(),
    };
    serde_json::to_string(&step).unwrap() + "\n"
}

pub fn entity(n: u64) -> kfm_lineage::EntityId {
    format!("kfm-stac:landsat:{n}").parse().unwrap()
}

pub fn close() -> Close {
    Close {
        end: EndState::Completed,
        applied: 1,
        already: 0,
        scope_digest: Digest::of_bytes(b"after"),
        treated: Vec::new(),
        treated_segment: None,
        error: None,
        manifest: None,
    }
}

pub fn completion(n: u64) -> Record {
    Record::PublishCompletion(PublishCompletion {
        publish_id: publish_id(n),
        completed_at: time("2025-11-14T03:16:42Z"),
        status: PublishStatus::Success,
        close: close(),
    })
}

pub fn journal(n: u64, line: u64) -> Record {
    Record::Journal(JournalRecord {
        operation: OperationId::from(publish_id(n)),
        n: line,
        entry: JournalEntry::Intent {
            direction: Direction::Forward,
            batch: Batch { first: 1000 * line, count: 1000 },
        },
    })
}

pub fn plan(n: u64) -> Record {
    Record::Plan(PlanRecord {
        plan_id: Digest::of_bytes(&n.to_le_bytes()),
        content_id: Digest::of_bytes(b"content"),
        operation: format!("rb_2025_11_15T00_00_00Z_{}", publish_id(n)).parse().unwrap(),
        target: publish_id(n).into(),
        requested_by: "ana".to_owned(),
        created_at: time("2025-11-15T00:00:00Z"),
        status: "planned".to_owned(),
    })
}

pub fn approval(n: u64, principal: &str) -> Record {
    Record::Approval(ApprovalRecord {
        plan_id: Digest::of_bytes(&n.to_le_bytes()),
        principal: principal.to_owned(),
        role: "reviewer".to_owned(),
        signed_at: time("2025-11-15T00:01:00Z"),
        expires_at: time("2025-11-16T00:01:00Z"),
        key: None,
        signature: "00".repeat(64),
    })
}

pub fn refusal(n: u64, message: &str) -> Record {
    Record::Refusal(RefusalRecord {
        operation: "rollback_execute".to_owned(),
        at: time("2025-11-15T00:02:00Z"),
        requested_by: "ana".to_owned(),
        subject: Some(publish_id(n).into()),
        plan_id: None,
        status: "denied".to_owned(),
        kind: "policy".to_owned(),
        message: message.to_owned(),
        policy_snapshot_ref: None,
    })
}

pub fn labels(entries: Vec<serde_json::Value>) -> Record {
    Record::Labels(LabelsRecord { entries, ..LabelsRecord::default() })
}

pub fn stage(revision: u64) -> Record {
    let step = |n: u64| format!("step {n}");
    Record::Stage(StageRecord {
        idempotency_key: Digest::of_bytes(b"naip|7|s3://naip"),
        revision,
        steps: revision,
        checkpoint: Some(StageCheckpoint {
            step: step(revision),
            input: Digest::of_bytes(step(revision - 1).as_bytes()),
            output: Digest::of_bytes(step(revision).as_bytes()),
        }),
        boundary: None,
        state: Digest::of_bytes(b"state"),
    })
}
