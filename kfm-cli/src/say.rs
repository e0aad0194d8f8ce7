//! What the engine advises, in the words of the command: the one place where a remedy becomes a command line.

use kfm_lineage::{IdKind, OperationId};
use kfm_policy::{Advice, Parameter, Part, Remedy};

use crate::shell;

/// Returns the command line of `kfm` that does what a remedy says.
///
/// It can be run as it stands in the platform's folder. What only the caller knows stands in it as a word in capitals
/// (`NAME`, `FILE`) or as `'…'`.
///
/// ```
/// use kfm_policy::Remedy;
///
/// let operation = "rb_2025_11_15T00_00_00Z_pub_2025_11_14T03_15_42Z_daily_1".parse()?;
/// assert_eq!(
///     kfm_cli::command_line(&Remedy::Resume { operation }),
///     "kfm rollback resume --rollback-id rb_2025_11_15T00_00_00Z_pub_2025_11_14T03_15_42Z_daily_1"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn command_line(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Resume { operation } => resume(operation),
        Remedy::Abort { operation } => format!("{} --abort", resume(operation)),
        Remedy::Undo { operation, skip } => undo(operation, skip),
        Remedy::RollBack { operation } => {
            format!("kfm rollback execute --publish-id {operation} --reason '…'")
        }
        Remedy::RehearseRollback { operation } => {
            format!("kfm rollback dry-run --publish-id {operation} --all")
        }
        Remedy::ShowOperation { operation, entire } => {
            format!("kfm {} show {operation}{}", operation.kind(), all(*entire))
        }
        Remedy::VerifyOperation { operation } => match operation.kind() {
            IdKind::Rollback => format!("kfm verify --rollback-id {operation}"),
            IdKind::Publish | IdKind::Hotfix => format!("kfm verify {operation}"),
        },
        Remedy::ShowPlan { plan, entire } => format!("kfm plan show {plan}{}", all(*entire)),
        Remedy::RehearsePlan { plan } => format!("kfm rollback dry-run --plan {plan}"),
        Remedy::ApprovePlan { plan } => format!("kfm approve {plan} --as NAME --role reviewer --key FILE"),
        Remedy::ListApprovals { plan } => format!("kfm approvals {plan}"),
        Remedy::ExecutePlan { plan } => format!("kfm rollback execute --plan {plan} --reason '…'"),
        Remedy::CancelPlan { plan } => format!("kfm plan cancel {plan} --reason '…'"),
        Remedy::ShowStatus => "kfm status".to_owned(),
        Remedy::ListPublishes => "kfm publish list".to_owned(),
        Remedy::ListRollbacks => "kfm rollback list".to_owned(),
        Remedy::ListHotfixes => "kfm hotfix list".to_owned(),
        Remedy::ListPrincipals => "kfm principals list".to_owned(),
        Remedy::AssignLabel { entity } => format!(
            "kfm labels assign --entity {} --care LABEL --authority NAME --reason '…' --review-by DATE",
            shell::quote(entity)
        ),
        Remedy::AddPrincipal { role } => format!("kfm principals add NAME --role {role} --key-out FILE"),
        Remedy::ListLabels => "kfm labels list".to_owned(),
        Remedy::Adopt => "kfm adopt".to_owned(),
        Remedy::ListForeign => "kfm reconcile".to_owned(),
        Remedy::AdoptForeign => "kfm reconcile --adopt".to_owned(),
        Remedy::Project => "kfm project".to_owned(),
        Remedy::Publish => "kfm publish --from FOLDER --pipeline NAME".to_owned(),
        Remedy::PublishMirror => "kfm publish --from FOLDER --pipeline NAME --mirror".to_owned(),
        Remedy::CheckCatalog => "kfm catalog check".to_owned(),
        Remedy::Examine { digests: false } => "kfm doctor".to_owned(),
        Remedy::Examine { digests: true } => "kfm doctor --digests".to_owned(),
        Remedy::VerifyLog => "kfm wal verify".to_owned(),
        Remedy::VerifyLedger => "kfm ledger verify".to_owned(),
        Remedy::RepairLedger => "kfm ledger repair".to_owned(),
        Remedy::MakePlatform => "kfm init".to_owned(),
    }
}

/// Returns an advice in the words of `kfm`: its remedies as command lines, its parameters as flags.
///
/// A command stands in quotes, unless it is the end of the sentence and follows a colon.
pub fn sentence(advice: &Advice) -> String {
    let mut sentence = String::new();
    let last = advice.parts().len().saturating_sub(1);
    for (at, part) in advice.parts().iter().enumerate() {
        match part {
            Part::Text(text) => sentence.push_str(text),
            Part::Parameter { parameter } => sentence.push_str(flag(*parameter)),
            Part::Remedy(remedy) if at == last && (sentence.is_empty() || sentence.ends_with(": ")) => {
                sentence.push_str(&command_line(remedy));
            }
            Part::Remedy(remedy) => sentence.extend(["'", &command_line(remedy), "'"]),
        }
    }
    sentence
}

fn resume(operation: &OperationId) -> String {
    match operation.kind() {
        IdKind::Publish => format!("kfm publish resume --publish-id {operation}"),
        IdKind::Rollback => format!("kfm rollback resume --rollback-id {operation}"),
        IdKind::Hotfix => format!("kfm hotfix resume --hotfix-id {operation}"),
    }
}

fn undo(operation: &OperationId, skip: &[String]) -> String {
    let command = match operation.kind() {
        IdKind::Publish => format!("kfm rollback plan --publish-id {operation}"),
        IdKind::Rollback => format!("kfm rollback revert --rollback-id {operation} --reason '…'"),
        IdKind::Hotfix => format!("kfm hotfix revert --hotfix-id {operation} --reason '…'"),
    };
    match skip {
        [] => command,
        keys => format!("{command} --skip {}", shell::line(keys.iter().map(String::as_str))),
    }
}

fn all(entire: bool) -> &'static str {
    if entire { " --all" } else { "" }
}

fn flag(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Skip => "--skip",
        Parameter::Force => "--force --justification",
        Parameter::HideUnmaskable => "--on-unmaskable hide",
        Parameter::DryRun => "--dry-run",
        Parameter::MaySweep | Parameter::EvenIfNothing => "--yes",
        Parameter::Reason => "--reason",
        Parameter::Entity => "--entity",
        Parameter::Under => "--under",
        Parameter::PublicKey => "--public-key",
        Parameter::Root => "--root",
        Parameter::From => "--from",
        Parameter::To => "--to",
    }
}

#[cfg(test)]
mod tests;
