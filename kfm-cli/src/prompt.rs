//! Questions: asked only if a person can answer.

use std::io::BufRead;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Screen, Tone};

/// What the person is asked, and which command to run after a no.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// What a yes will do, in the place of the headline of `screen`, which may be that of a rehearsal.
    pub(crate) heading: &'a str,
    /// Shown before the question.
    pub(crate) screen: &'a Screen,
    /// The question itself, without a question mark's options.
    pub(crate) text: &'a str,
    /// The command to run later, after a no.
    pub(crate) later: String,
}

/// Asks, and fails unless the answer is yes. Ctrl-C, and the end of the input, are a no.
pub(crate) fn confirm(cx: &Context<'_>, question: &Question<'_>) -> Result<()> {
    cx.out.aside(&question.screen.headed(Tone::Warn, question.heading));
    cx.out.ask(&format!("{} [y/N] ", question.text));
    // The thread that waits for a line cannot be stopped; at Ctrl-C it is left behind, and ends with the process.
    let (send, line) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        let _left_behind = send.send(read.map(|_| answer));
    });
    let answer = loop {
        match line.recv_timeout(ATTENTION) {
            Ok(answer) => break answer.unwrap_or_default(),
            Err(RecvTimeoutError::Disconnected) => break String::new(),
            Err(RecvTimeoutError::Timeout) if cx.is_asked_to_stop() => {
                return Err(kfm_rollback::Error::Stopped.into());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::usage("not confirmed: nothing was changed")
            .with_next([question.later.clone()])
            .into()),
    }
}

/// The longest time until Ctrl-C at a question is noticed.
const ATTENTION: Duration = Duration::from_millis(50);

/// Fails if a command needs a yes, has none, and no person can be asked (exit 2).
pub(crate) fn needs_yes(cx: &Context<'_>, yes: bool) -> Result<()> {
    if yes || cx.can_ask() {
        return Ok(());
    }
    Err(Failure::usage("this changes what readers see, and no person can be asked here")
        .with_hint("add --yes to go ahead, or --ci to rehearse it without changing anything")
        .into())
}
