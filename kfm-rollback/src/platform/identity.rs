//! A platform's id, and the name of its last claim, on a log that hosts share.
//!
//! Host names and paths do not tell platforms apart: containers and cloned machines have the same ones. So an id is
//! made once and stays with the folder; by it, work that was done here is known as done here, wherever the folder
//! moves. A copy of the folder has the same id, so the id does not prove that a claim is this folder's own. What
//! proves it is the note of the claim's name, which the folder has from before the claim was made: a copy that was
//! taken earlier does not have it.

use std::path::PathBuf;

use kfm_lineage::hex;
use kfm_wal::entropy::{Entropy, SystemEntropy};

use super::Platform;
use super::files::{read_optional, write_durably};
use crate::error::Result;

impl Platform {
    /// Returns the platform's id; `None` if no id was made yet.
    ///
    /// # Errors
    /// [`crate::Error::File`]: the id cannot be read.
    pub(crate) fn id(&self) -> Result<Option<String>> {
        read_line(&self.id_path())
    }

    /// Returns the platform's id, and makes it if there is none. The caller holds the platform's lock.
    ///
    /// # Errors
    /// [`crate::Error::File`]: the id cannot be read or written.
    pub(crate) fn make_id(&self) -> Result<String> {
        if let Some(id) = self.id()? {
            return Ok(id);
        }
        let id = random_name();
        write_durably(self.disk(), &self.id_path(), format!("{id}\n").as_bytes())?;
        Ok(id)
    }

    /// Makes the name of a claim and notes it before the claim is made. Returns it, and the name that was noted
    /// before. The caller holds the platform's lock.
    ///
    /// # Errors
    /// [`crate::Error::File`]: the note cannot be read or written.
    pub(crate) fn note_claim(&self) -> Result<(String, Option<String>)> {
        let (before, claim) = (self.noted_claim()?, random_name());
        write_durably(self.disk(), &self.claim_path(), format!("{claim}\n").as_bytes())?;
        Ok((claim, before))
    }

    /// Returns the name of the claim that a process of this folder made last, or was about to make.
    ///
    /// # Errors
    /// [`crate::Error::File`]: the note cannot be read.
    pub(crate) fn noted_claim(&self) -> Result<Option<String>> {
        read_line(&self.claim_path())
    }

    fn id_path(&self) -> PathBuf {
        self.own("id")
    }

    fn claim_path(&self) -> PathBuf {
        self.own("claim")
    }
}

fn read_line(path: &std::path::Path) -> Result<Option<String>> {
    Ok(read_optional(path)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn random_name() -> String {
    hex::encode(SystemEntropy.bytes16())
}
