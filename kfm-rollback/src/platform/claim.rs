//! What a process says about itself when it claims a shared log, and how other processes read it.
//!
//! Only the claim tells which process acts, since another host has another lock. A process that dies does not end
//! its claim, so other hosts wait for the claim's lease to pass. A claim counts as alive until its own lease says
//! otherwise, by the clock of the host that made it.

use serde::{Deserialize, Serialize};

use super::Platform;
use super::lock::Holder;
use crate::error::Result;

/// The process that claims a log, and the platform that it works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claimant {
    /// The process.
    #[serde(flatten)]
    pub(crate) holder: Holder,
    /// The folder of the process's platform, on its host.
    pub(crate) platform: String,
    /// The platform's id; `None` in a claim that was made before platforms had ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The claim's own name; `None` in a claim of that time too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
}

impl Claimant {
    /// Makes the claim of a process, and notes its name in the platform's folder. Returns it, and the name of the
    /// claim that was noted before. The process holds the platform's lock.
    ///
    /// # Errors
    /// [`crate::Error::File`]: the name cannot be noted.
    pub(crate) fn of(holder: &Holder, platform: &Platform) -> Result<(Self, Option<String>)> {
        let id = platform.make_id()?;
        let (claim, before) = platform.note_claim()?;
        let folder = platform.root().display().to_string();
        let claimant = Self { holder: holder.clone(), platform: folder, id: Some(id), claim: Some(claim) };
        Ok((claimant, before))
    }

    /// Returns the text that is written into the claim.
    pub(crate) fn words(&self) -> String {
        serde_json::to_string(self).expect("a claimant is plain data")
    }

    /// Reads a claim; `None` if another program than the engine made it.
    pub(crate) fn parse(words: &str) -> Option<Self> {
        serde_json::from_str(words).ok()
    }

    /// Says whether a process of this very folder made the claim: it noted the claim's name in the folder before. A
    /// process that now holds the lock of the folder, or finds the lock free, then knows that the claimant is gone.
    ///
    /// Host and folder must agree too, since a copy of the folder that was taken while the claim was held has the
    /// same note. A claim without a name belongs to no folder: only its lease tells when it has passed.
    pub(crate) fn is_of_folder(&self, platform: &Platform, noted: Option<&str>) -> bool {
        noted.is_some() && self.claim.as_deref() == noted && self.is_at(platform)
    }

    /// Says whether a process of this platform made the claim, in whatever folder the platform was then; `id` is
    /// this platform's.
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

/// Returns a claim's text for people.
pub(crate) fn shown(words: &str) -> String {
    Claimant::parse(words).map_or_else(|| words.to_owned(), |claimant| claimant.to_string())
}
