//! Every law of `DomainOp` can be broken: a store with one bug fails the law that is about it.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Domain, Value};
use kfm_rollback::conformance::{self, Fixture};
use kfm_rollback::context::WriteContext;
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::{Capabilities, DomainOp, OpError, Swap, SwapOutcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    OverwritesWhateverIsThere,
    SaysAppliedTwice,
    KeepsWhatIsRetired,
    AddsALineFeed,
    EscapesNames,
    TakesAnyKey,
    MakesRetiresFirst,
    RefusesAValueThatComesBack,
    WritesWithoutContent,
    LosesWhatWasReplaced,
    NotesReads,
    CachesReads,
    RecoversTooMuch,
}

/// A memory store with one bug.
#[derive(Debug, Clone)]
struct Broken {
    inner: MemoryOp,
    bug: Bug,
    folder: PathBuf,
    replaced: Arc<Mutex<BTreeSet<Value>>>,
    cached: Arc<Mutex<Option<Bytes>>>,
}

#[async_trait]
impl DomainOp for Broken {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn domain(&self) -> Domain {
        self.inner.domain()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn keys(&self) -> Result<Vec<String>, OpError> {
        let keys = self.inner.keys().await?;
        match self.bug {
            Bug::EscapesNames => Ok(keys.into_iter().map(|key| key.replace('#', "%23")).collect()),
            _ => Ok(keys),
        }
    }

    async fn observe(&self, keys: &[String]) -> Result<Vec<Value>, OpError> {
        match self.inner.observe(keys).await {
            Err(OpError::InvalidKey { .. }) if self.bug == Bug::TakesAnyKey => Ok(vec![None; keys.len()]),
            answer => answer,
        }
    }

    async fn read(&self, key: &str) -> Result<Option<Bytes>, OpError> {
        let read = self.inner.read(key).await?;
        match self.bug {
            Bug::AddsALineFeed => Ok(read.map(|bytes| [&bytes[..], b"\n"].concat().into())),
            Bug::NotesReads => {
                std::fs::write(self.folder.join("last-read"), key).unwrap();
                Ok(read)
            }
            Bug::CachesReads if read.is_some() => {
                Ok(self.cached.lock().unwrap().get_or_insert(read.unwrap()).clone().into())
            }
            _ => Ok(read),
        }
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Vec<SwapOutcome>, OpError> {
        if self.bug == Bug::MakesRetiresFirst {
            let (retires, others): (Vec<_>, Vec<_>) =
                batch.iter().cloned().partition(|swap| swap.to.is_none());
            return self.inner.swap(cx, &[retires, others].concat()).await;
        }
        let mut outcomes = Vec::new();
        for swap in batch {
            outcomes.push(self.swap_one(cx, swap).await?);
        }
        Ok(outcomes)
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        if self.bug == Bug::RecoversTooMuch {
            self.inner.set_foreign("x.json", None);
        }
        Ok(())
    }
}

impl Broken {
    async fn swap_one(&self, cx: &WriteContext, swap: &Swap) -> Result<SwapOutcome, OpError> {
        let observed = self.inner.observe(std::slice::from_ref(&swap.key)).await?[0];
        let mut swap = swap.clone();
        match self.bug {
            Bug::OverwritesWhateverIsThere => swap.from = observed,
            Bug::KeepsWhatIsRetired if swap.to.is_none() => return Ok(SwapOutcome::Applied),
            Bug::RefusesAValueThatComesBack if self.replaced.lock().unwrap().contains(&swap.to) => {
                return Ok(SwapOutcome::Conflict { observed });
            }
            Bug::LosesWhatWasReplaced
                if swap.to.is_some() && self.replaced.lock().unwrap().contains(&swap.to) =>
            {
                self.inner.set_foreign(&swap.key, Some(Bytes::new()));
                return Ok(SwapOutcome::Applied);
            }
            _ => {}
        }
        match self.inner.swap(cx, &[swap.clone()]).await {
            Ok(outcomes) => {
                self.replaced.lock().unwrap().insert(swap.from);
                let twice = self.bug == Bug::SaysAppliedTwice && outcomes[0] == SwapOutcome::Already;
                Ok(if twice { SwapOutcome::Applied } else { outcomes[0] })
            }
            Err(OpError::Content { .. }) if self.bug == Bug::WritesWithoutContent => {
                self.inner.set_foreign(&swap.key, Some(Bytes::new()));
                Ok(SwapOutcome::Applied)
            }
            Err(error) => Err(error),
        }
    }
}

fn a_store_with(bug: Bug) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let op = Broken {
        inner: MemoryOp::new("catalog", Domain::Stac),
        bug,
        folder: folder.path().to_owned(),
        replaced: Arc::default(),
        cached: Arc::default(),
    };
    Fixture::new(move || Arc::new(op.clone())).in_folder(folder.path()).keeping(folder)
}

/// One test a law: the law holds nowhere that the bug is.
macro_rules! caught {
    ($($bug:ident by $law:ident: $message:literal,)*) => { $(
        #[test]
        #[should_panic(expected = $message)]
        fn $law() {
            conformance::run(async { conformance::$law(&a_store_with(Bug::$bug)).await });
        }
    )* };
}

caught! {
    OverwritesWhateverIsThere by a_cell_of_another_value_is_left_alone: "Conflict",
    SaysAppliedTwice by a_swap_made_twice_is_made_once: "the same swap was made twice",
    KeepsWhatIsRetired by a_batch_and_its_inverse_leave_the_store_as_it_was: "the inverse was not made",
    AddsALineFeed by what_was_swapped_in_is_read_exactly: "what is seen is not what was swapped in",
    EscapesNames by odd_names_are_names_like_others: "not the names",
    TakesAnyKey by a_key_that_cannot_be_is_refused: "Ok(())",
    MakesRetiresFirst by a_batch_is_swapped_in_its_order: "not the answers of this order",
    RefusesAValueThatComesBack by a_value_may_come_back: "Conflict",
    WritesWithoutContent by a_cell_whose_content_is_missing_is_left_alone: "x.json: Ok",
    LosesWhatWasReplaced by what_was_retired_or_replaced_can_be_restored: "restored as something else",
    NotesReads by reads_write_nothing: "wrote something",
    CachesReads by a_reader_sees_the_old_value_or_the_new_one: "a handle caches",
    RecoversTooMuch by recovery_removes_only_what_nobody_sees: "recovery changed what readers see",
}
