//! What `latest` means now, for a caller that says what it was resolved to.

use kfm_lineage::{OperationId, OperationKind};

use super::Platform;
use crate::error::Result;
use crate::resolve::{self, LATEST};
use crate::session::Session;

impl Platform {
    /// Returns what `latest` names where something is shown or undone: the newest completed operation of a kind.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound): there is none yet.
    pub async fn latest(&self, kind: OperationKind) -> Result<OperationId> {
        let session = Session::read(self).await?;
        let found = match kind {
            OperationKind::Publish => resolve::publish(&session, LATEST),
            OperationKind::Rollback => resolve::rollback(&session, LATEST),
            OperationKind::Hotfix => resolve::hotfix(&session, LATEST),
        };
        Ok(found?.id)
    }

    /// Returns what `latest` names where something is resumed or aborted: the one open operation of a kind.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict): none of the kind is open.
    /// [`Error::Ambiguous`](crate::Error::Ambiguous): several are.
    pub async fn latest_open(&self, kind: OperationKind) -> Result<OperationId> {
        Ok(resolve::to_resume(&Session::read(self).await?, kind, LATEST)?.id)
    }
}
