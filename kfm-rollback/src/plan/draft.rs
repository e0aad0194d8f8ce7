//! Drafts a plan: which cells move, from what to what, and what policy says of it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kfm_lineage::graph::Scope;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{Digest, IdKind, Lsn, OperationId, RollbackId, Step};
use kfm_policy::{
    Advice, Decision, JudgedKind, Parameter, RatchetMode, Remedy, StepFacts, StepTreatment, advice,
};
use kfm_wal::record::Correction;

use super::scope::{scope_of_cells, scope_of_operation};
use super::turn::{Turned, turned_steps};
use super::{PlanContent, PlanKind, PlanStep, skipped_line};
use crate::assess::{
    Case, apply_treatments, catalog_now, labels_of, look_at_validity, treat_steps, with_steps,
};
use crate::derive::{DerivedCell, derived_cells};
use crate::error::{Error, Result};
use crate::execute::integrity_change;
use crate::history::{CellHistory, read_steps};
use crate::remedy::without_it;
use crate::report::{ConflictLine, SkippedLine};
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
            Some(lost) => gone(session, &[lost], !forced && session.is_outlived(&lost)),
            None => error.into(),
        }),
        drafted => drafted,
    }
}

async fn draft_wanted(session: &mut Session, wanted: Wanted) -> Result<Drafted> {
    session.begin_phase("plan", 0);
    session.refuse_unfit_stores().await?;
    let now = catalog_now(session).await?;
    let Turned { steps, left_alone, mut skipped } = match wanted.kind {
        PlanKind::Hotfix => Turned { steps: wanted.steps.clone(), ..Turned::default() },
        PlanKind::Rollback | PlanKind::Revert => match turned_steps(session, &wanted).await? {
            Ok(turned) => turned,
            Err(note) => return Ok(Drafted::Nothing { note, skipped: Vec::new() }),
        },
    };
    session.refuse_kept_cells(steps.iter().map(|step| &step.cell)).await?;
    refuse_protected(session, &now, &left_alone).await?;
    let steps = without_missing(session, &wanted, steps, &mut skipped).await?;
    let mode = match wanted.kind {
        PlanKind::Hotfix => RatchetMode::Forward,
        _ if wanted.hide_unmaskable => RatchetMode::Hide,
        _ => RatchetMode::Refuse,
    };
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
    if wanted.kind == PlanKind::Rollback {
        // Before the answer 'nothing to do': where a hotfix patched every cell of the target, the hotfix is what
        // stands in the way, and the actor must be told.
        let later = scope.dependents.iter().map(|later| &later.operation);
        refuse_dependents(&wanted.target, later.filter(|id| id.kind() == IdKind::Hotfix))?;
    }
    // A revert makes its target stand again, also if no cell moves by that.
    if steps.is_empty() && wanted.kind != PlanKind::Revert {
        let note = match skipped.first() {
            Some(line) if skipped.iter().all(|line| line.by.is_some()) => format!(
                "nothing to do: later operations own every cell of it, the newest is {}",
                line.by.as_ref().map_or("-", |by| by.as_str())
            ),
            _ => "nothing to do: every cell has its value already".to_owned(),
        };
        return Ok(Drafted::Nothing { note, skipped });
    }
    steps.sort_by(|a, b| a.cell.cmp(&b.cell));
    let after = with_steps(session, &now, &steps).await?;
    // Only now, since a rollback that moves no cell disturbs no later work.
    if wanted.kind == PlanKind::Rollback {
        refuse_dependents(&wanted.target, scope.dependents.iter().map(|later| &later.operation))?;
    }
    let derived = derived_cells(session, &steps).await?;
    session.refuse_kept_cells(derived.iter().map(|derived| &derived.cell)).await?;
    let labels = labels_of(&facts);
    let case = case(session, &wanted, &now, &after, &steps, facts, &derived, &skipped).await?;
    let mut decision = case.judge(session);
    name_remedies(session, &wanted, &case.steps, &mut decision);
    let steps: Vec<PlanStep> = steps
        .into_iter()
        .map(|step| PlanStep {
            // Where the log last moved the cell: if that is another position at execution, the plan is stale.
            basis: session.history.cell(&step.cell).map_or(Lsn::ZERO, |cell| cell.generation()),
            step,
        })
        .collect();
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
    let is_treated = |facts: &StepFacts| matches!(facts.outcome, StepTreatment::Absent { .. });
    match left_alone.iter().zip(&facts).find(|(_, facts)| is_treated(facts)) {
        None => Ok(()),
        Some((step, _)) => Err(skip::protected(&step.cell)),
    }
}

/// Says for each finding that denies what leads on. Where it denies because protection hides another document, that
/// one has to leave the catalog first; a document of a later operation is named with that operation, which has to be
/// undone first.
fn name_remedies(session: &Session, wanted: &Wanted, steps: &[StepFacts], decision: &mut Decision) {
    let is_hidden = |step: &&StepFacts| matches!(step.outcome, StepTreatment::Absent { .. });
    let hidden: Vec<&str> = steps.iter().filter(is_hidden).map(|step| step.path.as_str()).collect();
    for finding in decision.findings.iter_mut().filter(|finding| finding.denies) {
        if let Some(path) = hidden.iter().find(|path| finding.message.contains(**path)) {
            let hides = Advice::from(format!("today's protection hides {path}: "));
            finding.remedy = hides.and(without_it()).and("; then plan again");
            continue;
        }
        let owner = session.history.owner(&session.document(&finding.subject), None);
        if let Some(owner) = owner.filter(|owner| is_later(session, &owner.operation, wanted)) {
            let keeps = advice![
                format!("; {} keeps it: undo that first, by ", owner.operation),
                Remedy::undo(&owner.operation),
            ];
            finding.remedy = std::mem::take(&mut finding.remedy).and(keeps);
        }
    }
}

/// Says whether an operation was opened after the one that is undone or made again. A hotfix undoes none: what stands
/// before it is in nothing's way.
fn is_later(session: &Session, operation: &OperationId, wanted: &Wanted) -> bool {
    let opened = |id: &OperationId| session.history.operation(id).map(|operation| operation.opened);
    wanted.kind != PlanKind::Hotfix && opened(operation) > opened(&wanted.target)
}

fn protection_digest(steps: &[StepFacts]) -> Result<Digest> {
    let lines: Vec<_> = steps.iter().map(|step| (&step.path, &step.protection)).collect();
    Ok(Digest::of_canonical_bytes(&super::canonical_without(&lines, "")?))
}

#[allow(clippy::too_many_arguments, reason = "each is one part of what policy looks at")]
async fn case(
    session: &mut Session,
    wanted: &Wanted,
    now: &CatalogView,
    after: &CatalogView,
    steps: &[Step],
    mut facts: Vec<StepFacts>,
    derived: &BTreeSet<DerivedCell>,
    skipped: &[SkippedLine],
) -> Result<Case> {
    let judged = match wanted.kind {
        PlanKind::Rollback => JudgedKind::Rollback,
        PlanKind::Revert => JudgedKind::Revert,
        PlanKind::Hotfix => JudgedKind::Hotfix,
    };
    if facts.is_empty() {
        // A revert that moves no cell is judged by what the cells of its target hold.
        let standing = standing(session, &wanted.target).await?;
        facts = treat_steps(session, now, &standing, RatchetMode::Refuse).await?;
    }
    Ok(Case {
        kind: judged,
        reason: wanted.reason.clone(),
        strict: false,
        steps: facts,
        cells_total: (steps.len() + derived.len()) as u64,
        skipped: skipped.len() as u64,
        integrity: integrity_change(session, wanted.kind.into(), &wanted.target, now, after, steps).await?,
        forced: wanted.forced.is_some(),
    })
}

/// Returns the cells of an operation as steps that change nothing.
async fn standing(session: &Session, target: &OperationId) -> Result<Vec<Step>> {
    let Some(target) = session.history.operation(target) else { return Ok(Vec::new()) };
    let mut standing = read_steps(&session.versions(), &target.steps).await?;
    standing.retain(|step| !step.derived);
    for step in &mut standing {
        step.before = session.history.value(&step.cell);
        step.after = step.before;
    }
    Ok(standing)
}

/// Refuses steps to versions whose bytes are gone; by force (R46) it leaves their cells alone.
async fn without_missing(
    session: &Session,
    wanted: &Wanted,
    steps: Vec<Step>,
    skipped: &mut Vec<SkippedLine>,
) -> Result<Vec<Step>> {
    let named: BTreeSet<Digest> = steps.iter().filter_map(|step| step.after).collect();
    let named: Vec<Digest> = named.into_iter().collect();
    let mut lacking: BTreeSet<Digest> = session.versions().lacking(&named).await?.into_iter().collect();
    for (digest, _) in &wanted.contents {
        lacking.remove(digest);
    }
    if lacking.is_empty() {
        return Ok(steps);
    }
    let (missing, present): (Vec<Step>, Vec<Step>) =
        steps.into_iter().partition(|step| step.after.is_some_and(|digest| lacking.contains(&digest)));
    if wanted.forced.is_none() || present.is_empty() {
        let lost: Vec<Digest> = missing.iter().filter_map(|step| step.after).collect();
        return Err(gone(session, &lost, wanted.forced.is_none() && !present.is_empty()));
    }
    skipped.extend(missing.iter().map(|step| skipped_line(step, "missing", None)));
    Ok(present)
}

/// The error of a change that needs versions whose bytes are gone; `may_force` says whether force helps (R46).
fn gone(session: &Session, lost: &[Digest], may_force: bool) -> Error {
    let is_lost = |history: &CellHistory| {
        history.writes.iter().any(|write| write.step.after.is_some_and(|after| lost.contains(&after)))
    };
    let cells = session.history.cells().filter(|(_, history)| is_lost(history));
    let first = cells.map(|(cell, _)| cell.key.as_str()).min().unwrap_or("-");
    let restore = "restore the version store from a backup that has them; or publish a correction instead";
    let hint = match may_force {
        true => {
            advice![
                restore,
                ", or go on without them by ",
                Parameter::Force,
                ", which leaves their cells alone"
            ]
        }
        false => restore.into(),
    };
    Error::Incomplete {
        message: format!("versions that the log names are gone: versions={} first={first}", lost.len()),
        hint,
        next: vec![Remedy::Examine { digests: true }],
    }
}

fn dependent(id: &OperationId) -> ConflictLine {
    ConflictLine {
        kind: "dependent".into(),
        subject: id.to_string(),
        expected: None,
        observed: None,
        message: format!("{id} was derived from it"),
    }
}

/// Refuses to undo an operation that later work was derived from (`docs/states.md` section 3).
fn refuse_dependents<'a>(
    target: &OperationId,
    dependents: impl Iterator<Item = &'a OperationId>,
) -> Result<()> {
    let dependents: Vec<&OperationId> = dependents.collect();
    if dependents.is_empty() {
        return Ok(());
    }
    let list = dependents.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    Err(Error::Conflict {
        message: format!("later work was derived from it: target={target} dependents={list}"),
        conflicts: dependents.iter().map(|id| dependent(id)).collect(),
        hint: "roll back what was derived from it first, the newest first".into(),
        next: dependents.into_iter().rev().map(Remedy::undo).collect(),
    })
}
