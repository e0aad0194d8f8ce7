//! The ratchet: protection never rolls back (R61, `docs/states.md` section 4).
//!
//! What a step makes visible is `content(old) joined with protection(now)`. Masked versions are not minted
//! yet, so wherever the join differs from the old content the answer is 'denied' or 'absent', never 'almost'.

use kfm_lineage::document::{DocumentFacts, DocumentKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::label::{CareLabel, UnknownLabel};
use crate::protection::Protection;
use crate::treatment::Treatment;

/// When the ratchet is asked, which decides what becomes of content that protection outgrew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatchetMode {
    /// A publish or a hotfix is planned: deny, and deny what was withdrawn too, since nobody may publish it.
    Forward,
    /// A rollback or a revert is planned: deny, so that a person decides; what was withdrawn goes to absent.
    Refuse,
    /// The same with `--on-unmaskable hide`: retire what may not be shown as it was.
    Hide,
    /// An operation is unfinished and goes on, or back: whatever may not be shown is absent, held or not,
    /// since leaving it half done would show it.
    Unfinished,
}

/// What the ratchet does with one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "treatment", rename_all = "snake_case")]
pub enum StepTreatment {
    /// The step goes to the value that was planned for it.
    Keep,
    /// The cell goes to absent, or stays there.
    Absent {
        /// The rule that wants it so.
        rule: String,
        /// Why; names no content.
        why: String,
    },
    /// The plan is denied; of an unfinished operation: it is held and nothing moves.
    Denied {
        /// The rule that denies.
        rule: String,
        /// Why; names no content.
        why: String,
    },
}

impl StepTreatment {
    fn absent(rule: &str, why: impl Into<String>) -> Self {
        Self::Absent { rule: rule.to_owned(), why: why.into() }
    }

    fn denied(rule: &str, why: impl Into<String>) -> Self {
        Self::Denied { rule: rule.to_owned(), why: why.into() }
    }
}

/// Measures the protection that content has by itself, whatever label it carries.
///
/// With a coordinate, in numbers or in a text, it is public. Without, the cells of the H3 grid that it names
/// say how precise it is, and one that names none is [`Treatment::NoGeometry`]. A document of no known type may
/// hold a place under any name, so it is public. A geometry whose corners are those of cells counts as public
/// until masking can recognise its grid.
pub fn measured(document: &DocumentFacts) -> Treatment {
    if document.kind == DocumentKind::Other || document.has_coordinates {
        return Treatment::Public;
    }
    match document.finest_cell {
        None => Treatment::NoGeometry,
        Some(0..=5) => Treatment::H3R5,
        Some(6..=7) => Treatment::H3R7,
        Some(_) => Treatment::Public,
    }
}

/// Says what becomes of a step that would make `old` visible, or nothing where it goes to absent.
///
/// The rows of `docs/states.md` section 4, with the order that they imply: a withdrawal hides even what nobody
/// labelled; then the unknown is denied, be it the label or whose content it is; then a hold; then the treatments
/// are compared. Besides, a document that would take the label away which alone carries today's protection counts
/// as lower: its own label goes where it goes.
pub fn treat(old: Option<&DocumentFacts>, protection: &Protection, mode: RatchetMode) -> StepTreatment {
    if protection.is_withdrawn() {
        return match (old, mode) {
            (None, _) => StepTreatment::Keep,
            (Some(_), RatchetMode::Forward) => StepTreatment::denied("CARE-A3-resurrect", "it was withdrawn"),
            (Some(_), _) => StepTreatment::absent("CARE-A3-resurrect", "it was withdrawn"),
        };
    }
    if protection.unidentified && old.is_some() {
        let why = "it is not JSON and states no id, so nobody can tell which entries are about it";
        return StepTreatment::denied("CARE-A1-access", why);
    }
    if let Err(unknown) = label_with(old, protection) {
        return StepTreatment::denied("CARE-A1-access", unknown.to_string());
    }
    if protection.held || protection.treatment == Treatment::Quarantined {
        return match mode {
            RatchetMode::Unfinished => StepTreatment::absent("CARE-A2-hold", "it is under a hold"),
            RatchetMode::Forward | RatchetMode::Refuse | RatchetMode::Hide => {
                StepTreatment::denied("CARE-A2-hold", "it is under a hold")
            }
        };
    }
    let Some(old) = old else { return StepTreatment::Keep };
    let lowered = if measured(old) < protection.treatment {
        (
            "CARE-E1-geo",
            format!("today's protection asks {} and the content is more precise", protection.treatment),
        )
    } else if left_by(old, protection) < protection.treatment {
        ("CARE-A2-authority", format!("it would take away the label that asks {}", protection.treatment))
    } else {
        return StepTreatment::Keep;
    };
    match mode {
        RatchetMode::Forward | RatchetMode::Refuse => StepTreatment::denied(lowered.0, lowered.1),
        RatchetMode::Hide | RatchetMode::Unfinished => StepTreatment::absent(lowered.0, lowered.1),
    }
}

/// Why a document that readers see stands against the protection of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Against {
    /// The rule that would not let it through.
    pub rule: &'static str,
    /// What protection asks of it.
    pub asked: Treatment,
}

/// Says whether a document that readers see would not get there today, measured as a step is; none if it would.
pub fn stands_against(standing: &DocumentFacts, protection: &Protection) -> Option<Against> {
    let asked = protection.asked();
    let rule = match asked {
        Treatment::Withdrawn => "CARE-A3-resurrect",
        Treatment::Quarantined => "CARE-A2-hold",
        _ => "CARE-E1-geo",
    };
    (measured(standing) < asked).then_some(Against { rule, asked })
}

/// Says what becomes of a step that would make something visible that nobody reads: what a pipeline keeps itself in
/// a graph, an index or a cache.
///
/// It is something, and counts as public by itself: nobody can tell what it shows.
pub fn treat_unread(protection: &Protection, mode: RatchetMode) -> StepTreatment {
    let (rule, why) = if protection.is_withdrawn() {
        ("CARE-A3-resurrect", "it was withdrawn".to_owned())
    } else if protection.label.is_err()
        || protection.held
        || matches!(protection.treatment, Treatment::Public | Treatment::Quarantined)
    {
        return treat(None, protection, mode);
    } else {
        let asked = protection.treatment;
        ("CARE-E1-geo", format!("today's protection asks {asked} and nobody can tell what the content shows"))
    };
    match mode {
        RatchetMode::Refuse if protection.is_withdrawn() => StepTreatment::absent(rule, why),
        RatchetMode::Forward | RatchetMode::Refuse => StepTreatment::denied(rule, why),
        RatchetMode::Hide | RatchetMode::Unfinished => StepTreatment::absent(rule, why),
    }
}

/// Returns the protection that would be in force once `document` stands: the registries' and its own label's.
pub fn left_by(document: &DocumentFacts, protection: &Protection) -> Treatment {
    let own = CareLabel::of_document(&document.care).ok().flatten();
    protection.floor.max(own.map_or(Treatment::Public, Treatment::least_for))
}

/// Returns the label in force, unless it, or the document's own, is unknown.
fn label_with(document: Option<&DocumentFacts>, protection: &Protection) -> Result<CareLabel, UnknownLabel> {
    if let Some(document) = document {
        CareLabel::of_document(&document.care)?;
    }
    protection.label
}

#[cfg(test)]
mod tests;
