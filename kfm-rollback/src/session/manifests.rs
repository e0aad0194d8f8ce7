//! Manifests whose files are gone: the version store has them too.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use kfm_lineage::{Digest, Lsn, OperationId};

use super::Session;
use crate::error::{Error, Result, text_of};
use crate::platform::files::write_durably;

impl Session {
    /// Writes the manifests again that the log names, that this platform wrote, and whose files are gone. What cannot be
    /// written now stops no operation: the next command that changes something tries it again, and a verification says
    /// which manifest is missing.
    pub(super) async fn keep_manifests(&self) {
        if let Err(error) = self.restore_manifests().await {
            tracing::warn!(error = text_of(&error), "manifests that are gone were not written again");
        }
    }

    async fn restore_manifests(&self) -> Result<()> {
        let ended = |operation: &crate::history::Operation| {
            let closed = operation.closed.as_ref()?;
            Some((operation.id.clone(), closed.lsn, closed.close.manifest?))
        };
        let mut ended: Vec<(OperationId, Lsn, Digest)> =
            self.history.operations().filter_map(ended).collect();
        if ended.is_empty() {
            return Ok(());
        }
        let folder = self.platform.own("manifests");
        let there: BTreeSet<String> = match self.platform.disk().list(&folder) {
            Ok(names) => names.into_iter().collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeSet::new(),
            Err(source) => return Err(Error::File { path: folder.display().to_string(), source }),
        };
        ended.retain(|(id, ..)| !there.contains(&format!("{id}.json")));
        let own = self.written_here(ended.iter().map(|(_, lsn, _)| *lsn)).await?;
        for (id, lsn, digest) in ended {
            if own.contains(&lsn) {
                let bytes = self.versions().get(&digest).await?;
                write_durably(self.platform.disk(), &self.platform.manifest_path(&id), &bytes)?;
            }
        }
        Ok(())
    }
}
