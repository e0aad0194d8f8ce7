//! What went wrong, as the command says it: kind, message, causes, hint, what to run next, exit code.
//!
//! The one place where the libraries' errors become [`Failure`]s, and so the one that knows exit codes (R101).

use std::error::Error as StdError;

use kfm_policy::Remedy;
use kfm_rollback::Error;
use kfm_rollback::op::OpError;
use kfm_rollback::report::{Conflicts, Listing, Status};
use kfm_rollback::versions::VersionError;
use kfm_telemetry::TelemetryError;
use kfm_wal::WalError;
use kfm_wal::slots::SlotError;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::output::findings::{conflict_list, denial, protected_list};
use crate::output::said::Said;
use crate::output::{Screen, Tone, words};
use crate::say;

/// What to do about a file that cannot be used; its cause says why.
const FILE_HINT: &str = "see that the file is there and may be read or written, then try again";

/// What the two commands that end an open operation do.
pub(crate) const BOTH_WAYS: &str = "the first command goes on to the planned values, the second goes back to what \
    readers saw before; once an abort has begun, both go back";

/// The result of a command; boxed, since failures are rare and carry a screen.
pub(crate) type Result<T> = std::result::Result<T, Box<Failure>>;

/// Why a command did not do what was asked, or why its exit code is not 0.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    /// The class of the error, for programs.
    pub(crate) kind: String,
    /// What is wrong, in one sentence.
    pub(crate) message: String,
    /// The messages of its sources, the outermost first.
    pub(crate) causes: Vec<String>,
    /// What the operator can do.
    pub(crate) hint: String,
    /// Commands that can be run as they stand.
    pub(crate) next: Vec<String>,
    /// The exit code (R101).
    pub(crate) exit_code: u8,
    /// More keys of the JSON object, such as ids, findings or conflicts.
    pub(crate) keys: Map<String, Value>,
    /// What is shown between message and hint.
    pub(crate) details: Screen,
}

impl Failure {
    /// Makes a failure of the request itself (exit 2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: "usage".to_owned(), message: message.into(), exit_code: 2, ..Self::default() }
    }

    /// Makes a failure that should not happen (exit 2).
    pub(crate) fn internal(message: &str, source: &(dyn StdError + 'static)) -> Self {
        Self { causes: chain(Some(source)), ..Self::internal_text(message) }
    }

    /// Makes a failure that should not happen and has no source (exit 2).
    pub(crate) fn internal_text(message: &str) -> Self {
        Self { kind: "internal".to_owned(), message: message.to_owned(), exit_code: 2, ..Self::default() }
    }

    /// Makes a failure of a file that was named on the command line (exit 2).
    pub(crate) fn file(path: &std::path::Path, source: &std::io::Error) -> Self {
        Self {
            kind: "file".to_owned(),
            message: format!("file cannot be used: path={}", path.display()),
            causes: chain(Some(source)),
            hint: FILE_HINT.to_owned(),
            exit_code: 2,
            ..Self::default()
        }
    }

    /// Makes a failure from the parser's message about a command line (exit 2).
    pub(crate) fn command_line(text: &str, name: &str) -> Self {
        let text = text.trim();
        let (message, hint) = text.split_once("\n\n").unwrap_or((text, ""));
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let help = match name {
            "usage" => "kfm --help".to_owned(),
            name => format!("kfm {} --help", name.replace('.', " ")),
        };
        Self::usage(message).with_hint(hint.trim()).with_next([help])
    }

    /// Makes the complaint of a check that did its work and has findings (exit 1).
    pub(crate) fn findings(message: impl Into<String>) -> Self {
        Self { kind: "findings".to_owned(), message: message.into(), exit_code: 1, ..Self::default() }
    }

    /// Makes the complaint of a rehearsal whose execution would be refused (exit 6).
    pub(crate) fn not_ready(message: impl Into<String>) -> Self {
        Self { kind: "conflict".to_owned(), message: message.into(), exit_code: 6, ..Self::default() }
    }

    /// Makes the complaint of a rehearsal that only lacks approvals (exit 5).
    pub(crate) fn not_approved(message: impl Into<String>) -> Self {
        Self {
            kind: "approval_required".to_owned(),
            message: message.into(),
            exit_code: 5,
            ..Self::default()
        }
    }

    /// Makes the complaint about an operation that is open (exit 7).
    pub(crate) fn unfinished(message: impl Into<String>) -> Self {
        Self { kind: "unfinished".to_owned(), message: message.into(), exit_code: 7, ..Self::default() }
    }

    /// Makes the failure of a command that was stopped by a second Ctrl-C before anything was begun (exit 1).
    pub(crate) fn stopped() -> Self {
        Self {
            kind: "cancelled".to_owned(),
            exit_code: 1,
            ..Self::usage("stopped at once, nothing was begun")
        }
        .with_key("status", Status::Cancelled)
        .with_hint("readers see what they saw before, and there is nothing to resume")
    }

    /// Makes the failure of a command that was stopped by a second Ctrl-C while an operation was open (exit 7).
    pub(crate) fn interrupted() -> Self {
        Self { kind: "interrupted".to_owned(), ..Self::unfinished("stopped at once") }
            .with_hint("what was under way can be resumed or aborted")
    }

    /// Says what the operator can do.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Names the commands that can be run next.
    #[must_use]
    pub(crate) fn with_next(mut self, next: impl IntoIterator<Item = String>) -> Self {
        self.next = next.into_iter().collect();
        self
    }

    /// Adds a key to the JSON object.
    #[must_use]
    pub(crate) fn with_key(mut self, key: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(Said::new(&value, &|line| line)) {
            self.keys.insert(key.to_owned(), value);
        }
        self
    }

    /// Adds that the refusal could not be recorded (R6): where, and why.
    #[must_use]
    fn not_recorded(mut self, missing: &str, why: &str) -> Self {
        self.details.item(Tone::Warn, format!("this refusal is not recorded in {missing}: {why}"));
        self.with_key("not_recorded", serde_json::json!({ "in": missing, "why": why }))
    }

    /// Returns the failure as a screen.
    pub(crate) fn screen(&self) -> Screen {
        let mut screen = Screen::new(Tone::Bad, format!("error: {}", self.message));
        for cause in &self.causes {
            screen.item(Tone::Plain, format!("because: {cause}"));
        }
        screen.append(self.details.clone());
        self.show_remedy(&mut screen);
        screen
    }

    /// Ends a screen with what the operator can do, unless the screen names commands already.
    pub(crate) fn show_remedy(&self, screen: &mut Screen) {
        if screen.names_commands() {
            return;
        }
        if !self.hint.is_empty() {
            screen.heading("hint").item(Tone::Plain, &self.hint);
        }
        screen.next(&self.next);
    }
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        let error = match error {
            // The refusal as it is, with a remark that it could not be recorded.
            Error::Unrecorded { refusal, missing, why } => {
                return Self::new(Self::from(*refusal).not_recorded(missing, &why));
            }
            error => error,
        };
        let mut failure = Failure {
            kind: error.kind().to_owned(),
            message: error.to_string(),
            causes: chain(error.source()),
            exit_code: exit_code(&error),
            next: error.next().iter().map(say::command_line).collect(),
            ..Failure::default()
        };
        match error {
            Error::Invalid { hint, .. } | Error::Rejected { hint, .. } | Error::Incomplete { hint, .. } => {
                failure.hint = say::sentence(&hint);
            }
            Error::Stopped => {
                failure.hint = "readers see what they saw before, and there is nothing to resume".to_owned();
                failure = failure.with_key("status", Status::Cancelled);
            }
            Error::File { .. } => failure.hint = FILE_HINT.to_owned(),
            Error::NotFound { kind: "plan", .. } => {
                failure.hint = "give its id, a unique prefix of it, or the file that --out wrote".to_owned();
            }
            Error::NotFound { .. } => {}
            Error::OtherKind { .. } => failure.hint = "these commands take it".to_owned(),
            Error::Ambiguous { candidates, .. } => {
                failure.hint = "give more of the id".to_owned();
                failure = failure.with_key("candidates", candidates);
            }
            Error::Denied { operation, findings } => {
                // Labels are listed where one is missing.
                failure.hint = match failure.next.is_empty() {
                    false => "mend what the findings name; 'kfm labels assign' gives a label".to_owned(),
                    true => "mend what the findings name, then try again".to_owned(),
                };
                let findings = Listing::of(findings);
                failure.details = denial(&findings);
                failure = failure
                    .with_key("status", Status::Denied)
                    .with_key("operation", operation)
                    .with_key("findings", findings);
            }
            Error::ApprovalRequired { plan_id, needed, refused, before } => {
                let sign = format!("sign with: kfm approve {plan_id} --as NAME --role ROLE --key FILE");
                failure.hint = match before.first() {
                    Some(add) => {
                        format!("no principal can give it yet: '{}'; then {sign}", say::command_line(add))
                    }
                    None => sign,
                };
                failure.details.heading("missing");
                items(&mut failure.details, &needed);
                if !refused.is_empty() {
                    failure.details.heading("given, but do not count");
                    items(&mut failure.details, &refused);
                }
                failure = failure
                    .with_key("status", Status::AwaitingApproval)
                    .with_key("plan_id", plan_id)
                    .with_key("needed", needed)
                    .with_key("refused", refused);
            }
            Error::Conflict { conflicts, hint, .. } => {
                failure.hint = say::sentence(&hint);
                let against = Conflicts::of(conflicts);
                failure.details = conflict_list(&against);
                failure = failure
                    .with_key("status", Status::Refused)
                    .with_key("conflicts", against.conflicts)
                    .with_key("conflicts_total", against.conflicts_total);
            }
            Error::Locked { holder } => {
                failure.hint =
                    "wait for it with --wait SECONDS; the lock is free as soon as its holder ends".to_owned();
                failure = failure
                    .with_key("status", Status::Refused)
                    .with_key("holder", holder)
                    .not_recorded("log, ledger and telemetry", "another process holds them");
            }
            Error::Failed { operation, status, protected, .. } => {
                let but = words::but_protected(protected.total);
                failure.hint = format!("readers see what they saw before{but}");
                protected_list(&mut failure.details, &protected);
                failure = failure.with_key("status", status).with_operation(operation.as_ref());
                failure = failure.with_key("protected", protected);
            }
            Error::Unfinished { operation, status, held_reason, next, .. } => {
                if Remedy::are_both_ways(&next) {
                    failure.hint = BOTH_WAYS.to_owned();
                }
                failure = failure
                    .with_key("status", status)
                    .with_key("held_reason", held_reason)
                    .with_operation(Some(&operation));
            }
            Error::Owed { .. } => {
                failure.hint = "mend what the cause names, then run these commands: they write what is missing, or name it".to_owned();
                failure = failure.with_key("status", Status::Held).with_key("held_reason", "record_pending");
            }
            Error::Store(error) => {
                let hint = match &error {
                    OpError::Missing { store, derived: true, .. } => format!(
                        "its place is the url under [stores.{store}] of kfm.toml: mend that if it is misspelt. It is derived \
                         from the catalog, so nothing is lost: 'kfm project' makes and fills it"
                    ),
                    OpError::Missing { store, derived: false, .. } => format!(
                        "its place is the url under [stores.{store}] of kfm.toml: mend that if it is misspelt, or restore it \
                         from a backup. Without a backup, make an empty folder there: 'kfm reconcile --adopt', then \
                         the rollback that it names, bring every document back from the version store"
                    ),
                    _ => String::new(),
                };
                failure.hint = hint;
            }
            Error::Versions(error) => {
                if matches!(error, VersionError::Missing { .. } | VersionError::Damaged { .. }) {
                    failure.hint =
                        "restore the version store from a backup that is not older than the log".to_owned();
                }
            }
            Error::Log(source) => failure.hint = log_hint(source.downcast_ref::<WalError>()).to_owned(),
            _ => {}
        }
        Self::new(failure)
    }
}

impl From<TelemetryError> for Box<Failure> {
    fn from(error: TelemetryError) -> Self {
        let (kind, exit_code) = match &error {
            TelemetryError::Busy { .. } => ("locked", 6),
            TelemetryError::InvalidLine { .. } | TelemetryError::NotAnEntry { .. } => ("findings", 1),
            TelemetryError::ViewDiffers { .. } => ("findings", 1),
            TelemetryError::Log { .. } => ("log", 4),
            _ => ("telemetry", 2),
        };
        let next = match &error {
            TelemetryError::NotAnEntry { .. }
            | TelemetryError::ViewDiffers { .. }
            | TelemetryError::Log { .. } => {
                vec!["kfm ledger verify".to_owned()]
            }
            _ => Vec::new(),
        };
        Self::new(Failure {
            kind: kind.to_owned(),
            message: error.to_string(),
            causes: chain(error.source()),
            next,
            exit_code,
            ..Failure::default()
        })
    }
}

impl Failure {
    /// Adds the operation's id under the key of its kind.
    fn with_operation(self, operation: Option<&kfm_lineage::OperationId>) -> Self {
        let Some(operation) = operation else { return self };
        let key = match operation.kind() {
            kfm_lineage::IdKind::Publish => "publish_id",
            kfm_lineage::IdKind::Rollback => "rollback_id",
            kfm_lineage::IdKind::Hotfix => "hotfix_id",
        };
        self.with_key(key, operation)
    }
}

/// Returns the exit code of an error's class (R101); what is not listed is wrong with the request or with what it is
/// made to.
fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Failed { .. } | Error::Stopped => 1,
        Error::Denied { .. } => 3,
        Error::Incomplete { .. } | Error::Log(_) => 4,
        Error::ApprovalRequired { .. } => 5,
        Error::Conflict { .. } | Error::Locked { .. } => 6,
        Error::Unfinished { .. } | Error::Owed { .. } => 7,
        Error::Unrecorded { refusal, .. } => exit_code(refusal),
        Error::Records(source) => match **source {
            TelemetryError::Busy { .. } => 6,
            TelemetryError::Log { .. } | TelemetryError::NotAnEntry { .. } => 4,
            _ => 2,
        },
        _ => 2,
    }
}

/// Returns the hint about a log that cannot be used.
fn log_hint(error: Option<&WalError>) -> &'static str {
    match error {
        Some(WalError::Io { source, .. }) => match source.downcast_ref::<SlotError>() {
            Some(SlotError::Refused { .. }) => {
                "the log's server answers and refuses: see that the bucket, container or database is there, that url \
                 under [wal] of kfm.toml names it, that the credentials in the environment may \
                 read and write it, and that its certificate is trusted"
            }
            Some(_) => {
                "the log's server gives no answer: see that it runs, that it can be reached from this host, and that \
                 url under [wal] of kfm.toml and the endpoint in the environment name it; then try again"
            }
            None => "see that the log's address answers, and that this host's credentials may use it",
        },
        Some(WalError::Unfit { .. }) => {
            "name another store under [wal] of kfm.toml: nothing was written to this one"
        }
        _ => "",
    }
}

/// Returns the messages of an error and of its sources; leaves out a message with which the one above it ends.
fn chain(error: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut at = error;
    while let Some(error) = at {
        let text = error.to_string();
        if !texts.last().is_some_and(|above| above.ends_with(&text)) {
            texts.push(text);
        }
        at = error.source();
    }
    texts
}

fn items(screen: &mut Screen, texts: &[String]) {
    for text in texts {
        screen.item(Tone::Plain, text);
    }
}
