//! Why a run of steps stopped before its end.

use kfm_lineage::{CellId, Value};
use kfm_wal::record::Direction;

use crate::error::{Error, text_of};
use crate::op::OpError;

/// Why a run of steps stopped before its end. It decides what the engine does next.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The actor asked to stop at the next safe point.
    Interrupted,
    /// A cell holds a value that neither this operation nor the log knows.
    Foreign {
        /// The cell.
        cell: CellId,
        /// What it holds.
        observed: Value,
    },
    /// A store failed in a way that trying again does not repair.
    Store(OpError),
    /// The scope is not as it must be, though no step failed.
    Verification(String),
    /// Policy denies the operation as things are now, or cannot be evaluated.
    Policy(String),
    /// Readers see the end state, and it could not be recorded.
    Record {
        /// Whether that end is the planned state (forward) or the prior one (backward).
        end: Direction,
        /// Why the records could not be written.
        error: Error,
    },
    /// Nothing moved, and it is not known whether the log has the record that opens the operation; reading the log
    /// again tells.
    Opening(Error),
    /// Readers see the end state, and it is not known whether the log has the record that closes the operation;
    /// reading the log again tells.
    Closing {
        /// Whether that end is the planned state (forward) or the prior one (backward).
        end: Direction,
        /// What the log said.
        error: Error,
    },
    /// The log failed: the engine can note nothing more, so it does nothing more.
    Log(Error),
    /// Another host has taken the shared log over: it acts now, and this process does nothing more.
    Followed(Error),
}

impl Halt {
    /// Sorts an error of the log: another host has taken the log over, or the log failed.
    pub(crate) fn of_log(error: Error) -> Self {
        match error {
            Error::Locked { .. } => Self::Followed(error),
            error => Self::Log(error),
        }
    }

    /// Says whether the cause may pass by itself: then the direction stays, and a resume goes on.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Interrupted
            | Self::Opening(_)
            | Self::Closing { .. }
            | Self::Log(_)
            | Self::Followed(_) => true,
            Self::Store(error) => error.may_pass() || matches!(error, OpError::Fenced { .. }),
            _ => false,
        }
    }

    /// Returns the name of the reason, as a held operation has it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Foreign { .. } => "foreign_value",
            Self::Store(_) => "store",
            Self::Verification(_) => "verification",
            Self::Policy(_) => "policy",
            Self::Record { .. } => "record_pending",
            Self::Opening(_) | Self::Closing { .. } | Self::Log(_) => "log",
            Self::Followed(_) => "followed",
        }
    }
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interrupted => f.write_str("stopped on request"),
            Self::Foreign { cell, observed } => {
                let observed = observed.map_or_else(|| "absent".to_owned(), |digest| digest.to_string());
                write!(f, "a value that the log does not know: cell={cell} observed={observed}")
            }
            Self::Store(error) => f.write_str(&text_of(error)),
            Self::Verification(what) => f.write_str(what),
            Self::Policy(why) => write!(f, "policy does not let the operation go on, {why}"),
            Self::Record { end, error } => {
                write!(f, "{}, but it could not be recorded, {}", seen(*end), text_of(error))
            }
            Self::Closing { end, error } => {
                write!(
                    f,
                    "{}, and it is not known whether the log has its end, {}",
                    seen(*end),
                    text_of(error)
                )
            }
            Self::Opening(error) => write!(
                f,
                "nothing moved, and it is not known whether the operation is open, {}",
                text_of(error)
            ),
            Self::Log(error) => f.write_str(&text_of(error)),
            Self::Followed(error) => {
                f.write_str("another host has taken the log over and acts now, ")?;
                f.write_str(&text_of(error))
            }
        }
    }
}

/// Says what readers see at the end of a run.
fn seen(end: Direction) -> &'static str {
    match end {
        Direction::Forward => "done",
        Direction::Backward => "it went back to the prior state",
    }
}
