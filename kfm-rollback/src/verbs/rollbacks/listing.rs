//! Where rollbacks and hotfixes stand.

use kfm_lineage::{IdKind, OperationKind};
use kfm_policy::Remedy;
use kfm_wal::record::PlanRecord;

use crate::error::{Error, Result};
use crate::execute::protected_by_log;
use crate::history::read_steps;
use crate::plan::{load_plan, step_line};
use crate::platform::Platform;
use crate::report::{FIRST_MAX, HotfixList, Listing, OperationLine, RollbackList, RollbackShow};
use crate::resolve::{self, LATEST};
use crate::session::Session;
use crate::verbs::plans::cells_of;
use crate::verbs::{course, standing};

impl Platform {
    /// Lists rollbacks and reverts, planned ones too, in the log's order.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read.
    pub async fn rollbacks(&self) -> Result<RollbackList> {
        let look = standing::read(self).await?;
        let session = &look.session;
        let mut rollbacks = Vec::new();
        for operation in session.history.operations() {
            if matches!(operation.kind, OperationKind::Rollback | OperationKind::Revert) {
                rollbacks.push(standing::operation_line(&look, operation).await?);
            }
        }
        for plan in session.history.plans() {
            let line = standing::plan_line(session, plan).await;
            rollbacks.extend(line.filter(|line| line.rollback_id.is_some()));
        }
        Ok(RollbackList { rollbacks })
    }

    /// Says where a rollback stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]: the id names no rollback, or more than one.
    pub async fn rollback_status(&self, id: &str) -> Result<OperationLine> {
        let look = standing::read(self).await?;
        let session = &look.session;
        match resolve::rollback(session, id) {
            Ok(rollback) => standing::operation_line(&look, &rollback).await,
            Err(error) => match planned(session, IdKind::Rollback, id) {
                Some(plan) => standing::plan_line(session, &plan).await.ok_or(error),
                None => Err(error),
            },
        }
    }

    /// Shows a rollback with its first steps and its manifest; a rollback that is only planned, with its plan's
    /// steps.
    ///
    /// # Errors
    /// As [`rollback_show_first`](Self::rollback_show_first).
    pub async fn rollback_show(&self, id: &str) -> Result<RollbackShow> {
        self.rollback_show_first(id, FIRST_MAX).await
    }

    /// Shows a rollback with at most `first_max` of its steps; `usize::MAX` shows all.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]: the id names no rollback, or more than one.
    pub async fn rollback_show_first(&self, id: &str, first_max: usize) -> Result<RollbackShow> {
        self.operation_show(IdKind::Rollback, id, first_max).await
    }

    /// Lists hotfixes, planned ones too, in the log's order.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read.
    pub async fn hotfixes(&self) -> Result<HotfixList> {
        let look = standing::read(self).await?;
        let session = &look.session;
        let mut hotfixes = Vec::new();
        for operation in
            session.history.operations().filter(|operation| operation.kind == OperationKind::Hotfix)
        {
            hotfixes.push(standing::operation_line(&look, operation).await?);
        }
        for plan in session.history.plans() {
            let line = standing::plan_line(session, plan).await;
            hotfixes.extend(line.filter(|line| line.id.kind() == IdKind::Hotfix));
        }
        Ok(HotfixList { hotfixes })
    }

    /// Shows a hotfix with at most `first_max` of its steps and its manifest; one that is only planned, with its
    /// plan's steps. `usize::MAX` shows all steps.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]: the id names no hotfix, or more than one.
    pub async fn hotfix_show_first(&self, id: &str, first_max: usize) -> Result<RollbackShow> {
        self.operation_show(IdKind::Hotfix, id, first_max).await
    }

    async fn operation_show(&self, kind: IdKind, id: &str, first_max: usize) -> Result<RollbackShow> {
        let look = standing::read(self).await?;
        let session = &look.session;
        let found = match kind {
            IdKind::Hotfix => resolve::hotfix(session, id),
            _ => resolve::rollback(session, id),
        };
        let operation = match (found, planned(session, kind, id)) {
            (Err(_), Some(record)) if record.operation.kind() == kind => {
                let plan = load_plan(session, &record.plan_id.to_string()).await?;
                let line = standing::plan_line(session, &record)
                    .await
                    .ok_or_else(|| Error::NotFound { kind: kind.as_str(), text: id.to_owned() })?;
                let steps = cells_of(session, &plan, None).await?.steps;
                let cells = Listing::of_first(steps.iter().map(|step| step_line(step, false)), first_max)
                    .with_all(Remedy::ShowPlan { plan: record.plan_id, entire: true });
                let approvals = course::approvals_of(session, Some(&record.plan_id));
                let history = course::planned_moments(session, &record.plan_id);
                let protected = Listing::default();
                return Ok(RollbackShow { line, manifest: None, approvals, history, cells, protected });
            }
            (found, _) => found?,
        };
        let steps = read_steps(&session.versions(), &operation.steps).await?;
        let cells = Listing::of_first(steps.iter().map(|step| step_line(step, false)), first_max)
            .with_all(Remedy::ShowOperation { operation: operation.id.clone(), entire: true });
        let manifest = match operation.closed.as_ref().and_then(|closed| closed.close.manifest) {
            Some(digest) => serde_json::from_slice(&session.versions().get(&digest).await?).ok(),
            None => None,
        };
        let approvals = course::approvals_of(session, operation.plan_id.as_ref());
        let history = course::moments(session, &operation).await?;
        let line = standing::operation_line(&look, &operation).await?;
        let protected = protected_by_log(&session.versions(), &operation).await?;
        Ok(RollbackShow { line, manifest, approvals, history, cells, protected })
    }
}

/// Returns the plan that waits and that a text means: by the id of its operation, or as the newest of its kind.
fn planned(session: &Session, kind: IdKind, text: &str) -> Option<PlanRecord> {
    match text {
        LATEST => resolve::newest_planned(session, kind),
        _ => resolve::planned_as(session, text),
    }
}
