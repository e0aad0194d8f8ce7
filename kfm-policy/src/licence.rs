//! Licences: which are allowed, and which are looser than others (`states.md` section 4).
//!
//! The ids are those of the SPDX licence list, compared without regard to case as SPDX asks; the order is
//! the toolkit's own, coarse on purpose: it tells loosening from tightening and no more.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a licence leaves to those who use the data, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenceClass {
    /// Everything.
    Open,
    /// Everything, with the source named.
    Attribution,
    /// The same, passed on under the same terms.
    ShareAlike,
    /// No commerce, or no derived work.
    NonCommercialOrNoDerivatives,
    /// Nothing that is not said elsewhere; also whatever is not in the table.
    Proprietary,
}

use LicenceClass::{Attribution, NonCommercialOrNoDerivatives, Open, ShareAlike};

/// The licences whose class is known.
pub const CLASSES: [(&str, LicenceClass); 35] = [
    ("CC0-1.0", Open),
    ("PDDL-1.0", Open),
    ("PDM-1.0", Open),
    ("public-domain", Open),
    ("Apache-2.0", Attribution),
    ("BSD-2-Clause", Attribution),
    ("BSD-3-Clause", Attribution),
    ("CC-BY-1.0", Attribution),
    ("CC-BY-2.0", Attribution),
    ("CC-BY-2.5", Attribution),
    ("CC-BY-3.0", Attribution),
    ("CC-BY-4.0", Attribution),
    ("CDLA-Permissive-1.0", Attribution),
    ("CDLA-Permissive-2.0", Attribution),
    ("DL-DE-BY-2.0", Attribution),
    ("etalab-2.0", Attribution),
    ("MIT", Attribution),
    ("ODC-By-1.0", Attribution),
    ("OGL-UK-3.0", Attribution),
    ("CC-BY-SA-1.0", ShareAlike),
    ("CC-BY-SA-2.0", ShareAlike),
    ("CC-BY-SA-2.5", ShareAlike),
    ("CC-BY-SA-3.0", ShareAlike),
    ("CC-BY-SA-4.0", ShareAlike),
    ("CDLA-Sharing-1.0", ShareAlike),
    ("ODbL-1.0", ShareAlike),
    ("CC-BY-NC-2.0", NonCommercialOrNoDerivatives),
    ("CC-BY-NC-3.0", NonCommercialOrNoDerivatives),
    ("CC-BY-NC-4.0", NonCommercialOrNoDerivatives),
    ("CC-BY-NC-ND-3.0", NonCommercialOrNoDerivatives),
    ("CC-BY-NC-ND-4.0", NonCommercialOrNoDerivatives),
    ("CC-BY-NC-SA-3.0", NonCommercialOrNoDerivatives),
    ("CC-BY-NC-SA-4.0", NonCommercialOrNoDerivatives),
    ("CC-BY-ND-3.0", NonCommercialOrNoDerivatives),
    ("CC-BY-ND-4.0", NonCommercialOrNoDerivatives),
];

impl LicenceClass {
    /// Returns the class of a licence; what is not in the table counts as proprietary.
    pub fn of(licence: &str) -> Self {
        CLASSES
            .iter()
            .find(|(id, _)| id.eq_ignore_ascii_case(licence))
            .map_or(Self::Proprietary, |(_, class)| *class)
    }

    /// Returns the class in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Attribution => "attribution",
            Self::ShareAlike => "share-alike",
            Self::NonCommercialOrNoDerivatives => "non-commercial or no derivatives",
            Self::Proprietary => "proprietary or unknown",
        }
    }
}

/// The licences that a platform allows for what it publishes (R63).
///
/// The default is every licence of the table up to share-alike. Others are findings: among them `UNKNOWN`,
/// `proprietary` and `various`, which say that nobody knows, nothing is granted, or that the terms are
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AllowedLicences(pub BTreeSet<String>);

impl Default for AllowedLicences {
    fn default() -> Self {
        let allowed = CLASSES.iter().filter(|(_, class)| *class <= ShareAlike);
        Self(allowed.map(|(id, _)| (*id).to_owned()).collect())
    }
}

impl AllowedLicences {
    /// Says whether a licence, or every licence of an SPDX expression, is allowed.
    ///
    /// In `A OR B` both must be allowed too: which one was chosen is not written there.
    pub fn allows(&self, expression: &str) -> bool {
        let mut ids = expression
            .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
            .filter(|word| !word.is_empty() && !matches!(*word, "AND" | "OR"))
            .peekable();
        ids.peek().is_some() && ids.all(|id| self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_one_of_the_states_page() {
        let texts = ["public-domain", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "proprietary"];
        let classes: Vec<_> = texts.iter().map(|text| LicenceClass::of(text)).collect();
        assert!(classes.is_sorted_by(|a, b| a < b), "{classes:?}");
        for unknown in ["UNKNOWN", "various", "", "CC-BY-4.0 OR MIT"] {
            assert_eq!(LicenceClass::of(unknown), LicenceClass::Proprietary);
        }
    }

    #[test]
    fn what_says_nothing_is_not_allowed() {
        let allowed = AllowedLicences::default();
        for text in ["UNKNOWN", "proprietary", "various", "", " ", "other", "CC-BY-NC-4.0"] {
            assert!(!allowed.allows(text), "{text}");
        }
        for text in ["CC0-1.0", "cc-by-4.0", "public-domain", "(MIT OR Apache-2.0) AND CC-BY-4.0"] {
            assert!(allowed.allows(text), "{text}");
        }
        assert!(!allowed.allows("MIT OR proprietary"));
    }
}
