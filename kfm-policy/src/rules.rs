//! The built-in rules, one family in each file.
//!
//! Their ids, severities and bases are those of the rule catalogue (R66). A rule looks at facts and says what
//! it saw. It does not decide what follows: the table in [`crate::table`] does.

pub(crate) mod care;
pub(crate) mod fair;
pub(crate) mod governance;
pub(crate) mod hotfix;
pub(crate) mod integrity;
pub(crate) mod version;

use serde::Serialize;

use crate::advice::Advice;
use crate::facts::{OperationFacts, StepFacts};
use crate::finding::Severity;
use crate::licence::AllowedLicences;
use crate::table::{Aspect, RuleClass};

/// What identifies a rule in the snapshot of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleMeta {
    /// The rule's id in the catalogue.
    pub id: &'static str,
    /// The rule's version; another version is another policy.
    pub version: u32,
    /// The severity of the rule's findings.
    pub severity: Severity,
    /// The group of rules that the table treats alike.
    pub class: RuleClass,
    /// The code of the failure class in the requirements, such as `C-F01`; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The requirement, the principle or the indicator on which the rule rests.
    pub basis: &'static str,
}

/// One built-in rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) meta: RuleMeta,
    pub(crate) look: fn(&View<'_>) -> Vec<Observation>,
}

/// What a rule may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) facts: &'a OperationFacts<'a>,
    pub(crate) licences: &'a AllowedLicences,
}

/// One observation of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) aspect: Aspect,
    /// The observation's own code, if the rule has several.
    pub(crate) code: Option<String>,
    pub(crate) subject: String,
    pub(crate) message: String,
    pub(crate) remedy: Advice,
}

impl Observation {
    pub(crate) fn new(
        aspect: Aspect,
        subject: &str,
        message: impl Into<String>,
        remedy: impl Into<Advice>,
    ) -> Self {
        let subject = subject.to_owned();
        Self { aspect, code: None, subject, message: message.into(), remedy: remedy.into() }
    }

    pub(crate) fn of_step(step: &StepFacts, message: impl Into<String>, remedy: impl Into<Advice>) -> Self {
        Self::new(Aspect::Stands, &step.path, message, remedy)
    }

    pub(crate) fn with_code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }
}

/// The rules of the product, in the order of the catalogue.
pub(crate) const ALL: [Rule; 21] = [
    care::ACCESS,
    care::ASSET,
    care::AUTHORITY,
    care::HOLD,
    care::RESURRECT,
    care::GEO,
    care::TEXT,
    care::REVIEW,
    care::NOTICE,
    care::LICENCE,
    fair::ID,
    fair::ASSET,
    fair::PROTOCOL,
    integrity::LINKS,
    integrity::ORPHANS,
    fair::LICENCE,
    version::IMMUTABLE,
    version::SCHEMA,
    governance::REASON,
    hotfix::LIMITS,
    governance::TIER,
];
