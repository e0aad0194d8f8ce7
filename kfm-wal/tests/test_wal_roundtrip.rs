//! What goes into the operations log comes out of it, folded and indexed (R20, R21, R24, R110).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "common/typed.rs"]
mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_lineage::{Digest, Lsn, OperationId, Timestamp};
use kfm_retry::{Clock, ManualClock};
use kfm_wal::conformance::{join_all, run};
use kfm_wal::error::Source;
use kfm_wal::index::SegmentReader;
use kfm_wal::record::{LabelsRecord, PublishStatus, Record, SegmentRef};
use kfm_wal::{LocalLog, LocalOptions, MemoryLog, NewRecord, Wal, WalError, WalStore};
use proptest::prelude::*;
use typed::*;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_090_142)))
}

fn memory() -> (Wal, MemoryLog) {
    let log = MemoryLog::new();
    let wal = run(Wal::open(Arc::new(log.handle()), clock())).unwrap();
    (wal, log)
}

fn local(dir: &std::path::Path) -> Wal {
    let (log, _) = LocalLog::open(dir, LocalOptions::new(clock())).unwrap();
    run(Wal::open(Arc::new(log), clock())).unwrap()
}

fn all(wal: &Wal) -> Vec<Record> {
    run(wal.entries_from(Lsn(1))).unwrap().iter().map(|entry| entry.record.clone()).collect()
}

#[test]
fn a_publish_folds_into_one_record() {
    let (wal, _) = memory();
    run(wal.append(intent(1))).unwrap();
    let open = run(wal.publish(&publish_id(1))).unwrap().unwrap();
    assert!(!open.is_complete() && open.status.is_none());
    run(wal.append(intent(2))).unwrap();
    run(wal.append(completion(1))).unwrap();
    let folded = run(wal.publish(&publish_id(1))).unwrap().unwrap();
    assert_eq!((folded.intent_lsn, folded.completion_lsn), (Lsn(1), Some(Lsn(3))));
    assert_eq!(folded.status, Some(PublishStatus::Success));
    let json = serde_json::to_value(&folded).unwrap();
    for key in [
        "publish_id",
        "started_at",
        "completed_at",
        "status",
        "code_ref",
        "stac_scope",
        "assets",
        "derivatives",
        "policy_snapshot_ref",
        "telemetry_ref",
        "moves",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(serde_json::from_value::<kfm_wal::PublishRecord>(json).unwrap(), folded);
    assert_eq!(run(wal.publish(&publish_id(3))).unwrap(), None);
}

#[test]
fn every_kind_of_record_survives_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let records = vec![
        intent(1),
        journal(1, 1),
        completion(1),
        plan(1),
        approval(1, "ben"),
        refusal(1, "no"),
        labels(vec![serde_json::json!({"id": "x", "label": "restricted", "resolution": 5.5})]),
        stage(1),
    ];
    let wal = local(dir.path());
    for record in &records {
        run(wal.append(record.clone())).unwrap();
    }
    let (entries, head) = (run(wal.entries_from(Lsn::ZERO)).unwrap(), wal.head());
    drop(wal);
    let wal = local(dir.path());
    assert_eq!(all(&wal), records);
    assert_eq!(run(wal.entries_from(Lsn::ZERO)).unwrap(), entries, "times and leaves too");
    assert_eq!(wal.head().lsn, head.lsn);
}

#[test]
fn the_same_record_is_appended_once_and_another_is_a_conflict() {
    let (wal, _) = memory();
    assert_eq!(run(wal.append(intent(1))).unwrap(), Lsn(1));
    assert_eq!(run(wal.append(completion(1))).unwrap(), Lsn(2));
    assert_eq!(run(wal.append(intent(1))).unwrap(), Lsn(1));
    let Record::PublishIntent(mut other) = intent(1) else { unreachable!() };
    other.requested_by = "somebody else".to_owned();
    let error = run(wal.append(Record::PublishIntent(other))).unwrap_err();
    let expected = format!("{}#intent", publish_id(1));
    assert!(matches!(error, WalError::Conflict { id, lsn: Lsn(1) } if id == expected));
    assert_eq!(all(&wal).len(), 2);
}

#[test]
fn a_batch_leaves_out_what_is_there() {
    let (wal, _) = memory();
    run(wal.append(journal(1, 1))).unwrap();
    let places = run(wal.append_all(vec![journal(1, 2), journal(1, 1), journal(1, 3)])).unwrap();
    assert_eq!(places, [Lsn(2), Lsn(1), Lsn(3)]);
    assert_eq!(run(wal.append_all(Vec::new())).unwrap(), []);
}

#[test]
fn a_batch_with_a_conflict_appends_nothing() {
    let (wal, _) = memory();
    run(wal.append(journal(1, 1))).unwrap();
    let Record::Journal(mut other) = journal(1, 1) else { unreachable!() };
    other.operation = publish_id(1).into();
    other.entry = kfm_wal::record::JournalEntry::AbortRequested { by: "a".into(), reason: "b".into() };
    let batch = vec![journal(1, 2), Record::Journal(other)];
    assert!(matches!(run(wal.append_all(batch)), Err(WalError::Conflict { .. })));
    assert_eq!(all(&wal), [journal(1, 1)]);
}

#[test]
fn two_processes_on_one_log_see_each_other_and_append_once() {
    let (first, log) = memory();
    let second = run(Wal::open(Arc::new(log.handle()), clock())).unwrap();
    run(first.append(intent(1))).unwrap();
    assert_eq!(all(&second), []);
    // The second handle does not know of the record yet, and still appends it only once.
    assert_eq!(run(second.append(intent(1))).unwrap(), Lsn(1));
    assert_eq!(run(second.append_all(vec![intent(1), completion(1)])).unwrap(), [Lsn(1), Lsn(2)]);
    run(first.refresh()).unwrap();
    assert_eq!(all(&first), [intent(1), completion(1)]);
    assert_eq!(first.head(), second.head());
}

#[test]
fn a_batch_of_which_another_process_appended_a_part_goes_in() {
    let (first, log) = memory();
    let second = run(Wal::open(Arc::new(log.handle()), clock())).unwrap();
    run(first.append(journal(1, 1))).unwrap();
    let places = run(second.append_all(vec![journal(1, 1), journal(1, 2)])).unwrap();
    assert_eq!(places, [Lsn(1), Lsn(2)]);
}

#[test]
fn records_are_found_by_operation_time_and_position() {
    let clock = clock();
    let wal = run(Wal::open(Arc::new(MemoryLog::new()), clock.clone())).unwrap();
    for record in [intent(1), intent(2), journal(1, 1), completion(1), plan(1), approval(1, "ben")] {
        run(wal.append(record)).unwrap();
        clock.advance(Duration::from_secs(60));
    }
    let lsns =
        |entries: Vec<Arc<kfm_wal::Entry>>| entries.iter().map(|entry| entry.lsn.0).collect::<Vec<_>>();
    let operation = OperationId::from(publish_id(1));
    assert_eq!(lsns(run(wal.by_operation(&operation)).unwrap()), [1, 3, 4]);
    let rollback: OperationId = format!("rb_2025_11_15T00_00_00Z_{}", publish_id(1)).parse().unwrap();
    assert_eq!(lsns(run(wal.by_operation(&rollback)).unwrap()), [5]);
    let start = run(wal.entries_from(Lsn(2))).unwrap()[0].at;
    assert_eq!(lsns(run(wal.by_time(start, start + Duration::from_secs(120))).unwrap()), [2, 3]);
    assert_eq!(lsns(run(wal.by_time(start, start)).unwrap()), [] as [u64; 0]);
    assert_eq!(lsns(run(wal.entries_from(Lsn(5))).unwrap()), [5, 6]);
}

#[test]
fn a_clock_that_jumps_back_keeps_the_logs_time() {
    let clock = clock();
    let log = Arc::new(MemoryLog::new());
    let wal = run(Wal::open(log.clone(), clock.clone())).unwrap();
    run(wal.append(intent(1))).unwrap();
    clock.set_wall(clock.wall() - Duration::from_secs(3600));
    run(wal.append(completion(1))).unwrap();
    let entries = run(wal.entries_from(Lsn(1))).unwrap();
    assert_eq!(entries[0].at, entries[1].at);
    assert_eq!(run(log.scan(Lsn(2), 1)).unwrap()[0].skew_ms, 3_600_000);
}

/// The version store, as far as the log needs it.
struct Segments(BTreeMap<Digest, Vec<u8>>);

#[async_trait::async_trait]
impl SegmentReader for Segments {
    async fn read(&self, segment: &SegmentRef) -> Result<Vec<u8>, Source> {
        self.0.get(&segment.digest).cloned().ok_or_else(|| "it is not there".into())
    }
}

#[test]
fn records_are_found_by_entity_through_their_segments() {
    let (wal, _) = memory();
    for record in [intent(1), completion(1), intent(2)] {
        run(wal.append(record)).unwrap();
    }
    let of = |n: u64| (Digest::of_bytes(steps(n).as_bytes()), steps(n).into_bytes());
    let segments = Segments(BTreeMap::from([of(1), of(2)]));
    let found = run(wal.by_entity(&entity(2), &segments)).unwrap();
    assert_eq!(found.iter().map(|entry| entry.lsn).collect::<Vec<_>>(), [Lsn(3)]);
    assert_eq!(run(wal.by_entity(&entity(9), &segments)).unwrap(), []);
}

#[test]
fn a_segment_that_does_not_resolve_makes_its_operation_incomplete() {
    let (wal, _) = memory();
    run(wal.append(intent(1))).unwrap();
    let missing = Segments(BTreeMap::new());
    let digest = Digest::of_bytes(steps(1).as_bytes());
    let altered = Segments(BTreeMap::from([(digest, b"other bytes".to_vec())]));
    for segments in [missing, altered] {
        let error = run(wal.by_entity(&entity(1), &segments)).unwrap_err();
        let id = publish_id(1).to_string();
        assert!(matches!(error, WalError::Incomplete { id: of, .. } if of == id));
    }
}

fn foreign(n: u8, rtype: u16, schema: u16) -> NewRecord {
    NewRecord { op_id: [n; 16], rtype, schema, at: Timestamp::UNIX_EPOCH, payload: b"?".to_vec() }
}

#[test]
fn unknown_optional_records_are_passed_over_and_stay() {
    let (wal, log) = memory();
    run(wal.append(intent(1))).unwrap();
    let unknown = foreign(7, 0x8000 | 77, 1);
    run(log.append(std::slice::from_ref(&unknown), None)).unwrap();
    run(wal.append(completion(1))).unwrap();
    assert_eq!(all(&wal), [intent(1), completion(1)]);
    assert_eq!(wal.unknown().unwrap(), [Lsn(2)]);
    assert_eq!(run(log.scan(Lsn(2), 1)).unwrap()[0].record.payload, unknown.payload);
    assert_eq!(run(wal.entries_from(Lsn(3))).unwrap()[0].record, completion(1));
}

#[test]
fn unknown_critical_records_make_the_log_read_only() {
    for (rtype, schema) in [(77, 1), (1, 2), (2, 3), (5, 3), (9, 3)] {
        let (wal, log) = memory();
        run(wal.append(intent(1))).unwrap();
        run(log.append(&[foreign(7, rtype, schema)], None)).unwrap();
        run(wal.refresh()).unwrap();
        let error = run(wal.append(completion(1))).unwrap_err();
        assert!(matches!(error, WalError::FutureRecord { lsn: Lsn(2), .. }), "{error:?}");
        assert_eq!(all(&wal), [intent(1)], "reading goes on");
        assert_eq!(run(wal.append(intent(1))).unwrap(), Lsn(1), "a repeat appends nothing");
    }
}

#[test]
fn a_record_that_does_not_read_as_its_type_is_an_error() {
    let log = MemoryLog::new();
    run(log.append(&[foreign(7, 1, 1)], None)).unwrap();
    let error = run(Wal::open(Arc::new(log), clock())).unwrap_err();
    assert!(matches!(error, WalError::Malformed { lsn: Lsn(1), .. }));
}

#[test]
fn a_record_above_a_mebibyte_is_refused_by_name() {
    let (wal, _) = memory();
    let message = "x".repeat(2 << 20);
    let record = refusal(1, &message);
    let expected = record.id();
    let error = run(wal.append(record)).unwrap_err();
    assert!(matches!(error, WalError::TooLarge { id, .. } if id == expected));
}

#[test]
fn a_record_that_has_no_canonical_form_is_refused() {
    let (wal, _) = memory();
    let record = labels(vec![serde_json::json!({"size": 9_007_199_254_740_993_u64})]);
    assert!(matches!(run(wal.append(record)), Err(WalError::Unreadable { kind: "labels", .. })));
}

#[test]
fn appends_side_by_side_are_all_there_and_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let wal = &local(dir.path());
    let appends: Vec<_> = (0..64).map(|n| async move { run_append(wal, n % 16).await }).collect();
    let boxed = appends
        .into_iter()
        .map(|append| Box::pin(append) as std::pin::Pin<Box<dyn Future<Output = Lsn> + Send>>);
    let places = run(join_all(boxed.collect()));
    for (n, place) in places.iter().enumerate() {
        assert_eq!(*place, places[n % 16]);
    }
    assert_eq!(all(wal).len(), 16);
}

async fn run_append(wal: &Wal, n: u64) -> Lsn {
    wal.append(journal(1, n)).await.unwrap()
}

fn any_record() -> impl Strategy<Value = Record> {
    let n = 1..20_u64;
    prop_oneof![
        n.clone().prop_map(intent),
        n.clone().prop_map(completion),
        (n.clone(), 1..20_u64).prop_map(|(n, line)| journal(n, line)),
        n.clone().prop_map(plan),
        (n.clone(), "[a-z]{1,8}").prop_map(|(n, principal)| approval(n, &principal)),
        (n, ".{0,40}").prop_map(|(n, message)| refusal(n, &message)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_comes_back_as_its_distinct_records(
        batches in prop::collection::vec(prop::collection::vec(any_record(), 1..5), 1..12),
        reopen in prop::collection::vec(any::<bool>(), 12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut wal = local(dir.path());
        let mut model: Vec<Record> = Vec::new();
        for (batch, reopen) in batches.into_iter().zip(reopen) {
            let mut distinct: Vec<Record> = Vec::new();
            for record in batch {
                if !distinct.contains(&record) {
                    distinct.push(record);
                }
            }
            let places = run(wal.append_all(distinct.clone())).unwrap();
            for record in &distinct {
                if !model.contains(record) {
                    model.push(record.clone());
                }
            }
            for (record, place) in distinct.iter().zip(places) {
                prop_assert_eq!(&model[place.0 as usize - 1], record);
            }
            if reopen {
                drop(wal);
                wal = local(dir.path());
            }
        }
        prop_assert_eq!(all(&wal), model);
    }
}

/// A record whose value is nested `depth` levels deep.
fn nested(depth: usize) -> Record {
    let value = (0..depth).fold(serde_json::json!(1), |value, _| serde_json::json!([value]));
    labels(vec![serde_json::json!({ "id": "x", "value": value })])
}

#[test]
fn a_record_that_nothing_could_read_again_is_refused_and_nothing_is_appended() {
    let dir = tempfile::tempdir().unwrap();
    let wal = local(dir.path());
    run(wal.append(nested(100))).unwrap();
    let inexact = labels(vec![serde_json::json!({ "id": "x", "value": (1_u64 << 53) + 1 })]);
    for unreadable in [nested(125), nested(126), nested(2_000), inexact] {
        let refused = run(wal.append_all(vec![intent(1), unreadable])).unwrap_err();
        assert!(matches!(refused, WalError::Unreadable { kind: "labels", .. }), "{refused}");
    }
    assert_eq!((wal.head().lsn, all(&wal).len()), (Lsn(1), 1));
    drop(wal);
    assert_eq!(all(&local(dir.path())), [nested(100)]);
}

#[test]
fn numbers_that_canonical_json_writes_otherwise_are_appended_as_they_will_be_read() {
    let (wal, log) = memory();
    let whole = labels(vec![serde_json::json!([30.0, 1e2, -0.0, 0.1])]);
    let lsn = run(wal.append(whole.clone())).unwrap();
    assert_eq!(run(wal.append(whole)).unwrap(), lsn, "the same record again is the same");
    let read = run(Wal::open(Arc::new(log.handle()), clock())).unwrap();
    assert_eq!(all(&read), all(&wal));
    assert_eq!(all(&wal), [labels(vec![serde_json::json!([30, 100, 0, 0.1])])]);
}

#[test]
fn the_end_of_an_operation_is_a_small_record_however_many_cells_were_treated() {
    let cells: u64 = 20_000;
    let segment = SegmentRef { digest: Digest::of_bytes(b"cells"), count: cells, bytes: 200 * cells };
    let (wal, log) = memory();
    run(wal.append(intent(1))).unwrap();
    let Record::PublishCompletion(mut treated) = completion(1) else { panic!("a completion") };
    treated.close.treated_segment = Some(segment);
    run(wal.append(Record::PublishCompletion(treated.clone()))).unwrap();
    let stored = run(log.handle().scan(Lsn(1), 10)).unwrap();
    assert!(stored[1].record.payload.len() < 1_000, "{}", stored[1].record.payload.len());
    // An older version stops at what it would misread, and reads the rest as before.
    assert_eq!([stored[0].record.schema, stored[1].record.schema], [1, 2]);
    assert_eq!(all(&wal)[1], Record::PublishCompletion(treated));
}

#[test]
fn entries_in_a_segment_say_so_in_the_records_form_so_that_no_older_version_takes_them_for_none() {
    let segment = SegmentRef { digest: Digest::of_bytes(b"entries"), count: 9_000, bytes: 900_000 };
    let many = Record::Labels(LabelsRecord { segment: Some(segment), ..LabelsRecord::default() });
    let (wal, log) = memory();
    run(wal.append(labels(vec![serde_json::json!({"under": ""})]))).unwrap();
    run(wal.append(many.clone())).unwrap();
    let stored = run(log.handle().scan(Lsn(1), 10)).unwrap();
    assert_eq!([stored[0].record.schema, stored[1].record.schema], [1, 2]);
    // One that was written before it said so is read as before.
    let unsaid = NewRecord { op_id: [9; 16], schema: 1, ..stored[1].record.clone() };
    run(log.append(&[unsaid], None)).unwrap();
    run(wal.refresh()).unwrap();
    assert_eq!(all(&wal)[1..], [many.clone(), many]);
}

#[test]
fn a_record_of_an_older_version_that_nests_too_deep_is_read_without_what_lies_there() {
    for levels in [100, 128, 200_000] {
        let (wal, log) = memory();
        run(wal.append(intent(1))).unwrap();
        run(wal.append(labels(vec![serde_json::json!("DEEP"), serde_json::json!({"under": ""})]))).unwrap();
        let stored = run(log.handle().scan(Lsn(2), 1)).unwrap().remove(0).record;
        let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let payload = String::from_utf8(stored.payload.clone()).unwrap().replace("\"DEEP\"", &deep);
        let older = MemoryLog::new();
        run(older.append(&[NewRecord { op_id: [9; 16], payload: payload.into_bytes(), ..stored }], None))
            .unwrap();
        let wal = run(Wal::open(Arc::new(older), clock())).unwrap();
        let Record::Labels(record) = &all(&wal)[0] else { panic!("labels") };
        let is_cut = record.entries[0].to_string().contains("nested too deep");
        assert_eq!((record.entries.len(), is_cut), (2, levels > 120), "{levels}");
        assert_eq!(record.entries[1], serde_json::json!({"under": ""}));
        // The log goes on; what would be read like that is still not written.
        run(wal.append(intent(1))).unwrap();
        assert!(matches!(run(wal.append(nested(130))), Err(WalError::Unreadable { .. })), "{levels}");
    }
}
