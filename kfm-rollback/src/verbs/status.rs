//! What is open, and what is owed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kfm_lineage::{CellId, Digest, Status};
use kfm_policy::{Advice, Remedy, advice};
use kfm_wal::record::PlanRecord;

use super::Platform;
use super::ledger::disagreement;
use super::plans::{status_of_record, status_of_waiting, waiting, why_not};
use super::standing::{self, Look, operation_line};
use crate::error::Result;
use crate::history::CellHistory;
use crate::op::{DomainOpExt, Misconfigured, OpError};
use crate::report::StatusReport;
use crate::session::{Session, missing_lines};

impl Platform {
    /// Lists the operations that are open, and what is owed: approvals, reviews, ledger entries.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log cannot be read.
    pub async fn status(&self) -> Result<StatusReport> {
        let look = standing::read_without_lost(self).await?;
        let mut open = Vec::new();
        for operation in look.session.history.open_operations() {
            open.push(operation_line(&look, operation).await?);
        }
        let Look { session, running } = look;
        let missing = missing_lines(self, &session.history);
        let mut owed: Vec<Advice> = missing
            .into_iter()
            .map(|line| Advice::from(format!("{}: {}; ", line.subject, line.message)).and(line.remedy))
            .collect();
        owed.extend(stores_owed(self).await);
        match lost(&session) {
            // Of the cells nothing can be said.
            Some(lost) => owed.push(lost.into()),
            None => {
                owed.extend(emptied(&session).await?);
                owed.extend(owed_plans(&session).await);
                owed.extend(protection_owed(&session).await?);
            }
        }
        owed.extend(disagreement(&session).await);
        Ok(StatusReport { open, running, owed })
    }
}

/// Says which stores are missing or misconfigured, and what mends each.
async fn stores_owed(platform: &Platform) -> Vec<Advice> {
    let mut owed: Vec<Advice> = Vec::new();
    for store in platform.stores() {
        match store.probe().await {
            Err(OpError::Missing { store, place, derived: true }) => {
                let place = platform.shown(Path::new(&place));
                owed.push(advice![
                    format!("the derived store {store} is missing at {place}; make and fill it: "),
                    Remedy::Project,
                ]);
            }
            Err(OpError::Missing { store, place, derived: false }) => {
                let place = platform.shown(Path::new(&place));
                let lost = format!("the store {store} is missing at {place}: restore it from a backup; ");
                owed.push(Advice::from(lost + "or make an empty folder there, ").and(refilled()));
            }
            Ok(probe) => {
                owed.extend(probe.findings.into_iter().map(|Misconfigured { what, remedy, .. }| {
                    format!("store {}: {what}; {remedy}", store.name()).into()
                }))
            }
            Err(_) => {}
        }
    }
    owed
}

/// How an empty catalog gets back what the log knows of it.
fn refilled() -> Advice {
    advice![
        Remedy::AdoptForeign,
        " then records that it is empty, and the rollback of what that records brings every document back from the \
         version store",
    ]
}

/// Says that the catalog is empty although documents stand by the log: its folder was lost, and made again. `None` also
/// if that is not known, or if an operation is open, which may be about to fill it.
async fn emptied(session: &Session) -> Result<Option<Advice>> {
    let catalog = session.catalog();
    let store = catalog.name();
    let standing = || {
        let stands = |(_, history): &(CellId, Arc<CellHistory>)| history.value().is_some();
        let documents = session.history.documents(store);
        documents.filter(move |next| next.as_ref().map_or(true, stands))
    };
    let Some(first) = standing().next() else { return Ok(None) };
    if session.history.open_operations().next().is_some() {
        return Ok(None);
    }
    let (first, _) = first?;
    let is_empty = async || {
        Some(catalog.value(&first.key).await.ok()?.is_none() && catalog.scan(None, 1).await.ok()?.is_empty())
    };
    if is_empty().await != Some(true) {
        return Ok(None);
    }
    let documents = standing().collect::<Result<Vec<_>>>()?.len();
    let seen = format!(
        "the store {store} is empty, and the log knows documents={documents} in it: restore it from a backup; or "
    );
    Ok(Some(Advice::from(seen).and(refilled())))
}

/// Says which lists of the log are lost, and what to restore; `None` if none is.
pub(super) fn lost(session: &Session) -> Option<String> {
    let lost = session.history.lost();
    let (first, remedy) = (lost.first()?, session.platform.restore_versions());
    let lists = lost.len();
    Some(format!("the version store lacks lists that the log names: lists={lists} first: {first}; {remedy}"))
}

/// The most documents that stand against protection and are named one by one in `owed`.
const AGAINST_MAX: usize = 20;

/// Lists the documents that stand against today's protection, and says whether the ledger lacks something.
async fn protection_owed(session: &Session) -> Result<Vec<Advice>> {
    let mut owed: Vec<Advice> = Vec::new();
    if session.owes_ledger()? {
        owed.push(
            "the ledger lacks what came into force; the next command that changes something enters it".into(),
        );
    }
    if session.require_policy("status").is_err() {
        owed.push(advice![
            "policy's files cannot be read, so nothing may be judged; ",
            Remedy::Examine { digests: false },
            " says which",
        ]);
        return Ok(owed);
    }
    let new = session.registry.entries().len() - session.registry.in_force();
    if new > 0 {
        owed.push(advice![
            format!("entries of policy's files are not in force yet: entries={new}; the next command that judges, "),
            "such as ",
            Remedy::CheckCatalog,
            ", brings them into force",
        ]);
    }
    let against = crate::coverage::owed(session).await?;
    let shown = crate::coverage::still_shown(session, &against).await;
    if shown > 0 {
        owed.push(advice![
            format!(
                "derived stores still show documents that protection hides: cells={shown}; take them out: "
            ),
            Remedy::Project,
        ]);
    }
    let lines = against.iter().take(AGAINST_MAX);
    owed.extend(
        lines.map(|line| {
            Advice::from(format!("{} {}: ", line.subject, line.message)).and(line.remedy.clone())
        }),
    );
    if against.len() > AGAINST_MAX {
        let more = against.len() - AGAINST_MAX;
        owed.push(advice![
            format!("and {more} more documents stand against protection; "),
            Remedy::CheckCatalog,
            " lists them",
        ]);
    }
    Ok(owed)
}

/// Lists the plans that need approvals and can still be executed. Of several plans of the same change it lists
/// the one that has approvals, or else the newest.
async fn owed_plans(session: &Session) -> Vec<Advice> {
    let mut newest: BTreeMap<Digest, &PlanRecord> = BTreeMap::new();
    for plan in waiting(session) {
        let is_approved = |plan: &PlanRecord| session.history.approvals(&plan.plan_id).next().is_some();
        let other = newest.get(&plan.content_id).copied();
        if status_of_record(plan) == Status::AwaitingApproval
            && other.is_none_or(|other| is_approved(plan) || !is_approved(other))
        {
            newest.insert(plan.content_id, plan);
        }
    }
    let mut plans: Vec<&PlanRecord> = newest.into_values().collect();
    plans.sort_by_key(|plan| plan.created_at);
    let mut owed = Vec::new();
    for plan in plans {
        if why_not(session, plan).await.is_none() {
            let status = status_of_waiting(session, plan).await;
            let (id, plan) = (&plan.operation, plan.plan_id);
            owed.push(match status {
                Status::AwaitingApproval => advice![
                    format!("{id} waits for approvals of plan {plan}: "),
                    Remedy::ShowPlan { plan, entire: false },
                ],
                _ => advice![format!("{id} is approved and ready: "), Remedy::ExecutePlan { plan }],
            });
        }
    }
    owed
}
