//! What a process says about itself when it claims a shared log, and what others make of it.
//!
//! The claim is the truth about who acts: another host has another lock. A claim is followed by its lease, not by its
//! end, so whoever asks takes a claim for alive as long as its own words reach; those times are the other host's.

use kfm_lineage::Timestamp;
use kfm_wal::slots::Holder as Held;
use serde::{Deserialize, Serialize};

use super::Platform;
use super::lock::Holder;
use crate::error::Result;

/// Who claims a log: a process, and the platform that it works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claimant {
    /// The process.
    #[serde(flatten)]
    pub(crate) holder: Holder,
    /// The folder of its platform, on its host.
    pub(crate) platform: String,
    /// The platform's id; none in a claim from before platforms had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The claim's own name, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
}

impl Claimant {
    /// Makes the claim of a process of a platform, and notes it there; returns it, and the name of the claim that was
    /// noted before. The process holds the platform's lock.
    ///
    /// # Errors
    /// [`crate::Error::File`]: it cannot be noted.
    pub(crate) fn of(holder: &Holder, platform: &Platform) -> Result<(Self, Option<String>)> {
        let id = platform.make_id()?;
        let (claim, before) = platform.note_claim()?;
        let folder = platform.root().display().to_string();
        let claimant = Self { holder: holder.clone(), platform: folder, id: Some(id), claim: Some(claim) };
        Ok((claimant, before))
    }

    /// Returns it as the claim has it.
    pub(crate) fn words(&self) -> String {
        serde_json::to_string(self).expect("a claimant is plain data")
    }

    /// Reads a claim; none if somebody else's tool made it.
    pub(crate) fn parse(words: &str) -> Option<Self> {
        serde_json::from_str(words).ok()
    }

    /// Says whether it is a process of this very folder, which noted the claim before it was made. Whoever then holds
    /// the lock of the folder, or finds it free, knows that the process is gone.
    ///
    /// Host and folder are asked too, for a copy that was taken while the claim was held. A claim without a name is
    /// nobody's: its lease decides.
    pub(crate) fn is_of_folder(&self, platform: &Platform, noted: Option<&str>) -> bool {
        noted.is_some() && self.claim.as_deref() == noted && self.is_at(platform)
    }

    /// Says whether it is a process of this platform, wherever its folder was then; `id` is the platform's.
    pub(crate) fn is_of(&self, platform: &Platform, id: Option<&str>) -> bool {
        match &self.id {
            Some(own) => Some(own.as_str()) == id,
            None => self.is_at(platform),
        }
    }

    fn is_at(&self, platform: &Platform) -> bool {
        self.holder.host == platform.options().host && self.platform == platform.root().display().to_string()
    }
}

impl std::fmt::Display for Claimant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at platform={}", self.holder, self.platform)
    }
}

/// Returns what a claim says, for people.
pub(crate) fn shown(words: &str) -> String {
    Claimant::parse(words).map_or_else(|| words.to_owned(), |claimant| claimant.to_string())
}

/// Says whether a claim reaches to now, by its own words.
pub(crate) fn is_alive(held: &Held, now: Timestamp) -> bool {
    now.duration_since(held.renewed) < jiff::SignedDuration::from_millis_i128(held.lease_ms.into())
}
