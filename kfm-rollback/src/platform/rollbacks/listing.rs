//! Where rollbacks stand, and what is open.

use crate::error::Result;
use crate::history::{Kind, read_moves};
use crate::plan::step_line;
use crate::platform::Platform;
use crate::report::{CellCount, Listing, OperationLine, RollbackList, RollbackShow, StatusReport};
use crate::session::Session;
use crate::{resolve, status};

impl Platform {
    /// Lists rollbacks and reverts, planned ones too, in the log's order.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log cannot be read.
    pub async fn rollbacks(&self) -> Result<RollbackList> {
        let session = Session::read(self).await?;
        let mut rollbacks = Vec::new();
        for operation in session.history.operations() {
            if matches!(operation.kind, Kind::Rollback | Kind::Revert) {
                rollbacks.push(status::operation_line(&session, operation).await?);
            }
        }
        let planned =
            session.history.plans().into_iter().filter_map(|plan| status::plan_line(&session, plan));
        rollbacks.extend(planned.filter(|line| line.rollback_id.is_some()));
        Ok(RollbackList { rollbacks })
    }

    /// Says where a rollback stands.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Ambiguous`](crate::Error::Ambiguous).
    pub async fn rollback_status(&self, id: &str) -> Result<OperationLine> {
        let session = Session::read(self).await?;
        match resolve::rollback(&session, id) {
            Ok(rollback) => status::operation_line(&session, &rollback).await,
            Err(error) => {
                let mut plans =
                    session.history.plans().into_iter().filter(|plan| plan.operation.as_str() == id);
                plans.next_back().and_then(|plan| status::plan_line(&session, plan)).ok_or(error)
            }
        }
    }

    /// Shows a rollback with its steps and its manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Ambiguous`](crate::Error::Ambiguous).
    pub async fn rollback_show(&self, id: &str) -> Result<RollbackShow> {
        let session = Session::read(self).await?;
        let rollback = resolve::rollback(&session, id)?;
        let moves = read_moves(&session.versions(), &rollback.moves).await?;
        let mut cells = Listing::of(moves.iter().map(|step| step_line(step, false)));
        cells.by_domain = CellCount::of(moves.iter().map(|step| step.cell.domain)).by_domain;
        let manifest = match rollback.closed.as_ref().and_then(|closed| closed.close.manifest) {
            Some(digest) => serde_json::from_slice(&session.versions().get(&digest).await?).ok(),
            None => None,
        };
        Ok(RollbackShow { line: status::operation_line(&session, &rollback).await?, manifest, cells })
    }

    /// Lists what is open and what is owed.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log cannot be read.
    pub async fn status(&self) -> Result<StatusReport> {
        status::status(&Session::read(self).await?).await
    }
}
