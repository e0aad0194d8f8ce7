//! A flight: a frame on its way into a slot, the same bytes into the same slot, until it is known what the
//! slot holds.

use bytes::Bytes;
use futures::channel::oneshot;
use kfm_lineage::{Lsn, Timestamp, hex};

use crate::error::{Source, WalError};
use crate::frame::{self, Kind, leaf_of};
use crate::position::Position;
use crate::raw::{self, RECORD_HEADER_BYTES};
use crate::store::{Appended, BadPlace, NewRecord, clamp_time};

pub(crate) type AppendResult = Result<Appended, WalError>;

/// A member of the line: an append that waits for its answer.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) records: Vec<NewRecord>,
    pub(crate) expected: Option<Lsn>,
    pub(crate) answer: oneshot::Sender<AppendResult>,
}

impl Member {
    /// Answers the append; the caller may have dropped its future, then the answer is lost.
    pub(crate) fn answer(self, answer: AppendResult) {
        let _ = self.answer.send(answer);
    }

    /// Returns the bytes that the records take in a frame.
    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(|record| RECORD_HEADER_BYTES + record.payload.len()).sum()
    }

    /// Says whether the caller allows the records to stand at `next`.
    pub(crate) fn is_expected_at(&self, next: Lsn) -> bool {
        self.expected.is_none_or(|expected| expected.0.checked_add(1) == Some(next.0))
    }

    pub(crate) fn id(&self) -> String {
        let id = self.records.first().map_or([0; 16], |record| record.op_id);
        hex::encode(id)
    }
}

/// A frame, the slot that it is for, and the members whose records it carries.
///
/// It belongs to the handle, not to the future that drives it: the next append goes on with a flight that was
/// left.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) n: u64,
    pub(crate) frame: Bytes,
    /// The epoch in which the frame was written; for a frame that claims an epoch, that epoch.
    pub(crate) epoch: u64,
    pub(crate) claims: bool,
    pub(crate) members: Vec<(Member, Appended)>,
    /// Whether a try may have reached the store.
    pub(crate) sent: bool,
}

/// How a flight ended.
#[derive(Debug)]
pub(crate) enum Landing {
    /// The frame is in the log.
    Landed,
    /// Another frame is in the slot, and this handle has read it; these members are in no slot and go back
    /// into the line.
    Lost(Vec<Member>),
    /// Nothing of the flight is in the log.
    Failed(Failure),
    /// The frame may be in the log; the next append goes on with the flight.
    Unknown(String),
}

/// Why nothing of a frame is in the log, in a form that can be copied: each member gets its own error.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The store refused, or was busy until the time was over.
    Store {
        /// What was tried.
        action: &'static str,
        /// The slot in the store, for messages.
        path: String,
        /// What the store said.
        said: String,
    },
    /// The slot holds bytes that no writer of this log has written.
    Damaged(BadPlace),
    /// Another writer has taken the log over, in this epoch.
    Fenced(u64),
    /// Another host holds the log, the holder of this name.
    Locked(String),
}

impl Failure {
    /// Makes the failure from the error of a call that changed nothing.
    pub(crate) fn of(error: WalError) -> Self {
        let error = match BadPlace::of(error) {
            Ok(bad) => return Self::Damaged(bad),
            Err(other) => other,
        };
        match error {
            WalError::Fenced { epoch } => Self::Fenced(epoch),
            WalError::Locked { holder } => Self::Locked(holder),
            WalError::Io { action, path, source } => Self::Store { action, path, said: chain_of(&*source) },
            other => Self::Store { action: "append to", path: String::new(), said: chain_of(&other) },
        }
    }

    pub(crate) fn error(&self) -> WalError {
        match self.clone() {
            Self::Store { action, path, said } => WalError::Io { action, path, source: said.into() },
            Self::Damaged(bad) => bad.into(),
            Self::Fenced(epoch) => WalError::Fenced { epoch },
            Self::Locked(holder) => WalError::Locked { holder },
        }
    }
}

/// Returns an error's message with those of its sources.
pub(crate) fn chain_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !said.ends_with(&more) {
            said = format!("{said}: {more}");
        }
        source = error.source();
    }
    said
}

/// Makes the error of an append that may or may not be in the log.
pub(crate) fn unknown(member: &Member, said: &str) -> WalError {
    WalError::Unknown { id: member.id(), source: Source::from(said.to_owned()) }
}

/// The load: the records of a frame that is being built.
#[derive(Debug)]
pub(crate) struct Load {
    body: Vec<u8>,
    leaves: Vec<[u8; 32]>,
    last_at: Option<Timestamp>,
}

impl Load {
    pub(crate) fn new(last_at: Option<Timestamp>) -> Self {
        Self { body: Vec::new(), leaves: Vec::new(), last_at }
    }

    pub(crate) fn records(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(crate) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Adds records, each with the time that the log takes for it (R20).
    pub(crate) fn add(&mut self, records: &[NewRecord]) {
        for record in records {
            let (at, skew_ms) = clamp_time(record.at, self.last_at);
            let start = self.body.len();
            raw::write(&mut self.body, record, at, skew_ms);
            self.leaves.push(leaf_of(&self.body[start..]));
            self.last_at = Some(at);
        }
    }
}

impl Flight {
    /// Makes a flight of records for slot `n`, the slot after `position`.
    pub(crate) fn of_records(
        n: u64,
        position: &Position,
        nonce: [u8; 16],
        load: &Load,
        members: Vec<(Member, Appended)>,
    ) -> Self {
        let count = u32::try_from(load.leaves.len()).expect("a batch is far below 4 GiB");
        let header = position.header(Kind::Data, count, nonce);
        let (frame, _) = frame::encode(&header, &load.body, &load.leaves);
        Self { n, frame: frame.into(), epoch: header.epoch, claims: false, members, sent: false }
    }

    /// Makes a flight of a frame without records.
    pub(crate) fn of_kind(n: u64, position: &Position, nonce: [u8; 16], kind: Kind, body: &[u8]) -> Self {
        let header = position.header(kind, 0, nonce);
        let (frame, _) = frame::encode(&header, body, &[]);
        let claims = kind == Kind::Fence;
        Self { n, frame: frame.into(), epoch: header.epoch, claims, members: Vec::new(), sent: false }
    }
}
