//! Remedies that several answers have.

use kfm_lineage::{Digest, OperationId};
use kfm_policy::{Advice, Remedy, advice};

use crate::report::SkippedLine;

/// How a document leaves the catalog that today's protection does not let through: its links go with it, so that the
/// next plan leaves no broken link.
pub(crate) fn without_it() -> Advice {
    advice!["publish a folder without it and without links to it, by ", Remedy::PublishMirror]
}

/// What can be done with a plan that was not executed.
pub(crate) fn of_plan(plan: &Digest) -> Vec<Remedy> {
    let plan = *plan;
    vec![Remedy::ShowPlan { plan, entire: false }, Remedy::ExecutePlan { plan }, Remedy::CancelPlan { plan }]
}

/// The most owners of skipped cells whose undoing is proposed.
const OWNERS_MAX: usize = 100;

/// Undoes the owners of skipped cells, in the order of the cells: the newest first.
pub(crate) fn of_owners(skipped: &[SkippedLine]) -> Vec<Remedy> {
    let mut owners: Vec<&OperationId> = Vec::new();
    for owner in skipped.iter().filter_map(|line| line.by.as_ref()) {
        if owners.len() < OWNERS_MAX && !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    owners.into_iter().map(Remedy::undo).collect()
}
