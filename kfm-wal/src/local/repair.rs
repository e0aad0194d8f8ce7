//! What opening a log for writing would repair, told before it is done and without writing.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, RealDisk};
use super::load::{self, Ending, QUARANTINE, Torn};
use super::segment;
use crate::error::WalError;
use crate::store::{BadPlace, Depth};

/// What the next opening for writing would repair.
///
/// Damage is never repaired: it was durable once, and its content cannot be made up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepairPlan {
    /// The bytes that an interrupted append left: the opening sets them aside and notes the repair in the
    /// log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<TornTail>,
    /// The segment that was never sealed although the next one was made: the opening writes its seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsealed: Option<String>,
    /// The first damaged place. While there is one, opening refuses and repairs nothing: restore the log from
    /// a copy, or repair it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<BadPlace>,
}

impl RepairPlan {
    /// Says whether there is nothing to repair, and no damage.
    pub fn is_empty(&self) -> bool {
        self.torn.is_none() && self.unsealed.is_none() && self.first_bad.is_none()
    }
}

/// Bytes of an append that never finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TornTail {
    /// The segment, a file in the log's folder.
    pub segment: String,
    /// Where in it the bytes begin, counted in bytes.
    pub offset: u64,
    /// How many bytes there are.
    pub bytes: u64,
    /// The file, in the log's folder, that is to hold them.
    pub quarantine: String,
}

/// Says what the next opening for writing would repair. Works on a log that does not open, and beside a
/// writer.
///
/// # Errors
/// [`WalError::Io`]: the folder could not be read; try again.
pub fn plan_repair(dir: impl AsRef<Path>) -> Result<RepairPlan, WalError> {
    plan_repair_on(&RealDisk, dir.as_ref())
}

/// As [`plan_repair`], on a file system that the caller gives.
///
/// # Errors
/// As [`plan_repair`].
pub fn plan_repair_on(disk: &dyn Disk, dir: &Path) -> Result<RepairPlan, WalError> {
    let loaded = load::load_beside_a_writer(disk, dir, Depth::Chain)?;
    let segments = loaded.view.as_ref().map_or(&[][..], |view| &view.segments);
    let name = |from_end: usize| {
        let at = segments.len().checked_sub(from_end);
        at.and_then(|at| segments.get(at)).map_or_else(String::new, |segment| segment.name.clone())
    };
    let mut plan = RepairPlan { torn: None, unsealed: None, first_bad: None };
    match loaded.ending {
        Ending::Clean => {}
        Ending::Torn(torn) => plan.torn = Some(tail(&name(1), torn)),
        Ending::Unsealed(torn) => {
            plan.torn = (torn.bytes > 0).then(|| tail(&name(2), torn));
            plan.unsealed = Some(name(2));
        }
        Ending::Bad(bad) => plan.first_bad = Some(bad),
    }
    Ok(plan)
}

fn tail(segment: &str, torn: Torn) -> TornTail {
    let quarantine = format!("{QUARANTINE}/{}", segment::quarantine_name(segment, torn.offset));
    TornTail { segment: segment.to_owned(), offset: torn.offset, bytes: torn.bytes, quarantine }
}
