//! The program that gets the alerts (`[notify] command` in `kfm.toml`).

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kfm_lineage::{Slug, Timestamp};
use kfm_retry::Clock;

use crate::alert::AlertRecord;
use crate::error::BoxError;

/// How long a program may take, unless the caller sets another time.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is checked whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Sends alerts to a program: one line of JSON on its standard input, then the end of the input.
///
/// The program is started once for each alert. It gets nothing but the line, and its output is not read. It
/// succeeds with exit code 0 within [`PATIENCE`]; a program that takes longer is killed.
#[derive(Debug)]
pub struct Notifier {
    program: PathBuf,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

impl Notifier {
    /// Makes a notifier from the words of a command; `None` if there are no words.
    pub fn new(command: &[String], clock: Arc<dyn Clock>) -> Option<Self> {
        let (program, arguments) = command.split_first()?;
        Some(Self {
            program: PathBuf::from(program),
            arguments: arguments.to_vec(),
            folder: None,
            patience: PATIENCE,
            clock,
        })
    }

    /// Starts the program in this folder; a relative path of the program counts from here.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // Only a name with more than one part is a path; `notify` alone is searched in `PATH`.
        if self.program.is_relative() && self.program.components().count() > 1 {
            self.program = folder.join(&self.program);
        }
        self.folder = Some(folder);
        self
    }

    /// Sets how long the program may take.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends an alert to the program.
    ///
    /// # Errors
    /// [`NotifyError`]: the program did not take the alert; record that, and go on.
    ///
    /// # Cancel safety
    /// When the caller drops the future, the program is killed.
    pub async fn tell(&self, alert: &AlertRecord) -> Result<(), NotifyError> {
        let not_started = |source: BoxError| NotifyError::NotStarted { source };
        let mut line = serde_json::to_vec(alert).map_err(|error| not_started(error.into()))?;
        line.push(b'\n');
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let started = tokio::task::spawn_blocking(move || start(command, &line)).await;
        let mut running =
            started.map_err(|error| not_started(error.into()))?.map_err(|error| not_started(error.into()))?;
        let deadline = self.clock.monotonic() + self.patience;
        loop {
            match running.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(NotifyError::Refused { status }),
                Ok(None) if self.clock.monotonic() < deadline => self.clock.sleep(LOOK_EVERY).await,
                Ok(None) => return Err(NotifyError::TooSlow),
                Err(error) => return Err(not_started(error.into())),
            }
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Starts the program and gives it the line.
///
/// A line is far smaller than a pipe holds, so this does not wait for a program that does not read. Nor is it
/// an error if the program has closed its input: its exit code says whether it took the alert.
fn start(mut command: Command, line: &[u8]) -> std::io::Result<Running> {
    let mut running = Running(command.spawn()?);
    if let Some(mut input) = running.0.stdin.take() {
        match input.write_all(line) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    Ok(running)
}

/// A running program; dropping it kills the program.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both calls fail only if the program has ended and was waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Why the program did not take an alert.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// The program could not be started: look whether it is there and may be run.
    #[error("the program could not be run")]
    NotStarted {
        /// Why it could not be started.
        #[source]
        source: BoxError,
    },
    /// The program ended with an error: look at what it reported.
    #[error("the program failed: status={status}")]
    Refused {
        /// The status with which it ended.
        status: ExitStatus,
    },
    /// The program took too long: make it pass the message on and end.
    #[error("the program took too long and was killed")]
    TooSlow,
}

impl NotifyError {
    /// Returns the class of the error that is recorded.
    pub fn class(&self) -> Slug {
        let class = match self {
            Self::NotStarted { .. } => "not_started".to_owned(),
            Self::Refused { status } => match status.code() {
                Some(code) => format!("exit_{}", code.unsigned_abs()),
                None => "signal".to_owned(),
            },
            Self::TooSlow => "timeout".to_owned(),
        };
        Slug::parse(&class).expect("the classes above are slugs")
    }
}
