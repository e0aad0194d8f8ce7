//! A log on any store that can create: numbered slots, each written once and never again.
//!
//! An object store, a table, a folder: all that a store has to offer is [`Slots`], numbered places of which
//! each is created by exactly one writer. A log is a chain of frames in them, one frame a slot, the same
//! bytes on every store. The number of a slot is the compare-and-set: the writer that creates slot `n` is the
//! only one that has appended there, and it has read every slot before.
//!
//! # Words of this module
//! Appending is told in one picture, a flight. Each of these words has one meaning here, the same as in
//! `docs/glossary.md`:
//! - **line**: the appends of one handle that wait for their answer, in order. An append in it is a
//!   **member**.
//! - **load**: the records that go into one frame.
//! - **flight**: such a frame, the slot that it is for, and the members whose records it carries.
//! - **board**: to take members out of the line and to make a flight of them.
//! - **approach**: to try once to create the slot of the flight.
//! - **settle**: to conclude from what the slot holds what became of the flight.
//! - **land**: to approach until the flight is settled or the time is over. The **landing** is the result.
//! - **end**: the end of the log, a lock. The future that has it **serves** the line: it boards and lands one
//!   flight.
//! - **turn**: which of several hosts appends next. A courtesy among hosts; correctness does not depend on
//!   it.
//! - **hold**: one host's claim to be the only writer, with a lease.

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
#[cfg(any(feature = "s3", feature = "azure"))]
mod removal;
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
/// - **One creator**: of all calls that create a slot, ever, one succeeds; the slot holds the bytes of that
///   call.
/// - **Whole**: a slot holds all the bytes it was created with, or is not there.
/// - **For ever**: a slot that is there stays, and keeps its bytes.
/// - **Seen at once**: what was created is there for every `read` that begins afterwards.
/// - **Durable**: what was created outlives the process and the machine, where
///   [`is_durable`](Slots::is_durable) says so.
///
/// # Cancel safety
/// When a caller drops the future of `create`, the slot is created, or is not, or is created later.
///
/// # Implementing
/// Do not retry, and switch off the retries of the product's own client: a client that tries again hears of
/// its own success as [`Created::Taken`]. The log survives that, but it costs a read. Do not log. Answer
/// [`SlotError::Busy`] and [`SlotError::Refused`] only where it is certain that nothing happens, now or
/// later; answer [`SlotError::Unknown`] for all else.
#[async_trait]
pub trait Slots: Debug + Send + Sync {
    /// Creates slot `n` with the bytes of `frame`, if the slot is not there.
    ///
    /// # Errors
    /// - [`SlotError::Busy`]: nothing happened; try again, later.
    /// - [`SlotError::Unknown`]: read the slot; if it is not there, create it again with the same bytes.
    /// - [`SlotError::Refused`]: nothing happened; repair the store, its address or the credentials.
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError>;

    /// Returns what slot `n` holds; `None` if the slot is not there.
    ///
    /// # Errors
    /// - [`SlotError::Busy`], [`SlotError::Unknown`]: try again, later.
    /// - [`SlotError::Refused`]: repair the store, its address or the credentials.
    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError>;

    /// Returns the highest slot that is there, from slot `from` on; `None` if there is none.
    ///
    /// The answer may miss slots that were created a moment ago, so the log never takes it for its end.
    ///
    /// # Errors
    /// As [`Slots::read`].
    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError>;

    /// Returns the name of slot `n` in the store, for messages.
    fn name(&self, n: u64) -> String;

    /// Returns where the slots are, for messages: an address, without credentials.
    fn place(&self) -> String;

    /// Returns the product and version that the store's server reports; `None` where it reports none.
    ///
    /// # Errors
    /// As [`Slots::read`].
    async fn server(&self) -> Result<Option<String>, SlotError> {
        Ok(None)
    }

    /// Says whether what was created outlives the process and the machine.
    fn is_durable(&self) -> bool;

    /// Returns new, empty slots in the same store, on which the laws can be tried out; `None` where the store
    /// is built so that only one creator can succeed.
    fn proving_ground(&self, name: &str) -> Option<Box<dyn Slots>>;
}

const _OBJECT_SAFE: Option<&dyn Slots> = None;

/// What a store answers to a call that creates a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// This call created the slot: the slot holds the bytes of this call.
    Made,
    /// This call did not create the slot. Another writer did, or an earlier try of this writer, or the store
    /// refused while the slot is not there: read the slot to find out which.
    Taken,
}

/// Why a store did not answer, by what is known of its effect.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// Nothing happened, and the store is there: try again, later.
    #[error("store asks to try again later")]
    Busy {
        /// What the store said.
        #[source]
        source: Source,
    },
    /// The call may have had its effect, or may have it later: read the slot to find out.
    #[error("store gave no answer")]
    Unknown {
        /// What was heard instead of an answer.
        #[source]
        source: Source,
    },
    /// Nothing happened, and trying again brings the same answer: no permission, no such bucket, no such
    /// table.
    #[error("store refused")]
    Refused {
        /// What the store said.
        #[source]
        source: Source,
    },
}
