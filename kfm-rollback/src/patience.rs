//! Stores that do not answer are waited for: every call of an operation is tried again until the store answers or
//! its patience is out.
//!
//! The error's class and the product's `Retry-After` say when; `patience` in the settings says for how long. After
//! that the operation is interrupted and can be resumed. An operation is never undone because a store was away.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use kfm_lineage::{Digest, Domain};
use kfm_retry::{Backoff, Beyond, Classify, Clock, ErrorClass, HintRule, Policy, Retry, Verdict, idempotent};

use crate::context::WriteContext;
use crate::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Listed, OpError, Outcomes, Probe, Role, Seen, Stray, Swap,
    Swapped,
};
use crate::platform::Interrupt;
use crate::platform::lock::Waiting;

/// How long one call may take without a word of progress; only a store that hangs reaches it.
const CALL_MAX: Duration = Duration::from_secs(600);

/// The longest pause between two calls to a store that is away, unless it asks for a longer one.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A store, with the patience that an operation has with it.
#[derive(Debug)]
pub(crate) struct Patient {
    store: Arc<dyn DomainOp>,
    patience: Duration,
    policy: Policy,
    clock: Arc<dyn Clock>,
    interrupt: Interrupt,
    waiting: Waiting,
}

impl Patient {
    /// Waits for a store for at most `patience` from its first failure, or until the actor asks to stop. `waiting`
    /// is told meanwhile.
    pub(crate) fn new(
        store: Arc<dyn DomainOp>,
        patience: Duration,
        clock: Arc<dyn Clock>,
        interrupt: Interrupt,
        waiting: Waiting,
    ) -> Self {
        let longest = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        let policy = Policy {
            total_ms: None,
            retry_after: HintRule { max_ms: longest, beyond: Beyond::GiveUp },
            ..Policy::kfm()
        };
        // The patience ends the tries of a store that is away. What this machine's own disk refuses is tried as
        // often as R82 says, and a call that hung for its whole time is not made again.
        let policy = policy
            .attempts(u8::MAX)
            .backoff(Backoff::exponential(Duration::from_millis(500)).cap(PAUSE_MAX))
            .attempt_timeout(Duration::MAX)
            .limit(ErrorClass::StacTimeout, u8::MAX)
            .limit(ErrorClass::Neo4jTransient, u8::MAX);
        Self { store, patience, policy, clock, interrupt, waiting }
    }

    /// Makes a call until the store answers.
    async fn call<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, OpError>
    where
        T: Send,
        F: Future<Output = Result<T, OpError>> + Send,
    {
        self.call_with(None, call).await
    }

    /// Makes a call until the store answers; one that says its progress may take longer.
    async fn call_with<T, F>(
        &self,
        cx: Option<&WriteContext>,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, OpError>
    where
        T: Send,
        F: Future<Output = Result<T, OpError>> + Send,
    {
        let away_since: Mutex<Option<Duration>> = Mutex::new(None);
        let retry = Retry::with_clock(self.policy, Arc::clone(&self.clock));
        let made = retry
            .run(idempotent(self.store.name()), || async {
                let Some(answer) = self.unless_it_hangs(cx, call()).await else {
                    let error = OpError::unknown(self.store.name(), ErrorClass::Timeout, Hangs);
                    return Err(Away { error, is_enough: true });
                };
                answer.map_err(|error| {
                    let now = self.clock.monotonic();
                    let mut away_since = away_since.lock().unwrap_or_else(PoisonError::into_inner);
                    let waited = now.saturating_sub(*away_since.get_or_insert(now));
                    let is_enough = waited >= self.patience || self.interrupt.is_requested();
                    if error.may_pass() && !is_enough {
                        self.waiting.for_store(self.store.name(), &*self.clock);
                    }
                    Away { error, is_enough }
                })
            })
            .await;
        self.waiting.over(self.store.name());
        made.map_err(|failed| match failed.error {
            Some(away) => away.error,
            None => OpError::unknown(self.store.name(), ErrorClass::Timeout, Hangs),
        })
    }

    /// Waits for an answer; `None` if there was neither one nor a word of progress for [`CALL_MAX`].
    async fn unless_it_hangs<T>(
        &self,
        cx: Option<&WriteContext>,
        answer: impl Future<Output = T> + Send,
    ) -> Option<T> {
        let mut answer = Box::pin(answer);
        loop {
            let done = cx.map(WriteContext::done);
            match select(answer, self.clock.alarm(CALL_MAX)).await {
                Either::Left((answer, _)) => return Some(answer),
                Either::Right((_, unanswered)) if cx.map(WriteContext::done) != done => answer = unanswered,
                Either::Right(_) => return None,
            }
        }
    }

    /// Swaps the cells that have no answer yet, and notes the answers. What another hand wrote since an earlier try is
    /// left alone, where the store itself would not notice it.
    async fn swap_rest(
        &self,
        cx: &WriteContext,
        batch: &[Swap],
        answers: &Answers,
        n: u32,
    ) -> Result<(), OpError> {
        let mut rest = missing(answers);
        if n > 1 && self.is_unguarded() {
            let keys: Vec<String> = rest.iter().map(|&at| batch[at].key.clone()).collect();
            for (at, observed) in rest.iter().copied().zip(self.store.observe(&keys, Depth::Mark).await?) {
                let Swap { from, to, .. } = &batch[at];
                if observed.value != *to && !from.is_still(&observed) {
                    note(answers, at, Ok(Swapped::Conflict { observed }));
                }
            }
            rest = missing(answers);
        }
        let swaps: Vec<Swap> = rest.iter().map(|&at| batch[at].clone()).collect();
        if swaps.is_empty() {
            return Ok(());
        }
        let mut away = None;
        for (at, answer) in rest.into_iter().zip(self.store.swap(cx, &swaps).await?) {
            match answer {
                Err(error) if error.may_pass() => away = away.or(Some(error)),
                answer => note(answers, at, answer),
            }
        }
        away.map_or(Ok(()), Err)
    }

    /// Says whether the store may overwrite what another hand writes.
    fn is_unguarded(&self) -> bool {
        let Capabilities { put, retire, .. } = self.store.capabilities();
        [put, retire].contains(&CompareAndSet::None)
    }
}

/// The answers to the swaps of a batch, as far as they are there.
type Answers = Mutex<Vec<Option<Result<Swapped, OpError>>>>;

/// Names the swaps without an answer by their place.
fn missing(answers: &Answers) -> Vec<usize> {
    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    (0..answers.len()).filter(|&at| answers[at].is_none()).collect()
}

fn note(answers: &Answers, at: usize, answer: Result<Swapped, OpError>) {
    answers.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(answer);
}

#[async_trait]
impl DomainOp for Patient {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        self.store.domain()
    }

    fn role(&self) -> Role {
        self.store.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn form(&self, key: &str, content: Bytes) -> Result<(Digest, Bytes), OpError> {
        self.store.form(key, content)
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.call(|| self.store.probe()).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.call(|| self.store.scan(after, limit)).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.call(|| self.store.observe(keys, depth)).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.call(|| self.store.read(keys)).await
    }

    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        self.call(|| self.store.strays()).await
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call_with(Some(cx), || self.store.fence(cx)).await
    }

    async fn stage(&self, cx: &WriteContext, batch: &[Swap]) -> Result<(), OpError> {
        self.call_with(Some(cx), || self.store.stage(cx, batch)).await
    }

    /// A swap whose outcome is not known may be made again: it is compare-and-set, and idempotent. Of a batch, only the
    /// cells without an answer are swapped again.
    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        let answers: Answers = Mutex::new(batch.iter().map(|_| None).collect());
        let tries = AtomicU32::new(0);
        self.call_with(Some(cx), || {
            let n = tries.fetch_add(1, Ordering::Relaxed) + 1;
            self.swap_rest(cx, batch, &answers, n)
        })
        .await?;
        let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(answers.into_iter().flatten().collect())
    }

    async fn settle(&self, cx: &WriteContext, keys: &[String]) -> Result<(), OpError> {
        self.call_with(Some(cx), || self.store.settle(cx, keys)).await
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call_with(Some(cx), || self.store.recover(cx)).await
    }

    async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call_with(Some(cx), || self.store.end(cx)).await
    }
}

/// An error of a store, and whether the operation has waited long enough for it.
#[derive(Debug)]
struct Away {
    error: OpError,
    is_enough: bool,
}

impl Classify for Away {
    fn classify(&self) -> Verdict {
        Verdict { spent: self.is_enough, ..self.error.classify() }
    }
}

/// A store that did not answer one call in all the time that a call may take.
#[derive(Debug, thiserror::Error)]
#[error("it did not answer within {} minutes", CALL_MAX.as_secs() / 60)]
struct Hangs;
