//! Blobs on a server that does not answer for the moment are waited for.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Value;
use kfm_retry::{Backoff, Classify, Clock, ErrorClass, Policy, Retry, Verdict, idempotent};

use super::Interrupt;
use crate::blob::{BlobChange, BlobError, BlobStore, BlobSwap, Stray, SwapOutcome};
use crate::kind::Patience;
use crate::swap::{Seen, Swapped};

/// The longest pause between two calls.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Blobs under keys that are named after them, with patience for the server: every call can be made again.
#[derive(Debug)]
pub(crate) struct PatientBlobs {
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    interrupt: Interrupt,
    policy: Policy,
}

/// Why a call was given up.
#[derive(Debug)]
struct Away {
    error: BlobError,
    is_enough: bool,
}

impl Classify for Away {
    fn classify(&self) -> Verdict {
        match self.is_enough || !self.error.may_pass() {
            true => ErrorClass::Rejected.into(),
            false => self.error.classify(),
        }
    }
}

impl PatientBlobs {
    /// Waits for a server as long as an operation waits for a store, or until the actor asks to stop.
    pub(crate) fn new(blobs: Arc<dyn BlobStore>, clock: Arc<dyn Clock>, interrupt: Interrupt) -> Self {
        let Patience(patience) = Patience::default();
        let policy = Policy {
            total_ms: Some(u32::try_from(patience.as_millis()).unwrap_or(u32::MAX)),
            ..Policy::kfm()
        };
        let policy = policy
            .attempts(u8::MAX)
            .backoff(Backoff::exponential(Duration::from_millis(500)).cap(PAUSE_MAX))
            .attempt_timeout(Duration::MAX);
        Self { blobs, clock, interrupt, policy }
    }

    async fn call<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, BlobError>
    where
        T: Send,
        F: Future<Output = Result<T, BlobError>> + Send,
    {
        let retry = Retry::with_clock(self.policy, Arc::clone(&self.clock));
        let made = retry
            .run(idempotent("versions"), || async {
                call().await.map_err(|error| Away { error, is_enough: self.interrupt.is_requested() })
            })
            .await;
        made.map_err(|failed| match failed.error {
            Some(away) => away.error,
            None => BlobError::Unknown { key: "-".into(), source: "the call was not made in time".into() },
        })
    }
}

#[async_trait]
impl BlobStore for PatientBlobs {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError> {
        self.call(|| self.blobs.get(key)).await
    }

    async fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError> {
        self.call(|| self.blobs.digests(keys)).await
    }

    async fn look(&self, keys: &[String]) -> Result<Vec<Seen>, BlobError> {
        self.call(|| self.blobs.look(keys)).await
    }

    async fn list(&self, suffixes: &[&str]) -> Result<Vec<String>, BlobError> {
        self.call(|| self.blobs.list(suffixes)).await
    }

    async fn page(
        &self,
        suffixes: &[&str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        self.call(|| self.blobs.page(suffixes, after, limit)).await
    }

    async fn strays(&self, suffixes: &[&str]) -> Result<Vec<Stray>, BlobError> {
        self.call(|| self.blobs.strays(suffixes)).await
    }

    async fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError> {
        self.call(|| self.blobs.swap(batch.clone())).await
    }

    async fn change(&self, batch: Vec<BlobChange>) -> Result<Vec<Result<Swapped, BlobError>>, BlobError> {
        self.call(|| self.blobs.change(batch.clone())).await
    }

    async fn keep(&self, items: Vec<(String, Bytes)>) -> Result<(), BlobError> {
        self.call(|| self.blobs.keep(items.clone())).await
    }

    async fn reach(&self) -> Result<(), BlobError> {
        self.call(|| self.blobs.reach()).await
    }

    async fn prove(&self) -> Result<(), BlobError> {
        self.call(|| self.blobs.prove()).await
    }

    fn compares_on_replacement(&self) -> bool {
        self.blobs.compares_on_replacement()
    }

    fn compares_on_removal(&self) -> bool {
        self.blobs.compares_on_removal()
    }

    async fn sweep(&self) -> Result<(), BlobError> {
        self.call(|| self.blobs.sweep()).await
    }
}
