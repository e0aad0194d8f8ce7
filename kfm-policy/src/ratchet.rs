//! The ratchet: protection never goes back (R61, `docs/states.md` section 4).
//!
//! A step makes visible `content(old) joined with protection(now)`. Masked versions are not made yet, so
//! wherever the join differs from the old content the answer is 'denied' or 'absent', never 'almost'.

use kfm_lineage::document::{DocumentFacts, DocumentKind, PlaceFact, Precision};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::label::{CareLabel, UnknownLabel};
use crate::protection::Protection;
use crate::treatment::Treatment;

/// When the ratchet is asked; this decides what happens to content that is less protected than demanded now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatchetMode {
    /// A publish or a hotfix is planned: such content is denied, and so is withdrawn content, since it must
    /// not be published.
    Forward,
    /// A rollback or a revert is planned: such content is denied, so that a person decides; withdrawn content
    /// goes to absent.
    Refuse,
    /// The same, where the actor allows to hide: content that may not be shown as it was is retired.
    Hide,
    /// An unfinished operation goes on or back: content that may not be shown goes to absent, held or not,
    /// since an operation left half done would show it.
    Unfinished,
}

/// What the ratchet does with one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "treatment", rename_all = "snake_case")]
pub enum StepTreatment {
    /// The step goes to its planned value.
    Keep,
    /// The cell goes to absent, or stays absent.
    Absent {
        /// The rule that demands it.
        rule: String,
        /// The reason; names no content.
        why: String,
    },
    /// The plan is denied. An unfinished operation is held, and nothing moves.
    Denied {
        /// The rule that denies.
        rule: String,
        /// The reason; names no content.
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

/// Returns the protection that content has by itself, whatever its label says.
///
/// A document with a coordinate, in numbers or in a text, is public. Without one, the cells of the H3 grid
/// that it names say how precise it is, and a document that names none is [`Treatment::NoGeometry`]. A
/// document of no known type may have a place under any name, so it is public. A geometry whose corners are
/// those of cells counts as public until masking can recognise its grid.
pub fn measured(document: &DocumentFacts) -> Treatment {
    if document.kind == DocumentKind::Other || document.has_coordinates {
        return Treatment::Public;
    }
    document.finest_cell.map_or(Treatment::NoGeometry, of_cell)
}

/// Returns the treatment that a cell of the H3 grid fulfils, by its resolution.
fn of_cell(resolution: u8) -> Treatment {
    match resolution {
        0..=5 => Treatment::H3R5,
        6..=7 => Treatment::H3R7,
        _ => Treatment::Public,
    }
}

/// Names the members of a document that are more precise than a treatment lets through, each with its precision, and never
/// a value; empty if there is none.
pub fn too_precise(document: &DocumentFacts, asked: Treatment) -> String {
    if measured(document) >= asked {
        return String::new();
    }
    match document.kind {
        DocumentKind::NotJson => return "it is not valid JSON, so any of it may be a place".to_owned(),
        DocumentKind::Other => {
            return "it is of no type that STAC has, so any of it may be a place".to_owned();
        }
        DocumentKind::Item | DocumentKind::Collection | DocumentKind::Catalog => {}
    }
    let is_fine = |place: &&PlaceFact| match place.precision {
        Precision::Cell(resolution) => of_cell(resolution) < asked,
        Precision::Text | Precision::Other | Precision::Degrees(_) => true,
    };
    let told = document.places.iter().filter(is_fine).map(|place| {
        let at = if place.at.is_empty() { "/" } else { &place.at };
        match place.precision {
            Precision::Text => format!("{at} reads like a place"),
            Precision::Other => format!("{at} has a place"),
            Precision::Cell(resolution) => format!("{at} has a cell of resolution {resolution}"),
            Precision::Degrees(1) => format!("{at} has degrees with 1 digit after the point"),
            Precision::Degrees(digits) => format!("{at} has degrees with {digits} digits after the point"),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Decides what happens to a step that would make `old` visible; `None` for a step that goes to absent.
///
/// These are the rows of `docs/states.md` section 4, in the order that they imply. A withdrawal hides even an
/// entity without a label. Then the unknown is denied, be it the label or the entity of the content. Then
/// comes a hold. Then the treatments are compared. A document that would take away the only label that
/// carries today's protection also counts as lower, because its own label goes with it.
pub fn treat(old: Option<&DocumentFacts>, protection: &Protection, mode: RatchetMode) -> StepTreatment {
    if protection.is_withdrawn() {
        return match (old, mode) {
            (None, _) => StepTreatment::Keep,
            (Some(_), RatchetMode::Forward) => StepTreatment::denied("CARE-A3-resurrect", "it was withdrawn"),
            (Some(_), _) => StepTreatment::absent("CARE-A3-resurrect", "it was withdrawn"),
        };
    }
    if protection.unidentified && old.is_some() {
        let why = "it is not JSON and states no id, so it cannot be told which entries are about it";
        return StepTreatment::denied("CARE-A1-access", why);
    }
    if let Err(unknown) = label_with(old, protection) {
        return StepTreatment::denied("CARE-A1-access", unknown.to_string());
    }
    if protection.held || protection.treatment == Treatment::Quarantined {
        let why = protection.under_hold();
        return match mode {
            RatchetMode::Unfinished => StepTreatment::absent("CARE-A2-hold", why),
            RatchetMode::Forward | RatchetMode::Refuse | RatchetMode::Hide => {
                StepTreatment::denied("CARE-A2-hold", why)
            }
        };
    }
    let Some(old) = old else { return StepTreatment::Keep };
    let lowered = if measured(old) < protection.treatment {
        ("CARE-E1-geo", more_precise(old, protection.treatment))
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

/// Says that a document is more precise than protection asks for, and where.
pub(crate) fn more_precise(document: &DocumentFacts, asked: Treatment) -> String {
    format!(
        "today's protection asks {asked} and the content is more precise: {}",
        too_precise(document, asked)
    )
}

/// Why a document that readers see does not have today's protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Against {
    /// The rule that would not let it through.
    pub rule: &'static str,
    /// The treatment that protection demands for it.
    pub asked: Treatment,
}

/// Says whether a document that readers see could not be published today, by the measure of a step; `None` if
/// it could.
pub fn stands_against(standing: &DocumentFacts, protection: &Protection) -> Option<Against> {
    let asked = protection.asked();
    let rule = match asked {
        Treatment::Withdrawn => "CARE-A3-resurrect",
        Treatment::Quarantined => "CARE-A2-hold",
        _ => "CARE-E1-geo",
    };
    (measured(standing) < asked).then_some(Against { rule, asked })
}

/// Decides what happens to a step that would show content that this toolkit does not read: a value that a
/// pipeline itself keeps in a graph, an index or a cache.
///
/// Such content is not nothing, and by itself it counts as public: it is not known what it shows.
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
        ("CARE-E1-geo", format!("today's protection asks {asked} and it is not known what the content shows"))
    };
    match mode {
        RatchetMode::Refuse if protection.is_withdrawn() => StepTreatment::absent(rule, why),
        RatchetMode::Forward | RatchetMode::Refuse => StepTreatment::denied(rule, why),
        RatchetMode::Hide | RatchetMode::Unfinished => StepTreatment::absent(rule, why),
    }
}

/// Returns the treatment that would be demanded once `document` stands: that of the registries joined with
/// its own label's.
pub fn left_by(document: &DocumentFacts, protection: &Protection) -> Treatment {
    let own = CareLabel::of_document(&document.care).ok().flatten();
    protection.floor.max(own.map_or(Treatment::Public, Treatment::least_for))
}

/// Returns the label in force; an error if it, or the document's own label, is unknown.
fn label_with(document: Option<&DocumentFacts>, protection: &Protection) -> Result<CareLabel, UnknownLabel> {
    if let Some(document) = document {
        CareLabel::of_document(&document.care)?;
    }
    protection.label
}

#[cfg(test)]
mod tests;
