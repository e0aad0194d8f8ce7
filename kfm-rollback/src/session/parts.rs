//! The stores and checks of the platform, as the log knows them: a program that lacks one of them looks, and changes
//! nothing (`docs/states.md` section 1).

use std::collections::BTreeSet;

use kfm_lineage::Domain;
use kfm_policy::Severity;
use kfm_wal::record::{PartsRecord, Record, SegmentRef, StorePart};

use super::Session;
use crate::error::{Error, Result};
use crate::history::{History, read_steps};
use crate::platform::Platform;
use crate::report::{FindingLine, MISSING_PART};

/// Names the parts that the log knows, and that a platform was opened without and does not say are retired.
fn missing(platform: &Platform, history: &History) -> Vec<String> {
    let (parts, retired) = (history.parts(), &platform.settings().retired);
    let stores = platform.stores();
    let is_there = |domain: Domain, name: &str| {
        stores.iter().any(|store| store.name() == name && store.domain() == domain)
    };
    let policy = platform.policy();
    let checks: BTreeSet<&str> = policy.added_checks().collect();
    let stores = parts.stores.iter().filter(|(domain, name)| !is_there(*domain, name));
    let stores = stores.filter(|(_, name)| !retired.stores.contains(name));
    let lacked = parts.checks.iter().filter(|check| !checks.contains(check.as_str()));
    let lacked = lacked.filter(|check| !retired.checks.contains(*check));
    let stores = stores.map(|(domain, name)| format!("store={name} domain={domain}"));
    stores.chain(lacked.map(|check| format!("check={check}"))).collect()
}

/// What to do about a part that is missing.
const REMEDY: &str = "use the program that has it, or put the store into kfm.toml again; what is gone for good is named \
                      under [retired] of kfm.toml";

/// Refuses to change anything without a part that the log knows: what a store holds would be left behind, and would show
/// what was taken back elsewhere; what a check denies would pass.
///
/// # Errors
/// [`Error::Invalid`]: names the parts.
pub(crate) fn refuse_missing(platform: &Platform, history: &History) -> Result<()> {
    let missing = missing(platform, history);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(
        format!("the log knows parts of this platform that it was opened without: {}", missing.join(", ")),
        format!("{REMEDY}; to look is allowed"),
    ))
}

/// Says of each part that a platform was opened without what the log knows and what to do, for commands that look.
pub(crate) fn missing_lines(platform: &Platform, history: &History) -> Vec<FindingLine> {
    const SEEN: &str = "the log knows it, and this program does not have it: nothing can be changed, and nothing is \
                        said of it";
    let line = |part: String| FindingLine::new(MISSING_PART, Severity::Block, part, SEEN, REMEDY);
    missing(platform, history).into_iter().map(line).collect()
}

impl Session {
    /// Appends which stores and checks the platform has that the log does not know, and which are retired, before the
    /// first operation that is made with them. A store that this very operation moves cells of is known by that.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log failed; nothing is opened.
    pub(crate) async fn note_parts(&mut self, steps: &SegmentRef) -> Result<()> {
        let Some(mut record) = self.due_parts() else { return Ok(()) };
        if !record.stores.is_empty() {
            for step in read_steps(&self.versions(), steps).await? {
                let store = StorePart { domain: step.cell.domain, name: step.cell.store };
                record.stores.remove(&store);
            }
        }
        let is_empty = record.stores.is_empty()
            && record.checks.is_empty()
            && record.stores_retired.is_empty()
            && record.checks_retired.is_empty();
        if !is_empty {
            self.log(Record::Parts(record)).await?;
        }
        Ok(())
    }

    fn due_parts(&self) -> Option<PartsRecord> {
        let (known, retired) = (self.history.parts(), &self.platform.settings().retired);
        let stores = self.stores().iter().map(|store| (store.domain(), store.name().to_owned()));
        let stores: BTreeSet<StorePart> = stores
            .filter(|store| !known.stores.contains(store))
            .map(|(domain, name)| StorePart { domain, name })
            .collect();
        let here: BTreeSet<String> = self.policy.added_checks().map(str::to_owned).collect();
        let checks: BTreeSet<String> = here.difference(&known.checks).cloned().collect();
        let is_here = |name: &String| self.stores().iter().any(|store| store.name() == name);
        let gone = known.stores.iter().map(|(_, name)| name).filter(|name| !is_here(name));
        let stores_retired: BTreeSet<String> =
            gone.filter(|name| retired.stores.contains(*name)).cloned().collect();
        let gone = known.checks.difference(&here);
        let checks_retired: BTreeSet<String> =
            gone.filter(|check| retired.checks.contains(*check)).cloned().collect();
        let is_due = [&checks, &stores_retired, &checks_retired].iter().any(|set| !set.is_empty())
            || !stores.is_empty();
        let (by, at) = (self.actor().to_owned(), self.now());
        is_due.then_some(PartsRecord { stores, checks, stores_retired, checks_retired, by, at })
    }
}
