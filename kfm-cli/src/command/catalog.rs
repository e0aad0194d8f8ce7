//! `kfm catalog check`: links, orphans and ids of the catalog, as it stands (R48).

use clap::Subcommand;
use kfm_rollback::report::MISSING_PART;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::findings::finding_list;
use crate::output::{Answer, Screen, Tone, words};

/// Commands of `kfm catalog`.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Count broken links, orphans and the like; exits 1 if there are any
    Check,
}

impl Catalog {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let Self::Check = self;
        let report = cx.platform().await?.catalog_check().await?;
        let counts = [
            ("broken links", report.broken_links),
            ("orphans", report.orphan_count),
            ("store skew", report.store_skew),
            ("duplicate ids", report.duplicate_ids),
            ("wrong self links", report.wrong_self_links),
            ("not JSON", report.not_json),
            ("against protection", report.stands_against),
            ("protected elsewhere", report.protected_elsewhere),
            ("no documents", report.strays),
        ];
        let missing = report.findings.by_rule.get(MISSING_PART).copied().unwrap_or_default();
        let found = counts.iter().map(|(_, count)| count).sum::<u64>() + missing;
        let looked_at = format!(
            "{} and {}",
            words::count(report.documents, "document"),
            words::count(report.links, "link")
        );
        let mut screen = match found {
            0 => Screen::new(Tone::Good, format!("The catalog is whole: {looked_at}")),
            _ => Screen::new(Tone::Warn, format!("The catalog has findings: {looked_at}")),
        };
        for (label, count) in counts {
            screen.fact(label, count);
        }
        screen.fact("listed by nothing", report.unlisted);
        finding_list(&mut screen, "", &report.findings);
        let complaint =
            (found > 0).then(|| Failure::findings(format!("catalog has findings: count={found}")));
        Ok(Answer::new(&report, screen)?.complain(complaint))
    }
}
