//! Setting old records aside changes where they lie, and nothing else.

use kfm_lineage::Lsn;

use super::{Fixture, all, append, record};
use crate::error::WalError;
use crate::store::{Appended, Depth, REASON_BYTES_MAX, RetainReason, WalStore};

/// How many records are appended, so that small segments are filled.
const RECORDS: u64 = 60;

fn reason() -> RetainReason {
    RetainReason { policy_ref: "retention/7-years".to_owned(), requested_by: "records office".to_owned() }
}

async fn fill(log: &dyn WalStore) {
    for n in 1..=RECORDS {
        append(log, n).await;
    }
}

laws! {
    /// `retain`: the store archives if its capabilities say so, and refuses if they do not.
    fn a_store_archives_or_says_that_it_cannot(fixture) {
        let log = fixture.open().await;
        fill(log.as_ref()).await;
        let before = (all(log.as_ref()).await, log.head().await.unwrap().lsn);
        let retained = log.retain(Lsn(RECORDS), &reason()).await;
        if log.capabilities().archives {
            let retained = retained.unwrap();
            assert!(retained.first_kept <= Lsn(RECORDS), "{retained:?}");
            let again = log.retain(Lsn(RECORDS), &reason()).await.unwrap();
            assert_eq!((again.segments, again.first_kept), (0, retained.first_kept));
            let long = RetainReason { policy_ref: "x".repeat(REASON_BYTES_MAX), ..reason() };
            assert_err!(log.retain(Lsn(RECORDS), &long).await, WalError::TooLarge { .. });
        } else {
            assert_err!(retained, WalError::Unsupported { .. });
        }
        assert_eq!((all(log.as_ref()).await, log.head().await.unwrap().lsn), before);
    }

    /// Law *Archived is not gone*.
    fn what_is_archived_is_part_of_the_log(fixture) {
        let log = fixture.open().await;
        fill(log.as_ref()).await;
        let before = all(log.as_ref()).await;
        for upto in [0, 1, RECORDS / 2, RECORDS, u64::MAX] {
            // A store that does not support it must not be changed by it either.
            let _ = log.retain(Lsn(upto), &reason()).await;
            assert_eq!(all(log.as_ref()).await, before);
            let report = log.verify(Depth::Chain).await.unwrap();
            assert!(report.ok && report.records == RECORDS, "{report:?}");
        }
        drop(log);
        let log = fixture.open().await;
        assert_eq!(all(log.as_ref()).await, before);
        assert_eq!(append(log.as_ref(), 1).await, Appended { first: Lsn(1), last: Lsn(1), already: true });
        assert_eq!(log.append(&[record(RECORDS + 1)], None).await.unwrap().first, Lsn(RECORDS + 1));
        assert!(log.verify(Depth::Chain).await.unwrap().ok);
    }
}
