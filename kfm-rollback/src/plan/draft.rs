//! Drafts a plan: which cells move, from what to what, and what policy says of it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kfm_lineage::graph::Scope;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{Digest, OperationId, RollbackId, Step};
use kfm_policy::{Decision, RatchetMode, StepFacts};
use kfm_wal::record::Correction;

use super::decide::{
    first_hidden, gone, judged_kind, name_remedies, nothing_to_do, ratchet_mode, refuse_dependents,
    without_missing,
};
use super::gather::{lacking, standing, turned_steps};
use super::scope::{scope_of_cells, scope_of_operation};
use super::turn::Turned;
use super::{PlanContent, PlanKind, PlanStep, skipped_line};
use crate::around::{Moment, catalog_around};
use crate::assess::{Case, apply_treatments, labels_of, look_at_validity, treat_steps, with_steps};
use crate::derive::{DerivedCell, derived_cells};
use crate::error::{Error, Result};
use crate::execute::integrity_change;
use crate::report::SkippedLine;
use crate::session::Session;
use crate::skip;
use crate::versions::segment_of;

/// What is to be planned.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub kind: PlanKind,
    /// The content operation that is undone or made again; of a hotfix, the hotfix itself.
    pub target: OperationId,
    pub reverts: Option<RollbackId>,
    pub skip: Vec<String>,
    pub hide_unmaskable: bool,
    pub forced: Option<String>,
    pub reason: Option<String>,
    /// The steps of a hotfix; those of a rollback follow from the log.
    pub steps: Vec<Step>,
    /// Bytes of the steps' new versions that are not in the version store yet.
    pub contents: Vec<(Digest, Bytes)>,
    /// The correction that a hotfix was asked for.
    pub correction: Option<Correction>,
}

impl Wanted {
    /// Undoes a publish or a hotfix.
    pub(crate) fn rollback(target: OperationId) -> Self {
        Self {
            kind: PlanKind::Rollback,
            target,
            reverts: None,
            skip: Vec::new(),
            hide_unmaskable: false,
            forced: None,
            reason: None,
            steps: Vec::new(),
            contents: Vec::new(),
            correction: None,
        }
    }
}

/// The result of drafting.
#[derive(Debug)]
pub(crate) enum Drafted {
    /// There is nothing to do; `note` says why, `skipped` lists the cells that are left alone.
    Nothing { note: String, skipped: Vec<SkippedLine> },
    /// There are steps to make, or a target that is to stand again.
    Change(Box<Draft>),
}

/// A plan before it has an id.
#[derive(Debug)]
pub(crate) struct Draft {
    pub content: PlanContent,
    pub content_id: Digest,
    pub steps: Vec<PlanStep>,
    pub derived: BTreeSet<DerivedCell>,
    pub skipped: Vec<SkippedLine>,
    /// What the operation concerns, and the later work that was derived from its target.
    pub scope: Scope,
    pub case: Case,
    pub decision: Decision,
    pub now: CatalogView,
    pub after: CatalogView,
    pub labels: BTreeMap<String, &'static str>,
    /// Bytes that are put into the version store before the plan is stored.
    pub contents: Vec<(Digest, Bytes)>,
}

impl Draft {
    /// Returns the steps without their basis.
    pub(crate) fn bare_steps(&self) -> Vec<Step> {
        self.steps.iter().map(|step| step.step.clone()).collect()
    }
}

/// Drafts a plan from what the log and the stores say now.
///
/// # Errors
/// [`Error::Incomplete`]: the log or the version store lacks something. [`Error::Conflict`]: an open operation
/// keeps a cell, or later work was derived from the target. [`Error::Invalid`]: it can never be done.
pub(crate) async fn draft(session: &mut Session, wanted: Wanted) -> Result<Drafted> {
    let forced = wanted.forced.is_some();
    if forced {
        session.go_on_without_lost().await?;
    }
    match draft_wanted(session, wanted).await {
        Err(Error::Versions(error)) => Err(match error.lost() {
            Some(lost) => gone(&session.history, &[lost], !forced && session.is_outlived(&lost)?),
            None => error.into(),
        }),
        drafted => drafted,
    }
}

async fn draft_wanted(session: &mut Session, wanted: Wanted) -> Result<Drafted> {
    session.begin_phase("plan", 0);
    session.refuse_unfit_stores().await?;
    let Turned { steps, left_alone, mut skipped } = match wanted.kind {
        PlanKind::Hotfix => Turned { steps: wanted.steps.clone(), ..Turned::default() },
        PlanKind::Rollback | PlanKind::Revert => match turned_steps(session, &wanted).await? {
            Ok(turned) => turned,
            Err(note) => return Ok(Drafted::Nothing { note, skipped: Vec::new() }),
        },
    };
    session.refuse_kept_cells(steps.iter().map(|step| &step.cell)).await?;
    let looked_at: Vec<Step> = steps.iter().chain(&left_alone).cloned().collect();
    let now = catalog_around(session, &looked_at).await?;
    refuse_protected(session, &now, &left_alone).await?;
    let lacking = lacking(session, &wanted, &steps).await?;
    let (steps, missing) = without_missing(&session.history, steps, &lacking, wanted.forced.is_some())?;
    skipped.extend(missing);
    let mode = ratchet_mode(wanted.kind, wanted.hide_unmaskable);
    let mut facts = treat_steps(session, &now, &steps, mode).await?;
    // The new bytes are not in the version store yet, so their validity is noted from the bytes themselves.
    if wanted.kind == PlanKind::Hotfix {
        for (digest, bytes) in &wanted.contents {
            session.facts.note_validity(*digest, bytes);
        }
        look_at_validity(session, &mut facts).await?;
    }
    let (mut steps, dropped) = apply_treatments(steps, &facts);
    for (step, rule) in dropped {
        skipped.push(skipped_line(&step, &format!("stays absent, {rule}"), None));
    }
    let scope = match wanted.kind {
        PlanKind::Hotfix => scope_of_cells(session, steps.iter().map(|step| &step.cell)).await?,
        PlanKind::Rollback | PlanKind::Revert => scope_of_operation(session, &wanted.target).await?,
    };
    // Before the answer 'nothing to do', which would not name a hotfix of every cell of the target.
    refuse_dependents(wanted.kind, &wanted.target, &scope.dependents, !steps.is_empty())?;
    if let Some(note) = nothing_to_do(wanted.kind, &steps, &skipped) {
        return Ok(Drafted::Nothing { note, skipped });
    }
    steps.sort_by(|a, b| a.cell.cmp(&b.cell));
    let after = with_steps(session, &now, &steps).await?;
    let derived = derived_cells(session, &steps).await?;
    session.refuse_kept_cells(derived.iter().map(|derived| &derived.cell)).await?;
    let labels = labels_of(&facts);
    let case = case(session, &wanted, &steps, facts, &derived, &skipped).await?;
    let mut decision = case.judge(session);
    let (catalog, turn) = (session.catalog(), (wanted.kind, &wanted.target));
    name_remedies(&session.history, catalog.name(), turn, &case.steps, &mut decision)?;
    let steps: Vec<PlanStep> = steps
        .into_iter()
        // Where the log last moved the cell: if that is another position at execution, the plan is stale.
        .map(|step| Ok(PlanStep { basis: session.history.generation(&step.cell)?, step }))
        .collect::<Result<_>>()?;
    let derived_ids: Vec<_> = derived.iter().map(|derived| derived.cell.clone()).collect();
    let content = PlanContent {
        kind: wanted.kind,
        target: wanted.target,
        reverts: wanted.reverts,
        steps: segment_of(&steps)?.0,
        derived: segment_of(&derived_ids)?.0,
        skipped: segment_of(&skipped)?.0,
        policy_snapshot_ref: decision.policy_snapshot_ref,
        protection: protection_digest(&case.steps)?,
        skip: wanted.skip,
        hide_unmaskable: wanted.hide_unmaskable,
        forced: wanted.forced,
        correction: wanted.correction,
    };
    let content_id = content.digest()?;
    let draft = Draft {
        content,
        content_id,
        steps,
        derived,
        skipped,
        scope,
        case,
        decision,
        now,
        after,
        labels,
        contents: wanted.contents,
    };
    Ok(Drafted::Change(Box::new(draft)))
}

/// Refuses to leave a cell alone that protection hides: the value that stands there would stay visible.
async fn refuse_protected(session: &mut Session, now: &CatalogView, left_alone: &[Step]) -> Result<()> {
    let facts = treat_steps(session, now, left_alone, RatchetMode::Unfinished).await?;
    match first_hidden(left_alone, &facts) {
        None => Ok(()),
        Some(step) => Err(skip::protected(&step.cell)),
    }
}

fn protection_digest(steps: &[StepFacts]) -> Result<Digest> {
    let lines: Vec<_> = steps.iter().map(|step| (&step.path, &step.protection)).collect();
    Ok(Digest::of_canonical_bytes(&super::canonical_without(&lines, "")?))
}

#[allow(clippy::too_many_arguments, reason = "each is one part of what policy looks at")]
async fn case(
    session: &mut Session,
    wanted: &Wanted,
    steps: &[Step],
    mut facts: Vec<StepFacts>,
    derived: &BTreeSet<DerivedCell>,
    skipped: &[SkippedLine],
) -> Result<Case> {
    if facts.is_empty() {
        // A revert that moves no cell is judged by what the cells of its target hold.
        let standing = standing(session, &wanted.target).await?;
        let now = catalog_around(session, &standing).await?;
        facts = treat_steps(session, &now, &standing, RatchetMode::Refuse).await?;
    }
    let moments = [Moment::now(), Moment::now().with(session, steps)];
    Ok(Case {
        kind: judged_kind(wanted.kind),
        reason: wanted.reason.clone(),
        strict: false,
        steps: facts,
        cells_total: (steps.len() + derived.len()) as u64,
        skipped: skipped.len() as u64,
        integrity: integrity_change(session, wanted.kind.into(), &wanted.target, moments, steps).await?,
        forced: wanted.forced.is_some(),
    })
}
