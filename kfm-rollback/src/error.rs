//! Why an operation did not do what was asked, sorted by what the caller does next.

use kfm_lineage::{Digest, OperationId, Status};
use kfm_policy::{Advice, Remedy};
use kfm_retry::{Classify, ErrorClass, Verdict};

use kfm_telemetry::TelemetryError;
use kfm_wal::WalError;
use kfm_wal::slots::SlotError;

use crate::op::OpError;
use crate::report::{ConflictLine, FindingLine, Listing, ProtectedLine};
use crate::versions::VersionError;

/// The result of the engine's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not do what was asked.
///
/// Each variant is one class of errors; [`Error::kind`] gives its name. After
/// [`Unfinished`](Error::Unfinished) an operation is open, after [`Owed`](Error::Owed) a record is missing; after every
/// other variant nothing is half done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request itself is wrong: repair it.
    #[error("{message}")]
    Invalid {
        /// What is wrong; names the file, line or entity.
        message: String,
        /// What the caller can do about it.
        hint: Advice,
        /// What lies beneath, if anything.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A plan, an approval or a key that was brought is not what it must be, or policy never allows what was asked
    /// for: find out where it comes from. It is recorded (R6).
    #[error("{message}")]
    Rejected {
        /// What is wrong with it.
        message: String,
        /// What the caller can do about it.
        hint: Advice,
        /// What lies beneath, if anything.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The request was refused, and the refusal could not be recorded everywhere (R6): repair what is named, then
    /// look at the ledger.
    #[error("{refusal}")]
    Unrecorded {
        /// The refusal that could not be recorded.
        refusal: Box<Error>,
        /// Which records lack it: log, ledger, telemetry, or several of them.
        missing: &'static str,
        /// Why they could not be written.
        why: String,
    },
    /// The actor asked to stop before anything was begun: nothing is left behind.
    #[error("stopped on request, nothing was begun")]
    Stopped,
    /// Nothing has that id: look at the list.
    #[error("nothing has this id: {kind}={text}")]
    NotFound {
        /// What was looked for: publish, rollback, plan, …
        kind: &'static str,
        /// The text that was given.
        text: String,
    },
    /// The id names something else than what was asked for: do one of the things in `next`.
    #[error("this id names a {found}, not a {wanted}: id={id}")]
    OtherKind {
        /// What was looked for.
        wanted: &'static str,
        /// What has the id: publish, rollback, hotfix or plan.
        found: &'static str,
        /// The whole id that the text names.
        id: String,
        /// What can be done with this id.
        next: Vec<Remedy>,
    },
    /// More than one thing begins like that: give more of the id.
    #[error("more than one {kind} begins like this: text={text} candidates={}", candidates.join(", "))]
    Ambiguous {
        /// What was looked for.
        kind: &'static str,
        /// The text that was given.
        text: String,
        /// Ids that begin with the text.
        candidates: Vec<String>,
    },
    /// A rule denies it: repair what the findings name, and plan again.
    #[error("denied by policy: {} of {} findings deny", findings.iter().filter(|f| f.denies).count(), findings.len())]
    Denied {
        /// What was asked for.
        operation: String,
        /// The findings, those that deny first.
        findings: Vec<FindingLine>,
    },
    /// Approvals are missing: get them, then execute the plan by its id.
    #[error("approvals are missing: plan_id={plan_id}")]
    ApprovalRequired {
        /// The plan that waits for approvals.
        plan_id: Digest,
        /// What is missing, in words.
        needed: Vec<String>,
        /// Approvals that were given and do not count, each with the reason.
        refused: Vec<String>,
        /// What must be done before they can be given: a principal with the role that is asked for. Empty if there is one.
        before: Vec<Remedy>,
    },
    /// Something differs from what the operation needs: read what differs, then plan again, wait, or reconcile.
    #[error("{message}")]
    Conflict {
        /// What differs, or what is in the way.
        message: String,
        /// The cells or operations that it is about.
        conflicts: Vec<ConflictLine>,
        /// What the caller can do about it.
        hint: Advice,
        /// What the caller can do next.
        next: Vec<Remedy>,
    },
    /// Another process works in this platform: wait for it, then try again.
    #[error("another operation is running: {holder}")]
    Locked {
        /// The process that holds the lock: what it does, for which actor, since when, on which host, and its
        /// number there.
        holder: String,
    },
    /// The log or the version store lacks what this operation needs: a person has to look.
    #[error("{message}")]
    Incomplete {
        /// What is missing, and where.
        message: String,
        /// What the caller can do about it.
        hint: Advice,
        /// What the caller can do next.
        next: Vec<Remedy>,
    },
    /// The operation failed and readers see the prior state.
    #[error("{message}")]
    Failed {
        /// What failed, and why.
        message: String,
        /// The operation, where it was opened.
        operation: Option<OperationId>,
        /// `aborted`, or `failed` if nothing had moved.
        status: Status,
        /// The cells that readers do not see as before, since protection asks for something else by now.
        protected: Box<Listing<ProtectedLine>>,
        /// The error of the store, log or policy that it failed with.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The operation is open and waits to be resumed or aborted.
    #[error("{message}")]
    Unfinished {
        /// What the operation waits for.
        message: String,
        /// The id of the operation that is open.
        operation: OperationId,
        /// `interrupted` or `held`.
        status: Status,
        /// The name of the reason, where it is held.
        held_reason: Option<String>,
        /// What the caller can do next.
        next: Vec<Remedy>,
    },
    /// What was asked for is done, but a record of it is missing (R94): do one of the things in `next`, which write it.
    #[error("{message}")]
    Owed {
        /// What is done, and which record is missing.
        message: String,
        /// What the caller can do next.
        next: Vec<Remedy>,
        /// Why the record could not be written.
        #[source]
        source: Box<Error>,
    },
    /// A store cannot be read; nothing was changed.
    #[error("store cannot be used")]
    Store(#[source] OpError),
    /// The version store cannot be used; nothing was changed.
    #[error("version store cannot be used")]
    Versions(#[source] VersionError),
    /// The log cannot be used; nothing was changed.
    #[error("log cannot be used")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The ledger or the telemetry cannot be used: verify the ledger, or make room on the disk.
    #[error("ledger or telemetry cannot be used")]
    Records(#[source] Box<TelemetryError>),
    /// A file of the platform cannot be used.
    #[error("file cannot be used: path={path}")]
    File {
        /// The path of the file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Makes an [`Error::Invalid`] without a source.
    pub fn invalid(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::Invalid { message: message.into(), hint: hint.into(), source: None }
    }

    /// Turns an invalid request into a refusal that is recorded (R6): for requests about labels, principals and
    /// approvals.
    pub(crate) fn rejected(self) -> Self {
        match self {
            Self::Invalid { message, hint, source } => Self::Rejected { message, hint, source },
            other => other,
        }
    }

    /// Makes the error of what is done although its record could not be written; `record` writes it.
    pub(crate) fn owed(message: impl Into<String>, record: Remedy, source: impl Into<Self>) -> Self {
        let next = vec![record, Remedy::ShowStatus];
        Self::Owed { message: message.into(), next, source: Box::new(source.into()) }
    }

    /// Returns the name of the error's class.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::Rejected { .. } => "invalid",
            Self::Unrecorded { refusal, .. } => refusal.kind(),
            Self::Stopped => "cancelled",
            Self::NotFound { .. } | Self::OtherKind { .. } => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Denied { .. } => "denied",
            Self::ApprovalRequired { .. } => "approval_required",
            Self::Conflict { .. } => "conflict",
            Self::Locked { .. } => "locked",
            Self::Incomplete { .. } => "incomplete",
            Self::Failed { .. } => "failed",
            Self::Unfinished { .. } | Self::Owed { .. } => "unfinished",
            Self::Store(_) => "store",
            Self::Versions(_) => "versions",
            Self::Log(_) => "log",
            Self::Records(_) => "records",
            Self::File { .. } => "file",
        }
    }

    /// Returns what the caller can do about it, in the order in which to try it.
    pub fn next(&self) -> Vec<Remedy> {
        match self {
            Self::OtherKind { next, .. }
            | Self::Conflict { next, .. }
            | Self::Incomplete { next, .. }
            | Self::Unfinished { next, .. }
            | Self::Owed { next, .. } => next.clone(),
            Self::Unrecorded { refusal, .. } => refusal.next(),
            Self::NotFound { kind, .. } => list_of(kind).into_iter().collect(),
            Self::Denied { findings, .. } if findings.iter().any(is_unlabelled) => vec![Remedy::ListLabels],
            Self::ApprovalRequired { plan_id: plan, before, .. } => {
                let then = [
                    Remedy::ShowPlan { plan: *plan, entire: false },
                    Remedy::ListApprovals { plan: *plan },
                    Remedy::ExecutePlan { plan: *plan },
                ];
                before.iter().cloned().chain(then).collect()
            }
            Self::Locked { .. } => vec![Remedy::ShowStatus],
            Self::Store(OpError::Missing { derived: true, .. }) => vec![Remedy::Project],
            Self::Store(_) => vec![Remedy::Examine { digests: false }],
            Self::Versions(_) => vec![Remedy::Examine { digests: true }],
            Self::Log(source) if is_of_server(&**source) => vec![Remedy::Examine { digests: false }],
            Self::Log(_) => vec![Remedy::VerifyLog],
            Self::Records(_) => vec![Remedy::VerifyLedger],
            Self::Invalid { .. }
            | Self::Rejected { .. }
            | Self::Stopped
            | Self::Ambiguous { .. }
            | Self::Denied { .. }
            | Self::Failed { .. }
            | Self::File { .. } => Vec::new(),
        }
    }

    /// Returns the word under which a refusal is recorded; `None` if the error is not a refusal (R6).
    pub(crate) fn refused_as(&self) -> Option<Status> {
        match self {
            Self::Denied { .. } => Some(Status::Denied),
            Self::ApprovalRequired { .. } => Some(Status::AwaitingApproval),
            Self::Conflict { .. } | Self::Incomplete { .. } | Self::Rejected { .. } => Some(Status::Refused),
            _ => None,
        }
    }
}

/// The code by which other tools know a missing label.
const NO_LABEL: &str = "C-F01";

/// Says whether a finding is that a label is missing.
fn is_unlabelled(finding: &FindingLine) -> bool {
    finding.code.as_deref() == Some(NO_LABEL)
}

/// Returns what lists the things of a kind that an id can name.
fn list_of(kind: &str) -> Option<Remedy> {
    match kind {
        "publish" => Some(Remedy::ListPublishes),
        "rollback" => Some(Remedy::ListRollbacks),
        "hotfix" => Some(Remedy::ListHotfixes),
        "principal" => Some(Remedy::ListPrincipals),
        _ => None,
    }
}

/// Says whether an error of the log is one of the server that it is on.
fn is_of_server(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(WalError::Io { source, .. }) if source.is::<SlotError>())
}

impl Classify for Error {
    /// Says whether a pipeline may try again (R82): only if another process held the lock, or a store did not
    /// answer.
    ///
    /// It may not after an operation that failed half-way, since what stopped it may not pass by itself.
    fn classify(&self) -> Verdict {
        match self {
            Self::Locked { .. } | Self::Store(OpError::Transient { .. }) => ErrorClass::Transient.into(),
            Self::File { source, .. } => source.classify(),
            Self::Denied { .. } | Self::ApprovalRequired { .. } => ErrorClass::Governance.into(),
            Self::Unrecorded { refusal, .. } => refusal.classify(),
            Self::Incomplete { .. } => ErrorClass::Lineage.into(),
            Self::Invalid { .. }
            | Self::Rejected { .. }
            | Self::NotFound { .. }
            | Self::OtherKind { .. }
            | Self::Ambiguous { .. }
            | Self::Conflict { .. } => ErrorClass::Rejected.into(),
            _ => ErrorClass::Unknown.into(),
        }
    }
}

impl From<OpError> for Error {
    fn from(error: OpError) -> Self {
        Self::Store(error)
    }
}

impl From<VersionError> for Error {
    fn from(error: VersionError) -> Self {
        Self::Versions(error)
    }
}

impl From<TelemetryError> for Error {
    fn from(error: TelemetryError) -> Self {
        Self::Records(Box::new(error))
    }
}

impl From<WalError> for Error {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Locked { holder } => Self::Locked { holder },
            // Nothing was appended, and the log is sound: the record that was to be appended is too large, or
            // cannot be read back.
            error @ (WalError::TooLarge { .. } | WalError::Unreadable { .. }) => Self::Invalid {
                message: "the log cannot hold what this asks for; nothing was recorded".into(),
                hint: "give shorter texts, and values that are smaller or less deep".into(),
                source: Some(Box::new(error)),
            },
            WalError::Fenced { epoch } => {
                Self::Locked { holder: format!("another host, which has taken the log over: epoch={epoch}") }
            }
            WalError::Snapshot { path, source } => Self::File { path, source },
            error => Self::Log(Box::new(error)),
        }
    }
}

/// Bytes of a text that a record keeps; a list of conflicts may be as long as the catalog.
const RECORDED_BYTES_MAX: usize = 4_096;

/// Cuts a text to what a record keeps.
pub(crate) fn recorded_text(text: String) -> String {
    if text.len() <= RECORDED_BYTES_MAX {
        return text;
    }
    let end = (0..=RECORDED_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// Returns the messages of an error and of all its sources, on one line.
pub(crate) fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
