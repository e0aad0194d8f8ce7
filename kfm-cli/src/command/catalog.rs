//! `kfm catalog check`: links, orphans and ids of a catalog, as it stands (R48).

use clap::Subcommand;
use kfm_rollback::check_documents;
use kfm_rollback::report::{CatalogReport, MISSING_PART};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::findings::finding_list;
use crate::output::{Answer, Screen, Tone, words};

/// Commands of `kfm catalog`.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Count broken links, orphans and the like; exits 1 if there are any
    ///
    /// Of the platform's catalog; or, without a platform, of the STAC documents in any folder or bucket: a step of
    /// a pipeline that no broken catalog passes.
    Check {
        /// A folder, s3://BUCKET/PREFIX or az://CONTAINER/PREFIX, instead of the platform's catalog
        #[arg(value_name = "DIR|URL")]
        at: Option<String>,
    },
}

impl Catalog {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let Self::Check { at } = self;
        match at {
            None => answer(cx.platform().await?.catalog_check().await?, true),
            Some(place) => {
                let report = check_documents(&place, &cx.options_to_read()).await?;
                if report.documents == 0 && report.strays == 0 {
                    return Err(Failure::usage(format!("there is no document: place={place}"))
                        .with_hint(
                            "name the folder that holds the catalog; a document ends in .json or .geojson",
                        )
                        .into());
                }
                answer(report, false)
            }
        }
    }
}

/// Shows a report; what only a platform knows is shown of one alone.
fn answer(report: CatalogReport, is_platforms: bool) -> Result<Answer> {
    let documents = [
        ("broken links", report.broken_links),
        ("orphans", report.orphan_count),
        ("duplicate ids", report.duplicate_ids),
        ("wrong self links", report.wrong_self_links),
        ("not JSON", report.not_json),
        ("strays", report.strays),
    ];
    let platform = [
        ("store skew", report.store_skew),
        ("against protection", report.stands_against),
        ("protected elsewhere", report.protected_elsewhere),
    ];
    let counts = documents.into_iter().chain(platform.into_iter().filter(|_| is_platforms));
    let counts: Vec<(&str, u64)> = counts.collect();
    let missing = report.findings.by_rule.get(MISSING_PART).copied().unwrap_or_default();
    let found = counts.iter().map(|(_, count)| count).sum::<u64>() + missing;
    let looked_at =
        format!("{} and {}", words::count(report.documents, "document"), words::count(report.links, "link"));
    let mut screen = match found {
        0 if report.not_valid > 0 => {
            let documents = words::count(report.not_valid, "document");
            let whole = format!("The catalog is whole, but for validity ({documents}): {looked_at}");
            Screen::new(Tone::Warn, whole)
        }
        0 => Screen::new(Tone::Good, format!("The catalog is whole: {looked_at}")),
        _ => Screen::new(Tone::Warn, format!("The catalog has findings: {looked_at}")),
    };
    for (label, count) in counts {
        screen.fact(label, count);
    }
    screen.fact("listed by nothing", report.unlisted);
    screen.fact("not valid", report.not_valid);
    finding_list(&mut screen, "", &report.findings);
    let complaint = (found > 0).then(|| Failure::findings(format!("catalog has findings: count={found}")));
    Ok(Answer::new(&report, screen)?.complain(complaint))
}
