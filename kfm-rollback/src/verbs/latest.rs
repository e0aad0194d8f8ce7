//! What `latest` means now; the caller tells the actor which operation that is.

use kfm_lineage::{IdKind, OperationId};

use super::Platform;
use crate::error::Result;
use crate::resolve::{self, LATEST};
use crate::session::Session;

impl Platform {
    /// Returns the operation that `latest` names where one is shown or undone: the newest completed one of a kind; if
    /// none has completed, the rollback or hotfix that was planned last and waits.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound): no operation of the kind has completed yet, and none waits.
    pub async fn latest(&self, kind: IdKind) -> Result<OperationId> {
        let session = Session::read(self).await?;
        let found = match kind {
            IdKind::Publish => resolve::publish(&session, LATEST),
            IdKind::Rollback => resolve::rollback(&session, LATEST),
            IdKind::Hotfix => resolve::hotfix(&session, LATEST),
        };
        match (found, resolve::newest_planned(&session, kind)) {
            (Err(_), Some(plan)) => Ok(plan.operation),
            (found, _) => Ok(found?.id),
        }
    }

    /// Returns the operation that `latest` names where one is resumed or aborted: the only open one of a kind.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict): none of this kind is open.
    /// [`Error::Ambiguous`](crate::Error::Ambiguous): more than one is open.
    pub async fn latest_open(&self, kind: IdKind) -> Result<OperationId> {
        Ok(resolve::to_resume(&Session::read(self).await?, kind, LATEST)?.id)
    }
}
