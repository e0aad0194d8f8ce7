//! Who a platform is, on a log that hosts share: an id of its own, and the claim that it made last.
//!
//! Host names and paths do not tell platforms apart: containers and cloned machines have the same. The id is made once
//! and stays with the folder, so that what was done here is known as done here wherever the folder moves. A copy of
//! the folder has it too; therefore no claim is taken for an own one by the id. It is an own one if this very folder
//! noted it before it was made, which a copy that was taken earlier cannot have.

use std::path::PathBuf;

use kfm_wal::entropy::{Entropy, SystemEntropy};

use super::Platform;
use super::files::{read_optional, write_durably};
use crate::error::Result;

impl Platform {
    /// Returns the platform's id; none where nothing was written yet since platforms have one.
    ///
    /// # Errors
    /// [`crate::Error::File`]: it cannot be read.
    pub(crate) fn id(&self) -> Result<Option<String>> {
        read_line(&self.id_path())
    }

    /// Returns the platform's id, and makes it if there is none; whoever asks holds the lock.
    ///
    /// # Errors
    /// [`crate::Error::File`]: it cannot be read or written.
    pub(crate) fn make_id(&self) -> Result<String> {
        if let Some(id) = self.id()? {
            return Ok(id);
        }
        let id = random_name();
        write_durably(self.disk(), &self.id_path(), format!("{id}\n").as_bytes())?;
        Ok(id)
    }

    /// Makes the name of a claim and notes it, before the claim is made; returns it, and the one that was noted before.
    /// Whoever asks holds the lock.
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
    format!("{:032x}", u128::from_be_bytes(SystemEntropy.bytes16()))
}
