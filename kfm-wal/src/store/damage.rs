//! What verifying a log finds: the report, the first bad place, and the kinds of damage.

use std::fmt;

use kfm_lineage::Lsn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Head;
#[cfg(doc)]
use super::WalStore;
use crate::error::WalError;

/// How closely [`WalStore::verify`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Checksums, positions and epochs.
    Crc,
    /// All of that, and every hash of the chain.
    Chain,
}

/// The answer of [`WalStore::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// Whether nothing is wrong: no damage and no torn tail.
    pub ok: bool,
    /// Number of records that can be read, from the first on.
    pub records: u64,
    /// Number of files or objects.
    pub segments: u64,
    /// Number of frames that can be read, from the first on.
    pub frames: u64,
    /// Bytes in those frames.
    pub bytes: u64,
    /// Number of torn tails that were set aside by earlier repairs.
    pub quarantined: u64,
    /// Bytes of an append that never finished; the next writer sets them aside.
    pub torn_bytes: u64,
    /// The end of the part that can be read.
    pub head: Head,
    /// The first place that is damaged; none if there is no damage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<BadPlace>,
}

impl VerifyReport {
    /// Makes the report of a log without damage, in one piece of `bytes`.
    pub fn sound(head: Head, frames: u64, bytes: u64) -> Self {
        Self {
            ok: true,
            records: head.lsn.0,
            segments: 1,
            frames,
            bytes,
            quarantined: 0,
            torn_bytes: 0,
            head,
            first_bad: None,
        }
    }
}

/// Where a log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadPlace {
    /// The file or object that holds the damage.
    pub segment: String,
    /// Where in it the first bad frame begins, in bytes.
    pub offset: u64,
    /// The first record that cannot be read.
    pub lsn: Lsn,
    /// What kind of damage it is.
    pub class: Damage,
}

#[cfg(feature = "slots")]
impl BadPlace {
    /// Takes the damage out of an error; gives the error back if it is not about damage.
    pub(crate) fn of(error: WalError) -> Result<Self, WalError> {
        match error {
            WalError::Corrupt { segment, offset, lsn, class } => Ok(Self { segment, offset, lsn, class }),
            WalError::FutureFormat { segment, offset, lsn } => {
                Ok(Self { segment, offset, lsn, class: Damage::FutureFormat })
            }
            other => Err(other),
        }
    }
}

impl From<BadPlace> for WalError {
    fn from(bad: BadPlace) -> Self {
        let BadPlace { segment, offset, lsn, class } = bad;
        match class {
            // There is nothing to restore: the operator has to upgrade instead.
            Damage::FutureFormat => Self::FutureFormat { segment, offset, lsn },
            class => Self::Corrupt { segment, offset, lsn, class },
        }
    }
}

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Damage {
    /// Bytes do not fit their checksum.
    BitRot,
    /// A segment is shorter than it was when it was made.
    Truncated,
    /// A segment that must exist does not.
    MissingSegment,
    /// A whole frame stands where another one belongs.
    ChainBreak,
    /// A segment or frame of another log.
    ForeignLog,
    /// A fenced writer went on writing.
    EpochRegress,
    /// Two records have the same id.
    DuplicateOperation,
    /// A record's time is before that of the record before it.
    TimeRegress,
    /// The checksum fits, and the content cannot be read.
    Malformed,
    /// A newer version wrote it.
    FutureFormat,
    /// The log is sound and ends before a point that a witness has seen.
    LostTail,
    /// The log is sound and is not the one that a witness has seen.
    Rewritten,
}

impl Damage {
    /// Returns the word used in messages and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BitRot => "bit_rot",
            Self::Truncated => "truncated",
            Self::MissingSegment => "missing_segment",
            Self::ChainBreak => "chain_break",
            Self::ForeignLog => "foreign_log",
            Self::EpochRegress => "epoch_regress",
            Self::DuplicateOperation => "duplicate_operation",
            Self::TimeRegress => "time_regress",
            Self::Malformed => "malformed",
            Self::FutureFormat => "future_format",
            Self::LostTail => "lost_tail",
            Self::Rewritten => "rewritten",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
