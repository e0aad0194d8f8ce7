//! The program that is told of alerts (`[notify] command`).

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kfm_lineage::{Slug, Timestamp};
use kfm_retry::Clock;

use crate::alert::AlertRecord;
use crate::error::BoxError;

/// How long a program may take, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Tells alerts to a program: one line of JSON on its standard input, then the end of the input.
///
/// The program is started once for each alert, gets nothing but the line, and its output is not read.
/// Success is the exit code 0 within [`PATIENCE`]; a program that takes longer is killed.
#[derive(Debug)]
pub struct Notifier {
    program: PathBuf,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

impl Notifier {
    /// Makes a notifier of the words of a command; `None` if there are none.
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

    /// Starts the program in this folder, and takes a relative path of it from here.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // Only what has more than one part is a path; `notify` alone is looked for where programs are.
        if self.program.is_relative() && self.program.components().count() > 1 {
            self.program = folder.join(&self.program);
        }
        self.folder = Some(folder);
        self
    }

    /// Lets the program take this long.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Tells the program of an alert.
    ///
    /// # Errors
    /// [`NotifyError`]: the program did not take it; record that, and go on.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program.
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
/// A line is far smaller than a pipe holds, so this does not wait for a program that does not read; nor is
/// it an error that one has closed its input: its exit code says what it made of that.
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

/// A program that does not outlive our interest in it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the program has ended and was waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Why the program did not take an alert.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// Look whether the program is there and may be run.
    #[error("the program could not be run")]
    NotStarted {
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// Look what the program complained of.
    #[error("the program failed: status={status}")]
    Refused {
        /// How it ended.
        status: ExitStatus,
    },
    /// Make the program hand the message on and end.
    #[error("the program took too long and was killed")]
    TooSlow,
}

impl NotifyError {
    /// Returns the class that is recorded.
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
