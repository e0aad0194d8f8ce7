//! The laws of `WalStore` can be seen to fail: a log with one bug fails the law that is about the bug.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use kfm_lineage::{Digest, Lsn, Timestamp};
use kfm_wal::conformance::{self, Fixture};
use kfm_wal::{
    Appended, Capabilities, Depth, Head, MemoryLog, NewRecord, RetainReason, Retained, StoredRecord,
    VerifyReport, WalError, WalStore,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// The wrapper itself breaks nothing.
    None,
    ForgetsIds,
    SaysNewTwice,
    TakesAConflictForARepeat,
    IgnoresExpected,
    LooksAtExpectedFirst,
    LosesTheLast,
    TurnsBatchesRound,
    AppendsOneByOne,
    AppendsInTwoSteps,
    AnswersBeforeItIsThere,
    ShowsWhatIsUnderWay,
    CountsFromZero,
    ScansFromBehind,
    ForgetsLimits,
    AddsALineFeed,
    CutsTimes,
    TakesTheWritersTime,
    ForgetsItsLimits,
    CountsPayloadsAlone,
    StandsStill,
    CountsForAChain,
    AddsLeavesUp,
    FencesNobody,
    ClaimsNothing,
    ForgetsEpochs,
    VerifiesNothing,
    ForgetsOnClosing,
    ArchivesAndDeletes,
    SaysThatItArchives,
}

/// A log in memory with one bug; another process's handle on it is [`Broken::again`].
#[derive(Debug)]
struct Broken {
    inner: Arc<MemoryLog>,
    bug: Bug,
    /// Records that this handle has not appended yet, or shows too early.
    under_way: Mutex<Vec<NewRecord>>,
    /// The state beside the log that all handles share.
    beside: Arc<Mutex<Beside>>,
}

#[derive(Debug, Default)]
struct Beside {
    times: BTreeMap<[u8; 16], Timestamp>,
    gone: u64,
}

impl Broken {
    fn again(&self) -> Self {
        let inner = match self.bug {
            Bug::FencesNobody => Arc::clone(&self.inner),
            Bug::ForgetsOnClosing => Arc::default(),
            _ => Arc::new(self.inner.handle()),
        };
        Self { inner, bug: self.bug, under_way: Mutex::default(), beside: Arc::clone(&self.beside) }
    }

    /// Appends the records that were acknowledged already.
    async fn catch_up(&self) {
        let late = match self.bug {
            Bug::AnswersBeforeItIsThere => std::mem::take(&mut *self.under_way.lock().unwrap()),
            _ => return,
        };
        for record in late {
            self.inner.append(&[record], None).await.unwrap();
        }
    }

    fn show(&self, stored: &mut StoredRecord) {
        match self.bug {
            Bug::CountsFromZero => stored.lsn = Lsn(stored.lsn.0 - 1),
            Bug::AddsALineFeed => stored.record.payload.push(b'\n'),
            Bug::CutsTimes => {
                stored.record.at = Timestamp::from_second(stored.record.at.as_second()).unwrap();
            }
            Bug::TakesTheWritersTime => {
                stored.record.at = self.beside.lock().unwrap().times[&stored.record.op_id];
                stored.skew_ms = 0;
            }
            Bug::ForgetsEpochs => stored.epoch = 0,
            _ => {}
        }
    }
}

/// Lets every other task run once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl WalStore for Broken {
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        self.catch_up().await;
        for record in records {
            self.beside.lock().unwrap().times.entry(record.op_id).or_insert(record.at);
        }
        let head = self.inner.head().await?.lsn;
        match self.bug {
            Bug::IgnoresExpected => self.inner.append(records, None).await,
            Bug::LooksAtExpectedFirst if expected.is_some_and(|expected| expected != head) => {
                Err(WalError::Moved { head })
            }
            Bug::ForgetsIds => {
                let appended = self.inner.append(records, expected).await?;
                if !appended.already {
                    return Ok(appended);
                }
                let mut renamed = records.to_vec();
                renamed.iter_mut().for_each(|record| record.op_id[15] ^= 1 + head.0 as u8);
                self.inner.append(&renamed, expected).await
            }
            Bug::SaysNewTwice => {
                let appended = self.inner.append(records, expected).await?;
                Ok(Appended { already: false, ..appended })
            }
            Bug::TakesAConflictForARepeat => match self.inner.append(records, expected).await {
                Err(WalError::Conflict { lsn, .. }) => Ok(Appended { first: lsn, last: lsn, already: true }),
                answer => answer,
            },
            Bug::LosesTheLast if records.len() > 1 => {
                let appended = self.inner.append(&records[..records.len() - 1], expected).await?;
                Ok(Appended { last: Lsn(appended.last.0 + 1), ..appended })
            }
            Bug::TurnsBatchesRound => {
                let turned: Vec<NewRecord> = records.iter().rev().cloned().collect();
                self.inner.append(&turned, expected).await
            }
            Bug::AppendsOneByOne if records.len() > 1 => {
                let first = self.inner.append(&records[..1], expected).await?;
                for record in &records[1..] {
                    self.inner.append(std::slice::from_ref(record), None).await?;
                }
                Ok(Appended { last: Lsn(first.first.0 + records.len() as u64 - 1), ..first })
            }
            Bug::AppendsInTwoSteps if records.len() > 1 => {
                let first = self.inner.append(&records[..1], expected).await?;
                if first.already {
                    return self.inner.append(records, expected).await;
                }
                pause().await;
                let rest = self.inner.append(&records[1..], None).await?;
                Ok(Appended { last: rest.last, ..first })
            }
            Bug::AnswersBeforeItIsThere if records.len() == 1 => {
                self.under_way.lock().unwrap().extend_from_slice(records);
                Ok(Appended { first: head.next(), last: head.next(), already: false })
            }
            Bug::ShowsWhatIsUnderWay => {
                self.under_way.lock().unwrap().extend_from_slice(records);
                pause().await;
                self.under_way.lock().unwrap().clear();
                self.inner.append(records, expected).await
            }
            _ => self.inner.append(records, expected).await,
        }
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        self.catch_up().await;
        let gone = self.beside.lock().unwrap().gone;
        let (from, limit) = match self.bug {
            Bug::ScansFromBehind => (Lsn(from.0.saturating_add(1)), limit),
            Bug::ForgetsLimits => (from, usize::MAX),
            Bug::ArchivesAndDeletes => (from.max(Lsn(gone)), limit),
            _ => (from, limit),
        };
        let mut stored = self.inner.scan(from, limit).await?;
        stored.iter_mut().for_each(|stored| self.show(stored));
        if self.bug == Bug::ShowsWhatIsUnderWay {
            let mut next = self.inner.head().await?.lsn;
            for record in self.under_way.lock().unwrap().iter() {
                next = next.next();
                stored.push(StoredRecord::place(next, 0, None, record.clone()));
            }
        }
        Ok(stored)
    }

    async fn head(&self) -> Result<Head, WalError> {
        self.catch_up().await;
        let head = self.inner.head().await?;
        let mut leaves: Vec<Digest> =
            self.inner.scan(Lsn(1), usize::MAX).await?.into_iter().map(|stored| stored.leaf).collect();
        leaves.sort_by_key(|leaf| *leaf.bytes());
        let under_way = self.under_way.lock().unwrap().len() as u64;
        let head = match self.bug {
            Bug::StandsStill => Head { chain: Digest::of_bytes(b"here"), ..head },
            Bug::CountsForAChain => Head { chain: Digest::of_bytes(&head.lsn.0.to_le_bytes()), ..head },
            Bug::AddsLeavesUp => Head { chain: Digest::of_bytes(format!("{leaves:?}").as_bytes()), ..head },
            Bug::ShowsWhatIsUnderWay => Head { lsn: Lsn(head.lsn.0 + under_way), ..head },
            _ => head,
        };
        Ok(head)
    }

    async fn fence(&self) -> Result<u64, WalError> {
        match self.bug {
            Bug::ClaimsNothing => Ok(self.inner.head().await?.epoch + 1),
            _ => self.inner.fence().await,
        }
    }

    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError> {
        self.catch_up().await;
        let report = self.inner.verify(depth).await?;
        match self.bug {
            Bug::VerifiesNothing => Ok(VerifyReport { records: 0, ..report }),
            _ => Ok(VerifyReport { head: self.head().await?, ..report }),
        }
    }

    async fn retain(&self, upto: Lsn, reason: &RetainReason) -> Result<Retained, WalError> {
        if self.bug == Bug::ArchivesAndDeletes {
            let gone = upto.min(self.inner.head().await?.lsn);
            self.beside.lock().unwrap().gone = gone.0;
            return Ok(Retained { segments: 1, bytes: 1, first_kept: gone });
        }
        self.inner.retain(upto, reason).await
    }

    fn capabilities(&self) -> Capabilities {
        let limits = self.inner.capabilities();
        match self.bug {
            Bug::ForgetsItsLimits => Capabilities { record_bytes_max: limits.record_bytes_max / 2, ..limits },
            Bug::CountsPayloadsAlone => {
                Capabilities { batch_bytes_max: limits.batch_bytes_max / 2, ..limits }
            }
            Bug::ArchivesAndDeletes | Bug::SaysThatItArchives => Capabilities { archives: true, ..limits },
            _ => limits,
        }
    }
}

struct Log(Broken);

#[async_trait]
impl Fixture for Log {
    async fn open(&self) -> Arc<dyn WalStore> {
        Arc::new(self.0.again())
    }
}

fn a_log_with(bug: Bug) -> Log {
    let inner = Arc::new(MemoryLog::new());
    Log(Broken { inner, bug, under_way: Mutex::default(), beside: Arc::default() })
}

mod the_wrapper_alone_keeps_every_law {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: a_log_with(Bug::None));
}

/// One test for each bug: the law fails on a log with that bug.
macro_rules! caught {
    ($($test:ident: $bug:ident by $law:ident $(with $other:ident)?: $message:literal;)*) => { $(
        #[test]
        #[should_panic(expected = $message)]
        fn $test() {
            let fixture = a_log_with(Bug::$bug);
            $(let $other = a_log_with(Bug::$bug);)?
            conformance::run(conformance::$law(&fixture $(, &$other)?));
        }
    )* };
}

caught! {
    an_id_that_is_forgotten: ForgetsIds by a_repeated_record_keeps_its_position: "left: Appended { first: Lsn(3)";
    a_repeat_that_is_said_to_be_new: SaysNewTwice by a_repeated_batch_keeps_its_positions: "already: false";
    a_conflict_that_is_taken_for_a_repeat:
        TakesAConflictForARepeat by another_payload_under_an_id_is_a_conflict: "expected WalError::Conflict";
    an_expected_position_that_is_ignored:
        IgnoresExpected by an_append_at_another_position_is_refused: "expected WalError::Moved";
    an_expected_position_that_comes_before_a_repeat:
        LooksAtExpectedFirst by a_repeat_is_recognised_before_the_expected_position: "Moved";
    a_record_that_is_lost: LosesTheLast by a_batch_lies_together_and_in_order: "left == right";
    a_batch_that_is_turned_round: TurnsBatchesRound by a_batch_lies_together_and_in_order: "left == right";
    a_batch_that_is_appended_one_by_one: AppendsOneByOne by a_refused_batch_leaves_its_new_ids_free: "Conflict";
    a_batch_that_is_half_there: AppendsInTwoSteps by a_dropped_append_is_whole_or_absent: "repeating a dropped append";
    an_answer_before_it_is_there:
        AnswersBeforeItIsThere by a_reopened_log_goes_on_where_it_ended: "left: Lsn(1)";
    an_append_that_is_shown_before_it_is_there:
        ShowsWhatIsUnderWay by what_was_shown_beside_an_append_stays: "what was shown is gone";
    positions_from_zero: CountsFromZero by positions_count_from_one_without_gaps: "left: [0, 1, 2, 3, 4]";
    a_scan_that_begins_behind: ScansFromBehind by a_scan_starts_where_it_is_told_and_keeps_its_limit: "left: [3, 4]";
    a_scan_without_a_limit: ForgetsLimits by a_scan_starts_where_it_is_told_and_keeps_its_limit: "left: [2, 3, 4]";
    bytes_that_were_added: AddsALineFeed by what_was_appended_comes_back_byte_for_byte: "left: NewRecord";
    times_that_are_cut: CutsTimes by times_come_back_to_the_nanosecond: "left: 2025-11-14T03:15:42Z";
    a_clock_that_is_believed: TakesTheWritersTime by a_clock_that_goes_back_is_clamped: "(2025-11-14T03:16:22Z, 0)";
    a_limit_of_records_that_is_not_kept:
        ForgetsItsLimits by a_record_above_the_limit_is_refused_by_name: "expected TooLarge";
    a_limit_of_batches_that_is_not_kept:
        CountsPayloadsAlone by the_largest_batch_is_taken_and_one_byte_more_is_refused: "expected WalError::TooLarge";
    a_chain_that_stands_still: StandsStill by the_head_moves_with_every_append: "chains.insert(head.chain)";
    a_chain_that_counts:
        CountsForAChain by the_chain_depends_on_content with other: "the same chain over other bytes";
    a_chain_without_order: AddsLeavesUp by the_chain_depends_on_order with other: "the same chain over another order";
    a_fence_that_shuts_nobody_out: FencesNobody by a_writer_of_an_earlier_epoch_is_fenced: "expected Fenced";
    a_fence_that_claims_nothing: ClaimsNothing by a_fence_claims_a_higher_epoch_each_time: "first < second";
    records_without_an_epoch: ForgetsEpochs by a_record_says_in_which_epoch_it_was_appended: "left: [0, 0]";
    a_verification_of_nothing: VerifiesNothing by verify_counts_what_was_appended: "left: (0, Head";
    a_log_that_is_new_each_time: ForgetsOnClosing by a_log_reopens_with_everything: "left: []";
    an_archive_that_is_gone: ArchivesAndDeletes by what_is_archived_is_part_of_the_log: "left: [StoredRecord { lsn: Lsn(30)";
    an_archive_that_is_not_there: SaysThatItArchives by a_store_archives_or_says_that_it_cannot: "Unsupported";
}
