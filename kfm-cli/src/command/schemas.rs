//! `kfm schemas`: the JSON Schemas of every durable form and of every answer, generated from the types (R96).

use std::path::{Path, PathBuf};

use clap::Args;
use kfm_lineage::schema::SchemaFile;
use kfm_rollback::kind::Kinds;
use kfm_rollback::report as engine;
use schemars::JsonSchema;
use serde::Serialize;

use super::{demo, ledger, principals, rollback, telemetry, wal};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::envelope::answer_schema;
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm schemas`.
#[derive(Debug, Args)]
pub(crate) struct Schemas {
    /// Write the schemas into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The names of the schemas.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    /// Their files, below the folder.
    schemas: Vec<String>,
    /// The folder they were written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    dir: Option<PathBuf>,
}

impl Schemas {
    pub(crate) fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let files = all(&cx.options_to_read().kinds);
        let dir = self.out.filter(|_| !cx.is_rehearsal());
        if let Some(dir) = &dir {
            files.iter().try_for_each(|file| write(dir, file))?;
        }
        let count = words::count(files.len() as u64, "schema");
        let schemas: Vec<_> = files.into_iter().map(|file| file.path).collect();
        let screen = match &dir {
            Some(dir) => Screen::new(Tone::Good, format!("Wrote {count} to {}", dir.display())),
            None => Screen::raw(schemas.join("\n") + "\n"),
        };
        Answer::new(&Listed { schemas, dir }, screen)
    }
}

fn write(dir: &Path, file: &SchemaFile) -> Result<()> {
    let path = dir.join(&file.path);
    let folder = path.parent().unwrap_or(dir);
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    Ok(std::fs::write(&path, file.text()).map_err(|error| Failure::file(&path, &error))?)
}

/// Returns the schemas of every crate, those of the answers last; that of `kfm.toml` for stores of these kinds.
fn all(kinds: &Kinds) -> Vec<SchemaFile> {
    let mut files = kfm_policy::schema::schemas();
    files.extend(kfm_rollback::schema::schemas(kinds));
    files.extend(kfm_telemetry::schema::schemas());
    files.extend(kfm_wal::schema::schemas());
    files.extend(answers());
    files
}

/// Returns the schema of what each command answers with `--json`.
///
/// Commands whose answer is one text (`man`, `completions`, `wal export`), and rehearsals of commands that have no
/// plan (`init --ci`), promise only the envelope.
fn answers() -> Vec<SchemaFile> {
    vec![
        answer_schema::<engine::AdoptReport>("adopt"),
        answer_schema::<engine::ApprovalsReport>("approvals"),
        answer_schema::<engine::ApprovalsReport>("approve"),
        answer_schema::<engine::CatalogReport>("catalog.check"),
        answer_schema::<demo::Report>("demo"),
        answer_schema::<engine::DoctorReport>("doctor"),
        answer_schema::<engine::HotfixList>("hotfix.list"),
        answer_schema::<engine::HotfixReport>("hotfix.resume"),
        answer_schema::<engine::HotfixReport>("hotfix.revert"),
        answer_schema::<engine::RollbackShow>("hotfix.show"),
        answer_schema::<engine::HotfixReport>("hotfix.stac"),
        answer_schema::<engine::InitReport>("init"),
        answer_schema::<kfm_rollback::LabelsReport>("labels.assign"),
        answer_schema::<kfm_rollback::LabelsReport>("labels.list"),
        answer_schema::<ledger::Entries>("ledger.list"),
        answer_schema::<engine::LedgerVerifyReport>("ledger.render"),
        answer_schema::<engine::LedgerVerifyReport>("ledger.repair"),
        answer_schema::<engine::LedgerVerifyReport>("ledger.verify"),
        answer_schema::<engine::PlanCancel>("plan.cancel"),
        answer_schema::<engine::PlanList>("plan.list"),
        answer_schema::<engine::PlanShow>("plan.show"),
        answer_schema::<principals::Added>("principals.add"),
        answer_schema::<principals::Known>("principals.list"),
        answer_schema::<engine::PublishReport>("project"),
        answer_schema::<engine::PublishReport>("publish"),
        answer_schema::<engine::PublishList>("publish.list"),
        answer_schema::<engine::PublishReport>("publish.resume"),
        answer_schema::<engine::PublishShow>("publish.show"),
        answer_schema::<engine::ReconcileReport>("reconcile"),
        answer_schema::<engine::DryRunReport>("rollback.dry-run"),
        answer_schema::<engine::ExecuteReport>("rollback.execute"),
        answer_schema::<engine::RollbackList>("rollback.list"),
        answer_schema::<engine::PlanReport>("rollback.plan"),
        answer_schema::<engine::ExecuteReport>("rollback.resume"),
        answer_schema::<engine::ExecuteReport>("rollback.revert"),
        answer_schema::<engine::RollbackShow>("rollback.show"),
        answer_schema::<rollback::Stands>("rollback.status"),
        answer_schema::<Listed>("schemas"),
        answer_schema::<kfm_telemetry::slo::SloReport>("slo"),
        answer_schema::<engine::StatusReport>("status"),
        answer_schema::<telemetry::Aggregated>("telemetry.aggregate"),
        answer_schema::<kfm_telemetry::validate::FolderReport>("telemetry.validate"),
        answer_schema::<engine::VerifyReport>("verify"),
        answer_schema::<kfm_wal::inspect::Inspection>("wal.inspect"),
        answer_schema::<kfm_rollback::report::WalProbe>("wal.probe-durability"),
        answer_schema::<wal::repair::Repaired>("wal.repair"),
        answer_schema::<kfm_wal::VerifyReport>("wal.verify"),
    ]
}
