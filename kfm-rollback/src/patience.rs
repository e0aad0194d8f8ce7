//! Stores that do not answer are waited for: every call of an operation is tried again until the store answers or
//! its patience is out.
//!
//! The error's class and the product's `Retry-After` say when; `patience` in the settings says for how long. After
//! that the operation is interrupted and can be resumed. An operation is never undone because a store was away.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Domain, Value};
use kfm_retry::{Backoff, Beyond, Classify, Clock, ErrorClass, HintRule, Policy, Retry, Verdict, idempotent};

use crate::blob::Stray;
use crate::context::WriteContext;
use crate::op::{Capabilities, DomainOp, OpError, Swap, SwapOutcome};
use crate::platform::Interrupt;
use crate::platform::lock::Waiting;

/// How long one call may take; only a store that hangs reaches it.
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
            .attempt_timeout(CALL_MAX)
            .limit(ErrorClass::StacTimeout, u8::MAX)
            .limit(ErrorClass::Neo4jTransient, u8::MAX)
            .timeouts_are(ErrorClass::Unknown);
        Self { store, patience, policy, clock, interrupt, waiting }
    }

    /// Makes a call until the store answers.
    async fn call<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, OpError>
    where
        T: Send,
        F: Future<Output = Result<T, OpError>> + Send,
    {
        let away_since: Mutex<Option<Duration>> = Mutex::new(None);
        let retry = Retry::with_clock(self.policy, Arc::clone(&self.clock));
        let made = retry
            .run(idempotent(self.store.name()), || async {
                call().await.map_err(|error| {
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
}

#[async_trait]
impl DomainOp for Patient {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        self.store.domain()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn keys(&self) -> Result<Vec<String>, OpError> {
        self.call(|| self.store.keys()).await
    }

    async fn observe(&self, keys: &[String]) -> Result<Vec<Value>, OpError> {
        self.call(|| self.store.observe(keys)).await
    }

    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        self.call(|| self.store.strays()).await
    }

    async fn read(&self, key: &str) -> Result<Option<Bytes>, OpError> {
        self.call(|| self.store.read(key)).await
    }

    /// A swap whose outcome is not known may be made again: it is compare-and-set, and idempotent.
    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Vec<SwapOutcome>, OpError> {
        self.call(|| self.store.swap(cx, batch)).await
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call(|| self.store.recover(cx)).await
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
