//! Drafts a plan: which cells move, from what to what, and what policy says of it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kfm_lineage::graph::Scope;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{Digest, Domain, Lsn, Move, OperationId, OperationKind, RollbackId, Value};
use kfm_policy::{Decision, JudgedKind, RatchetMode, StepFacts};
use kfm_wal::record::Correction;

use super::scope::{scope_of_cells, scope_of_operation};
use super::{PlanContent, PlanKind, PlanStep, refuse_unknown_keys, skipped_line};
use crate::assess::{Case, apply_treatments, catalog_now, describe_move, labels_of, treat_moves, with_moves};
use crate::derive::{DerivedCell, derived_cells};
use crate::error::{Error, Result};
use crate::execute::integrity_change;
use crate::history::{Kind, Operation, Write, read_moves};
use crate::planted::{Bug, planted};
use crate::report::{ConflictLine, SkippedLine, Status};
use crate::session::Session;
use crate::versions::segment_of;

/// What is to be planned.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub kind: PlanKind,
    /// The content operation that is undone, made again or, for a hotfix, made.
    pub target: OperationId,
    pub reverts: Option<RollbackId>,
    pub skip: Vec<String>,
    pub hide_unmaskable: bool,
    pub forced: Option<String>,
    pub reason: Option<String>,
    /// The moves of a hotfix; a rollback's follow from the log.
    pub moves: Vec<Move>,
    /// Bytes of the moves' new versions that are not in the version store yet.
    pub contents: Vec<(Digest, Bytes)>,
    /// What a hotfix was asked to correct.
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
            moves: Vec::new(),
            contents: Vec::new(),
            correction: None,
        }
    }
}

/// What drafting came to.
#[derive(Debug)]
pub(crate) enum Drafted {
    /// There is nothing to do, and why; with the cells that are left alone.
    Nothing { note: String, skipped: Vec<SkippedLine> },
    /// There is something to do.
    Change(Box<Draft>),
}

/// A plan in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    pub content: PlanContent,
    pub content_id: Digest,
    pub steps: Vec<PlanStep>,
    pub derived: BTreeSet<DerivedCell>,
    pub skipped: Vec<SkippedLine>,
    /// What it concerns, and the later work that was derived from its target.
    pub scope: Scope,
    pub case: Case,
    pub decision: Decision,
    pub now: CatalogView,
    pub after: CatalogView,
    pub labels: BTreeMap<String, &'static str>,
    /// Bytes that go into the version store before the plan does.
    pub contents: Vec<(Digest, Bytes)>,
}

impl Draft {
    /// Returns the moves without their basis.
    pub(crate) fn moves(&self) -> Vec<Move> {
        self.steps.iter().map(|step| step.step.clone()).collect()
    }
}

/// Drafts a plan from what the log and the stores say now.
///
/// # Errors
/// [`Error::Incomplete`]: the log or the version store lacks something. [`Error::Conflict`]: an operation is
/// open, or later work was derived from the target. [`Error::Invalid`]: it can never be done.
pub(crate) async fn draft(session: &mut Session, wanted: Wanted) -> Result<Drafted> {
    session.begin_phase("plan", 0);
    session.refuse_missing_stores().await?;
    let now = catalog_now(session).await?;
    let (moves, mut skipped) = match wanted.kind {
        PlanKind::Hotfix => (wanted.moves.clone(), Vec::new()),
        PlanKind::Rollback | PlanKind::Revert => match turned_moves(session, &wanted).await? {
            Ok(moves) => moves,
            Err(note) => return Ok(Drafted::Nothing { note, skipped: Vec::new() }),
        },
    };
    session.refuse_kept_cells(moves.iter().map(|step| &step.cell)).await?;
    let moves = without_missing(session, &wanted, moves, &mut skipped).await?;
    let mode = match wanted.kind {
        PlanKind::Hotfix => RatchetMode::Forward,
        _ if wanted.hide_unmaskable => RatchetMode::Hide,
        _ => RatchetMode::Refuse,
    };
    let facts = treat_moves(session, &now, &moves, mode).await?;
    let (mut moves, dropped) = apply_treatments(moves, &facts);
    for (path, rule) in dropped {
        let step = describe_move(session, &path, None, None, None);
        skipped.push(skipped_line(&step, &format!("stays absent, {rule}"), None));
    }
    let scope = match wanted.kind {
        PlanKind::Hotfix => scope_of_cells(session, moves.iter().map(|step| &step.cell)).await?,
        PlanKind::Rollback | PlanKind::Revert => scope_of_operation(session, &wanted.target).await?,
    };
    if wanted.kind == PlanKind::Rollback {
        // A hotfix that patched all that is left of its target is in the way, not just a later owner.
        let later = scope.dependents.iter().map(|later| &later.operation);
        refuse_dependents(&wanted.target, later.filter(|id| id.kind() == OperationKind::Hotfix))?;
    }
    // A revert says that its target stands again, also where that moves nothing.
    if moves.is_empty() && wanted.kind != PlanKind::Revert {
        let note = match skipped.first() {
            Some(line) if skipped.iter().all(|line| line.by.is_some()) => format!(
                "nothing to do: later operations own every cell of it, the newest is {}",
                line.by.as_ref().map_or("-", |by| by.as_str())
            ),
            _ => "nothing to do: every cell has its value already".to_owned(),
        };
        return Ok(Drafted::Nothing { note, skipped });
    }
    moves.sort_by(|a, b| a.cell.cmp(&b.cell));
    let after = with_moves(session, &now, &moves).await?;
    if wanted.kind == PlanKind::Rollback {
        refuse_dependents(&wanted.target, scope.dependents.iter().map(|later| &later.operation))?;
    }
    let derived = derived_cells(session, &moves).await?;
    session.refuse_kept_cells(derived.iter().map(|derived| &derived.cell)).await?;
    let labels = labels_of(&facts);
    let case = case(session, &wanted, &now, &after, &moves, facts, &derived, &skipped).await?;
    let mut decision = case.judge(session);
    name_owners(session, &wanted, &mut decision);
    let steps: Vec<PlanStep> = moves
        .into_iter()
        .map(|step| PlanStep {
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
        protection: protection_digest(&case.steps),
        skip: wanted.skip,
        hide_unmaskable: wanted.hide_unmaskable,
        forced: wanted.forced,
        correction: wanted.correction,
    };
    let content_id = content.digest();
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

/// Says of each document that denies and belongs to a later operation which one that is: it is to be undone
/// first.
fn name_owners(session: &Session, wanted: &Wanted, decision: &mut Decision) {
    for finding in decision.findings.iter_mut().filter(|finding| finding.denies) {
        let owner = session.history.owner(&session.document(&finding.subject), None);
        if let Some(owner) = owner.filter(|owner| owner.operation != wanted.target) {
            let undo = crate::status::undo_command(&owner.operation);
            finding.remedy =
                format!("{}; {} keeps it: undo that first, {undo}", finding.remedy, owner.operation);
        }
    }
}

fn protection_digest(steps: &[StepFacts]) -> Digest {
    let lines: Vec<_> = steps.iter().map(|step| (&step.path, &step.protection)).collect();
    let canonical = kfm_lineage::canonical::canonical_of(&lines).expect("protections have a canonical form");
    Digest::of_canonical_bytes(&canonical)
}

#[allow(clippy::too_many_arguments, reason = "each is one part of what policy looks at")]
async fn case(
    session: &Session,
    wanted: &Wanted,
    now: &CatalogView,
    after: &CatalogView,
    moves: &[Move],
    mut facts: Vec<StepFacts>,
    derived: &BTreeSet<DerivedCell>,
    skipped: &[SkippedLine],
) -> Result<Case> {
    let (judged, kind) = match wanted.kind {
        PlanKind::Rollback => (JudgedKind::Rollback, Kind::Rollback),
        PlanKind::Revert => (JudgedKind::Revert, Kind::Revert),
        PlanKind::Hotfix => (JudgedKind::Hotfix, Kind::Hotfix),
    };
    if facts.is_empty() {
        // A revert that moves nothing is judged by what its target's cells hold.
        facts =
            treat_moves(session, now, &standing(session, &wanted.target).await?, RatchetMode::Refuse).await?;
    }
    Ok(Case {
        kind: judged,
        reason: wanted.reason.clone(),
        strict: false,
        steps: facts,
        cells_total: (moves.len() + derived.len()) as u64,
        skipped: skipped.len() as u64,
        integrity: integrity_change(session, kind, &wanted.target, now, after, moves).await?,
        forced: wanted.forced.is_some(),
    })
}

/// Returns the cells of an operation as moves that change nothing.
async fn standing(session: &Session, target: &OperationId) -> Result<Vec<Move>> {
    let Some(target) = session.history.operation(target) else { return Ok(Vec::new()) };
    let mut standing = read_moves(&session.versions(), &target.moves).await?;
    standing.retain(|step| !step.derived);
    for step in &mut standing {
        step.before = session.history.value(&step.cell);
        step.after = step.before;
    }
    Ok(standing)
}

/// Finds the cells that move when a target ceases to stand, or stands again (`states.md` section 2).
///
/// Answers a note instead, where there is nothing to turn.
async fn turned_moves(
    session: &Session,
    wanted: &Wanted,
) -> Result<std::result::Result<(Vec<Move>, Vec<SkippedLine>), String>> {
    let stands = wanted.kind == PlanKind::Revert;
    let target = turnable(session, wanted)?;
    match (stands, session.history.undone_by(&target.id)) {
        (false, Some(by)) => return Ok(Err(format!("nothing to do: {by} undid it already"))),
        (true, None) => return Ok(Err("nothing to do: it stands".to_owned())),
        _ => {}
    }
    let mut moves = Vec::new();
    let mut skipped = Vec::new();
    let target_moves = read_moves(&session.versions(), &target.moves).await?;
    refuse_unknown_keys(&target_moves, &wanted.skip)?;
    for own in target_moves.iter().filter(|step| !step.derived) {
        if wanted.skip.contains(&own.cell.key) {
            skipped.push(skipped_line(own, "asked", None));
            continue;
        }
        let owner = session.history.owner(&own.cell, stands.then_some((&target.id, true)));
        let now = session.history.value(&own.cell);
        let owns = match owner {
            Some(write) if planted(Bug::OwnerByValue) => write.step.after == own.after,
            Some(write) => write.operation == target.id,
            None => false,
        };
        if !owns {
            skipped.push(skipped_line(own, "superseded", owner.map(|write| write.operation.clone())));
            continue;
        }
        let source = session.history.owner(&own.cell, Some((&target.id, stands)));
        refuse_unknown_predecessor(session, &target, own, source, stands)?;
        let mut to: Value = source.and_then(|write| write.step.after);
        if planted(Bug::PredecessorIgnoresUndone) && !stands {
            to = own.before;
        }
        if now == to {
            skipped.push(skipped_line(own, "unchanged", None));
            continue;
        }
        moves.push(turned(session, own, now, to, source).await?);
    }
    skipped.sort_by(|a, b| (&a.domain, &a.store, &a.key).cmp(&(&b.domain, &b.store, &b.key)));
    // The newest owner first: it is the one to roll back first.
    skipped.sort_by_key(|line| {
        std::cmp::Reverse(line.by.as_ref().and_then(|by| session.history.operation(by)).map(|by| by.opened))
    });
    Ok(Ok((moves, skipped)))
}

async fn turned(
    session: &Session,
    own: &Move,
    now: Value,
    to: Value,
    source: Option<&Write>,
) -> Result<Move> {
    let from_version = session.history.owner(&own.cell, None).and_then(|write| write.step.to_version.clone());
    let to_version = to.and(source.and_then(|write| write.step.to_version.clone()));
    if own.cell.domain != Domain::Stac {
        return Ok(Move { before: now, after: to, from_version, to_version, ..own.clone() });
    }
    let before = session.facts.of_value(now).await?;
    let after = match session.facts.of_value(to).await {
        Ok(after) => after,
        // Missing bytes are dealt with by name, with all of their kind.
        Err(Error::Versions(_)) => None,
        Err(error) => return Err(error),
    };
    let mut step = describe_move(session, &own.cell.key, now, before.as_ref(), after.as_ref());
    step.after = to;
    step.from_version = from_version.or(step.from_version);
    step.to_version = to_version.or(step.to_version);
    Ok(step)
}

/// Returns the operation that is to be turned, if it can be.
fn turnable(session: &Session, wanted: &Wanted) -> Result<Operation> {
    let target = session
        .history
        .operation(&wanted.target)
        .cloned()
        .ok_or_else(|| Error::NotFound { kind: "publish", text: wanted.target.to_string() })?;
    if target.kind == Kind::Adopt {
        return Err(Error::invalid(
            format!("a genesis cannot be rolled back, it moved nothing: publish_id={}", target.id),
            "roll back the publishes that came after it",
        ));
    }
    match target.status(false) {
        Status::Completed => Ok(target),
        Status::Aborted | Status::Failed => Err(Error::invalid(
            format!("nothing of it stands, it went back by itself: publish_id={}", target.id),
            "look at 'kfm publish list' for the one that is meant",
        )),
        status => Err(Error::Incomplete {
            message: format!("it has not ended: publish_id={} status={status}", target.id),
            hint: "resume or abort it first".into(),
            next: crate::status::resume_commands(&target.id),
        }),
    }
}

/// Refuses to guess what stood before a move whose record says that something did, and the log knows of no such
/// value (R23): a pipeline that writes its own records published onto what nobody had adopted.
fn refuse_unknown_predecessor(
    session: &Session,
    target: &Operation,
    own: &Move,
    source: Option<&Write>,
    stands: bool,
) -> Result<()> {
    let before = session.history.cell(&own.cell).and_then(|cell| cell.value_at(Lsn(target.opened.0 - 1)));
    if stands
        || source.is_some()
        || own.before.is_none()
        || own.before == before
        || !target.moves_references()
    {
        return Ok(());
    }
    Err(Error::Incomplete {
        message: format!(
            "the log does not know the version before: publish_id={} cell={}",
            target.id, own.cell
        ),
        hint: "adopt what stands in the stores before publishing onto it".into(),
        next: vec!["kfm adopt".into()],
    })
}

/// Refuses, or goes over by force, steps to versions whose bytes are gone (R46).
async fn without_missing(
    session: &Session,
    wanted: &Wanted,
    moves: Vec<Move>,
    skipped: &mut Vec<SkippedLine>,
) -> Result<Vec<Move>> {
    let named: BTreeSet<Digest> = moves.iter().filter_map(|step| step.after).collect();
    let named: Vec<Digest> = named.into_iter().collect();
    let mut lacking: BTreeSet<Digest> = session.versions().lacking(&named).await?.into_iter().collect();
    for (digest, _) in &wanted.contents {
        lacking.remove(digest);
    }
    if lacking.is_empty() {
        return Ok(moves);
    }
    let (missing, present): (Vec<Move>, Vec<Move>) =
        moves.into_iter().partition(|step| step.after.is_some_and(|digest| lacking.contains(&digest)));
    if wanted.forced.is_none() {
        return Err(Error::Incomplete {
            message: format!(
                "versions that the log names are gone: cells={} first={}",
                missing.len(),
                missing.first().map_or("-", |step| step.cell.key.as_str())
            ),
            hint:
                "restore the version store from a backup, publish a correction instead, or leave these cells \
                   alone by '--force --justification'"
                    .into(),
            next: Vec::new(),
        });
    }
    skipped.extend(missing.iter().map(|step| skipped_line(step, "missing", None)));
    Ok(present)
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

/// Refuses to undo what later work stands on (`states.md` section 3).
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
        hint: "roll back what was derived from it first, the newest first; '--cascade' does not take it along yet"
            .into(),
        next: dependents.into_iter().rev().map(crate::status::undo_command).collect(),
    })
}
