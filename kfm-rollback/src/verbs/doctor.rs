//! Examines the platform: what the stores are, whether they answer, and what they hold.

use std::path::{Path, PathBuf};

use kfm_lineage::{CellId, Value};
use kfm_policy::{Advice, Remedy, advice};

use super::ledger::disagreement;
use super::status::lost;
use super::{LabelLine, Platform};
use crate::around::catalog_now;
use crate::bulk;
use crate::elsewhere::protected_elsewhere;
use crate::error::{Error, Result, text_of};
use crate::execute::fit;
use crate::op::{Depth, DomainOp, Misconfigured, OpError, ValueIs};
use crate::platform::log::LogPlace;
use crate::platform::policy_files::{LABELS, PRINCIPALS, SUPPRESSIONS};
use crate::report::{DoctorReport, OwnHealth, StoreHealth};
use crate::scope::scope_digest;
use crate::session::{Session, lost_versions, missing_lines};

/// Findings of one kind, such as entries that cover nothing, that are listed one by one.
const LISTED_MAX: usize = 20;

/// The text for a server that does not say which product it is.
const NOT_TOLD: &str = "not told";

impl Platform {
    /// Reads every store and says what it is; with `digests` also what it holds. Changes nothing.
    ///
    /// # Errors
    /// None: a store that does not answer is in the report.
    pub async fn doctor(&self, digests: bool) -> Result<DoctorReport> {
        let (mut stores, mut findings): (_, Vec<Advice>) = (Vec::new(), Vec::new());
        for store in self.stores() {
            let settings = self.settings().stores.get(store.name());
            let probed = store.probe().await.map_err(Error::from);
            let held = match &probed {
                Ok(_) if digests => held(store.as_ref()).await.map(Some),
                _ => Ok(None),
            };
            let (probe, held, error) = match (probed, held) {
                (Ok(probe), Ok(held)) => (Some(probe), held, None),
                (Ok(probe), Err(error)) => (Some(probe), None, Some(error)),
                (Err(error), _) => (None, None, Some(error)),
            };
            let misconfigured = probe.iter().flat_map(|probe| &probe.findings);
            let is_reliable = misconfigured.clone().all(|finding| !finding.breaks_promise);
            findings.extend(misconfigured.map(|Misconfigured { what, remedy, .. }| {
                format!("the product is misconfigured, {what}: store={}; {remedy}", store.name()).into()
            }));
            findings.extend(held.iter().flat_map(|held| &held.other_than_marked).map(|key| {
                let key = crate::blob::key::shown(key);
                format!("a content is not what the mark beside it says: store={} key={key}", store.name())
                    .into()
            }));
            stores.push(StoreHealth {
                name: store.name().to_owned(),
                domain: store.domain().to_string(),
                kind: settings.map_or_else(|| "custom".to_owned(), |settings| settings.kind.clone()),
                product: probe.as_ref().map(|probe| probe.product.clone()),
                version: probe.map(|probe| probe.version),
                role: self.role(store.name()),
                capabilities: store.capabilities(),
                ok: error.is_none() && is_reliable,
                remedy: error.as_ref().and_then(remedy_of),
                error: error.map(|error| said(&error)),
                cells: held.as_ref().map(|held| held.cells),
                digest: held.map(|held| held.digest),
            });
        }
        if !self.stores().iter().any(|store| self.is_projected(store.name())) {
            findings.push(
                "no store is projected from the catalog: the settings name no graph, search, cache or second catalog".into(),
            );
        }
        for store in self.stores() {
            // A store that does not answer is in the report already.
            for stray in store.strays().await.unwrap_or_default() {
                let path = crate::blob::key::shown(&stray.path);
                let why =
                    format!("no document can lie there, {}: store={} path={path}", stray.why, store.name());
                findings.push(why.into());
            }
        }
        // A log that does not answer is waited for once, not once for each question.
        let log = self.wal_reader().await;
        let (mut server, mut lacks, mut ledger) = (None, None, Vec::new());
        if let Ok(log) = &log {
            findings.extend(self.unused_snapshots(&**log).await.into_iter().map(Advice::from));
            findings.extend(self.idle_entries().await);
            match Session::read_without_lost(self, digests).await {
                Ok(session) => {
                    findings.extend(missing_parts(&session));
                    findings.extend(misfits(&session).await.into_iter().map(Advice::from));
                    findings.extend(protected_at_another_path(&session).await);
                    lacks = lost(&session);
                    if digests && lacks.is_none() {
                        lacks = versions_gone(&session).await;
                    }
                    ledger = disagreement(&session).await;
                }
                Err(error @ Error::Versions(_)) => lacks = Some(text_of(&error)),
                // Told of elsewhere.
                Err(_) => {}
            }
            server = self.log_server().await;
        }
        let own = self.own_health(log.map(drop), server, lacks, ledger).await;
        Ok(DoctorReport { stores, own, findings })
    }
}

impl Platform {
    /// Asks a log's server which product it is; `None` for a log in a folder.
    async fn log_server(&self) -> Option<String> {
        let LogPlace::Slots(slots) = self.log_place() else { return None };
        let told = slots.server().await.ok().flatten();
        Some(told.unwrap_or_else(|| NOT_TOLD.to_owned()))
    }

    /// Looks at the platform's own parts, without changing any of them.
    async fn own_health(
        &self,
        log: Result<()>,
        server: Option<String>,
        lost: Option<String>,
        ledger: Vec<Advice>,
    ) -> Vec<OwnHealth> {
        let ledger = match ledger.into_iter().reduce(|said, more| said.and("; ").and(more)) {
            None => self.lists_or_is_none(&self.ledger_dir()).map_err(Advice::from),
            Some(said) => Err(said),
        };
        let log = log.map_err(|error| Advice::from(text_of(&error)));
        let policy = |result: Result<()>| {
            result.map_err(|error| text_of(std::error::Error::source(&error).unwrap_or(&error)).into())
        };
        let lost = lost.map_or(Ok(()), Err);
        let versions = PathBuf::from(self.versions_place());
        let there = match self.versions_in_bucket() {
            true => self.versions().reach().await.map_err(|error| text_of(&error)),
            false => self.lists(&self.versions_dir()),
        };
        let parts = [
            ("log", PathBuf::from(self.wal_place()), server, log),
            ("versions", versions, None, there.and(lost).map_err(Advice::from)),
            ("ledger", self.ledger_dir(), None, ledger),
            (
                "telemetry",
                self.telemetry_dir(),
                None,
                self.lists_or_is_none(&self.telemetry_dir()).map_err(Advice::from),
            ),
            (LABELS, self.policy_path(LABELS), None, policy(self.check_policy_file(LABELS))),
            (
                SUPPRESSIONS,
                self.policy_path(SUPPRESSIONS),
                None,
                policy(self.check_policy_file(SUPPRESSIONS)),
            ),
            (PRINCIPALS, self.policy_path(PRINCIPALS), None, policy(self.check_policy_file(PRINCIPALS))),
        ];
        let health = parts.into_iter().map(|(name, place, server, result)| OwnHealth {
            name: name.to_owned(),
            place: self.shown(&place),
            server,
            ok: result.is_ok(),
            error: result.err(),
        });
        health.collect()
    }

    /// Lists the entries of the registries that cover nothing although there are documents. A registry that cannot
    /// be read is reported by `own_health`.
    async fn idle_entries(&self) -> Vec<Advice> {
        let Ok(report) = self.labels().await else { return Vec::new() };
        let idle = report.labels.iter().filter(|line| line.covers == 0 && report.documents > 0);
        let about = |line: &LabelLine| {
            let keys = ["entity", "under", "digest"].into_iter();
            keys.filter_map(|key| Some(format!("{key} = {:?}", line.entry[key].as_str()?)))
                .collect::<String>()
        };
        let mut lines: Vec<Advice> =
            idle.map(|line| format!("an entry covers nothing: {}", about(line)).into()).collect();
        if lines.len() > LISTED_MAX {
            let more = lines.len() - LISTED_MAX;
            lines.truncate(LISTED_MAX);
            lines.push(advice![
                format!("{more} more entries cover nothing: "),
                Remedy::ListLabels,
                " counts each",
            ]);
        }
        lines
    }

    fn lists(&self, folder: &Path) -> std::result::Result<(), String> {
        self.disk().list(folder).map(drop).map_err(|error| error.to_string())
    }

    /// A folder that is made with the first record may be missing; a file in its place is an error.
    fn lists_or_is_none(&self, folder: &Path) -> std::result::Result<(), String> {
        match self.disk().list(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

/// Says which versions of documents are gone from the version store, and what to restore; `None` if none is.
async fn versions_gone(session: &Session) -> Option<String> {
    let gone = lost_versions(session).await.ok()?;
    let ((first, cell), versions) = (gone.first()?, gone.len());
    let remedy = session.platform.restore_versions();
    Some(format!(
        "versions that the log names are gone: versions={versions} first={} digest={first}; {remedy}",
        cell.key
    ))
}

/// Lists the stores and checks that the log knows and this program lacks.
fn missing_parts(session: &Session) -> Vec<Advice> {
    let lines = missing_lines(&session.platform, &session.history).into_iter();
    lines.map(|line| Advice::from(format!("{}: {}; ", line.message, line.subject)).and(line.remedy)).collect()
}

/// Lists the operations that do not fit and the records that are passed over: this engine writes none of them.
async fn misfits(session: &Session) -> Vec<String> {
    let passed_over = session.history.passed_over().iter();
    let mut said: Vec<String> = passed_over
        .map(|(lsn, why)| format!("a record of the log is passed over, {why} lsn={lsn}"))
        .collect();
    for operation in session.history.operations() {
        let why = match operation.misfit() {
            None if operation.closed.is_none() => fit::misfit_of_open(session, operation).await,
            why => why,
        };
        let (id, lsn) = (&operation.id, operation.opened);
        said.extend(why.map(|why| {
            format!("the record that opens an operation does not fit, {why}: operation={id} lsn={lsn}")
        }));
    }
    said
}

/// Lists the documents that are protected at another path only. What cannot be read is reported elsewhere, and where
/// lists of the log are lost, nothing can be said of documents.
async fn protected_at_another_path(session: &Session) -> Vec<Advice> {
    if !session.history.lost().is_empty() || !session.registry.entries().iter().any(|entry| entry.raises()) {
        return Vec::new();
    }
    let Ok(now) = catalog_now(session).await else { return Vec::new() };
    let found = protected_elsewhere(session, &now, now.iter().map(|(path, _)| path)).await;
    let found = found.unwrap_or_default();
    let mut lines: Vec<Advice> = found
        .iter()
        .take(LISTED_MAX)
        .map(|line| format!("{}: {}", line.subject, line.message).into())
        .collect();
    if found.len() > LISTED_MAX {
        let more = found.len() - LISTED_MAX;
        lines.push(advice![
            format!("{more} more documents are protected at another path: "),
            Remedy::CheckCatalog,
            " lists them",
        ]);
    }
    lines
}

/// Returns what mends a store, where the engine can.
fn remedy_of(error: &Error) -> Option<Remedy> {
    matches!(error, Error::Store(OpError::Missing { derived: true, .. })).then_some(Remedy::Project)
}

/// Says what a store answered, without saying that it is a store.
fn said(error: &Error) -> String {
    match error {
        Error::Store(error) => text_of(error),
        error => text_of(error),
    }
}

/// What a store holds.
struct Held {
    cells: u64,
    digest: kfm_lineage::Digest,
    /// The keys of the first cells whose content is another one than the store's own mark says.
    other_than_marked: Vec<String>,
}

/// Reads what a store holds.
async fn held(store: &dyn DomainOp) -> Result<Held> {
    let standing = bulk::standing(store, || Ok(())).await?;
    let mut other_than_marked = Vec::new();
    if store.capabilities().value_is == ValueIs::Mark {
        let keys: Vec<String> = standing.keys().cloned().collect();
        let marks = bulk::values(store, &keys, Depth::Mark).await?;
        let other = standing.iter().zip(marks).filter(|((_, content), mark)| **content != *mark);
        other_than_marked.extend(other.map(|((key, _), _)| key.clone()).take(LISTED_MAX));
    }
    let cells: Vec<(CellId, Value)> = standing
        .into_iter()
        .map(|(key, value)| (CellId::new(store.domain(), store.name(), key), value))
        .collect();
    let digest = scope_digest(cells.iter().map(|(cell, value)| (cell, *value)));
    Ok(Held { cells: cells.len() as u64, digest, other_than_marked })
}
