//! Treatments: what protection demands for content, in one total order (`docs/states.md` section 4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::label::CareLabel;

/// What protection demands for content before readers may see it.
///
/// The order is total, so that the join of two treatments is the greater one, and 'not lower' is a
/// comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// The content is shown as it is.
    Public,
    /// Places are rounded to cells of the H3 grid at resolution 7, about 5 km².
    #[serde(rename = "h3_r7")]
    H3R7,
    /// Places are rounded to cells of the H3 grid at resolution 5, about 250 km².
    #[serde(rename = "h3_r5")]
    H3R5,
    /// The content has no coordinates at all.
    NoGeometry,
    /// The entity is under a hold: nothing about it changes. Lifting a hold is not built yet.
    Quarantined,
    /// Its authority has withdrawn the entity: it is not shown, and never again by any operation of this
    /// toolkit.
    Withdrawn,
}

impl Treatment {
    /// All treatments, the least protective first.
    pub const ALL: [Self; 6] =
        [Self::Public, Self::H3R7, Self::H3R5, Self::NoGeometry, Self::Quarantined, Self::Withdrawn];

    /// Returns the least treatment that a label demands.
    pub fn least_for(label: CareLabel) -> Self {
        match label {
            CareLabel::Public => Self::Public,
            CareLabel::Sensitive => Self::H3R7,
            CareLabel::Restricted => Self::H3R5,
        }
    }

    /// Says what content may have to be let through by this treatment; the sizes are those of the cells of the grid.
    pub fn lets_through(self) -> &'static str {
        match self {
            Self::Public => "everything",
            Self::H3R7 => {
                "no coordinates, and only cells of the H3 grid of resolution 7 or coarser (5 km², about 3 km or 0.03 \
                           degrees wide)"
            }
            Self::H3R5 => {
                "no coordinates, and only cells of the H3 grid of resolution 5 or coarser (250 km², about 20 km or \
                           0.2 degrees wide)"
            }
            Self::NoGeometry => "neither coordinates nor cells of the H3 grid",
            Self::Quarantined | Self::Withdrawn => "nothing",
        }
    }

    /// Returns the word used in files, records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::H3R7 => "h3_r7",
            Self::H3R5 => "h3_r5",
            Self::NoGeometry => "no_geometry",
            Self::Quarantined => "quarantined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl std::fmt::Display for Treatment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_one_of_the_states_page() {
        assert!(Treatment::ALL.is_sorted());
        let words: Vec<_> = Treatment::ALL.iter().map(|treatment| treatment.as_str()).collect();
        assert_eq!(words, ["public", "h3_r7", "h3_r5", "no_geometry", "quarantined", "withdrawn"]);
    }

    #[test]
    fn a_word_in_a_file_is_the_word_in_the_output() {
        for treatment in Treatment::ALL {
            assert_eq!(serde_json::to_value(treatment).unwrap(), treatment.as_str());
        }
    }

    #[test]
    fn labels_need_what_the_states_page_says() {
        assert_eq!(Treatment::least_for(CareLabel::Public), Treatment::Public);
        assert_eq!(Treatment::least_for(CareLabel::Sensitive), Treatment::H3R7);
        assert_eq!(Treatment::least_for(CareLabel::Restricted), Treatment::H3R5);
    }
}
