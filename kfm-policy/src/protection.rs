//! The protection in force for one entity: the ratchet compares every step with it (R61).

use std::collections::BTreeSet;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::label::{CareLabel, UnknownLabel};
use crate::registry::HoldEntry;
use crate::treatment::Treatment;

/// The most entries that a message about a hold names.
const HOLDS_TOLD_MAX: usize = 3;

/// The protection in force for one entity now, from the registries and from the labels of its own documents.
///
/// It is part of what a plan rests on: if it differs at execution, the plan is stale or denied
/// (`docs/states.md` section 3, 'Protection rises').
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Protection {
    /// The strictest label that applies, or why no label is known.
    #[serde(serialize_with = "label_word")]
    #[schemars(with = "String")]
    pub label: Result<CareLabel, UnknownLabel>,
    /// The treatment that protection demands for the content; at least quarantined while the label is
    /// unknown.
    pub treatment: Treatment,
    /// The treatment that the registries alone demand, whatever documents say: it stays when a document's own
    /// label goes.
    pub floor: Treatment,
    /// Whether the entity is under a hold.
    pub held: bool,
    /// The entries that place the hold, those about its parents too, sorted, each once. They say whom to ask and
    /// change no verdict, so they are in no record of a protection.
    #[serde(skip)]
    pub holds: Vec<HoldEntry>,
    /// Whether the entity was withdrawn, or is on the suppression list (R62).
    pub suppressed: bool,
    /// Whether the registry marks the entity as heritage (R65).
    pub heritage: bool,
    /// Whether it cannot be told which entries are about the content: it is not JSON and states no id, an
    /// entry by id or by collection demands more than public, and no entry labels exactly its path.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unidentified: bool,
    /// The authorities that decided, sorted, each once.
    pub authorities: Vec<String>,
    /// The latest review day among the entries that state the label in force; none if none of them states
    /// one.
    pub review_by: Option<Date>,
}

fn label_word<S: Serializer>(
    label: &Result<CareLabel, UnknownLabel>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(label.map_or("unknown", CareLabel::as_str))
}

impl Protection {
    /// Returns the protection of an entity without any label: unknown, so every step is denied.
    pub fn unlabelled() -> Self {
        Self {
            label: Err(UnknownLabel::Absent),
            treatment: Treatment::Quarantined,
            floor: Treatment::Public,
            held: false,
            holds: Vec::new(),
            suppressed: false,
            heritage: false,
            unidentified: false,
            authorities: Vec::new(),
            review_by: None,
        }
    }

    /// Joins the protection of the entity's parents: its collection, and the sources that it was made from.
    ///
    /// A parent can only raise. It gives no label to a child without one (R60: labels are explicit), and a
    /// parent without a label passes nothing on; a parent whose label cannot be read makes the child's label
    /// unknown too. A treatment that a parent demands is part of the floor, since the parent goes on
    /// demanding it.
    #[must_use]
    pub fn inherit<'a>(mut self, parents: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut authorities: BTreeSet<String> = self.authorities.drain(..).collect();
        let mut holds: BTreeSet<HoldEntry> = self.holds.drain(..).collect();
        for parent in parents {
            match (self.label, parent.label) {
                (Ok(own), Ok(inherited)) if inherited > own => {
                    self.label = Ok(inherited);
                    self.review_by = parent.review_by;
                }
                (Ok(_), Err(unreadable @ (UnknownLabel::Malformed | UnknownLabel::Unrecognised))) => {
                    self.label = Err(unreadable);
                }
                _ => {}
            }
            self.held |= parent.held;
            self.suppressed |= parent.suppressed;
            self.heritage |= parent.heritage;
            authorities.extend(parent.authorities.iter().cloned());
            holds.extend(parent.holds.iter().cloned());
            let asked =
                if parent.label == Err(UnknownLabel::Absent) { parent.floor } else { parent.treatment };
            self.floor = self.floor.max(asked);
            self.treatment = self.treatment.max(asked);
        }
        if self.label.is_err() {
            self.treatment = self.treatment.max(Treatment::Quarantined);
        }
        self.authorities = authorities.into_iter().collect();
        self.holds = holds.into_iter().collect();
        self
    }

    /// Returns the treatment that is demanded for content that stands: what was said of the entity, even if
    /// little else is known of it.
    ///
    /// A missing label stops every change of an entity, but hides nothing that stands.
    pub fn asked(&self) -> Treatment {
        let said = if self.label.is_ok() { self.treatment } else { self.floor };
        let held = if self.held { Treatment::Quarantined } else { Treatment::Public };
        let withdrawn = if self.is_withdrawn() { Treatment::Withdrawn } else { Treatment::Public };
        said.max(held).max(withdrawn)
    }

    /// Says that the entity is under a hold, and by which entries: whose decision each is, and what it is about.
    pub fn under_hold(&self) -> String {
        let mut said = "it is under a hold".to_owned();
        for hold in self.holds.iter().take(HOLDS_TOLD_MAX) {
            let about = match (&hold.entity, &hold.under) {
                (Some(entity), _) => entity.clone(),
                (None, Some(folder)) if !folder.is_empty() => format!("everything under {folder}"),
                (None, _) => "everything".to_owned(),
            };
            said.push_str(&format!(", by the entry of {} about {about}", hold.authority));
        }
        if let Some(more) = self.holds.len().checked_sub(HOLDS_TOLD_MAX + 1) {
            said.push_str(&format!(", and by {} more", more + 1));
        }
        said
    }

    /// Says whether the entity was withdrawn: it is not shown, and never again.
    pub fn is_withdrawn(&self) -> bool {
        self.suppressed || self.treatment == Treatment::Withdrawn
    }

    /// Says whether the entity is known to be public, without any restriction.
    ///
    /// If it is not, texts from its documents or from people stay out of messages (R66).
    pub fn is_plain(&self) -> bool {
        self.label == Ok(CareLabel::Public) && self.treatment == Treatment::Public && !self.heritage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(label: CareLabel) -> Protection {
        let treatment = Treatment::least_for(label);
        Protection { label: Ok(label), treatment, floor: treatment, ..Protection::unlabelled() }
    }

    #[test]
    fn a_parent_raises_and_never_lowers() {
        let (public, restricted) = (labelled(CareLabel::Public), labelled(CareLabel::Restricted));
        let raised = public.clone().inherit([&restricted]);
        assert_eq!((raised.label, raised.treatment), (Ok(CareLabel::Restricted), Treatment::H3R5));
        assert_eq!(raised.floor, Treatment::H3R5);
        assert_eq!(restricted.clone().inherit([&public]), restricted);
    }

    #[test]
    fn a_parent_gives_no_label_to_a_child_without_one() {
        let child = Protection::unlabelled().inherit([&labelled(CareLabel::Public)]);
        assert_eq!(child.label, Err(UnknownLabel::Absent));
        assert_eq!(child.treatment, Treatment::Quarantined);
    }

    #[test]
    fn a_parent_without_a_label_asks_nothing_and_one_that_cannot_be_read_asks_everything() {
        let public = labelled(CareLabel::Public);
        assert_eq!(public.clone().inherit([&Protection::unlabelled()]), public);
        let unreadable = Protection { label: Err(UnknownLabel::Malformed), ..Protection::unlabelled() };
        let child = public.inherit([&unreadable]);
        assert_eq!((child.label, child.treatment), (Err(UnknownLabel::Malformed), Treatment::Quarantined));
    }

    #[test]
    fn what_is_made_from_a_withdrawn_source_is_withdrawn() {
        let withdrawn = Protection {
            suppressed: true,
            treatment: Treatment::Withdrawn,
            floor: Treatment::Withdrawn,
            ..labelled(CareLabel::Public)
        };
        let child = labelled(CareLabel::Public).inherit([&withdrawn]);
        assert!(child.suppressed && child.treatment == Treatment::Withdrawn);
    }

    #[test]
    fn a_hold_is_told_with_the_entries_that_place_it_those_of_parents_too() {
        let hold = |entity: Option<&str>, under: Option<&str>| HoldEntry {
            entity: entity.map(str::to_owned),
            under: under.map(str::to_owned),
            authority: "Kaw Nation".into(),
            reason: "a reason stays out of messages".into(),
            review_by: jiff::civil::date(2099, 12, 31),
        };
        let held = |holds: Vec<HoldEntry>| Protection { held: true, holds, ..labelled(CareLabel::Public) };
        let parent = held(vec![hold(None, Some("sites/"))]);
        let own = held(vec![hold(Some("a.json"), None)]);
        let told = own.inherit([&parent, &parent]).under_hold();
        let expected = "it is under a hold, by the entry of Kaw Nation about everything under sites/, by the entry of \
                        Kaw Nation about a.json";
        assert_eq!(told, expected);
        let many = (0..5).map(|n| hold(Some(&n.to_string()), None)).collect();
        assert!(held(many).under_hold().ends_with(", and by 2 more"));
    }

    #[test]
    fn an_unknown_label_is_written_as_a_word() {
        assert_eq!(serde_json::to_value(Protection::unlabelled()).unwrap()["label"], "unknown");
    }
}
