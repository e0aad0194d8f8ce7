//! Why a run of steps stopped before its end.

use kfm_lineage::{CellId, Value};
use kfm_wal::WalError;

use crate::error::{Error, text_of};
use crate::op::OpError;

/// Why a run of steps stopped before its end; decides what the engine does next.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Somebody asked to stop at the next safe point.
    Interrupted,
    /// A cell holds a value that neither this operation nor the log knows.
    Foreign {
        /// The cell.
        cell: CellId,
        /// What it holds.
        observed: Value,
    },
    /// A store failed for good.
    Store(OpError),
    /// A store hangs: what it does may still happen, so nothing else is done.
    TimedOut {
        /// The store's name.
        store: String,
    },
    /// The scope is not what it must be, though no step failed.
    Verification(String),
    /// Policy denies it as it is now, or cannot be evaluated.
    Policy(String),
    /// Readers see the end, and it could not be recorded.
    Record(Error),
    /// The log failed: nothing more can be noted, so nothing more is done.
    Log(Error),
    /// Another host has taken the shared log over: it acts now, and this process does nothing more.
    Followed(Error),
}

impl Halt {
    /// Sorts what the log said: whether it failed, or is another host's by now.
    pub(crate) fn of_log(error: Error) -> Self {
        let said = match &error {
            Error::Locked { .. } => return Self::Followed(error),
            Error::Log(source) => source.downcast_ref::<WalError>(),
            _ => None,
        };
        match said {
            Some(WalError::Fenced { .. }) => Self::Followed(error),
            _ => Self::Log(error),
        }
    }

    /// Returns the reason's name for a held operation.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Foreign { .. } => "foreign_value",
            Self::Store(_) => "store",
            Self::TimedOut { .. } => "store_hangs",
            Self::Verification(_) => "verification",
            Self::Policy(_) => "policy",
            Self::Record(_) => "record_pending",
            Self::Log(_) => "log",
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
            Self::TimedOut { store } => write!(f, "a store does not answer: store={store}"),
            Self::Verification(what) => f.write_str(what),
            Self::Policy(why) => write!(f, "policy does not let it go on, {why}"),
            Self::Record(error) => {
                f.write_str("done, but it could not be recorded, ")?;
                f.write_str(&text_of(error))
            }
            Self::Log(error) => f.write_str(&text_of(error)),
            Self::Followed(error) => {
                f.write_str("another host has taken the log over and acts now, ")?;
                f.write_str(&text_of(error))
            }
        }
    }
}
