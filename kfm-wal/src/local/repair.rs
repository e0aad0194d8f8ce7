//! What opening a log for writing would repair, told beforehand and without writing.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, RealDisk};
use super::load::{self, Ending, QUARANTINE, Torn};
use super::segment;
use crate::error::WalError;
use crate::store::{BadPlace, Depth};

/// What a repair would do.
///
/// Damage is never repaired: it was durable once, and what it said cannot be made up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepairPlan {
    /// What an interrupted append left; it is set aside and the repair is noted in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<TornTail>,
    /// The segment whose last frame was never written, though the next one was made; it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsealed: Option<String>,
    /// Damage: nothing is changed before it is dealt with by hand.
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
    /// The segment.
    pub segment: String,
    /// Where in it they begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// The file, in the log's folder, that is to hold them.
    pub quarantine: String,
}

/// Says what the next writer would repair; works on a log that does not open, and beside a writer.
///
/// # Errors
/// [`WalError::Io`]: the folder could not be read.
pub fn plan_repair(dir: impl AsRef<Path>) -> Result<RepairPlan, WalError> {
    plan_repair_on(&RealDisk, dir.as_ref())
}

/// Plans the repair of a log on a file system of one's own.
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
