//! Every law of `DomainOp` can be broken: a store with one bug fails the law that is about it.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value};
use kfm_rollback::conformance::{self, Cut, Fixture, State};
use kfm_rollback::context::WriteContext;
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::{
    Capabilities, Depth, DomainOp, DomainOpExt, ErrorClass, Generation, Listed, OpError, Outcomes, Probe,
    Role, Seen, Swap, Swapped, ValueIs,
};
use tokio::sync::Barrier;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    OverwritesWhateverIsThere,
    SaysAppliedTwice,
    KeepsWhatIsRetired,
    AddsALineFeed,
    EscapesNames,
    TakesAnyKey,
    StopsAtTheFirstConflict,
    RefusesAValueThatComesBack,
    WritesWithoutContent,
    LosesWhatWasReplaced,
    AnswersInTheOrderOfItsKeys,
    FormsAForm,
    HasNoName,
    NotesReads,
    PagesFromItsStart,
    PagesByNumber,
    CachesReads,
    ShowsLater,
    BelievesItsMark,
    TakesItsMarkForTheContent,
    RecoversTooMuch,
    ReadsThenWritesWithoutALock,
    RetiresWithoutALock,
    LocksInTheOrderOfTheBatch,
    HandsBackAnOldGeneration,
    NamesValuesNotStates,
    RetiresByValue,
    TellsWhatWasLostAsRefused,
    WritesInTwoSteps,
    AnswersBeforeItIsDurable,
    SwapsForAnyToken,
    RefusesItsOwnToken,
    TakesTenCells,
    ShowsWhatItStages,
    KeepsItsLock,
}

/// A memory store with one bug.
#[derive(Debug, Clone)]
struct Broken {
    inner: MemoryOp,
    bug: Bug,
    /// The connection is cut at the next swap.
    cut: Option<Cut>,
    shared: Arc<Shared>,
}

/// What all handles of the store share beside its cells.
#[derive(Debug)]
struct Shared {
    replaced: Mutex<BTreeSet<Value>>,
    cached: Mutex<Option<Bytes>>,
    noted: AtomicUsize,
    listed: AtomicUsize,
    /// What another hand made of contents, beside the marks.
    edited: Mutex<BTreeMap<String, Bytes>>,
    /// What a slow reader sees.
    shown: Mutex<BTreeMap<String, Bytes>>,
    fence: AtomicU64,
    meeting: Barrier,
    locks: Mutex<BTreeSet<String>>,
    holder: Mutex<Weak<()>>,
    is_cut: AtomicBool,
}

#[async_trait]
impl DomainOp for Broken {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn domain(&self) -> Domain {
        self.inner.domain()
    }

    fn role(&self) -> Role {
        self.inner.role()
    }

    fn capabilities(&self) -> Capabilities {
        let value_is = if self.bug == Bug::BelievesItsMark { ValueIs::Mark } else { ValueIs::Content };
        let durable_ack = self.bug == Bug::AnswersBeforeItIsDurable;
        Capabilities { value_is, durable_ack, ..self.inner.capabilities() }
    }

    fn form(&self, key: &str, content: Bytes) -> Result<(Digest, Bytes), OpError> {
        match self.bug {
            Bug::FormsAForm => self.inner.form(key, [&content[..], b"\n"].concat().into()),
            _ => self.inner.form(key, content),
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        let product = if self.bug == Bug::HasNoName { "" } else { "broken" };
        Ok(Probe::healthy(product, "1"))
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        match self.bug {
            Bug::EscapesNames => {
                let page = self.inner.scan(after, limit).await?.into_iter();
                Ok(page.map(|(key, seen)| (key.replace('#', "%23"), seen)).collect())
            }
            Bug::PagesFromItsStart => {
                let all = self.inner.scan(None, usize::MAX).await?.into_iter();
                Ok(all
                    .filter(|(key, _)| after.is_none_or(|after| key.as_str() >= after))
                    .take(limit)
                    .collect())
            }
            Bug::PagesByNumber => {
                if after.is_none() {
                    self.shared.listed.store(0, Ordering::SeqCst);
                }
                let listed = self.shared.listed.load(Ordering::SeqCst);
                let all = self.inner.scan(None, usize::MAX).await?.into_iter();
                let page: Vec<_> = all.skip(listed).take(limit).collect();
                self.shared.listed.fetch_add(page.len(), Ordering::SeqCst);
                Ok(page)
            }
            _ => self.inner.scan(after, limit).await,
        }
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        let mut seen = match self.inner.observe(keys, depth).await {
            Err(OpError::InvalidKey { .. }) if self.bug == Bug::TakesAnyKey => {
                vec![Seen::default(); keys.len()]
            }
            answer => answer?,
        };
        for (key, seen) in keys.iter().zip(&mut seen) {
            let edited = self.shared.edited.lock().unwrap().get(key).cloned();
            if let Some(edited) =
                edited.filter(|_| depth == Depth::Content && self.bug != Bug::BelievesItsMark)
            {
                seen.value = Some(Digest::of_bytes(&edited));
            }
            if self.bug == Bug::NamesValuesNotStates {
                seen.generation = generation_of(seen.value);
            }
        }
        if self.bug == Bug::AnswersInTheOrderOfItsKeys {
            let mut by_key: Vec<_> = keys.iter().zip(seen).collect();
            by_key.sort_by_key(|(key, _)| *key);
            return Ok(by_key.into_iter().map(|(_, seen)| seen).collect());
        }
        Ok(seen)
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        let mut contents = self.inner.read(keys).await?;
        for (key, content) in keys.iter().zip(&mut contents) {
            if let Some(edited) = self.shared.edited.lock().unwrap().get(key) {
                *content = Some(edited.clone());
            }
            match self.bug {
                Bug::AddsALineFeed => {
                    *content = content.take().map(|bytes| [&bytes[..], b"\n"].concat().into())
                }
                Bug::NotesReads => {
                    self.shared.noted.fetch_add(1, Ordering::SeqCst);
                }
                Bug::CachesReads => {
                    if let Some(bytes) = content {
                        *bytes = self.shared.cached.lock().unwrap().get_or_insert(bytes.clone()).clone();
                    }
                }
                _ => {}
            }
        }
        Ok(contents)
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        let fence = self.shared.fence.load(Ordering::SeqCst);
        let is_stale = match self.bug {
            Bug::RefusesItsOwnToken => cx.token() <= fence,
            Bug::SwapsForAnyToken => cx.token() < fence,
            _ => return self.inner.fence(cx).await,
        };
        if is_stale {
            return Err(OpError::Fenced { store: self.name().into(), token: cx.token() });
        }
        self.shared.fence.store(cx.token(), Ordering::SeqCst);
        if self.bug == Bug::RefusesItsOwnToken { self.inner.fence(cx).await } else { Ok(()) }
    }

    async fn stage(&self, cx: &WriteContext, batch: &[Swap]) -> Result<(), OpError> {
        if self.bug == Bug::ShowsWhatItStages {
            for (swap, content) in batch.iter().zip(cx.contents(self.name(), batch).await) {
                self.inner.set_foreign(&swap.key, content?);
            }
        }
        Ok(())
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        let keys: Vec<String> = batch.iter().map(|swap| swap.key.clone()).collect();
        self.inner.observe(&keys, Depth::Mark).await?;
        if self.bug == Bug::TakesTenCells && batch.len() > 10 {
            return Err(OpError::permanent(self.name(), "-", "too many cells"));
        }
        if let Some(cut) = self.cut.filter(|_| !self.shared.is_cut.swap(true, Ordering::SeqCst)) {
            if cut == Cut::Answer {
                self.inner.swap(cx, batch).await?;
            }
            return Err(match self.bug {
                Bug::TellsWhatWasLostAsRefused => OpError::permanent(self.name(), "-", "connection reset"),
                _ => OpError::unknown(self.name(), ErrorClass::Network, "connection reset"),
            });
        }
        let _locks = self.lock(cx, batch).await?;
        let mut answers = Vec::new();
        let mut conflict = None;
        for (swap, content) in batch.iter().zip(cx.contents(self.name(), batch).await) {
            if let Some(observed) = &conflict {
                answers.push(Ok(Swapped::Conflict { observed: Seen::clone(observed) }));
                continue;
            }
            let answer = self.swap_one(cx, swap, content).await;
            if let (Ok(Swapped::Conflict { observed }), Bug::StopsAtTheFirstConflict) = (&answer, self.bug) {
                conflict = Some(observed.clone());
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    async fn settle(&self, _: &WriteContext, keys: &[String]) -> Result<(), OpError> {
        let contents = self.inner.read(keys).await?;
        let mut shown = self.shared.shown.lock().unwrap();
        shown.extend(keys.iter().cloned().zip(contents).filter_map(|(key, content)| Some((key, content?))));
        Ok(())
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        if self.bug == Bug::RecoversTooMuch {
            self.inner.set_foreign("x.json", None);
        }
        Ok(())
    }

    async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        if self.bug != Bug::KeepsItsLock {
            cx.kept().release("lock");
        }
        Ok(())
    }
}

/// Locks of cells that one writer holds.
struct Locks<'a> {
    shared: &'a Shared,
    held: Vec<String>,
}

impl Drop for Locks<'_> {
    fn drop(&mut self) {
        let mut locks = self.shared.locks.lock().unwrap();
        locks.retain(|key| !self.held.contains(key));
    }
}

impl Broken {
    /// Takes what a writer must have before it may write.
    async fn lock(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Option<Locks<'_>>, OpError> {
        if self.bug == Bug::KeepsItsLock {
            let mut holder = self.shared.holder.lock().unwrap();
            let mine: Option<Arc<()>> = cx.kept().get("lock");
            match (holder.upgrade(), mine) {
                (Some(holder), Some(mine)) if Arc::ptr_eq(&holder, &mine) => {}
                (Some(_), _) => return Err(OpError::transient(self.name(), ErrorClass::Transient, "busy")),
                (None, _) => {
                    let lock = Arc::new(());
                    *holder = Arc::downgrade(&lock);
                    cx.kept().put("lock", lock);
                }
            }
        }
        if self.bug != Bug::LocksInTheOrderOfTheBatch || batch.len() != 10 {
            return Ok(None);
        }
        let mut locks = Locks { shared: &self.shared, held: Vec::new() };
        for swap in batch {
            if !self.shared.locks.lock().unwrap().insert(swap.key.clone()) {
                self.shared.meeting.wait().await;
                return Err(OpError::permanent(self.name(), "-", "deadlock detected"));
            }
            locks.held.push(swap.key.clone());
            if locks.held.len() == 1 {
                self.shared.meeting.wait().await;
            }
        }
        self.shared.meeting.wait().await;
        Ok(Some(locks))
    }

    async fn swap_one(
        &self,
        cx: &WriteContext,
        swap: &Swap,
        content: Result<Option<Bytes>, OpError>,
    ) -> Result<Swapped, OpError> {
        let mut swap = swap.clone();
        let observed = self.inner.observe(std::slice::from_ref(&swap.key), Depth::Mark).await?.remove(0);
        let races = swap.key.starts_with("race-") && swap.from.value.is_some();
        let content = match content {
            Err(OpError::Content { .. }) if self.bug == Bug::WritesWithoutContent => {
                self.inner.set_foreign(&swap.key, Some(Bytes::new()));
                return Ok(Swapped::Applied { generation: None });
            }
            content => content?,
        };
        match self.bug {
            Bug::OverwritesWhateverIsThere => swap.from = observed,
            Bug::KeepsWhatIsRetired if swap.to.is_none() => return Ok(Swapped::Applied { generation: None }),
            Bug::RefusesAValueThatComesBack if self.shared.replaced.lock().unwrap().contains(&swap.to) => {
                return Ok(Swapped::Conflict { observed });
            }
            Bug::LosesWhatWasReplaced
                if swap.to.is_some() && self.shared.replaced.lock().unwrap().contains(&swap.to) =>
            {
                self.inner.set_foreign(&swap.key, Some(Bytes::new()));
                return Ok(Swapped::Applied { generation: None });
            }
            Bug::NamesValuesNotStates => swap.from.generation = None,
            Bug::RetiresByValue if swap.to.is_none() => swap.from.generation = None,
            Bug::ReadsThenWritesWithoutALock if races => {
                let is_still = swap.from.is_still(&observed);
                self.shared.meeting.wait().await;
                return Ok(self.write(&swap, content, is_still, observed).await);
            }
            Bug::RetiresWithoutALock if races && swap.to.is_none() => {
                let is_still = swap.from.is_still(&observed);
                self.shared.meeting.wait().await;
                self.shared.meeting.wait().await;
                return Ok(self.write(&swap, content, is_still, observed).await);
            }
            Bug::WritesInTwoSteps if content.as_ref().is_some_and(|content| content.len() > 1_000) => {
                let content = content.unwrap_or_default();
                if swap.to != observed.value && swap.from.is_still(&observed) {
                    self.inner.set_foreign(&swap.key, Some(content.slice(..content.len() / 2)));
                    tokio::task::yield_now().await;
                    self.inner.set_foreign(&swap.key, Some(content));
                    return Ok(Swapped::Applied { generation: self.generation(&swap.key).await });
                }
            }
            _ => {}
        }
        let met = self.bug == Bug::RetiresWithoutALock && races;
        if met {
            self.shared.meeting.wait().await;
        }
        let (before, to) = (swap.from.clone(), swap.to);
        let mut answers = self.inner.swap(cx, &[swap]).await?;
        if met {
            self.shared.meeting.wait().await;
        }
        let answer = answers.remove(0)?;
        self.shared.replaced.lock().unwrap().insert(before.value);
        Ok(match (answer, self.bug) {
            (Swapped::Already { generation }, Bug::SaysAppliedTwice) => Swapped::Applied { generation },
            (Swapped::Applied { .. }, Bug::HandsBackAnOldGeneration) => {
                Swapped::Applied { generation: before.generation }
            }
            (Swapped::Applied { .. }, Bug::NamesValuesNotStates) => {
                Swapped::Applied { generation: generation_of(to) }
            }
            (Swapped::Already { .. }, Bug::NamesValuesNotStates) => {
                Swapped::Already { generation: generation_of(to) }
            }
            (answer, _) => answer,
        })
    }

    /// Writes after a look that another writer may have overtaken.
    async fn write(&self, swap: &Swap, content: Option<Bytes>, is_still: bool, observed: Seen) -> Swapped {
        if !is_still {
            return Swapped::Conflict { observed };
        }
        self.inner.set_foreign(&swap.key, content);
        Swapped::Applied { generation: self.generation(&swap.key).await }
    }

    async fn generation(&self, key: &str) -> Option<Generation> {
        self.inner.observe(&[key.to_owned()], Depth::Mark).await.unwrap().remove(0).generation
    }
}

/// A name of the value, which two states may have.
fn generation_of(value: Value) -> Option<Generation> {
    Some(Generation::new(value.map_or_else(|| "absent".to_owned(), |value| value.to_string())))
}

fn a_store_with(bug: Bug) -> Fixture {
    let op = Broken {
        inner: MemoryOp::new("catalog", Domain::Stac),
        bug,
        cut: None,
        shared: Arc::new(Shared {
            replaced: Mutex::default(),
            cached: Mutex::default(),
            noted: AtomicUsize::new(0),
            listed: AtomicUsize::new(0),
            edited: Mutex::default(),
            shown: Mutex::default(),
            fence: AtomicU64::new(0),
            meeting: Barrier::new(2),
            locks: Mutex::default(),
            holder: Mutex::default(),
            is_cut: AtomicBool::new(false),
        }),
    };
    let (handle, looked_at, cut, lost, shared) =
        (op.clone(), op.clone(), op.clone(), op.inner.clone(), Arc::clone(&op.shared));
    let fixture = Fixture::new(move || Arc::new(handle.clone()))
        .in_state(move || {
            let op = looked_at.clone();
            async move {
                let mut state = State::from([(
                    String::new(),
                    op.shared.noted.load(Ordering::SeqCst).to_be_bytes().to_vec(),
                )]);
                for key in op.inner.keys().await.unwrap() {
                    let seen = op.inner.observe(std::slice::from_ref(&key), Depth::Mark).await.unwrap();
                    state.insert(key, format!("{seen:?}").into_bytes());
                }
                state
            }
        })
        .cut_by(move |at| {
            cut.shared.is_cut.store(false, Ordering::SeqCst);
            Arc::new(Broken { cut: Some(at), ..cut.clone() })
        })
        .losing_power(move || {
            for key in ["x.json", "y.json", "z.json"] {
                lost.set_foreign(key, None);
            }
        });
    match bug {
        Bug::BelievesItsMark | Bug::TakesItsMarkForTheContent => fixture.edited_by(move |key, content| {
            shared.edited.lock().unwrap().insert(key, content);
            std::future::ready(())
        }),
        Bug::ShowsLater => {
            fixture.read_by(move |key| std::future::ready(shared.shown.lock().unwrap().get(&key).cloned()))
        }
        _ => fixture,
    }
}

/// One test a law: the law holds nowhere that the bug is.
macro_rules! caught {
    ($($bug:ident by $law:ident: $message:literal,)*) => {
        mod caught {
            use super::*;
            $(
                #[test]
                #[should_panic(expected = $message)]
                fn $law() {
                    conformance::run(async { conformance::$law(&a_store_with(Bug::$bug)).await });
                }
            )*
        }

        /// The laws that have a store which breaks them.
        const CAUGHT: &[&str] = &[$(stringify!($law)),*];
    };
}

caught! {
    OverwritesWhateverIsThere by a_cell_of_another_value_is_left_alone: "Conflict",
    SaysAppliedTwice by a_swap_made_twice_is_made_once: "the same swap was made twice",
    KeepsWhatIsRetired by a_batch_and_its_inverse_leave_the_store_as_it_was: "the inverse was not made",
    AddsALineFeed by what_was_swapped_in_is_read_exactly: "what is seen is not what was swapped in",
    EscapesNames by odd_names_are_names_like_others: "not the names",
    TakesAnyKey by a_key_that_cannot_be_is_refused: "Ok(())",
    StopsAtTheFirstConflict by each_cell_of_a_batch_has_its_own_outcome: "not an outcome for each cell",
    RefusesAValueThatComesBack by a_value_may_come_back: "Conflict",
    WritesWithoutContent by a_cell_whose_content_is_missing_is_left_alone: "x.json: Ok",
    LosesWhatWasReplaced by what_was_retired_or_replaced_can_be_restored: "restored as something else",
    AnswersInTheOrderOfItsKeys by answers_come_in_the_order_of_the_keys: "not in the order of the keys",
    FormsAForm by a_form_is_its_own_form_and_matches_its_digest: "a form is not its own form",
    HasNoName by a_probe_names_the_product_and_finds_a_healthy_one_healthy: "no product is named",
    NotesReads by reads_write_nothing: "wrote something",
    PagesFromItsStart by a_page_is_bounded_ascending_and_above_its_start: "not above",
    PagesByNumber by pages_miss_nothing_while_another_writes: "on two pages",
    CachesReads by a_reader_sees_the_old_value_or_the_new_one: "a handle caches",
    ShowsLater by another_reader_sees_what_was_swapped: "another reader does not see it yet",
    BelievesItsMark by a_foreign_edit_is_seen_though_the_mark_is_as_it_was: "does not see the edit",
    RecoversTooMuch by recovery_removes_only_what_no_reader_sees: "recovery",
    ReadsThenWritesWithoutALock by of_two_writers_one_wins: "both writers won",
    RetiresWithoutALock by of_a_retire_and_a_replacement_one_wins: "both writers won",
    LocksInTheOrderOfTheBatch by batches_in_opposite_orders_do_not_stand_in_each_others_way:
        "the writers stand in each other's way",
    HandsBackAnOldGeneration by a_generation_that_is_handed_back_is_the_one_that_stands:
        "another generation stands than was handed back",
    NamesValuesNotStates by a_value_that_went_and_came_back_is_not_taken_for_untouched: "taken for untouched",
    RetiresByValue by a_retire_does_not_take_what_was_touched: "taken for untouched",
    TellsWhatWasLostAsRefused by a_lost_request_or_answer_is_no_outcome: "told as refused",
    WritesInTwoSteps by a_dropped_swap_leaves_each_cell_old_or_new: "half a value is left",
    AnswersBeforeItIsDurable by what_was_answered_survives_the_loss_of_power: "what was answered is lost",
    SwapsForAnyToken by a_stale_token_changes_nothing: "a stale token is not refused",
    RefusesItsOwnToken by a_fence_is_raised_again_by_the_same_executor_and_by_the_next: "no token is higher yet",
    TakesTenCells by a_batch_up_to_the_limit_is_taken: "a batch up to the limit is taken",
    ShowsWhatItStages by staging_shows_nothing: "readers see what is only staged",
    KeepsItsLock by what_an_operation_keeps_is_given_back_at_its_end: "in the way of the next",
}

#[test]
#[should_panic(expected = "the value is that of a mark")]
fn a_store_that_takes_its_mark_for_the_content_is_caught_too() {
    conformance::run(async {
        let fixture = a_store_with(Bug::TakesItsMarkForTheContent);
        conformance::a_foreign_edit_is_seen_though_the_mark_is_as_it_was(&fixture).await;
    });
}

/// Bugs that no other law sees: without its law, such a store would pass for a right one.
const SEEN_BY_ONE: &[(Bug, &[&str])] = &[
    (
        Bug::ReadsThenWritesWithoutALock,
        &["of_two_writers_one_wins", "of_a_retire_and_a_replacement_one_wins"],
    ),
    (Bug::RetiresWithoutALock, &["of_a_retire_and_a_replacement_one_wins"]),
    (Bug::StopsAtTheFirstConflict, &["each_cell_of_a_batch_has_its_own_outcome"]),
    (Bug::WritesWithoutContent, &["a_cell_whose_content_is_missing_is_left_alone"]),
    (Bug::HasNoName, &["a_probe_names_the_product_and_finds_a_healthy_one_healthy"]),
    (Bug::NotesReads, &["reads_write_nothing"]),
    (Bug::PagesByNumber, &["pages_miss_nothing_while_another_writes"]),
    (Bug::ShowsLater, &["another_reader_sees_what_was_swapped"]),
    (Bug::BelievesItsMark, &["a_foreign_edit_is_seen_though_the_mark_is_as_it_was"]),
    (Bug::RecoversTooMuch, &["recovery_removes_only_what_no_reader_sees"]),
    (Bug::LocksInTheOrderOfTheBatch, &["batches_in_opposite_orders_do_not_stand_in_each_others_way"]),
    (Bug::HandsBackAnOldGeneration, &["a_generation_that_is_handed_back_is_the_one_that_stands"]),
    (Bug::RetiresByValue, &["a_retire_does_not_take_what_was_touched"]),
    (Bug::TellsWhatWasLostAsRefused, &["a_lost_request_or_answer_is_no_outcome"]),
    (Bug::AnswersBeforeItIsDurable, &["what_was_answered_survives_the_loss_of_power"]),
    (Bug::SwapsForAnyToken, &["a_stale_token_changes_nothing"]),
    (Bug::RefusesItsOwnToken, &["a_fence_is_raised_again_by_the_same_executor_and_by_the_next"]),
    (Bug::TakesTenCells, &["a_batch_up_to_the_limit_is_taken"]),
    (Bug::ShowsWhatItStages, &["staging_shows_nothing"]),
];

#[test]
fn a_store_with_such_a_bug_keeps_all_other_laws() {
    // The panics of the laws are what is looked for.
    std::panic::set_hook(Box::new(|_| {}));
    let broken = SEEN_BY_ONE.iter().map(|(bug, _)| {
        let broken = conformance::run(conformance::broken_laws(|| async { a_store_with(*bug) }));
        (*bug, broken)
    });
    let broken: Vec<_> = broken.collect();
    drop(std::panic::take_hook());
    let others = broken.iter().zip(SEEN_BY_ONE).filter(|((_, broken), (_, laws))| broken != laws);
    let others: Vec<_> = others.map(|(broken, _)| broken).collect();
    assert!(others.is_empty(), "they break other laws: {others:#?}");
}

#[test]
fn every_law_has_a_store_that_breaks_it() {
    assert_eq!(CAUGHT, conformance::LAWS);
}
