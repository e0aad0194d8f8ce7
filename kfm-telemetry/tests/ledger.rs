//! The ledger: each entry at most once, in order, never rewritten; and every change of it is found.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use kfm_lineage::{Digest, Lsn, RiskLevel, Status, Timestamp};
use kfm_retry::ManualClock;
use kfm_telemetry::ledger::{Decision, EntryKind, Ledger, LedgerEntry, LedgerReport, ViewState};
use kfm_telemetry::statement::Subject;
use kfm_telemetry::{EventId, Label, Reason, TelemetryError};
use kfm_wal::WalStore;
use kfm_wal::local::LocalOptions;
use kfm_wal::memory::MemoryLog;
use kfm_wal::store::NewRecord;
use serde_json::{Value, json};

fn at(second: u32) -> Timestamp {
    format!("2025-11-14T03:15:{second:02}Z").parse().unwrap()
}

/// The `n`th entry, of a rollback that completed.
fn rollback(n: u32) -> LedgerEntry {
    let mut entry = LedgerEntry::new(
        EventId::parse(&format!("rollback/{n}")).unwrap(),
        EntryKind::Rollback,
        Label::parse("ops@kfm").unwrap(),
        Status::Completed,
    );
    entry.ids.rollback_id = Some("rb_2025_11_14T03_15_42Z_pub_2025_11_13T00_00_00Z_daily".parse().unwrap());
    entry.ids.publish_id = Some("pub_2025_11_13T00_00_00Z_daily".parse().unwrap());
    entry.reason = Some(Reason::parse("the asset links lead to another scene").unwrap());
    entry.risk_level = Some(RiskLevel::Low);
    entry.tier = Some(1);
    entry.policy_snapshot_ref = Some(Digest::of_bytes(b"policy"));
    entry.subjects = vec![Subject { name: Label::parse("plan").unwrap(), digest: Digest::of_bytes(b"plan") }];
    entry
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place whose chain has the first `count` entries.
    async fn with(count: u32) -> Self {
        let place = Self::new();
        place.append(1..=count).await;
        place
    }

    fn chain(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    fn view(&self) -> PathBuf {
        self.0.path().join("docs/reports/audit/data_provenance_ledger.json")
    }

    fn open(&self) -> Ledger {
        Ledger::open(self.chain(), LocalOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH))))
            .unwrap()
    }

    async fn append(&self, entries: impl Iterator<Item = u32>) {
        let ledger = self.open();
        for n in entries {
            ledger.append(&rollback(n), at(n)).await.unwrap();
        }
    }

    async fn render(&self) {
        self.open().render(&self.view()).await.unwrap();
    }

    async fn verify(&self) -> LedgerReport {
        Ledger::verify_folder(&self.chain(), Some(&self.view())).await.unwrap()
    }

    fn edit_view(&self, edit: impl FnOnce(&mut Value)) {
        let mut view = serde_json::from_slice(&fs::read(self.view()).unwrap()).unwrap();
        edit(&mut view);
        fs::write(self.view(), serde_json::to_vec(&view).unwrap()).unwrap();
    }

    /// The files of the chain, with their bytes.
    fn segments(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = fs::read_dir(self.chain()).unwrap().map(|entry| entry.unwrap().path());
        let segments = files.filter(|path| path.extension().is_some_and(|extension| extension == "kfw"));
        segments.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

#[tokio::test]
async fn entries_come_back_in_order_with_their_positions() {
    let place = Place::with(3).await;
    let entries = Ledger::open_read_only(place.chain()).unwrap().entries().await.unwrap();
    let found: Vec<_> =
        entries.iter().map(|stored| (stored.lsn, stored.time, stored.entry.clone())).collect();
    let expected: Vec<_> = (1..=3).map(|n| (Lsn(u64::from(n)), at(n), rollback(n))).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_operations_that_are_listed_are_those_of_the_entries() {
    // A refusal names no operation of the log.
    let place = Place::with(1).await;
    let ledger = place.open();
    let mut named = Vec::new();
    for (n, status) in [(2, Status::Aborted), (3, Status::Completed)] {
        let wal_id = Label::lossy(&format!("w_{n}"));
        let entry = LedgerEntry { wal_id: Some(wal_id.clone()), status, ..rollback(n) };
        ledger.append(&entry, at(n)).await.unwrap();
        named.push((wal_id, status));
    }
    assert_eq!(ledger.operations().await.unwrap(), named);
}

#[tokio::test]
async fn an_entry_is_there_once_however_often_it_is_appended() {
    let place = Place::with(2).await;
    let ledger = place.open();
    assert_eq!(ledger.append(&rollback(1), at(59)).await.unwrap(), Lsn(1));
    assert_eq!(ledger.entries().await.unwrap().len(), 2);
}

#[tokio::test]
async fn another_entry_under_the_same_id_is_a_conflict_and_the_first_one_stands() {
    let place = Place::with(2).await;
    let ledger = place.open();
    let mut other = rollback(2);
    other.actor = Label::parse("somebody else").unwrap();
    let error = ledger.append(&other, at(9)).await.unwrap_err();
    assert!(matches!(error, TelemetryError::EntryConflict { lsn: Lsn(2), .. }), "{error:?}");
    assert_eq!(ledger.entries().await.unwrap()[1].entry, rollback(2));
}

#[tokio::test]
async fn an_entry_that_contradicts_itself_or_is_too_large_is_refused() {
    let ledger = Ledger::over(Arc::new(MemoryLog::new()), "memory");
    let refused = async |change: &dyn Fn(&mut LedgerEntry)| {
        let mut entry = rollback(1);
        change(&mut entry);
        matches!(ledger.append(&entry, at(1)).await, Err(TelemetryError::InvalidEntry { .. }))
    };
    assert!(refused(&|entry| entry.ids.rollback_id = None).await);
    assert!(refused(&|entry| entry.status = Status::Running).await);
    assert!(refused(&|entry| entry.status = Status::DryRun).await);
    assert!(refused(&|entry| entry.reason = None).await);
    assert!(refused(&|entry| entry.risk_level = None).await);
    assert!(refused(&|entry| entry.policy_snapshot_ref = None).await);
    assert!(refused(&|entry| entry.decision = Decision::Denied).await);
    assert!(refused(&|entry| entry.status = Status::Denied).await);
    assert!(refused(&|entry| entry.reviewers = vec![Label::lossy(&"x".repeat(512)); 64]).await);
    assert_eq!(ledger.entries().await.unwrap(), []);
}

#[tokio::test]
async fn a_refusal_needs_no_more_than_who_and_what() {
    let ledger = Ledger::over(Arc::new(MemoryLog::new()), "memory");
    for (n, status) in [Status::Denied, Status::Refused, Status::AwaitingApproval].into_iter().enumerate() {
        let id = EventId::parse(&format!("refusal/{n}")).unwrap();
        let entry = LedgerEntry::new(id, EntryKind::Rollback, Label::lossy("ops"), status);
        ledger.append(&entry, at(1)).await.unwrap();
    }
    assert_eq!(ledger.entries().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_empty_ledger_and_stays_away() {
    let place = Place::new();
    let report = place.verify().await;
    assert!(report.ok && report.entries == 0, "{report:?}");
    assert_eq!(report.view.unwrap().state, ViewState::Missing);
    assert!(!place.chain().exists());
}

#[tokio::test]
async fn the_view_has_the_owners_fields_in_each_entry() {
    let place = Place::with(2).await;
    place.render().await;
    let view: Value = serde_json::from_slice(&fs::read(place.view()).unwrap()).unwrap();
    let entry = &view["entries"][1];
    assert_eq!(entry["lsn"], 2);
    assert_eq!(entry["time"], "2025-11-14T03:15:02Z");
    assert_eq!(entry["operation_type"], "rollback");
    assert_eq!(entry["risk_level"], "low");
    assert_eq!(entry["publish_id"], "pub_2025_11_13T00_00_00Z_daily");
    assert!(entry["leaf"].as_str().unwrap().starts_with("sha256:"));
}

#[tokio::test]
async fn appending_does_not_touch_the_view_which_is_then_behind_and_good() {
    let place = Place::with(2).await;
    place.render().await;
    let before = fs::read(place.view()).unwrap();
    place.append(3..=4).await;
    assert_eq!(fs::read(place.view()).unwrap(), before);
    let report = place.verify().await;
    assert!(report.ok, "{report:?}");
    assert_eq!(report.view.as_ref().unwrap().state, ViewState::Behind);
    assert_eq!((report.entries, report.view.unwrap().entries), (4, 2));
    place.render().await;
    assert_eq!(place.verify().await.view.unwrap().state, ViewState::Current);
}

#[tokio::test]
async fn rendering_again_changes_nothing() {
    let place = Place::with(2).await;
    place.render().await;
    let before = fs::read(place.view()).unwrap();
    place.render().await;
    assert_eq!(fs::read(place.view()).unwrap(), before);
}

#[tokio::test]
async fn every_edit_of_the_view_is_found_and_the_view_is_kept_as_evidence() {
    type Edit = (&'static str, fn(&mut Value));
    let edits: [Edit; 9] = [
        ("changed", |view| view["entries"][1]["reason"] = json!("another reason")),
        ("added to", |view| view["entries"][1]["extra"] = json!(1)),
        ("taken from", |view| drop(view["entries"][1].as_object_mut().unwrap().remove("tier"))),
        ("time changed", |view| view["entries"][0]["time"] = json!("2025-11-14T03:15:59Z")),
        ("swapped", |view| view["entries"].as_array_mut().unwrap().swap(0, 1)),
        ("first taken out", |view| drop(view["entries"].as_array_mut().unwrap().remove(0))),
        ("one put in", |view| {
            let entry = view["entries"][2].clone();
            view["entries"].as_array_mut().unwrap().push(entry);
        }),
        ("other schema", |view| view["schema"] = json!("kfm.ledger/v2")),
        ("unknown field", |view| view["note"] = json!("all well")),
    ];
    for (name, edit) in edits {
        let place = Place::with(3).await;
        place.render().await;
        place.edit_view(edit);
        let report = place.verify().await;
        assert!(!report.ok, "{name}");
        assert_eq!(report.view.as_ref().unwrap().state, ViewState::Differs, "{name}");
        assert!(report.view.unwrap().why.is_some(), "{name}");
        let before = fs::read(place.view()).unwrap();
        let error = place.open().render(&place.view()).await.unwrap_err();
        assert!(matches!(error, TelemetryError::ViewDiffers { .. }), "{name}: {error:?}");
        assert_eq!(fs::read(place.view()).unwrap(), before, "{name}");
    }
}

#[tokio::test]
async fn a_chain_whose_end_was_cut_off_is_found_by_the_view() {
    let place = Place::with(3).await;
    place.render().await;
    fs::remove_dir_all(place.chain()).unwrap();
    place.append(1..=2).await;
    let report = place.verify().await;
    assert!(!report.ok);
    assert!(report.view.unwrap().why.unwrap().contains("count=1"));
}

#[tokio::test]
async fn a_flipped_byte_in_an_entry_of_the_chain_is_found_and_the_entry_named() {
    let place = Place::with(3).await;
    let (path, bytes) = place.segments().pop().unwrap();
    let needle = b"rollback/2";
    let found = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut flipped = bytes;
    flipped[found] ^= 1;
    fs::write(&path, flipped).unwrap();
    let report = place.verify().await;
    assert!(!report.ok);
    assert_eq!(report.first_bad.unwrap().lsn, Lsn(2));
    let error = Ledger::open_read_only(place.chain()).unwrap_err();
    assert!(matches!(error, TelemetryError::Log { .. }), "{error:?}");
}

#[tokio::test]
async fn a_record_that_is_no_entry_is_found_and_named() {
    let entry = rollback(2);
    let good = kfm_lineage::canonical::canonical_of(&entry).unwrap();
    let spaced = [b" ", &good[..]].concat();
    let unknown = serde_json::to_string(&entry).unwrap().replacen('{', "{\"zz\":1,", 1).into_bytes();
    for (name, rtype, schema, payload) in [
        ("another type", 2, 1, good.clone()),
        ("a later version", 1, 2, good.clone()),
        ("not canonical", 1, 1, spaced),
        ("unknown field", 1, 1, unknown),
        ("not JSON", 1, 1, b"?".to_vec()),
        ("another id", 1, 1, good),
    ] {
        let log = Arc::new(MemoryLog::new());
        let ledger = Ledger::over(log.clone(), "memory");
        ledger.append(&rollback(1), at(1)).await.unwrap();
        let record = NewRecord { op_id: [7; 16], rtype, schema, at: at(2), payload };
        log.append(&[record], None).await.unwrap();
        let report = ledger.verify(None).await.unwrap();
        assert!(!report.ok, "{name}");
        assert_eq!((report.entries, report.first_bad.unwrap().lsn), (1, Lsn(2)), "{name}");
        assert!(
            matches!(ledger.entries().await, Err(TelemetryError::NotAnEntry { lsn: Lsn(2), .. })),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_record_that_may_be_passed_over_is() {
    let log = Arc::new(MemoryLog::new());
    let ledger = Ledger::over(log.clone(), "memory");
    let record =
        NewRecord { op_id: [7; 16], rtype: 0x8002, schema: 1, at: at(1), payload: b"later".to_vec() };
    log.append(&[record], None).await.unwrap();
    ledger.append(&rollback(1), at(2)).await.unwrap();
    assert!(ledger.verify(None).await.unwrap().ok);
    assert_eq!(ledger.entries().await.unwrap()[0].lsn, Lsn(2));
}

#[tokio::test]
async fn a_second_writer_is_told_that_the_ledger_is_busy() {
    let place = Place::with(1).await;
    let _holder = place.open();
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let error = Ledger::open(place.chain(), LocalOptions::new(clock)).unwrap_err();
    assert!(matches!(error, TelemetryError::Busy { .. }), "{error:?}");
}

#[tokio::test]
async fn a_ledger_of_more_than_a_page_is_read_whole() {
    let ledger = Ledger::over(Arc::new(MemoryLog::new()), "memory");
    for n in 0..2_100 {
        ledger.append(&rollback(n), at(1)).await.unwrap();
    }
    assert_eq!(ledger.entries().await.unwrap().len(), 2_100);
    assert_eq!(ledger.verify(None).await.unwrap().entries, 2_100);
}

#[test]
fn an_entry_is_a_statement_about_its_subjects() {
    let statement = serde_json::to_value(rollback(1).statement().unwrap()).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], Digest::of_bytes(b"plan").hex());
    assert_eq!(statement["predicate"]["operation_type"], "rollback");
    assert_eq!(statement["predicate"].get("subjects"), None);
}

#[tokio::test]
async fn a_view_that_cannot_be_read_is_an_error_and_not_a_missing_one() {
    let place = Place::with(1).await;
    fs::create_dir_all(place.view()).unwrap();
    let error = place.open().verify(Some(&place.view())).await.unwrap_err();
    assert!(matches!(error, TelemetryError::NotRead { .. }), "{error:?}");
    assert!(Path::new(&place.view()).is_dir());
}
