//! The label registry, as methods of a platform.

use kfm_policy::{CareLabel, LabelRegistry, RegistryEntry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Platform;
use super::files::{read_optional, write_durably};
use crate::error::{Error, Result};
use crate::execute::enforce_labels;
use crate::session::Session;
use crate::stac::{DOCUMENT_SUFFIXES, DocumentPath};

/// A label that is to be assigned.
#[derive(Debug, Clone)]
pub struct LabelAssign {
    /// One entity: its id, or its path in the catalog.
    pub entity: Option<String>,
    /// Everything below a folder; the empty text is everything.
    pub under: Option<String>,
    /// public, sensitive or restricted.
    pub care: String,
    /// Who decided.
    pub authority: String,
    /// Why.
    pub reason: String,
    /// When it must be looked at again: `2027-06-30`.
    pub review_by: String,
    /// Whether it is heritage.
    pub heritage: bool,
}

/// Answer of `labels list` and `labels assign`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelsReport {
    /// Every entry: those in force by the log first, then those that only the files have.
    pub labels: Vec<LabelLine>,
}

/// An entry of the registries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelLine {
    /// Whether the log has it: then it stays in force whatever the files say.
    pub in_force: bool,
    /// The entry.
    pub entry: serde_json::Value,
}

impl Platform {
    /// Lists the label registry.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a file is not right.
    pub async fn labels(&self) -> Result<LabelsReport> {
        let session = Session::read(self).await?;
        Ok(report(&self.registry(session.history.labels())?))
    }

    /// Checks an entry that is to be assigned, and writes nothing; lists the registry as it is.
    ///
    /// # Errors
    /// As [`label_assign`](Self::label_assign).
    pub async fn label_rehearse(&self, assign: &LabelAssign) -> Result<LabelsReport> {
        let session = Session::read(self).await?;
        let entry = entry_of(assign, today(&session))?;
        LabelRegistry::load(Some(&entry.to_toml()), None, &[]).map_err(super::policy_file)?;
        Ok(report(&self.registry(session.history.labels())?))
    }

    /// Writes an entry into the label file, and brings it into force.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the entry is not right; the file is as it was.
    pub async fn label_assign(&self, assign: LabelAssign) -> Result<LabelsReport> {
        let mut session = Session::write(self, "labels assign").await?;
        let entry = entry_of(&assign, today(&session))?;
        let path = self.root().join(&self.settings().policy.labels);
        let mut text = read_optional(&path)?.unwrap_or_default();
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        text.push_str(&entry.to_toml());
        LabelRegistry::load(Some(&text), None, &[]).map_err(super::policy_file)?;
        write_durably(self.disk(), &path, text.as_bytes())?;
        session.registry = self.registry(session.history.labels())?;
        enforce_labels(&mut session).await?;
        Ok(report(&session.registry))
    }
}

fn today(session: &Session) -> jiff::civil::Date {
    session.now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn report(registry: &LabelRegistry) -> LabelsReport {
    let new = registry.new_entries().len();
    let in_force = registry.entries().len() - new;
    let lines = registry.entries().iter().enumerate().map(|(position, entry)| LabelLine {
        in_force: position < in_force,
        entry: serde_json::to_value(entry).expect("an entry is plain data"),
    });
    LabelsReport { labels: lines.collect() }
}

/// Makes the entry; that it is about exactly one thing, and whole, the registry's own reader checks.
fn entry_of(assign: &LabelAssign, today: jiff::civil::Date) -> Result<RegistryEntry> {
    let invalid = |what: &str, hint: &str| Error::invalid(what.to_owned(), hint.to_owned());
    if let Some(entity) = &assign.entity
        && DOCUMENT_SUFFIXES.iter().any(|suffix| entity.ends_with(suffix))
    {
        // No document can ever have such a path, so the label would protect nothing.
        DocumentPath::parse(entity).map_err(|error| Error::Invalid {
            message: "a label on a path that no document can have".into(),
            hint: "give the document's path relative to the catalog, or its id".into(),
            source: Some(Box::new(error)),
        })?;
    }
    if assign.entity.is_some() == assign.under.is_some() {
        return Err(invalid(
            "a label is about one entity or about everything under a folder",
            "give --entity or --under",
        ));
    }
    if assign.under.as_deref().is_some_and(|under| under.split('/').any(|segment| segment == "..")) {
        return Err(invalid("a folder of the catalog has no '..'", "give --under relative to the catalog"));
    }
    let care = CareLabel::parse(&assign.care).map_err(|_| {
        invalid(
            &format!("the label is not known: care={}", assign.care),
            "give public, sensitive or restricted",
        )
    })?;
    let review_by: jiff::civil::Date =
        assign.review_by.parse().map_err(|_| invalid("review-by is no date", "give it as 2027-06-30"))?;
    if review_by < today {
        return Err(invalid(
            &format!("the day of the next review has passed: review_by={review_by}"),
            "give a day to come",
        ));
    }
    Ok(RegistryEntry::Label(kfm_policy::registry::LabelEntry {
        entity: assign.entity.clone(),
        under: assign.under.clone(),
        care,
        authority: assign.authority.clone(),
        reason: assign.reason.clone(),
        review_by,
        heritage: assign.heritage,
        masking: None,
    }))
}
