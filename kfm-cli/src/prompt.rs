//! Questions: asked only if a person can answer.

use std::io::BufRead;

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

/// Asks, and fails unless the answer is yes.
pub(crate) fn confirm(cx: &Context<'_>, question: &Question<'_>) -> Result<()> {
    cx.out.aside(&question.screen.headed(Tone::Warn, question.heading));
    cx.out.ask(&format!("{} [y/N] ", question.text));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Failure::usage("not confirmed: nothing was changed")
            .with_next([question.later.clone()])
            .into()),
    }
}

/// Fails if a command needs a yes, has none, and no person can be asked (exit 2).
pub(crate) fn needs_yes(cx: &Context<'_>, yes: bool) -> Result<()> {
    if yes || cx.can_ask() {
        return Ok(());
    }
    Err(Failure::usage("this changes what readers see, and no person can be asked here")
        .with_hint("add --yes to go ahead, or --ci to rehearse it without changing anything")
        .into())
}
