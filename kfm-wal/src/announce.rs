//! A store that tells the followers in its own process of each append, so that they do not wait until they
//! look again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use kfm_lineage::Lsn;
use kfm_retry::Clock;

use crate::error::WalError;
use crate::follow::Follower;
use crate::store::{
    Appended, Capabilities, Depth, Head, NewRecord, RetainReason, Retained, StoredRecord, VerifyReport,
    WalStore,
};

/// A store whose appends wake its followers; in all else it is the store below.
#[derive(Debug)]
pub struct Announcing {
    store: Arc<dyn WalStore>,
    news: Arc<News>,
}

impl Announcing {
    /// Puts announcements above a store.
    pub fn new(store: Arc<dyn WalStore>) -> Self {
        Self { store, news: Arc::default() }
    }

    /// Makes a follower that begins at position `from` and is woken by each append through this store.
    pub fn follower(&self, clock: Arc<dyn Clock>, from: Lsn) -> Follower {
        Follower::new(Arc::clone(&self.store), clock, from).with_news(self.subscribe())
    }

    /// Returns the news of appends, for a follower of another handle on the same log.
    pub fn subscribe(&self) -> Subscription {
        let mut state = self.news.state();
        state.subscribers += 1;
        Subscription { news: Arc::clone(&self.news), id: state.subscribers }
    }
}

/// How many announcements there were, and which followers wait for the next one.
#[derive(Debug, Default)]
struct News(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    announced: u64,
    subscribers: u64,
    /// One waker for each subscriber that waits.
    waiting: BTreeMap<u64, Waker>,
}

impl News {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        let waiting = {
            let mut state = self.state();
            state.announced += 1;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }
}

/// The news of appends, as one follower gets them.
#[derive(Debug)]
pub struct Subscription {
    news: Arc<News>,
    id: u64,
}

impl Subscription {
    /// Returns how many announcements there were so far.
    pub(crate) fn heard(&self) -> u64 {
        self.news.state().announced
    }

    /// Is ready once there were more than `heard` announcements.
    pub(crate) fn poll_after(&self, heard: u64, context: &Context<'_>) -> Poll<()> {
        let mut state = self.news.state();
        if state.announced > heard {
            return Poll::Ready(());
        }
        state.waiting.insert(self.id, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.news.state().waiting.remove(&self.id);
    }
}

/// Announces when it is dropped: an append that was dropped or is unknown may be in the log too.
struct Announcement<'a>(&'a News);

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        self.0.announce();
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl WalStore for Announcing {
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        let _announcement = Announcement(&self.news);
        self.store.append(records, expected).await
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        self.store.scan(from, limit).await
    }

    async fn head(&self) -> Result<Head, WalError> {
        self.store.head().await
    }

    async fn fence(&self) -> Result<u64, WalError> {
        self.store.fence().await
    }

    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError> {
        self.store.verify(depth).await
    }

    async fn retain(&self, upto: Lsn, reason: &RetainReason) -> Result<Retained, WalError> {
        self.store.retain(upto, reason).await
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
