//! What a draft decides, from what was gathered: plain functions, each with a table of cases (`docs/states.md` sections 3
//! to 5).

use std::collections::BTreeSet;

use kfm_lineage::graph::Dependent;
use kfm_lineage::{CellId, Digest, Domain, IdKind, OperationId, Step};
use kfm_policy::{
    Advice, Decision, JudgedKind, Parameter, RatchetMode, Remedy, StepFacts, StepTreatment, advice,
};

use super::{PlanKind, skipped_line};
use crate::error::{Error, Result};
use crate::history::{History, Naming};
use crate::remedy::without_it;
use crate::report::{ConflictLine, SkippedLine};

/// Says how the ratchet is asked.
pub(super) fn ratchet_mode(kind: PlanKind, hide_unmaskable: bool) -> RatchetMode {
    match kind {
        PlanKind::Hotfix => RatchetMode::Forward,
        PlanKind::Rollback | PlanKind::Revert if hide_unmaskable => RatchetMode::Hide,
        PlanKind::Rollback | PlanKind::Revert => RatchetMode::Refuse,
    }
}

/// Says as what policy judges a plan.
pub(super) fn judged_kind(kind: PlanKind) -> JudgedKind {
    match kind {
        PlanKind::Rollback => JudgedKind::Rollback,
        PlanKind::Revert => JudgedKind::Revert,
        PlanKind::Hotfix => JudgedKind::Hotfix,
    }
}

/// Takes out the steps to versions that are `lacking`: without force they stop the plan, by force (R46) their cells are
/// left alone.
///
/// # Errors
/// [`Error::Incomplete`]: they stop it, or nothing would be left.
pub(super) fn without_missing(
    history: &History,
    steps: Vec<Step>,
    lacking: &BTreeSet<Digest>,
    forced: bool,
) -> Result<(Vec<Step>, Vec<SkippedLine>)> {
    let (missing, present): (Vec<Step>, Vec<Step>) =
        steps.into_iter().partition(|step| step.after.is_some_and(|digest| lacking.contains(&digest)));
    if !missing.is_empty() && (!forced || present.is_empty()) {
        let lost: Vec<Digest> = missing.iter().filter_map(|step| step.after).collect();
        return Err(gone(history, &lost, !forced && !present.is_empty()));
    }
    let skipped = missing.iter().map(|step| skipped_line(step, "missing", None)).collect();
    Ok((present, skipped))
}

/// The error of a change that needs versions whose bytes are gone; `may_force` says whether force helps (R46).
pub(super) fn gone(history: &History, lost: &[Digest], may_force: bool) -> Error {
    // Which cell is named first changes nothing else.
    let cells = |digest: &Digest| history.named(Naming::Content, &digest.to_string()).unwrap_or_default();
    let first = lost.iter().flat_map(cells).map(|cell| cell.key).min().unwrap_or_else(|| "-".into());
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

/// Says why there is nothing to do, where there is nothing. A revert makes its target stand again, also if no cell
/// moves by that.
pub(super) fn nothing_to_do(kind: PlanKind, steps: &[Step], skipped: &[SkippedLine]) -> Option<String> {
    if !steps.is_empty() || kind == PlanKind::Revert {
        return None;
    }
    let note = match skipped.first() {
        Some(line) if skipped.iter().all(|line| line.by.is_some()) => format!(
            "nothing to do: later operations own every cell of it, the newest is {}",
            line.by.as_ref().map_or("-", |by| by.as_str())
        ),
        _ => "nothing to do: every cell has its value already".to_owned(),
    };
    Some(note)
}

/// Refuses to undo an operation that later work was derived from (`docs/states.md` section 3).
///
/// A rollback that moves no cell disturbs no later work. But where a hotfix patched every cell of the target, the hotfix
/// is what stands in the way, and the actor must be told.
///
/// # Errors
/// [`Error::Conflict`]: names the later work.
pub(super) fn refuse_dependents(
    kind: PlanKind,
    target: &OperationId,
    dependents: &[Dependent],
    moves: bool,
) -> Result<()> {
    let dependents = in_the_way(kind, dependents, moves);
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

fn in_the_way(kind: PlanKind, dependents: &[Dependent], moves: bool) -> Vec<&OperationId> {
    let later = || dependents.iter().map(|dependent| &dependent.operation);
    let hotfixes: Vec<_> = later().filter(|id| id.kind() == IdKind::Hotfix).collect();
    match kind {
        PlanKind::Revert | PlanKind::Hotfix => Vec::new(),
        PlanKind::Rollback if hotfixes.is_empty() && moves => later().collect(),
        PlanKind::Rollback => hotfixes,
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

/// Returns the first step of a cell that protection hides: it may not be left alone, since the value that stands there
/// would stay visible. `facts` are those of the steps.
pub(super) fn first_hidden<'s>(steps: &'s [Step], facts: &[StepFacts]) -> Option<&'s Step> {
    steps.iter().zip(facts).find(|(_, facts)| is_hidden(facts)).map(|(step, _)| step)
}

fn is_hidden(step: &StepFacts) -> bool {
    matches!(step.outcome, StepTreatment::Absent { .. })
}

/// Says for each finding that denies what leads on. Where it denies because protection hides another document, that
/// one has to leave the catalog first; a document of a later operation is named with that operation, which has to be
/// undone first.
pub(super) fn name_remedies(
    history: &History,
    catalog: &str,
    (kind, target): (PlanKind, &OperationId),
    steps: &[StepFacts],
    decision: &mut Decision,
) -> Result<()> {
    let hidden: Vec<&str> =
        steps.iter().filter(|step| is_hidden(step)).map(|step| step.path.as_str()).collect();
    for finding in decision.findings.iter_mut().filter(|finding| finding.denies) {
        if let Some(path) = hidden.iter().find(|path| finding.message.contains(**path)) {
            let hides = Advice::from(format!("today's protection hides {path}: "));
            finding.remedy = hides.and(without_it()).and("; then plan again");
            continue;
        }
        let document = CellId::new(Domain::Stac, catalog, finding.subject.as_str());
        if let Some(owner) = later_owner(history, &document, kind, target)? {
            let keeps = advice![format!("; {owner} keeps it: undo that first, by "), Remedy::undo(&owner),];
            finding.remedy = std::mem::take(&mut finding.remedy).and(keeps);
        }
    }
    Ok(())
}

/// Returns the owner of a cell if it was opened after the operation that is undone or made again. A hotfix undoes none:
/// what stands before it is in nothing's way.
fn later_owner(
    history: &History,
    cell: &CellId,
    kind: PlanKind,
    target: &OperationId,
) -> Result<Option<OperationId>> {
    let opened = |id: &OperationId| history.operation(id).map(|operation| operation.opened);
    let owner = history.owner(cell, None)?.map(|write| write.operation);
    Ok(owner.filter(|owner| kind != PlanKind::Hotfix && opened(owner) > opened(target)))
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
