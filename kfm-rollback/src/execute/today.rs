//! Joins both ends of an unfinished operation with today's protection (`docs/states.md` section 3, 'Protection rises').

use std::collections::BTreeMap;

use kfm_lineage::integrity::{CatalogView, IntegrityChange};
use kfm_lineage::{OperationKind, Step};
use kfm_policy::{RatchetMode, StepFacts};
use kfm_wal::record::Direction;

use super::treated::Treated;
use super::{Halt, Work, decide};
use crate::around::{Moment, catalog_around, censuses};
use crate::assess::{Case, labels_of, treat_steps, with_steps};
use crate::derive::{Projection, derived_cells, hidden};
use crate::error::{Error, Result, text_of};
use crate::session::Session;

/// Joins both ends of an unfinished operation with today's protection (`docs/states.md` section 3).
///
/// Returns the cells that end at another value than planned. [`Halt::Policy`]: nothing may move, since policy
/// denies it or cannot be evaluated.
pub(super) async fn treated_today(
    session: &mut Session,
    kind: OperationKind,
    work: &Work,
    direction: Direction,
) -> Result<Treated, Halt> {
    let judged = join_with_protection(session, kind, work, direction).await;
    match judged {
        Ok(judged) => judged.map_err(Halt::Policy),
        Err(error @ (Error::Log(_) | Error::Locked { .. })) => Err(Halt::of_log(error)),
        Err(error) => Err(Halt::Policy(text_of(&error))),
    }
}

async fn join_with_protection(
    session: &mut Session,
    kind: OperationKind,
    work: &Work,
    direction: Direction,
) -> Result<Result<Treated, String>> {
    let mut ends = decide::ends(work, direction);
    let now = catalog_around(session, &ends).await?;
    let assessed = treat_steps(session, &now, &ends, RatchetMode::Unfinished).await?;
    let mut treated = match decide::treated(&ends, &assessed) {
        Ok(treated) => treated,
        denied => return Ok(denied),
    };
    // Policy judges what readers would really see, so the treated values are put in before the catalog is made.
    for step in &mut ends {
        if let Some((value, _)) = treated.get(&step.cell) {
            step.after = *value;
        }
    }
    let after = with_steps(session, &now, &ends).await?;
    if !treated.is_empty() || !work.skip.is_empty() {
        hide_projections(session, &ends, &after, &assessed, &mut treated).await?;
    }
    // The census is the same before and after: breaks were judged before the operation began. Only protection may
    // have risen since.
    let census = censuses(session, &[Moment::now().with(session, &ends)]).await?.pop().unwrap_or_default();
    let owned: Vec<_> = ends.iter().filter(|step| !step.derived).cloned().collect();
    let case = Case {
        kind: decide::judged_kind(direction, kind),
        reason: Some("resume".into()),
        strict: false,
        steps: treat_steps(session, &now, &owned, RatchetMode::Unfinished).await?,
        cells_total: owned.len() as u64,
        skipped: 0,
        integrity: IntegrityChange::of_publish(census.clone(), census),
        forced: false,
    };
    let decision = case.judge(session);
    // An operation on derived cells alone has no document that policy could judge.
    if owned.is_empty() || decision.allowed {
        return Ok(Ok(treated));
    }
    let why = decision.denials().next();
    Ok(Err(why.map_or_else(|| "no finding says why".into(), |finding| finding.message.clone())))
}

/// Projects the derived cells again from the documents that protection leaves visible: a projection that shows a
/// hidden document would leak it.
async fn hide_projections(
    session: &Session,
    ends: &[Step],
    after: &CatalogView,
    assessed: &[StepFacts],
    treated: &mut Treated,
) -> Result<()> {
    let labels = labels_of(assessed);
    let cells = derived_cells(session, ends).await?;
    let hidden = hidden(session, after, after, &cells).await?;
    let projection = Projection::new(session, after, hidden, |path| labels.get(path).copied());
    let planned: BTreeMap<_, _> = ends.iter().map(|step| (&step.cell, step.after)).collect();
    for (derived, value) in projection.keep(cells).await? {
        if planned.get(&derived.cell).is_some_and(|planned| *planned != value) {
            treated.insert(derived.cell, (value, "projected from what protection leaves".into()));
        }
    }
    Ok(())
}
