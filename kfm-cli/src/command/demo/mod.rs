//! `kfm demo`: a bad publish and its rollback, end to end, on real documents.
//!
//! It runs ordinary `kfm` commands, each printed as a line that a person can repeat. By itself it only writes the
//! documents that a pipeline would bring ([`documents`]), and compares what the stores hold before and after
//! ([`evidence`]).

mod documents;
mod evidence;
mod steps;

use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use kfm_retry::{Clock, SystemClock};
use kfm_rollback::Platform;
use kfm_rollback::report::PublishLine;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone};
use crate::shell;

use evidence::Evidence;
use steps::Steps;

/// Arguments of `kfm demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder to make; it must not exist, or be empty
    #[arg(default_value = "kfm-demo")]
    dir: PathBuf,
}

/// Answer of `kfm demo`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    root: PathBuf,
    publishes: Vec<PublishLine>,
    rollback_id: Option<kfm_lineage::RollbackId>,
    /// Whether `kfm verify` passed, and every store holds again what it held before the bad publish.
    verified: bool,
    stores: Vec<evidence::StoreBeforeAndAfter>,
    records: evidence::Places,
}

impl Demo {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        refuse_unless_empty(&self.dir)?;
        let review_by = in_a_year()?;
        let steps = Steps::new(&self.dir, cx.global.actor.as_deref(), &review_by);
        if cx.is_rehearsal() {
            return rehearse(&self.dir, &steps);
        }
        let kfm =
            std::env::current_exe().map_err(|error| Failure::internal("cannot find kfm itself", &error))?;
        cx.out.part(&format!("kfm stands for {}\n", shell::quote(&kfm.to_string_lossy())));
        let run = |step: &steps::Step| step.run(&mut Command::new(&kfm), cx.out);

        steps.setup.iter().try_for_each(run)?;
        documents::write(&self.dir).map_err(|error| Failure::file(&self.dir, &error))?;
        steps.good_publish.iter().try_for_each(run)?;
        let platform = self.platform(cx).await?;
        let good = Evidence::take(&platform).await?;
        steps.bad_publish.iter().try_for_each(run)?;
        let bad = Evidence::take(&platform).await?;
        steps.rollback.iter().try_for_each(run)?;
        let after = Evidence::take(&platform).await?;
        cx.out.part("\n");
        self.answer(&platform, &good, &bad, &after).await
    }

    async fn platform(&self, cx: &Context<'_>) -> Result<Platform> {
        let mut global = cx.global.clone();
        global.root = Some(self.dir.clone());
        cx.with_global(global).platform().await
    }

    async fn answer(
        &self,
        platform: &Platform,
        good: &Evidence,
        bad: &Evidence,
        after: &Evidence,
    ) -> Result<Answer> {
        let rollback = platform.rollbacks().await?.rollbacks.pop();
        let verified = match &rollback {
            Some(line) => platform.verify(line.id.as_str()).await?.ok && after.same_as(good),
            None => false,
        };
        let report = Report {
            root: self.dir.clone(),
            publishes: platform.publishes().await?.publishes,
            rollback_id: rollback.as_ref().and_then(|line| line.rollback_id.clone()),
            verified,
            stores: evidence::compare(good, bad, after),
            records: evidence::places(platform, &self.dir.join(steps::PLAN_FILE), rollback.as_ref()),
        };
        let complaint =
            (!verified).then(|| Failure::findings("the stores do not hold what they held before"));
        let screen = screen(&self.dir, &report, after.same_catalog_bytes(good));
        Ok(Answer::new(&report, screen)?.complain(complaint))
    }
}

fn screen(dir: &std::path::Path, report: &Report, same_bytes: bool) -> Screen {
    let mut screen = match report.verified {
        true => Screen::new(Tone::Good, "Every store holds what it held before the bad publish, by digest"),
        false => Screen::new(Tone::Bad, "The stores do not hold what they held before the bad publish"),
    };
    screen.heading("digests by store");
    screen.table(
        report.stores.iter().map(evidence::StoreBeforeAndAfter::row),
        ["store", "before", "with the defect", "after the rollback", ""],
    );
    let bytes = if same_bytes { "byte for byte what they were" } else { "NOT what they were" };
    screen.fact("documents", format!("{bytes}: {}", report.records.catalog));
    screen.heading("where the records lie");
    screen.table(report.records.rows().into_iter(), ["record", "place"]);
    let root = shell::quote(&dir.display().to_string());
    screen.next(&[
        format!("kfm --root {root} publish list"),
        format!("kfm --root {root} rollback show latest"),
        format!("kfm --root {root} rollback revert --rollback-id latest --reason 'to see the defect again'"),
    ]);
    screen
}

/// Lists the commands and runs none.
fn rehearse(dir: &std::path::Path, steps: &Steps) -> Result<Answer> {
    let mut screen = Screen::new(Tone::Plain, format!("Would run these commands, in {}", dir.display()));
    let commands: Vec<_> = steps.all().map(steps::Step::command_line).collect();
    for command in &commands {
        screen.command(command);
    }
    let keys = serde_json::json!({ "root": dir, "status": "dry_run", "commands": commands });
    Answer::new(&keys, screen)
}

fn refuse_unless_empty(dir: &std::path::Path) -> Result<()> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(false) => Err(Failure::usage(format!("folder is not empty: dir={}", dir.display()))
            .with_hint("name a new folder, such as kfm demo another-demo")
            .into()),
        Err(error) => Err(Failure::file(dir, &error).into()),
    }
}

/// Returns the day in a year, when the demonstration's label has to be looked at again.
fn in_a_year() -> Result<String> {
    const YEAR_HOURS: i64 = 365 * 24;
    let now = kfm_lineage::Timestamp::try_from(SystemClock.wall());
    now.and_then(|now| now.checked_add(jiff::SignedDuration::from_hours(YEAR_HOURS)))
        .map(|day| day.strftime("%Y-%m-%d").to_string())
        .map_err(|error| Failure::internal("the clock shows no time in our calendar", &error).into())
}
