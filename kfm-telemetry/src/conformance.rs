//! The laws of [`RecordSink`] as tests, for every implementation.
//!
//! [`record_sink_laws!`](crate::record_sink_laws) makes one test of each law that can be seen from outside.
//! That a record survives a loss of power cannot be seen; the suite opens the sink again instead.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};

use kfm_lineage::Slug;

use crate::alert::{AlertKind, AlertRecord};
use crate::error::TelemetryError;
use crate::record::{EventId, EventStatus, OperationRecord, RecordKind, Stage};
use crate::sink::RecordSink;
use crate::text::Label;

/// A place in which sinks can be opened and their records read.
pub trait SinkPlace: Sized {
    /// Makes an empty place.
    fn new() -> Self;

    /// Opens a sink in the place; everything that an earlier sink has acknowledged there is still there.
    fn open(&self) -> Arc<dyn RecordSink>;

    /// Returns the records in the place, in order.
    fn records(&self) -> impl Future<Output = Vec<OperationRecord>>;

    /// Returns the alerts in the place, in order.
    fn alerts(&self) -> impl Future<Output = Vec<AlertRecord>>;
}

/// Makes the `n`th record, which is valid.
pub fn record(n: u32) -> OperationRecord {
    let mut record = OperationRecord::new(
        EventId::lossy(&format!("event/{n}")),
        "2025-11-14T03:15:42Z".parse().expect("the text is a time"),
        RecordKind::Phase,
        Stage::RollbackExecute,
        Label::lossy("ops@kfm"),
    );
    record.phase = Slug::parse("verify").ok();
    record.duration_ms = u64::from(n);
    record
}

/// Makes the `n`th alert, which is valid.
pub fn alert(n: u32) -> AlertRecord {
    AlertRecord::new(
        EventId::lossy(&format!("alert/{n}")),
        "2025-11-14T03:15:42Z".parse().expect("the text is a time"),
        AlertKind::Orphans,
    )
}

/// Law **Durable**: what was acknowledged is there when the sink is opened again.
pub async fn what_was_acknowledged_is_there_in_a_new_sink<P: SinkPlace>() {
    let place = P::new();
    place.open().append(&record(1)).await.expect("a valid record is taken");
    place.open().alert(&alert(1)).await.expect("a valid alert is taken");
    drop(place.open());
    assert_eq!(place.records().await, [record(1)]);
    assert_eq!(place.alerts().await, [alert(1)]);
}

/// Law **Ordered**: records are kept in the order in which one caller appended them.
pub async fn records_are_kept_in_order<P: SinkPlace>() {
    let place = P::new();
    let sink = place.open();
    let records: Vec<OperationRecord> = (0..50).map(record).collect();
    for record in &records {
        sink.append(record).await.expect("a valid record is taken");
    }
    assert_eq!(place.records().await, records);
}

/// Law **Whole**: records that are appended at the same time do not mix, and none is lost.
pub async fn records_appended_at_once_are_all_there_and_whole<P: SinkPlace>() {
    const EACH: u32 = 10;
    let place = P::new();
    let mut tasks = Vec::new();
    for task in 0..4 {
        let sink = place.open();
        tasks.push(tokio::spawn(async move {
            for n in 0..EACH {
                sink.append(&record(task * EACH + n)).await.expect("a valid record is taken");
            }
        }));
    }
    for task in tasks {
        task.await.expect("no task panics");
    }
    let mut durations: Vec<u64> = place.records().await.iter().map(|record| record.duration_ms).collect();
    durations.sort_unstable();
    assert_eq!(durations, (0..u64::from(4 * EACH)).collect::<Vec<_>>());
}

/// Law **Whole**: an append that is dropped leaves a whole record or none.
pub async fn a_dropped_append_leaves_a_whole_record_or_none<P: SinkPlace>() {
    let place = P::new();
    let sink = place.open();
    for n in 0..20 {
        let dropped = record(n);
        // It is polled once and dropped, wherever it is then.
        let _ = sink.append(&dropped).as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    sink.append(&record(20)).await.expect("a valid record is taken");
    let records = place.records().await;
    assert!(records.contains(&record(20)), "what was acknowledged is there");
    assert!(
        records.iter().all(|found| (0..=20).any(|n| *found == record(n))),
        "each is one that was appended"
    );
}

/// Law **Checked**: a record that contradicts itself is refused, and is not in the sink.
pub async fn a_record_that_contradicts_itself_is_refused<P: SinkPlace>() {
    let place = P::new();
    let sink = place.open();
    let mut contradictory = record(1);
    contradictory.status = EventStatus::Failed;
    let refused = sink.append(&contradictory).await;
    assert!(matches!(refused, Err(TelemetryError::InvalidRecord { .. })), "{refused:?}");
    let mut contradictory = alert(1);
    contradictory.severity = crate::alert::Severity::Critical;
    let refused = sink.alert(&contradictory).await;
    assert!(matches!(refused, Err(TelemetryError::InvalidAlert { .. })), "{refused:?}");
    assert_eq!(place.records().await, []);
    assert_eq!(place.alerts().await, []);
}

/// Makes one test of each law, for a type that implements [`SinkPlace`](crate::conformance::SinkPlace).
#[macro_export]
macro_rules! record_sink_laws {
    ($name:ident, $place:ty) => {
        mod $name {
            use super::*;

            $crate::record_sink_laws!(@each $place:
                what_was_acknowledged_is_there_in_a_new_sink,
                records_are_kept_in_order,
                records_appended_at_once_are_all_there_and_whole,
                a_dropped_append_leaves_a_whole_record_or_none,
                a_record_that_contradicts_itself_is_refused,
            );
        }
    };
    (@each $place:ty: $($law:ident,)*) => {
        $(
            #[test]
            fn $law() {
                ::tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime can be made")
                    .block_on($crate::conformance::$law::<$place>());
            }
        )*
    };
}
