//! A log on any store that creates: numbered slots, each written once and never again.
//!
//! An object store, a table, a folder: all that a store has to offer is [`Slots`], numbered places of which
//! each is created by exactly one writer. A log is a chain of frames in them, one frame a slot, the same bytes
//! on every store. The number of a slot is the compare-and-set: whoever creates slot `n` is the only one who
//! appended there, and knows all that lies before it.
//!
//! How appending works is told in one picture, a flight: appends wait in a *line*, some of them *board* a frame, the
//! frame is a *flight* until it is known what its slot holds, each try is an *approach*, and the flight *lands*, or is
//! lost to another frame. `docs/glossary.md` has the words one by one.

pub mod address;
mod board;
mod calls;
mod chain;
#[cfg(any(feature = "s3", feature = "azure"))]
pub mod cloud;
mod flight;
#[cfg(feature = "object-store")]
pub mod folder;
mod format;
pub mod hold;
mod inspect;
pub mod log;
pub mod memory;
#[cfg(feature = "object-store")]
mod names;
#[cfg(feature = "object-store")]
pub mod object;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod probe;
mod prove;
#[cfg(any(feature = "s3", feature = "azure", feature = "postgres"))]
mod tls;
mod turns;
mod verify;
mod view;
mod writer;

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

pub use address::{AddressError, slots_at};
pub use calls::Patience;
#[cfg(feature = "object-store")]
pub use folder::FolderSlots;
pub use hold::Holder;
pub use inspect::inspect;
pub use log::{Mode, SlotLog, SlotOptions};
pub use memory::MemorySlots;
#[cfg(feature = "object-store")]
pub use object::ObjectSlots;
#[cfg(feature = "postgres")]
pub use postgres::PostgresSlots;
pub use verify::{replay, verify};

use crate::error::Source;

/// Numbered places in a store, each created once.
///
/// Slot 0 says of which log this is; the frames of the log are in the slots from 1 on.
///
/// # Laws
/// - **One creator**: of all who create a slot, ever, one succeeds; what it brought is what the slot holds.
/// - **Whole**: a slot holds all the bytes it was created with, or is not there.
/// - **For ever**: a slot that is there stays, and keeps its bytes.
/// - **Seen at once**: what was created is there for every `read` that begins afterwards.
/// - **Durable**: what was created outlives the process and the machine, where
///   [`is_durable`](Slots::is_durable) says so.
///
/// # Cancel safety
/// A dropped `create` has created the slot, or has not, or does so later.
///
/// # Implementing
/// Do not retry, and switch the retries of a product's own client off: a client that tries again hears of its
/// own success as [`Created::Taken`]. That is survived, as every lie of a network is, but it costs. Do not log.
/// Answer [`SlotError::Busy`] and [`SlotError::Refused`] only where it is certain that nothing happens, now or
/// later; all else is [`SlotError::Unknown`].
#[async_trait]
pub trait Slots: Debug + Send + Sync {
    /// Creates slot `n`, if it is not there.
    ///
    /// # Errors
    /// - [`SlotError::Busy`]: nothing happened; try again, later.
    /// - [`SlotError::Unknown`]: read the slot; if it is not there, create it again with the same bytes.
    /// - [`SlotError::Refused`]: nothing happened; repair the store, its address or the credentials.
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError>;

    /// Returns what slot `n` holds; none if it is not there.
    ///
    /// # Errors
    /// - [`SlotError::Busy`], [`SlotError::Unknown`]: try again, later.
    /// - [`SlotError::Refused`]: repair the store, its address or the credentials.
    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError>;

    /// Returns the highest slot that is there, from slot `from` on; none if none is.
    ///
    /// It may be behind by what was created a moment ago: nobody takes it for the end of the log.
    ///
    /// # Errors
    /// As [`Slots::read`].
    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError>;

    /// Returns the name of slot `n` in the store, for messages.
    fn name(&self, n: u64) -> String;

    /// Returns where the slots are, for messages: an address, without credentials.
    fn place(&self) -> String;

    /// Returns what the store's server says it is, product and version; none where it does not tell.
    ///
    /// # Errors
    /// As [`Slots::read`].
    async fn server(&self) -> Result<Option<String>, SlotError> {
        Ok(None)
    }

    /// Says whether what was created outlives the process and the machine.
    fn is_durable(&self) -> bool;

    /// Returns slots of their own, new and empty, in the same store, on which its laws can be tried out; none
    /// where they are beyond doubt.
    fn proving_ground(&self, name: &str) -> Option<Box<dyn Slots>>;
}

const _OBJECT_SAFE: Option<&dyn Slots> = None;

/// Who created a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// This call.
    Made,
    /// Another one, or this one's first try, or nobody yet: the slot tells.
    Taken,
}

/// Why a store did not answer, by what is known of what it did.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// Nothing happened, and the store is there: try again, later.
    #[error("store asks to try again later")]
    Busy {
        /// What it said.
        #[source]
        source: Source,
    },
    /// It may have happened, or happen yet: look.
    #[error("store gave no answer")]
    Unknown {
        /// What was heard instead.
        #[source]
        source: Source,
    },
    /// Nothing happened, and trying again brings the same: no permission, no such bucket, no such table.
    #[error("store refused")]
    Refused {
        /// What it said.
        #[source]
        source: Source,
    },
}
