//! The only file that prints: the result goes to standard output, everything else to standard error.

pub(crate) mod envelope;
pub(crate) mod findings;
pub(crate) mod ndjson;
mod paint;
pub(crate) mod said;
mod screen;
mod visible;
pub(crate) mod words;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::Usage;
use crate::config::Environment;
use crate::context::Context;
use crate::error::{Failure, Result};
use envelope::Envelope;
use said::Said;
use visible::Visible;

pub(crate) use paint::{Paint, Tone};
pub(crate) use screen::{LIST_LINES_MAX, Screen};

/// What a command answers: the same facts for programs and for people.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The keys of the JSON object.
    pub(crate) keys: Map<String, Value>,
    /// The screen for people.
    pub(crate) screen: Screen,
    /// Why the exit code is not 0 although the command did its work: findings, an open operation.
    pub(crate) complaint: Option<Failure>,
}

impl Answer {
    /// Makes an answer from a report and its screen.
    pub(crate) fn new(report: &impl Serialize, screen: Screen) -> Result<Self> {
        Self::said(&Said::new(report, &|line| line), screen)
    }

    /// Makes an answer from a report that names what to do next: by commands that can be run where this one was called.
    pub(crate) fn with_next(cx: &Context<'_>, report: &impl Serialize, screen: Screen) -> Result<Self> {
        Self::said(&Said::new(report, &|line| cx.completed(line)), screen)
    }

    fn said(said: &impl Serialize, screen: Screen) -> Result<Self> {
        match serde_json::to_value(said) {
            Ok(Value::Object(keys)) => Ok(Self { keys, screen, complaint: None }),
            Ok(_) => Err(Failure::internal_text("a report is not an object").into()),
            Err(error) => Err(Failure::internal("a report cannot be written as JSON", &error).into()),
        }
    }

    /// Says why the exit code is not 0.
    #[must_use]
    pub(crate) fn complain(mut self, complaint: Option<Failure>) -> Self {
        self.complaint = complaint;
        self
    }
}

/// Writes answers, failures, notes and progress.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    command: String,
    stdout: Paint,
    stderr: Paint,
    /// The bar of progress, hidden until a command shows it; it must be wiped before anything else is written.
    bar: ProgressBar,
    /// A line that is written to standard error after the answer.
    remark: Arc<Mutex<Option<String>>>,
}

impl Output {
    /// Makes the output of one command, named by its words.
    pub(crate) fn new(json: bool, command: &str, environment: &Environment) -> Self {
        let colour = |terminal: bool| Paint::new(terminal && !environment.no_color);
        Self {
            json,
            command: command.to_owned(),
            stdout: colour(environment.stdout_is_terminal),
            stderr: colour(environment.stderr_is_terminal),
            bar: ProgressBar::hidden(),
            remark: Arc::default(),
        }
    }

    /// Says whether the answer is one JSON object.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes the answer or the failure, and returns the process's exit code.
    pub(crate) fn finish(&self, result: Result<Answer>) -> ExitCode {
        let code = match result {
            Ok(answer) => self.answered_code(answer),
            Err(failure) => self.failed_code(*failure),
        };
        if let Some(remark) = self.remark.lock().unwrap_or_else(PoisonError::into_inner).take() {
            write_aside(&Visible::lines(&format!("{remark}\n")));
        }
        ExitCode::from(code)
    }

    /// Writes the parser's message about a command line that does not parse, or the help that it asks for.
    pub(crate) fn finish_usage(&self, usage: &Usage) -> ExitCode {
        let error = &usage.error;
        if self.json {
            let text = error.render().to_string();
            if error.use_stderr() {
                return self.finish(Err(Failure::command_line(&text, &usage.name).into()));
            }
            let keys = Map::from_iter([("text".to_owned(), Value::String(text))]);
            // Help is an answer of its own, whichever command it is about.
            let help = Self { command: "usage".to_owned(), ..self.clone() };
            return help.finish(Ok(Answer { keys, ..Answer::default() }));
        }
        if error.use_stderr() {
            // The parser repeats arguments unescaped, and with colours; so its own print is not used.
            write_aside(&Visible::of_parser(&error.render().ansi().to_string()));
        } else if error.print().is_err() {
            return ExitCode::from(2);
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    }

    fn answered_code(&self, answer: Answer) -> u8 {
        self.wipe();
        let text = if self.json {
            Visible::json(&Envelope::new(&self.command, answer.keys, answer.complaint.as_ref()))
        } else {
            let mut screen = answer.screen;
            if let Some(complaint) = &answer.complaint {
                complaint.show_remedy(&mut screen);
            }
            Visible::screen(&screen, self.stdout)
        };
        let code = answer.complaint.map_or(0, |complaint| complaint.exit_code);
        write_result(&text, code)
    }

    /// Writes a failure, and returns its exit code.
    pub(crate) fn failed_code(&self, mut failure: Failure) -> u8 {
        self.wipe();
        if self.json {
            let keys = std::mem::take(&mut failure.keys);
            let text = Visible::json(&Envelope::new(&self.command, keys, Some(&failure)));
            return write_result(&text, failure.exit_code);
        }
        write_aside(&Visible::screen(&failure.screen(), self.stderr));
        failure.exit_code
    }

    /// Keeps a line that is written to standard error after the answer.
    pub(crate) fn remark(&self, line: String) {
        *self.remark.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    /// Writes a line of progress or advice to standard error.
    pub(crate) fn note(&self, text: &str) {
        self.wipe();
        write_aside(&Visible::lines(&format!("{text}\n")));
    }

    /// Writes a screen to standard error, as the context of a question.
    pub(crate) fn aside(&self, screen: &Screen) {
        self.wipe();
        write_aside(&Visible::screen(screen, self.stderr));
    }

    /// Writes a question to standard error, and leaves the cursor behind it.
    pub(crate) fn ask(&self, question: &str) {
        self.wipe();
        write_aside(&Visible::lines(&format!("\n{question}")));
    }

    /// Lets the bar of progress be seen, on standard error; it writes there itself, and only what the engine calls its
    /// phases.
    pub(crate) fn show_bar(&self) {
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    /// Returns the bar of progress, which is wiped whenever something else is written.
    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// Writes a part of the answer of a command that answers in parts; the last part is its answer.
    ///
    /// With `--json`, standard output is for the one object, so the parts go to standard error.
    pub(crate) fn part(&self, text: &str) {
        self.wipe();
        let text = Visible::lines(text);
        if self.json {
            write_aside(&text);
        } else {
            write_result(&text, 0);
        }
    }

    /// Returns standard output for a result that is too long to hold in memory; not with `--json`.
    pub(crate) fn lines(&self) -> Lines {
        self.wipe();
        Lines(BufWriter::new(io::stdout()))
    }

    fn wipe(&self) {
        self.bar.finish_and_clear();
    }
}

/// Standard output for lines. A reader that went away (`| head`) is not an error.
#[derive(Debug)]
pub(crate) struct Lines(BufWriter<io::Stdout>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        without_reader(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        without_reader(self.0.flush(), ())
    }
}

/// Counts what was written for a reader that went away as written.
fn without_reader<T>(written: io::Result<T>, all: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(all),
        written => written,
    }
}

/// Writes the result. A reader that went away (`| head`) is not an error; a full disk is one.
fn write_result(text: &Visible, code: u8) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_str().as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            write_aside(&Visible::lines(&format!("error: the result cannot be written: {error}\n")));
            code.max(2)
        }
    }
}

/// Writes to standard error; if that fails, there is no place left to say so.
fn write_aside(text: &Visible) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_str().as_bytes()).and_then(|()| stderr.flush());
}
