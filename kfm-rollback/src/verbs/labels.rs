//! The label registry, as methods of a platform.

use std::collections::BTreeSet;

use kfm_lineage::Value;
use kfm_lineage::integrity::CatalogView;
use kfm_policy::{CareLabel, LabelRegistry, Parameter, RegistryEntry, Remedy, advice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Platform;
use crate::around::catalog_now;
use crate::asked::Asked;
use crate::coverage::{Coverage, coverage, standing_against};
use crate::derive::{DerivedCell, known_derived_cells, projected_now};
use crate::error::{Error, Result};
use crate::platform::files::write_durably;
use crate::platform::policy_files::LABELS;
use crate::refusal::recorded;
use crate::report::{FIRST_MAX, FindingLine};
use crate::session::Session;

/// A label that is to be assigned.
#[derive(Debug, Clone)]
pub struct LabelAssign {
    /// One entity: its id, or its path in the catalog.
    pub entity: Option<String>,
    /// Everything below a folder; the empty text is everything.
    pub under: Option<String>,
    /// public, sensitive or restricted.
    pub care: String,
    /// The person or body that decided.
    pub authority: String,
    /// The reason of the decision.
    pub reason: String,
    /// The day on which it must be looked at again, such as `2027-06-30`; must be in the future.
    pub review_by: String,
    /// Whether what it covers is heritage (R65).
    pub heritage: bool,
    /// Whether the entry is meant even if it covers no document and there are documents: it is for documents to
    /// come.
    pub even_if_nothing: bool,
}

/// Answer of `labels list` and `labels assign`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelsReport {
    /// The first entries: those that are in force by the log, then those that only the files have.
    pub labels: Vec<LabelLine>,
    /// How many entries there are.
    pub labels_total: u64,
    /// Documents that stand or once stood: what entries can cover.
    pub documents: u64,
    /// How many of these documents the assigned entry covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<u64>,
    /// How many of those have a stricter label, hold or withdrawal too: their protection stays what that asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdone: Option<u64>,
    /// Whether the assigned entry was in force before, so that nothing changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub already: bool,
    /// The first documents that readers see although the assigned entry would not let them through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stand_against: Vec<FindingLine>,
    /// How many such documents there are; left out where no entry was assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_against_total: Option<u64>,
    /// How many cells of graph, search and cache have to be projected anew once the entry is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_project: Option<u64>,
    /// What can be done next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Remedy>,
}

/// An entry of the registries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelLine {
    /// Whether the log has the entry: then it stays in force, whatever the files say.
    pub in_force: bool,
    /// How many documents it covers, standing or not.
    pub covers: u64,
    /// Whether the day has passed by which it must be looked at again; it stays in force all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub review_due: bool,
    /// The entry, with the keys of its file.
    pub entry: serde_json::Value,
}

impl Platform {
    /// Lists the label registry, and how many documents each entry covers. It gives no verdict, so an entry that only
    /// a file has is shown before it comes into force.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a file is missing or not valid. [`Error::Store`]: the catalog cannot be read.
    pub async fn labels(&self) -> Result<LabelsReport> {
        let session = Session::read(self).await?;
        let registry = self.registry(&session.history)?;
        let coverage = coverage(&session, &registry).await?;
        let mut report = report(&registry, &coverage, today(&session));
        if registry.in_force() < registry.entries().len() {
            report.next.push(Remedy::CheckCatalog);
        }
        Ok(report)
    }

    /// Checks an entry and writes nothing: says what it would cover, and which documents stand against it.
    ///
    /// # Errors
    /// As [`label_assign`](Self::label_assign).
    pub async fn label_rehearse(&self, assign: &LabelAssign) -> Result<LabelsReport> {
        let mut session = Session::read(self).await?;
        let entry = entry_of(assign, today(&session))?;
        session.reread_policy()?;
        let report = assigned(&mut session, &entry).await?;
        refuse_idle(&session, &entry, &report, assign)?;
        // The label is not in force, so there is nothing to mend.
        Ok(LabelsReport { next: Vec::new(), ..report })
    }

    /// Writes an entry into the label file and brings it into force. If the entry is in force already, nothing
    /// changes.
    ///
    /// # Errors
    /// [`Error::Rejected`]: the entry or a file of the policy is not valid, or the entry covers nothing; the file is as
    /// it was, and the refusal is recorded. [`Error::Owed`]: the entry is in the file, but not yet in the log or the
    /// ledger; the next command that changes something writes what is missing.
    pub async fn label_assign(&self, assign: LabelAssign) -> Result<LabelsReport> {
        let mut session = Session::write(self, "labels assign").await?;
        let result = assign_entry(&mut session, &assign).await.map_err(Error::rejected);
        recorded(&mut session, Asked::Labels, None, None, result).await
    }
}

async fn assign_entry(session: &mut Session, assign: &LabelAssign) -> Result<LabelsReport> {
    let entry = entry_of(assign, today(session))?;
    session.reread_policy()?;
    let report = assigned(session, &entry).await?;
    refuse_idle(session, &entry, &report, assign)?;
    session.reread_policy()?;
    session.bring_into_force().await?;
    if !session.registry.entries().contains(&entry) {
        let platform = session.platform.clone();
        let mut text = platform.policy_text(LABELS)?;
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        text.push_str(&entry.to_toml());
        LabelRegistry::load(Some(&text), None, &[]).map_err(crate::platform::policy_file)?;
        write_durably(platform.disk(), &platform.policy_path(LABELS), text.as_bytes())?;
        session.follow_policy_file("the label").await?;
    }
    // The entry is in force; but as long as the ledger does not have it, the command has not succeeded.
    session.settle_ledger("the label").await?;
    let in_force = report.labels.into_iter().map(|line| LabelLine { in_force: true, ..line });
    Ok(LabelsReport { labels: in_force.collect(), ..report })
}

/// Reports the registry with the assigned entry, what it covers, and which documents stand against it.
async fn assigned(session: &mut Session, entry: &RegistryEntry) -> Result<LabelsReport> {
    let is_new = !session.registry.entries().contains(entry);
    let now = catalog_now(session).await?;
    let paths = || now.iter().map(|(path, _)| path);
    let before = match entry.raises() && is_new {
        true => standing_against(session, &now, paths()).await?,
        false => Vec::new(),
    };
    // What a projection says is known without asking a store: a label waits for none that is away.
    let shown = projected(session, &now).await;
    if is_new {
        session.registry.assign(entry.clone());
    }
    let position = session.registry.entries().iter().position(|other| other == entry);
    let coverage = coverage(session, &session.registry).await?;
    let mut report = report(&session.registry, &coverage, today(session));
    report.covers = position.map(|position| coverage.by_entry[position]);
    report.already = !is_new;
    report.outdone = position.map(|position| coverage.outdone[position]);
    report.stand_against_total = Some(0);
    if entry.raises() {
        let before: BTreeSet<(&str, &str)> =
            before.iter().map(|line| (line.subject.as_str(), line.message.as_str())).collect();
        let mut against = standing_against(session, &now, paths()).await?;
        against.retain(|line| !before.contains(&(line.subject.as_str(), line.message.as_str())));
        report.stand_against_total = Some(against.len() as u64);
        against.truncate(FIRST_MAX);
        report.stand_against = against;
    }
    let to_show = projected(session, &now).await;
    report.to_project = shown.zip(to_show).map(|(shown, to_show)| differing(&shown, &to_show));
    if report.stand_against_total.is_some_and(|total| total > 0) {
        report.next.push(Remedy::CheckCatalog);
    }
    if report.to_project.is_some_and(|cells| cells > 0) {
        report.next.push(Remedy::Project);
    }
    Ok(report)
}

/// Returns what graph, search and cache have to show; `None` if a version that tells it is missing, which must not stop a
/// label.
async fn projected(session: &Session, now: &CatalogView) -> Option<Vec<(DerivedCell, Value)>> {
    projected_now(session, now, &known_derived_cells(session).ok()?).await.ok()
}

fn differing(before: &[(DerivedCell, Value)], after: &[(DerivedCell, Value)]) -> u64 {
    before.iter().zip(after).filter(|(before, after)| before != after).count() as u64
}

/// Refuses an entry that covers nothing although there are documents, unless that is meant: a mistyped path would protect
/// no document.
fn refuse_idle(
    session: &Session,
    entry: &RegistryEntry,
    report: &LabelsReport,
    assign: &LabelAssign,
) -> Result<()> {
    match report.covers == Some(0) && report.documents > 0 && !assign.even_if_nothing {
        true => Err(covers_nothing(session, entry, report.documents)?),
        false => Ok(()),
    }
}

fn covers_nothing(session: &Session, entry: &RegistryEntry, documents: u64) -> Result<Error> {
    let RegistryEntry::Label(label) = entry else {
        return Ok(Error::invalid("it covers nothing", "look at the entry"));
    };
    let about = label.entity.as_deref().or(label.under.as_deref()).unwrap_or_default();
    let lower = about.to_lowercase();
    let is_meant = |name: &str| {
        name.to_lowercase() == lower
            || name.to_lowercase().starts_with(&format!("{}/", lower.trim_end_matches('/')))
    };
    let mut meant: Option<String> = None;
    for next in session.history.cells() {
        let (cell, history) = next?;
        let names = history.ids.iter().chain(&history.collections).chain([&cell.key]);
        let first = names.filter(|name| is_meant(name)).min();
        meant = meant.into_iter().chain(first.cloned()).min();
    }
    let meant = meant.map_or_else(String::new, |name| {
        format!("; {:?} is there", name.get(..about.trim_end_matches('/').len()).unwrap_or(&name))
    });
    Ok(Error::invalid(
        format!("it covers 0 of {documents} documents: is {about:?} right?{meant}"),
        advice![
            "give the path or the id as the catalog has it; or add ",
            Parameter::EvenIfNothing,
            ", if it is meant for documents to come",
        ],
    ))
}

fn today(session: &Session) -> jiff::civil::Date {
    session.now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn report(registry: &LabelRegistry, coverage: &Coverage, today: jiff::civil::Date) -> LabelsReport {
    let lines = registry.entries().iter().zip(&coverage.by_entry).take(FIRST_MAX).enumerate();
    let lines = lines.map(|(position, (entry, covers))| LabelLine {
        in_force: position < registry.in_force(),
        covers: *covers,
        review_due: entry.review_by().is_some_and(|review_by| review_by < today),
        entry: serde_json::to_value(entry).expect("an entry is plain data"),
    });
    LabelsReport {
        labels: lines.collect(),
        labels_total: registry.entries().len() as u64,
        documents: coverage.documents,
        covers: None,
        outdone: None,
        already: false,
        stand_against: Vec::new(),
        stand_against_total: None,
        to_project: None,
        next: Vec::new(),
    }
}

/// Makes the entry. That it is complete and about exactly one thing, the registry's own reader checks.
fn entry_of(assign: &LabelAssign, today: jiff::civil::Date) -> Result<RegistryEntry> {
    if assign.entity.is_some() == assign.under.is_some() {
        return Err(Error::invalid(
            "a label is about one entity or about everything under a folder",
            advice!["give ", Parameter::Entity, " or ", Parameter::Under],
        ));
    }
    let care = CareLabel::parse(&assign.care).map_err(|_| {
        Error::invalid(
            format!("the label is not known: care={}", assign.care),
            "give public, sensitive or restricted",
        )
    })?;
    let review_by: jiff::civil::Date = assign
        .review_by
        .parse()
        .map_err(|_| Error::invalid("review-by is not a date", "give it as 2027-06-30"))?;
    if review_by < today {
        return Err(Error::invalid(
            format!("the day of the next review has passed: review_by={review_by}"),
            "give a day in the future",
        ));
    }
    let entry = RegistryEntry::Label(kfm_policy::registry::LabelEntry {
        entity: assign.entity.clone(),
        under: assign.under.clone(),
        care,
        authority: assign.authority.clone(),
        reason: assign.reason.clone(),
        review_by,
        heritage: assign.heritage,
        masking: None,
    });
    let about = kfm_lineage::document_path::shown(
        assign.entity.as_ref().or(assign.under.as_ref()).map_or("", |it| it),
    );
    match entry.misspelt() {
        Some(why) => Err(Error::invalid(
            format!("no document and no id can have this name, {why}: label={about}"),
            advice![
                "give the document's path as the catalog has it, its id, or a folder by ",
                Parameter::Under
            ],
        )),
        None => Ok(entry),
    }
}
