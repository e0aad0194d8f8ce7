//! Hotfixes: corrections of standing documents, made by the same engine as every other operation (R70 to R74).
//!
//! `kfm-hotfix` decides what is corrected to what. Here a correction becomes a plan of kind hotfix, which is
//! judged, approved, journalled, verified and reversible like any other.

use std::collections::BTreeMap;

use bytes::Bytes;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{Digest, HotfixId, IdKind, OperationId, Slug, Step, Version};
use kfm_policy::{Parameter, advice};
use kfm_wal::record::Correction;

use super::Platform;
use super::rollbacks::{executed, refused_rehearsal, rehearsed, require_reason, stored_plan};
use super::standing;
use crate::around::catalog_now;
use crate::asked::Asked;
use crate::assess::{denied, describe_step};
use crate::error::{Error, Result};
use crate::execute::{Resume, preflight, resume};
use crate::plan::{Draft, Drafted, Plan, PlanKind, Wanted, draft, plan_report, store_plan};
use crate::protections::Protections;
use crate::publish::check_size;
use crate::refusal::recorded;
use crate::report::{DryRunReport, ExecuteReport, OperationLine, PlanReport};
use crate::resolve;
use crate::session::Session;

/// Stands between the version of a document and the number of the hotfix that patched it.
const PATCH_MARK: &str = "+hf.";

/// What a hotfix is asked to do.
#[derive(Debug, Clone)]
pub struct HotfixRequest {
    /// The last part of the hotfix's id.
    pub name: Slug,
    /// What to correct: kind, scope and field.
    pub correction: Correction,
    /// The reason; must not be blank.
    pub reason: String,
    /// Whether to look only, and write nothing.
    pub dry_run: bool,
    /// The `content_id` that a rehearsal showed to the actor; if the change is another one by now, the hotfix is
    /// refused.
    pub shown: Option<Digest>,
}

/// A hotfix that is being put together.
///
/// It holds the platform's lock from [`Platform::begin_hotfix`] on, so that the documents which were looked at are
/// the ones that are changed. A rehearsal holds no lock and writes nothing. Nothing moves before
/// [`finish`](Hotfix::finish); dropping the hotfix before leaves everything as it was.
#[derive(Debug)]
pub struct Hotfix {
    session: Session,
    id: HotfixId,
    request: HotfixRequest,
    now: CatalogView,
    replaced: BTreeMap<String, (Digest, Bytes)>,
}

/// A standing document, as a hotfix sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingDocument {
    /// Its path in the catalog.
    pub path: String,
    /// The digest of its bytes, which is the precondition of its correction.
    pub digest: Digest,
    /// Whether it is not known to be public: then texts from it stay out of messages (R66).
    pub is_protected: bool,
}

/// The result of finishing a hotfix.
#[derive(Debug)]
pub enum HotfixDone {
    /// It was rehearsed, and nothing was written.
    Rehearsed(Box<DryRunReport>),
    /// It was executed, or its stored plan was executed before.
    Executed {
        /// The plan that was executed.
        plan: Box<PlanReport>,
        /// The result of the execution.
        report: Box<ExecuteReport>,
    },
}

impl Platform {
    /// Begins a hotfix; it holds the platform's lock, unless it is a rehearsal.
    ///
    /// # Errors
    /// [`Error::Locked`]: another operation works in this platform. [`Error::Invalid`]: the reason is blank, or a
    /// value has no canonical form.
    pub async fn begin_hotfix(&self, request: HotfixRequest) -> Result<Hotfix> {
        require_reason(&request.reason)?;
        let values = request.correction.values.as_ref();
        for value in values.iter().flat_map(|values| [&values.from, &values.to]) {
            kfm_lineage::canonical_json(value).map_err(|error| Error::Invalid {
                message: "a value has no canonical form".into(),
                hint: "numbers above 2^53 are not exact everywhere: write them as texts".into(),
                source: Some(Box::new(error)),
            })?;
        }
        let session = match request.dry_run {
            true => Session::read(self).await?,
            false => Session::write(self, &format!("hotfix {}", request.correction.kind)).await?,
        };
        let kind = Slug::parse(&request.correction.kind).map_err(|error| Error::Invalid {
            message: format!("not a kind of hotfix: kind={}", request.correction.kind),
            hint: "give the kind as a slug, such as stac".into(),
            source: Some(Box::new(error)),
        })?;
        let id = fresh_id(&session, &kind, &request.name);
        let now = catalog_now(&session).await?;
        Ok(Hotfix { session, id, request, now, replaced: BTreeMap::new() })
    }

    /// Plans the rollback of a hotfix, and stores the plan.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn plan_hotfix_revert(&self, id: &str, reason: Option<String>) -> Result<PlanReport> {
        let mut session = Session::write(self, "hotfix revert").await?;
        let hotfix = resolve::hotfix(&session, id)?;
        let wanted = Wanted { reason, ..Wanted::rollback(hotfix.id) };
        self.plan_wanted(&mut session, wanted, None).await
    }

    /// Takes a hotfix back by rolling it back.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn revert_hotfix(&self, id: &str, reason: &str) -> Result<ExecuteReport> {
        require_reason(reason)?;
        let mut session = Session::write(self, "hotfix revert").await?;
        let hotfix = resolve::hotfix(&session, id)?;
        let wanted = Wanted { reason: Some(reason.to_owned()), ..Wanted::rollback(hotfix.id.clone()) };
        let mut report = self.execute_wanted(&mut session, wanted, reason).await?;
        report.hotfix_id = HotfixId::parse(hotfix.id.as_str()).ok();
        Ok(report)
    }

    /// Says where a hotfix stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]: the id names no hotfix, or more than one.
    pub async fn hotfix_status(&self, id: &str) -> Result<OperationLine> {
        let look = standing::read(self).await?;
        standing::operation_line(&look, &resolve::hotfix(&look.session, id)?).await
    }

    /// Goes on with an unfinished hotfix, or aborts it; `latest` is the one that is open.
    ///
    /// # Errors
    /// As [`rollback_resume`](Self::rollback_resume).
    pub async fn hotfix_resume(&self, id: &str, abort: bool, skip: Vec<String>) -> Result<ExecuteReport> {
        let mut session = Session::write(self, "hotfix resume").await?;
        let found = resolve::to_resume(&session, IdKind::Hotfix, id);
        let hotfix = recorded(&mut session, Asked::Resume, None, None, found).await?;
        let resumed = resume(&mut session, &hotfix.id, Resume { abort, skip }).await;
        let subject = Some(hotfix.id.clone());
        let outcome = recorded(&mut session, Asked::Resume, subject, None, resumed).await?;
        Ok(executed(&session, &hotfix.id, &outcome).await)
    }
}

impl Hotfix {
    /// Returns the documents of a collection that stand, by path: its items and the collection's own.
    ///
    /// The scope is what the log knows: a document that was never adopted is not in it.
    ///
    /// # Errors
    /// [`Error::Versions`]: a version whose label still protects is missing; restore the version store.
    pub async fn documents_of(&self, collection: &str) -> Result<Vec<StandingDocument>> {
        let protections = Protections::new(&self.session, &self.now, &self.now);
        let mut documents = Vec::new();
        for (path, document) in self.now.iter().filter(|(_, it)| it.collections() == Some(collection)) {
            documents.push(StandingDocument {
                path: path.to_owned(),
                digest: document.digest,
                is_protected: !protections.of(path).await?.is_plain(),
            });
        }
        Ok(documents)
    }

    /// Returns the bytes of a document.
    ///
    /// # Errors
    /// [`Error::Versions`]: the bytes are missing or damaged; restore the version store.
    pub async fn read(&self, document: &StandingDocument) -> Result<Bytes> {
        Ok(self.session.versions().get(&document.digest).await?)
    }

    /// Sets the bytes that will replace a document's when the hotfix is finished.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the bytes are empty, or more than `document_bytes_max` of the settings.
    pub fn replace(&mut self, document: &StandingDocument, bytes: impl Into<Bytes>) -> Result<()> {
        let bytes = bytes.into();
        let limit = self.session.platform.settings().limits.document_bytes_max;
        check_size(&document.path, bytes.len() as u64, limit)?;
        if document.is_protected {
            self.request.correction.values = None;
            self.request.correction.texts = None;
        }
        self.replaced.insert(document.path.clone(), (document.digest, bytes));
        Ok(())
    }

    /// Rehearses the hotfix, or executes it, as the request says: all of it or, on failure, nothing.
    ///
    /// If the same change was planned before and waits for approvals, that plan is executed, and its approvals
    /// count.
    ///
    /// # Cancel safety
    /// A dropped future leaves nothing, or an interrupted hotfix that can be resumed or aborted.
    ///
    /// # Errors
    /// As [`Platform::execute`]; [`Error::Conflict`] also if the change is not the one that was shown.
    pub async fn finish(mut self) -> Result<HotfixDone> {
        let operation = OperationId::from(self.id.clone());
        let wanted = self.wanted(&operation).await?;
        let Self { mut session, request, .. } = self;
        if request.dry_run {
            let report = match allowed(&mut session, wanted.clone(), &request).await {
                Ok(draft) => {
                    let plan = stored_plan(&session, &draft).await;
                    rehearsed(&session, &draft, plan, operation, Vec::new()).await?
                }
                Err(error) => refused_rehearsal(&session, &wanted, error).await?,
            };
            return Ok(HotfixDone::Rehearsed(Box::new(report)));
        }
        let planned = planned(&mut session, wanted, &request, &operation).await;
        let (plan, draft, shown) =
            recorded(&mut session, Asked::Hotfix, Some(operation), None, planned).await?;
        let platform = session.platform.clone();
        let report = platform.execute_in(&mut session, plan, Some(draft), &request.reason).await?;
        Ok(HotfixDone::Executed { plan: Box::new(shown), report: Box::new(report) })
    }

    /// Describes the change for the planner.
    async fn wanted(&mut self, operation: &OperationId) -> Result<Wanted> {
        let mut steps = Vec::with_capacity(self.replaced.len());
        let mut contents = Vec::with_capacity(self.replaced.len());
        for (path, (before, bytes)) in std::mem::take(&mut self.replaced) {
            let (digest, bytes) = self.session.form(&path, bytes)?;
            if digest == before {
                continue;
            }
            let facts = self.session.facts.project(digest, &bytes);
            let standing = self.session.facts.of(&before).await?;
            let mut step = describe_step(&self.session, &path, Some(before), Some(&standing), Some(&facts));
            let owner = self.session.history.owner(&step.cell, None)?;
            step.from_version = owner.and_then(|write| write.step.to_version.clone()).or(step.from_version);
            step.to_version = Some(self.patched_version(&step)?);
            contents.push((digest, bytes));
            steps.push(step);
        }
        Ok(Wanted {
            kind: PlanKind::Hotfix,
            steps,
            contents,
            correction: Some(self.request.correction.clone()),
            reason: Some(self.request.reason.clone()),
            ..Wanted::rollback(operation.clone())
        })
    }

    /// Names the version that a patch makes (R72): the patched version and the lowest number that this document
    /// never had. A number that was used names one content for ever.
    fn patched_version(&self, step: &Step) -> Result<Version> {
        let from = step.from_version.as_ref().map_or("v0", Version::as_str);
        let base = from.rsplit_once(PATCH_MARK).map_or(from, |(base, _)| base);
        let known = self.session.history.cell(&step.cell)?;
        let fresh = |number: &u64| {
            let version = Version::parse(&format!("{base}{PATCH_MARK}{number}"));
            // A name that is too long for a version is replaced by a short one.
            let version = version.or_else(|_| Version::parse(&format!("v0{PATCH_MARK}{number}"))).ok()?;
            (!known.as_ref().is_some_and(|cell| cell.versions.contains(&version))).then_some(version)
        };
        Ok((1..).find_map(|number| fresh(&number)).expect("a document does not have every number"))
    }
}

/// Drafts the change and asks policy.
async fn allowed(session: &mut Session, wanted: Wanted, request: &HotfixRequest) -> Result<Box<Draft>> {
    let draft = match draft(session, wanted).await? {
        Drafted::Change(draft) => draft,
        Drafted::Nothing { note, .. } => {
            return Err(Error::invalid(note, "replace a document before the hotfix is finished"));
        }
    };
    if !draft.decision.allowed {
        return Err(denied("hotfix", &draft.decision));
    }
    if request.shown.is_some_and(|shown| shown != draft.content_id) {
        return Err(Error::Conflict {
            message: "the hotfix would change something else than was shown".into(),
            conflicts: Vec::new(),
            hint: advice!["rehearse it again with ", Parameter::DryRun],
            next: Vec::new(),
        });
    }
    Ok(draft)
}

/// Plans the change, or takes the stored plan of the same change.
async fn planned(
    session: &mut Session,
    wanted: Wanted,
    request: &HotfixRequest,
    operation: &OperationId,
) -> Result<(Plan, Box<Draft>, PlanReport)> {
    let draft = allowed(session, wanted, request).await?;
    preflight(session, &draft.bare_steps()).await?;
    let plan = match stored_plan(session, &draft).await {
        Some(plan) => plan,
        None => store_plan(session, &draft, operation.clone()).await?,
    };
    let report = plan_report(session, &plan, &draft, true);
    Ok((plan, draft, report))
}

/// Returns the id of a hotfix that begins now; a second one in the same second gets a suffix (R11).
fn fresh_id(session: &Session, kind: &Slug, name: &Slug) -> HotfixId {
    let (at, taken) = (session.now(), session.history.taken_ids());
    let mut candidates = (1..).map(|nth| HotfixId::new(at, kind, name, nth));
    candidates.find(|id| !taken.contains(id.as_str())).expect("a log does not have every number")
}

impl HotfixRequest {
    /// Corrects `from` to `to` in a field of the documents of a scope.
    pub fn new(name: Slug, correction: Correction, reason: impl Into<String>) -> Self {
        Self { name, correction, reason: reason.into(), dry_run: false, shown: None }
    }
}
