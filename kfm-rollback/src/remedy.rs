//! What to do next, as commands.

use kfm_lineage::{Digest, IdKind, OperationId};

use crate::report::SkippedLine;

/// How a document leaves the catalog that today's protection does not let through: its links go with it, so that the
/// next plan leaves no broken link.
pub(crate) const WITHOUT_IT: &str = "publish a folder without it and without links to it, by 'kfm publish --from \
    FOLDER --pipeline NAME --mirror'";

/// The commands that end an open operation.
pub(crate) fn resume_commands(id: &OperationId) -> Vec<String> {
    let command = match id.kind() {
        IdKind::Publish => format!("kfm publish resume --publish-id {id}"),
        IdKind::Rollback => format!("kfm rollback resume --rollback-id {id}"),
        IdKind::Hotfix => format!("kfm hotfix resume --hotfix-id {id}"),
    };
    vec![command.clone(), format!("{command} --abort")]
}

/// The command that undoes a publish or a hotfix.
pub(crate) fn undo_command(id: &OperationId) -> String {
    match id.kind() {
        IdKind::Hotfix => format!("kfm hotfix revert --hotfix-id {id} --reason '…'"),
        IdKind::Publish | IdKind::Rollback => format!("kfm rollback plan --publish-id {id}"),
    }
}

/// The commands that take the id of a plan that was not executed.
pub(crate) fn plan_commands(plan_id: &Digest) -> Vec<String> {
    vec![
        format!("kfm plan show {plan_id}"),
        format!("kfm rollback execute --plan {plan_id} --reason '…'"),
        format!("kfm plan cancel {plan_id} --reason '…'"),
    ]
}

/// The most owners of skipped cells whose undoing is proposed.
const OWNERS_MAX: usize = 100;

/// The commands that undo the owners of skipped cells, in the order of the cells: the newest first.
pub(crate) fn owner_commands(skipped: &[SkippedLine]) -> Vec<String> {
    let mut owners: Vec<&OperationId> = Vec::new();
    for owner in skipped.iter().filter_map(|line| line.by.as_ref()) {
        if owners.len() < OWNERS_MAX && !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    owners.into_iter().map(undo_command).collect()
}
