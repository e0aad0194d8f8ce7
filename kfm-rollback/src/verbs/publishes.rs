//! Publishing, adopting and reconciling, as methods of a platform.

use kfm_lineage::{IdKind, OperationId, OperationKind, PublishId, Slug};
use kfm_policy::Remedy;

use super::Platform;
use super::standing::{self, Look};
use crate::asked::Asked;
use crate::error::Result;
use crate::execute::{Resume, protected_by_log};
use crate::history::{Operation, read_steps};
use crate::plan::step_line;
use crate::publish::{self, Project, Publish, PublishFolder, Unit};
use crate::refusal::recorded;
use crate::report::{
    AdoptReport, FIRST_MAX, Listing, PublishLine, PublishList, PublishReport, PublishShow, ReconcileReport,
    Status,
};
use crate::session::Session;

impl Platform {
    /// Begins a publish that a pipeline puts together (R49). It holds the platform's lock until it is completed or
    /// dropped.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked): another operation works in this platform.
    pub async fn begin_publish(&self, pipeline: Slug) -> Result<Publish> {
        let session = Session::write(self, &format!("publish {pipeline}")).await?;
        let unit = Unit::new(&session, &pipeline, None, None);
        Ok(Publish::new(session, unit))
    }

    /// Publishes the documents of a folder that differ from the catalog.
    ///
    /// # Cancel safety
    /// A dropped future leaves nothing, or an interrupted publish that can be resumed or aborted.
    ///
    /// # Errors
    /// As [`Publish::complete`]; [`Error::Invalid`](crate::Error::Invalid): a file or name in the folder cannot be
    /// published.
    pub async fn publish_folder(&self, request: PublishFolder) -> Result<PublishReport> {
        if request.dry_run {
            let mut session = Session::read(self).await?;
            return publish::publish_folder(&mut session, &request).await;
        }
        let mut session = Session::write(self, &format!("publish {}", request.pipeline)).await?;
        let result = publish::publish_folder(&mut session, &request).await;
        let subject = request.publish_id.map(OperationId::from);
        recorded(&mut session, Asked::Publish, subject, None, result).await
    }

    /// Records what stands in the stores already as a genesis publish, which moves no document (R14), and projects
    /// it into the derived stores.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound): there is no such store.
    /// [`Error::Locked`](crate::Error::Locked): another operation works here.
    pub async fn adopt(&self, store: Option<&str>, reason: Option<&str>) -> Result<AdoptReport> {
        self.adopt_as(store, reason, true).await
    }

    /// Records what already stands in the stores, and leaves the derived stores to [`project`](Self::project).
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub async fn adopt_alone(&self, store: Option<&str>, reason: Option<&str>) -> Result<AdoptReport> {
        self.adopt_as(store, reason, false).await
    }

    async fn adopt_as(
        &self,
        store: Option<&str>,
        reason: Option<&str>,
        projects: bool,
    ) -> Result<AdoptReport> {
        let mut session = Session::write(self, "adopt").await?;
        let adopted = publish::adopt(&mut session, store, reason, projects).await;
        recorded(&mut session, Asked::Adopt, None, None, adopted).await
    }

    /// Makes derived cells what the documents say, as an operation of its own. If they are so already, nothing is
    /// logged.
    ///
    /// # Cancel safety
    /// A dropped future leaves nothing, or an interrupted operation, which is resumed or aborted as a publish is.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound): there is no such derived store or collection.
    /// [`Error::Conflict`](crate::Error::Conflict): an open operation keeps one of the cells; end it first.
    pub async fn project(&self, request: Project) -> Result<PublishReport> {
        if request.dry_run {
            return publish::project(&mut Session::read(self).await?, &request).await;
        }
        let mut session = Session::write(self, "project").await?;
        let projected = publish::project(&mut session, &request).await;
        recorded(&mut session, Asked::Project, None, None, projected).await
    }

    /// Lists the values that were changed without the engine. With `adopt` it records them, and corrects what the
    /// derived stores show.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked): another operation works here.
    pub async fn reconcile(&self, adopt: bool) -> Result<ReconcileReport> {
        if !adopt {
            return publish::reconcile(&mut Session::judge(self, "reconcile").await?, false).await;
        }
        let mut session = Session::write(self, "reconcile").await?;
        let reconciled = publish::reconcile(&mut session, true).await;
        recorded(&mut session, Asked::Reconcile, None, None, reconciled).await
    }

    /// Says what [`adopt`](Self::adopt) would record and find; writes nothing.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub async fn adopt_rehearse(&self, store: Option<&str>) -> Result<AdoptReport> {
        publish::rehearse_adopt(&mut Session::read(self).await?, store).await
    }

    /// Says what [`reconcile`](Self::reconcile) would record and find; writes nothing.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile).
    pub async fn reconcile_rehearse(&self) -> Result<ReconcileReport> {
        publish::rehearse_reconcile(&mut Session::read(self).await?).await
    }

    /// Lists the publishes, in the log's order; projections, which publish nothing, are left out.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log cannot be read.
    pub async fn publishes(&self) -> Result<PublishList> {
        let look = standing::read(self).await?;
        let publishes =
            look.session.history.publishes().filter(|publish| publish.kind != OperationKind::Project);
        let publishes = publishes.map(|publish| line(&look, publish)).collect();
        Ok(PublishList { publishes })
    }

    /// Shows a publish with its first cells.
    ///
    /// # Errors
    /// As [`publish_show_first`](Self::publish_show_first).
    pub async fn publish_show(&self, id: &str) -> Result<PublishShow> {
        self.publish_show_first(id, FIRST_MAX).await
    }

    /// Shows a publish with at most `first_max` of its cells; `usize::MAX` shows all.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Ambiguous`](crate::Error::Ambiguous): the id names no
    /// publish, or more than one.
    pub async fn publish_show_first(&self, id: &str, first_max: usize) -> Result<PublishShow> {
        let look = standing::read(self).await?;
        let session = &look.session;
        let publish = crate::resolve::publish(session, id)?;
        let steps = read_steps(&session.versions(), &publish.steps).await?;
        let cells = Listing::of_first(steps.iter().map(|step| step_line(step, false)), first_max)
            .with_all(Remedy::ShowOperation { operation: publish.id.clone(), entire: true });
        let next = match publish.status(look.is_at_work(&publish.id)) {
            Status::Interrupted | Status::Held => Remedy::both_ways(&publish.id),
            Status::Completed if session.history.stands(&publish.id) => {
                vec![Remedy::undo(&publish.id)]
            }
            _ => Vec::new(),
        };
        Ok(PublishShow {
            line: line(&look, &publish),
            cells,
            protected: protected_by_log(&session.versions(), &publish).await?,
            intent_lsn: publish.opened.0,
            completion_lsn: publish.closed.as_ref().map(|closed| closed.lsn.0),
            reason: publish.reason.clone(),
            next,
        })
    }

    /// Goes on with an unfinished publish, or aborts it; `latest` is the one that is open.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict): it has ended. [`Error::Unfinished`](crate::Error::Unfinished):
    /// it still waits, for what the error says.
    pub async fn publish_resume(&self, id: &str, abort: bool) -> Result<PublishReport> {
        let mut session = Session::write(self, "publish resume").await?;
        let found = crate::resolve::to_resume(&session, IdKind::Publish, id);
        let publish = recorded(&mut session, Asked::Resume, None, None, found).await?;
        let how = Resume { abort, skip: Vec::new() };
        let resumed = publish::resume_publish(&mut session, &publish, how).await;
        recorded(&mut session, Asked::Resume, Some(publish.id), None, resumed).await
    }
}

fn line(look: &Look, publish: &Operation) -> PublishLine {
    PublishLine {
        publish_id: PublishId::parse(publish.id.as_str()).expect("publishes have publish ids"),
        kind: publish.kind.as_str().into(),
        status: publish.status(look.is_at_work(&publish.id)),
        started_at: publish.opened_at,
        completed_at: publish.closed.as_ref().map(|closed| closed.at),
        pipeline: publish.pipeline.clone(),
        requested_by: publish.requested_by.clone(),
        steps: if publish.moves_references() { publish.steps.count } else { 0 },
        rolled_back_by: look.session.history.undone_by(&publish.id).cloned(),
    }
}
