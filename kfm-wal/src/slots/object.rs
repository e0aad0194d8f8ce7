//! Slots as objects of any `object_store`: S3, Azure, memory.
//!
//! ```text
//! <root>/FORMAT                                slot 0
//! <root>/chain/<n / 4096, 8 digits>/<n, 20 digits>    the others
//! <root>/proof/<name>/…                        trials of the laws
//! ```
//!
//! Nothing but creation (`PutMode::Create`) is asked of the store: no update, no rename, no delete.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};

use super::names::{CHAIN, name_of, number_of};
use super::{Created, SlotError, Slots};

/// The words before the status in a client's error message, and nowhere else in it.
pub(crate) const STATUS: &str = "status code: ";

/// Slots as the objects below a root.
#[derive(Debug, Clone)]
pub struct ObjectSlots {
    store: Arc<dyn ObjectStore>,
    root: Path,
    place: String,
    durable: bool,
    /// What the first answer said about the server.
    server: Heard,
}

/// A server's own description of itself, once an answer has brought it.
pub(crate) type Heard = Arc<OnceLock<String>>;

impl ObjectSlots {
    /// Makes slots of the objects below `root`. The store's client must not retry
    /// (`RetryConfig { max_retries: 0, .. }`): the log does.
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        let place = format!("{store}/{root}");
        Self { store, root, place, durable: true, server: Heard::default() }
    }

    /// Sets the address of the slots in messages; without credentials.
    #[must_use]
    pub fn with_place(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// Sets where the client notes the server's description of itself.
    #[cfg(any(feature = "s3", feature = "azure"))]
    pub(crate) fn with_server(mut self, server: Heard) -> Self {
        self.server = server;
        self
    }

    /// Says that the objects do not outlive the process, as in a store in memory.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.durable = false;
        self
    }

    fn path(&self, n: u64) -> Path {
        Path::from(format!("{}/{}", self.root, self.name(n)))
    }
}

#[async_trait]
impl Slots for ObjectSlots {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        let created = PutMode::Create.into();
        match self.store.put_opts(&self.path(n), PutPayload::from_bytes(frame), created).await {
            Ok(_) => Ok(Created::Made),
            // A 412, a 409 that means 'exists', or S3's 409 that means 'try again': reading the slot tells
            // which.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Created::Taken),
            Err(error) => Err(outcome(error)),
        }
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        let read = async { self.store.get(&self.path(n)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(outcome(error)),
        }
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        let chain = Path::from(format!("{}/{CHAIN}", self.root));
        let objects = match from {
            0 | 1 => self.store.list(Some(&chain)),
            _ => self.store.list_with_offset(Some(&chain), &self.path(from - 1)),
        };
        let last = objects
            .try_fold(None, |last: Option<u64>, object| async move {
                Ok(last.max(object.location.filename().and_then(number_of)))
            })
            .await;
        match last {
            Ok(Some(last)) => Ok(Some(last).filter(|last| *last >= from)),
            Ok(None) if from == 0 => Ok(self.read(0).await?.map(|_| 0)),
            Ok(None) => Ok(None),
            Err(error) => Err(outcome(error)),
        }
    }

    /// Reads slot 0 if no answer came yet: every answer carries the server's description, or none does.
    async fn server(&self) -> Result<Option<String>, SlotError> {
        if self.server.get().is_none() {
            self.read(0).await?;
        }
        Ok(self.server.get().cloned())
    }

    fn name(&self, n: u64) -> String {
        name_of(n)
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn is_durable(&self) -> bool {
        self.durable
    }

    fn proving_ground(&self, name: &str) -> Option<Box<dyn Slots>> {
        let root = Path::from(format!("{}/proof/{name}", self.root));
        let mut place = self.place.clone();
        let _ = write!(place, "/proof/{name}");
        Some(Box::new(Self { root, place, ..self.clone() }))
    }
}

/// Says what is known of the effect of a call that did not succeed.
fn outcome(error: Error) -> SlotError {
    let refused = matches!(
        error,
        // The bucket is missing. A missing object is an answer, not an error.
        Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    ) || is_untrusted(&error);
    let busy = !refused && is_unsent(&error);
    let status = status_of(&error);
    let source = Box::new(error);
    match status {
        _ if refused => SlotError::Refused { source },
        _ if busy => SlotError::Busy { source },
        Some(429) => SlotError::Busy { source },
        // A server does not act on the client's other faults, but it may have acted before a time-out or a
        // conflict.
        Some(400..=499) if status != Some(408) && status != Some(409) => SlotError::Refused { source },
        _ => SlotError::Unknown { source },
    }
}

/// Says whether a call never left this machine: no connection was made.
/// Only the client knows that. The operating system says `host unreachable` also of a connection that was
/// there, after the request was sent.
#[cfg(any(feature = "s3", feature = "azure"))]
fn is_unsent(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
        || error.source().is_some_and(is_unsent)
}

#[cfg(not(any(feature = "s3", feature = "azure")))]
fn is_unsent(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

/// Says whether the server's certificate was not trusted: trying again brings the same.
#[cfg(any(feature = "s3", feature = "azure"))]
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    is_unsent(error) && super::tls::is_untrusted(error)
}

#[cfg(not(any(feature = "s3", feature = "azure")))]
fn is_untrusted(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

/// Returns the HTTP status of the answer that an error of a client is about; `None` if no answer came. The client gives
/// it in the text of its message only.
pub fn status_of(error: &(dyn std::error::Error + 'static)) -> Option<u16> {
    let said = error.to_string();
    let status = said.split_once(STATUS).and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    status.or_else(|| status_of(error.source()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(what: &'static str) -> SlotError {
        outcome(Error::Generic { store: "S3", source: what.into() })
    }

    #[test]
    fn a_429_is_no_failure_and_a_503_may_have_been_acted_on() {
        let status = |code| {
            let text: String = format!("Server returned non-2xx status code: {code} because: body");
            outcome(Error::Generic { store: "S3", source: text.into() })
        };
        assert!(matches!(status(429), SlotError::Busy { .. }));
        for unknown in [408, 409, 500, 503] {
            assert!(matches!(status(unknown), SlotError::Unknown { .. }), "{unknown}");
        }
        for refused in [400, 403, 411] {
            assert!(matches!(status(refused), SlotError::Refused { .. }), "{refused}");
        }
    }

    #[test]
    fn what_is_not_known_is_unknown() {
        assert!(matches!(said("connection reset"), SlotError::Unknown { .. }));
        assert!(matches!(said("status code: "), SlotError::Unknown { .. }));
        // The system says these also of connections that were there: the request may have arrived.
        use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        for kind in [ConnectionRefused, HostUnreachable, NetworkUnreachable] {
            let source = Box::new(std::io::Error::from(kind));
            let unknown = outcome(Error::Generic { store: "S3", source });
            assert!(matches!(unknown, SlotError::Unknown { .. }), "{kind}");
        }
    }

    #[test]
    fn slots_are_below_the_root() {
        let slots = ObjectSlots::new(Arc::new(object_store::memory::InMemory::new()), Path::from("a/b"));
        assert_eq!(slots.path(4097).to_string(), "a/b/chain/00000001/00000000000000004097");
        assert_eq!(slots.path(0).to_string(), "a/b/FORMAT");
    }
}
