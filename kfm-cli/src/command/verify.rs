//! `kfm verify`: manifest, log, ledger and stores agree about a rollback or a hotfix; offline.

use clap::Args;
use kfm_lineage::IdKind;
use kfm_rollback::report::CheckLine;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::ids::{self, VerifiedArg};
use crate::output::{Answer, Screen, Tone, words};
use crate::say;

/// Arguments of `kfm verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    verified: VerifiedArg,
}

impl Verify {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        let rollback = ids::newest(cx, &platform, IdKind::Rollback, self.verified.text()).await;
        let report = platform.verify(&rollback).await?;
        let not_judged: u64 = report.checks.iter().filter_map(|check| check.not_judged).sum();
        let failed = report.checks.iter().filter(|check| !check.ok).count() as u64;
        let mut screen = match failed {
            0 => Screen::new(
                Tone::Good,
                format!("Verified: {} passed", words::count(report.checks.len() as u64, "check")),
            ),
            failed => {
                Screen::new(Tone::Bad, format!("Not verified: {} failed", words::count(failed, "check")))
            }
        };
        show_checks(&mut screen, &report.checks);
        if not_judged > 0 {
            screen.detail(format!("not judged: {} of other hosts", words::count(not_judged, "operation")));
        }
        let complaint = (!report.ok).then(|| Failure::findings(format!("checks failed: count={failed}")));
        Ok(Answer::new(&report, screen)?.complain(complaint))
    }
}

fn show_checks(screen: &mut Screen, checks: &[CheckLine]) {
    let row = |check: &CheckLine| {
        let word = if check.ok { "ok" } else { "FAILED" };
        vec![word.to_owned(), check.name.clone(), say::sentence(&check.detail)]
    };
    screen.table(checks.iter().map(row), ["", "check", "seen"]);
}
