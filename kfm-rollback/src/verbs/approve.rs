//! Principals and approvals, as methods of a platform (R64, R68).

use std::time::Duration;

use kfm_lineage::{RiskLevel, Timestamp};
use kfm_policy::{
    Approval, ApprovalContext, Parameter, Principal, Principals, PrivateKey, PublicKey, Remedy, Role, Tally,
    advice, is_same_name,
};
use kfm_wal::record::Record;

use super::Platform;
use super::plans::{judge_again, why_refused};
use crate::approvals::{approval_of, record_of};
use crate::asked::Asked;
use crate::entries;
use crate::error::{Error, Result};
use crate::plan::{Plan, load_plan, refuse_cancelled};
use crate::platform::files::write_durably;
use crate::platform::policy_files::PRINCIPALS;
use crate::refusal::recorded;
use crate::report::{ApprovalLine, ApprovalsReport, PrincipalLine};
use crate::session::Session;

/// The executor of a plan that is not executed yet: the approvals are held against the executor when the plan is
/// executed, and against the planner alone before.
pub(crate) const NOT_KNOWN: &str = "";

/// How long an approval counts if the approver gives no time.
const VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

impl Platform {
    /// Lists the principals, with their roles and public keys.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the file of principals is missing or not valid.
    pub async fn principals(&self) -> Result<Vec<PrincipalLine>> {
        Ok(self.principals_file()?.iter().map(PrincipalLine::from).collect())
    }

    /// Makes an Ed25519 key pair for a principal. Returns the public key as hex, and the text of the private key's
    /// file; the text is written nowhere.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the system gives no randomness.
    pub fn new_key_pair(name: &str) -> Result<(String, String)> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Invalid {
            message: "the system gives no randomness for a key".into(),
            hint: advice!["try again, or bring a key by ", Parameter::PublicKey],
            source: Some(Box::new(error)),
        })?;
        let key = PrivateKey::from_seed(seed);
        Ok((key.public().to_string(), key.to_file(name)))
    }

    /// Says whether a principal could be added, and writes nothing.
    ///
    /// # Errors
    /// As [`principal_add`](Self::principal_add).
    pub async fn principal_rehearse(
        &self,
        name: &str,
        roles: &[String],
        public_key: Option<&str>,
    ) -> Result<()> {
        let mut session = Session::read(self).await?;
        session.reread_policy().map_err(Error::rejected)?;
        let made =
            public_key.map_or_else(|| Self::new_key_pair(name).map(|pair| pair.0), |key| Ok(key.into()));
        with_principal(&session, name, roles, &made?).map(drop).map_err(Error::rejected)
    }

    /// Adds a principal, and records that in log and ledger. Without a public key it makes a key pair, and returns
    /// the text of the private key's file; the text is written nowhere.
    ///
    /// A caller that must not lose the private key makes the pair by [`new_key_pair`](Self::new_key_pair), keeps it, and
    /// gives the public key.
    ///
    /// # Errors
    /// [`Error::Rejected`]: the name, a role, the public key or a file of the policy is not valid, or another principal has
    /// the name or the key; the file is as it was, and the refusal is recorded. [`Error::Owed`]: the principal is in the
    /// file, but not yet in the log or the ledger; the next command that changes something writes what is missing.
    pub async fn principal_add(
        &self,
        name: &str,
        roles: &[String],
        public_key: Option<&str>,
    ) -> Result<(PrincipalLine, Option<String>)> {
        let (public_key, private) = match public_key {
            Some(key) => (key.to_owned(), None),
            None => Self::new_key_pair(name).map(|(public, private)| (public, Some(private)))?,
        };
        let mut session = Session::write(self, "principals add").await?;
        let result = add_principal(&mut session, name, roles, &public_key).await.map_err(Error::rejected);
        let added = recorded(&mut session, Asked::Principals, None, None, result).await?;
        Ok((added, private))
    }

    /// Signs an approval of a plan, and puts it into the log.
    ///
    /// # Errors
    /// [`Error::Rejected`]: the approval would not count, as the error says, or the private key or the role is not
    /// valid; the refusal is recorded. [`Error::Owed`]: the approval counts, but is not in the ledger yet.
    /// [`Error::Denied`]: a file of the policy is missing or not valid. For the plan as
    /// [`approvals`](Self::approvals).
    pub async fn approve(
        &self,
        plan: &str,
        principal: &str,
        role: &str,
        private_key: &str,
        validity: Option<Duration>,
    ) -> Result<ApprovalsReport> {
        let mut session = Session::write(self, "approve").await?;
        let (plan_id, signed) = match self.plan_to_sign(&mut session, plan).await {
            Ok(plan) => {
                let plan_id = Some(plan.plan_id);
                (plan_id, self.sign(&mut session, &plan, principal, role, private_key, validity).await)
            }
            Err(error) => (None, Err(error)),
        };
        recorded(&mut session, Asked::Approve, None, plan_id, signed).await
    }

    async fn plan_to_sign(&self, session: &mut Session, plan: &str) -> Result<Plan> {
        session.begin_judging("approve").await?;
        let plan = load_plan(session, plan).await?;
        refuse_cancelled(session, &plan)?;
        Ok(plan)
    }

    async fn sign(
        &self,
        session: &mut Session,
        plan: &Plan,
        principal: &str,
        role: &str,
        private_key: &str,
        validity: Option<Duration>,
    ) -> Result<ApprovalsReport> {
        let key =
            PrivateKey::parse(private_key).map_err(crate::platform::policy_file).map_err(Error::rejected)?;
        let Some(role) = Role::parse(role) else {
            let known = Role::ALL.map(Role::as_str).join(", ");
            return Err(Error::invalid(
                format!("the role is not known: role={role}"),
                format!("give one of {known}"),
            )
            .rejected());
        };
        let signed_at = session.now();
        let validity = jiff::SignedDuration::try_from(validity.unwrap_or(VALIDITY))
            .unwrap_or(jiff::SignedDuration::from_hours(24));
        let expires_at = signed_at.checked_add(validity).unwrap_or(Timestamp::MAX);
        let approval = Approval::sign(plan.plan_id, (principal, role), signed_at, expires_at, &key);
        let context = context(plan, NOT_KNOWN, signed_at);
        if let Err(why) = approval.verify(&context, &session.principals) {
            return Err(Error::Rejected {
                message: format!(
                    "this approval would not count, {why}: principal={principal} plan_id={}",
                    plan.plan_id
                ),
                hint:
                    "the approver is another principal than the planner, holds the role, and signs with their own key"
                    .into(),
                source: None,
            });
        }
        refuse_past(session, plan).await?;
        let record = record_of(&approval);
        let entry = entries::of_approval(&record);
        session.log(Record::Approval(record)).await?;
        self.enter(&entry, signed_at).await.map_err(|error| {
            let message = "the approval counts, and the ledger does not have it yet";
            Error::owed(message, Remedy::RepairLedger, error)
        })?;
        Ok(self.approvals_report(session, plan, NOT_KNOWN))
    }

    /// Lists the approvals of a plan, and what is still missing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]: the text names no plan, or more than one. [`Error::Rejected`]:
    /// the plan was changed after it was made.
    pub async fn approvals(&self, plan: &str) -> Result<ApprovalsReport> {
        let mut session = Session::judge(self, "approvals").await?;
        session.require_policy("approvals")?;
        let plan = load_plan(&session, plan).await?;
        let not_fresh_because = judge_again(&mut session, &plan).await.not_fresh_because;
        let report = self.approvals_report(&session, &plan, NOT_KNOWN);
        Ok(ApprovalsReport { fresh: not_fresh_because.is_none(), not_fresh_because, ..report })
    }

    /// Counts the approvals of a plan that `executed_by` executes; says nothing about whether the plan is fresh.
    pub(crate) fn approvals_report(
        &self,
        session: &Session,
        plan: &Plan,
        executed_by: &str,
    ) -> ApprovalsReport {
        let now = session.now();
        let records: Vec<_> = session.history.approvals(&plan.plan_id).collect();
        let approvals: Vec<Approval> = records.iter().map(|record| approval_of(record)).collect();
        let context = context(plan, executed_by, now);
        let tally = Tally::of(&approvals, &context, &session.principals);
        let risk = RiskLevel::of_word(&plan.summary.risk_level).unwrap_or(RiskLevel::Critical);
        let needed = kfm_policy::ApprovalsNeeded::for_operation(plan.summary.tier, risk);
        let lines = approvals.iter().map(|approval| {
            let verdict = approval.verify(&context, &session.principals);
            ApprovalLine {
                principal: approval.principal.clone(),
                role: approval.role.clone(),
                signed_at: approval.signed_at,
                expires_at: approval.expires_at,
                valid: verdict.is_ok(),
                why: verdict.err().map(|why| why.to_string()),
            }
        });
        ApprovalsReport {
            plan_id: plan.plan_id,
            fresh: true,
            not_fresh_because: None,
            approvals: lines.collect(),
            needed: needed.missing(&tally, &session.principals).into_iter().collect(),
        }
    }
}

/// Refuses a plan that can no longer be executed: a signature under it would be good for nothing.
///
/// # Errors
/// [`Error::Conflict`]: says why it cannot be executed.
async fn refuse_past(session: &Session, plan: &Plan) -> Result<()> {
    let Some(why) = why_refused(session, plan).await else { return Ok(()) };
    Err(Error::Conflict {
        message: format!("the plan can no longer be executed, {why}: plan_id={}", plan.plan_id),
        conflicts: Vec::new(),
        hint: "plan again, and approve the new plan".into(),
        next: vec![Remedy::ShowPlan { plan: plan.plan_id, entire: false }],
    })
}

async fn add_principal(
    session: &mut Session,
    name: &str,
    roles: &[String],
    public_key: &str,
) -> Result<PrincipalLine> {
    session.reread_policy()?;
    // What a person wrote into the file is recorded apart from what this command writes.
    session.bring_into_force().await?;
    let (principal, text) = with_principal(session, name, roles, public_key)?;
    let platform = session.platform.clone();
    write_durably(platform.disk(), &platform.policy_path(PRINCIPALS), text.as_bytes())?;
    session.follow_policy_file("the principal").await?;
    session.settle_ledger("the principal").await?;
    Ok(PrincipalLine::from(&principal))
}

/// Makes a principal, and the text of the list with it.
fn with_principal(
    session: &Session,
    name: &str,
    roles: &[String],
    public_key: &str,
) -> Result<(Principal, String)> {
    if let Some(taken) = session.principals.iter().find(|other| is_same_name(&other.name, name)) {
        return Err(Error::invalid(
            format!("the name is taken: principal={}", taken.name),
            "choose another name; to give this principal another key or role, change its entry in the file of \
             principals",
        ));
    }
    let parsed: Option<Vec<Role>> = roles.iter().map(|role| Role::parse(role)).collect();
    let Some(roles) = parsed.filter(|roles| !roles.is_empty()) else {
        let known = Role::ALL.map(Role::as_str).join(", ");
        return Err(Error::invalid(
            format!("a role is not known: roles={}", roles.join(",")),
            format!("give one or more of {known}"),
        ));
    };
    let public_key: PublicKey = public_key.parse().map_err(|_| {
        Error::invalid(
            "this is not an Ed25519 public key of 64 hex digits",
            "give the key that 'principals add' printed",
        )
    })?;
    if let Some(taken) = session.principals.iter().find(|other| other.public_key == public_key) {
        return Err(Error::invalid(
            format!("the key is another principal's: principal={}", taken.name),
            advice![
                "each principal signs with a key of its own: bring another, or leave ",
                Parameter::PublicKey,
                " out to make one",
            ],
        ));
    }
    let principal = Principal { name: name.to_owned(), roles: roles.into_iter().collect(), public_key };
    let known = session.platform.policy_text(PRINCIPALS)?;
    let text = Principals::append(Some(&known), &principal).map_err(crate::platform::policy_file)?;
    Ok((principal, text))
}

fn context<'a>(plan: &'a Plan, executed_by: &'a str, now: Timestamp) -> ApprovalContext<'a> {
    ApprovalContext { plan_id: &plan.plan_id, requested_by: &plan.requested_by, executed_by, now }
}

impl From<&Principal> for PrincipalLine {
    fn from(principal: &Principal) -> Self {
        Self {
            name: principal.name.clone(),
            roles: principal.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            public_key: principal.public_key.to_string(),
        }
    }
}
