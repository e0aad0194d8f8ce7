//! Licences: which are allowed, and which are looser than others (`docs/states.md` section 4).
//!
//! A licence is an SPDX expression. Its ids are those of the SPDX licence list, in any case, as SPDX demands.
//! The order of the classes is the toolkit's own and coarse on purpose: it tells loosening from tightening,
//! and no more.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod expression;

use expression::Expression;

/// What a licence allows the users of the data; the class that allows most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenceClass {
    /// Every use is allowed, without conditions.
    Open,
    /// Everything is allowed if the source is named.
    Attribution,
    /// The same, and derived work must have the same terms.
    ShareAlike,
    /// No commercial use, or no derived work.
    NonCommercialOrNoDerivatives,
    /// Nothing is allowed that is not said elsewhere; also every licence that is not in the table.
    Proprietary,
}

use LicenceClass::{Attribution, NonCommercialOrNoDerivatives, Open, ShareAlike};

/// The licences whose class is known.
pub const CLASSES: [(&str, LicenceClass); 36] = [
    ("CC-PDM-1.0", Open),
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
    /// Returns the class of an SPDX expression: of `A AND B` the strictest, of `A OR B` the loosest, since a
    /// user of the data may choose that one.
    ///
    /// An exception (`WITH`) and 'or later' (`+`) change nothing. Versions and ports of the Creative Commons
    /// licences have the class of their terms. An id that is not in the table, and an expression that is not
    /// valid, counts as proprietary.
    ///
    /// ```
    /// use kfm_policy::LicenceClass;
    /// assert_eq!(LicenceClass::of("(CC-BY-4.0 AND CC-BY-NC-4.0) OR cc0-1.0"), LicenceClass::Open);
    /// assert_eq!(LicenceClass::of("CC-BY-4.0 CC0-1.0"), LicenceClass::Proprietary);
    /// ```
    pub fn of(expression: &str) -> Self {
        Expression::parse(expression).map_or(Self::Proprietary, |expression| {
            expression.fold(Self::of_id, Self::max, Self::min).unwrap_or(Self::Proprietary)
        })
    }

    fn of_id(id: &str) -> Self {
        let listed = CLASSES.iter().find(|(known, _)| known.eq_ignore_ascii_case(id));
        listed.map(|(_, class)| *class).or_else(|| Self::of_creative_commons(id)).unwrap_or(Self::Proprietary)
    }

    /// Reads the terms of a Creative Commons licence of any version and country: `CC-BY-NC-3.0-IGO`.
    fn of_creative_commons(id: &str) -> Option<Self> {
        let terms = spdx::license_id(id)?.name.strip_prefix("CC-BY-")?;
        let has = |term: &str| terms.split('-').any(|part| part == term);
        Some(match (has("NC") || has("ND"), has("SA")) {
            (true, _) => NonCommercialOrNoDerivatives,
            (false, true) => ShareAlike,
            (false, false) => Attribution,
        })
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
/// The default is every licence of the table up to share-alike. Other licences are findings: among them
/// `UNKNOWN`, `proprietary` and `various`, which say that the terms are not known, that nothing is granted,
/// or that the terms are elsewhere.
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
    /// In `A OR B` both must be allowed: the expression does not say which one was chosen. An expression that
    /// is not valid is not allowed.
    pub fn allows(&self, expression: &str) -> bool {
        let is_allowed = |id: &str| self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(id));
        let both = |a: bool, b: bool| a && b;
        Expression::parse(expression)
            .and_then(|expression| expression.fold(is_allowed, both, both))
            .unwrap_or(false)
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
    }

    #[test]
    fn an_expression_has_the_class_of_what_it_leaves() {
        for (expression, class) in [
            ("CC0-1.0", Open),
            ("cc0-1.0", Open),
            ("(CC0-1.0)", Open),
            (" ( ( CC0-1.0 ) ) ", Open),
            ("CC0-1.0 AND CC0-1.0", Open),
            ("CC-BY-4.0 OR CC0-1.0", Open),
            ("CC-BY-4.0 or cc0-1.0", Open),
            ("proprietary OR public-domain", Open),
            ("CC-PDM-1.0", Open),
            ("CC-BY-4.0 AND CC0-1.0", Attribution),
            ("MIT+", Attribution),
            ("mit+ And Apache-2.0 With LLVM-exception", Attribution),
            ("CC-BY-3.0-AT", Attribution),
            ("CC-BY-4.0 AND CC0-1.0 OR CC-BY-NC-4.0", Attribution),
            ("CC-BY-4.0 AND (CC-BY-SA-4.0 OR CC-BY-NC-4.0)", ShareAlike),
            ("CC-BY-SA-3.0-IGO", ShareAlike),
            ("CC-BY-NC-2.5", NonCommercialOrNoDerivatives),
            ("CC-BY-NC-ND-3.0-DE", NonCommercialOrNoDerivatives),
            ("CC0-1.0 AND proprietary", LicenceClass::Proprietary),
            ("GPL-2.0+", LicenceClass::Proprietary),
            ("LicenseRef-CC0-1.0", LicenceClass::Proprietary),
            ("DocumentRef-a:LicenseRef-public-domain", LicenceClass::Proprietary),
        ] {
            assert_eq!(LicenceClass::of(expression), class, "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_in_the_table() {
        let long = format!("CC0-1.0{}", " OR CC0-1.0".repeat(10_000));
        for text in [
            "UNKNOWN",
            "various",
            "other",
            "",
            " ",
            "CC-BY-4.0 CC0-1.0",
            "CC0-1.0 OR",
            "(CC0-1.0",
            "CC0-1.0)",
            "()",
            "CC0-1.0, MIT",
            "CC0-1.0/MIT",
            "CC0-1.0 +",
            "CC-BY-9.0",
            "public domain",
            "CC0-1.0\u{200b}",
            &long,
        ] {
            assert_eq!(LicenceClass::of(text), LicenceClass::Proprietary, "{text:.40}");
            assert!(!AllowedLicences::default().allows(text), "{text:.40}");
        }
    }

    #[test]
    fn an_expression_is_allowed_with_every_licence_in_it() {
        let allowed = AllowedLicences::default();
        for text in [
            "CC0-1.0",
            "cc-by-4.0",
            "public-domain",
            "(MIT OR Apache-2.0) AND CC-BY-4.0",
            "(CC0-1.0)",
            "MIT+",
        ] {
            assert!(allowed.allows(text), "{text}");
        }
        for text in
            ["proprietary", "CC-BY-NC-4.0", "MIT OR proprietary", "MIT AND CC-BY-NC-4.0", "LicenseRef-MIT"]
        {
            assert!(!allowed.allows(text), "{text}");
        }
    }
}
