//! [`Policy`]: joins all rules into one decision, and never fails open (R3, R66).

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kfm_lineage::{Digest, DocumentKind, RiskLevel};

use crate::approval::{ApprovalContext, ApprovalsNeeded, Tally};
use crate::check::{Objection, PolicyCheck, Verdict};
use crate::decision::{Decision, IntegrityCounts, RuleCensus};
use crate::facts::OperationFacts;
use crate::finding::{Finding, OPERATION, Severity};
use crate::licence::AllowedLicences;
use crate::permit::{Consent, Permit, PermitRefused};
use crate::risk::{self, Seen};
use crate::rules::{self, Observation, Rule, RuleMeta, View};
use crate::snapshot::PolicySnapshot;
use crate::table::{Aspect, Effect, RuleClass, effect};

/// The rules, and what they judge by.
///
/// Every built-in rule is always asked; none can be switched off. Added checks come on top and can only add
/// denials. Whatever goes wrong denies: no rule, a rule that panics, nothing to look at.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: &'static [Rule],
    checks: Vec<Arc<dyn PolicyCheck>>,
    licences: AllowedLicences,
    snapshot: PolicySnapshot,
}

impl Default for Policy {
    fn default() -> Self {
        Self::of_rules(&rules::ALL)
    }
}

impl Policy {
    pub(crate) fn of_rules(rules: &'static [Rule]) -> Self {
        let licences = AllowedLicences::default();
        let snapshot = PolicySnapshot::of(rules, &[], &licences);
        Self { rules, checks: Vec::new(), licences, snapshot }
    }

    /// Lists the ids of the added checks, in the order in which they were added.
    pub fn added_checks(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|check| check.id())
    }

    /// Adds a check of the platform's own, which can only add denials.
    #[must_use]
    pub fn with_check(mut self, check: Arc<dyn PolicyCheck>) -> Self {
        self.checks.push(check);
        self.resnap()
    }

    /// Sets the licences that the platform allows.
    #[must_use]
    pub fn with_licences(mut self, licences: AllowedLicences) -> Self {
        self.licences = licences;
        self.resnap()
    }

    fn resnap(mut self) -> Self {
        self.snapshot = PolicySnapshot::of(self.rules, &self.checks, &self.licences);
        self
    }

    /// Lists the built-in rules, in the order of the catalogue.
    pub fn rules(&self) -> impl Iterator<Item = &RuleMeta> {
        self.rules.iter().map(|rule| &rule.meta)
    }

    /// Returns the snapshot of everything except the facts that decisions depend on.
    pub fn snapshot(&self) -> &PolicySnapshot {
        &self.snapshot
    }

    /// Returns the digest by which plans, records and manifests name this policy.
    pub fn snapshot_ref(&self) -> Digest {
        self.snapshot.digest()
    }

    /// Judges an operation, with every rule and every check.
    pub fn judge(&self, facts: &OperationFacts<'_>) -> Decision {
        let mut fold = Fold { facts, findings: Vec::new(), seen: Seen::default(), census: census(facts) };
        let view = View { facts, licences: &self.licences };
        for rule in self.rules {
            fold.rule(rule, &view);
        }
        for check in &self.checks {
            fold.check(check.as_ref());
        }
        fold.coverage(self.rules, &self.checks);
        fold.decide(self.snapshot_ref())
    }

    /// Judges an operation and, if it may be done, makes the permit that opens it.
    ///
    /// `facts` must be those of this moment: at execution and at recovery the rules are asked again, with the
    /// registry and the stores as they are then.
    ///
    /// # Errors
    /// [`PermitRefused::Denied`]: a rule denies. [`PermitRefused::ApprovalsMissing`]: the operation may be
    /// done once the plan is approved.
    pub fn permit(
        &self,
        facts: &OperationFacts<'_>,
        plan_id: &Digest,
        consent: Consent<'_>,
    ) -> Result<(Permit, Decision), PermitRefused> {
        let decision = self.judge(facts);
        if !decision.allowed {
            return Err(PermitRefused::Denied { decision: Box::new(decision) });
        }
        let mut reviewers = Vec::new();
        if let Consent::Asked { requested_by, approvals, principals } = consent {
            let context = ApprovalContext { plan_id, requested_by, executed_by: facts.actor, now: facts.now };
            let tally = Tally::of(approvals, &context, principals);
            if let Some(missing) = decision.approvals_needed.missing(&tally, principals) {
                return Err(PermitRefused::ApprovalsMissing {
                    needed: decision.approvals_needed.clone(),
                    missing,
                    refused: tally.refused().to_vec(),
                    decision: Box::new(decision),
                });
            }
            reviewers.extend(tally.reviewers().map(|(name, _)| name.to_owned()));
        }
        Ok((Permit::of(&decision, *plan_id, reviewers), decision))
    }
}

fn census(facts: &OperationFacts<'_>) -> RuleCensus {
    let not_json = |step: &&crate::StepFacts| {
        step.after.as_deref().or(step.before.as_deref()).is_some_and(|d| d.kind == DocumentKind::NotJson)
    };
    RuleCensus {
        entities: facts.steps.len() as u64,
        not_json: facts.steps.iter().filter(not_json).count() as u64,
        documents: facts.integrity.before.documents.max(facts.integrity.after.documents),
        links: facts.integrity.before.links + facts.integrity.after.links,
        ..RuleCensus::default()
    }
}

/// A decision that is being made.
struct Fold<'a> {
    facts: &'a OperationFacts<'a>,
    findings: Vec<Finding>,
    seen: Seen,
    census: RuleCensus,
}

impl Fold<'_> {
    fn rule(&mut self, rule: &Rule, view: &View<'_>) {
        match catch_unwind(AssertUnwindSafe(|| (rule.look)(view))) {
            Ok(observations) => {
                self.census.rules += 1;
                for observation in observations {
                    self.observe(rule, observation);
                }
            }
            Err(_) => self.uncovered(format!("rule {} failed while it looked", rule.meta.id)),
        }
    }

    fn observe(&mut self, rule: &Rule, observation: Observation) {
        let Observation { aspect, code, subject, message, remedy } = observation;
        let effect = effect(rule.meta.class, aspect, self.facts.kind, self.facts.strict);
        if effect == Effect::Count {
            return;
        }
        match (rule.meta.class, aspect) {
            (RuleClass::Fair, _) => self.seen.fair_findings += 1,
            (RuleClass::Loosening, _) => self.seen.loosened += 1,
            (RuleClass::Integrity, Aspect::Returned) => self.seen.returned += 1,
            _ => {}
        }
        self.findings.push(Finding {
            rule: rule.meta.id.to_owned(),
            code: code.or(rule.meta.code.map(str::to_owned)),
            severity: rule.meta.severity,
            subject,
            message,
            remedy,
            denies: effect == Effect::Deny,
        });
    }

    fn check(&mut self, check: &dyn PolicyCheck) {
        let id = check.id();
        match catch_unwind(AssertUnwindSafe(|| check.check(self.facts))) {
            Ok(Verdict::Pass { entities }) if entities > 0 => self.census.checks += 1,
            Ok(Verdict::Pass { .. }) => self.object(id, nothing("it passed and looked at nothing")),
            Ok(Verdict::Unknown { why }) => self.object(id, nothing(&format!("it cannot tell: {why}"))),
            Ok(Verdict::Fail(objections)) => {
                self.census.checks += 1;
                if objections.is_empty() {
                    self.object(id, nothing("it objects and does not say to what"));
                }
                for objection in objections {
                    self.object(id, objection);
                }
            }
            Err(_) => self.uncovered(format!("check {id} failed while it looked")),
        }
    }

    fn object(&mut self, id: &str, Objection { subject, message, remedy }: Objection) {
        self.findings.push(Finding {
            rule: id.to_owned(),
            code: None,
            severity: Severity::Block,
            subject,
            message,
            remedy,
            denies: true,
        });
    }

    /// GOV-cover: every rule and check was asked, each once, and there was something to ask about.
    fn coverage(&mut self, rules: &[Rule], checks: &[Arc<dyn PolicyCheck>]) {
        if rules.is_empty() {
            self.uncovered("no rule is registered".to_owned());
        }
        if self.facts.steps.is_empty() {
            self.uncovered("there is no document to look at".to_owned());
        }
        let mut ids = BTreeSet::new();
        let all = rules.iter().map(|rule| rule.meta.id).chain(checks.iter().map(|check| check.id()));
        for id in all {
            if id.trim().is_empty() || !ids.insert(id) {
                self.uncovered(format!("two rules have one name, or one has none: id={id}"));
            }
        }
    }

    fn uncovered(&mut self, message: String) {
        self.findings.push(Finding {
            rule: "GOV-cover".to_owned(),
            code: None,
            severity: Severity::Critical,
            subject: OPERATION.to_owned(),
            message,
            remedy: "an operation that was not judged is not done; repair the policy or the plan".into(),
            denies: true,
        });
    }

    fn decide(mut self, snapshot: Digest) -> Decision {
        let by_weight = |a: &Finding, b: &Finding| {
            let key = |f: &Finding| (Reverse(f.denies), f.severity);
            key(a)
                .cmp(&key(b))
                .then_with(|| (&a.rule, &a.subject, &a.message).cmp(&(&b.rule, &b.subject, &b.message)))
        };
        self.findings.sort_by(by_weight);
        let denials = || self.findings.iter().filter(|finding| finding.denies);
        let risk_reasons = risk::reasons(self.facts, &self.seen);
        let risk_level = risk_reasons.first().map_or(RiskLevel::Low, |reason| reason.level);
        let approvals_needed = if self.facts.kind.asks_approval() {
            ApprovalsNeeded::for_operation(self.facts.tier, risk_level)
        } else {
            ApprovalsNeeded::none()
        };
        let change = self.facts.integrity;
        Decision {
            allowed: denials().next().is_none(),
            kind: self.facts.kind,
            judged_at: self.facts.now,
            policy_snapshot_ref: snapshot,
            care_denials: denials().filter(|finding| finding.rule.starts_with("CARE-")).count() as u64,
            census: self.census,
            integrity: IntegrityCounts {
                introduced: change.introduced.len() as u64,
                returned: change.returned.len() as u64,
                left: change.left.len() as u64,
            },
            risk_level,
            risk_reasons,
            tier: self.facts.tier,
            approvals_needed,
            findings: self.findings,
        }
    }
}

fn nothing(message: &str) -> Objection {
    Objection {
        subject: OPERATION.to_owned(),
        message: message.to_owned(),
        remedy: "repair the check; until then it denies".into(),
    }
}

#[cfg(test)]
mod tests;
