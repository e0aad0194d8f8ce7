//! Ctrl-C: once stops at the next safe point, twice stops at once; both are safe.

use kfm_rollback::Interrupt;

use crate::error::Failure;
use crate::output::Output;

/// Listens to Ctrl-C for a command that changes something.
///
/// As long as nothing is begun, the engine looks at `interrupt` between documents, and stopping leaves nothing
/// behind. Afterwards it looks between batches, and stopping leaves a run that can be resumed. A second Ctrl-C ends
/// the process at once: a kill at any instruction leaves a run that can be resumed too (R5).
///
/// `next` are the commands that then say what is left to do.
pub(crate) fn listen(interrupt: &Interrupt, out: &Output, next: Vec<String>) {
    let (interrupt, out) = (interrupt.clone(), out.clone());
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        interrupt.request();
        out.note("stopping at the next safe point; Ctrl-C again stops at once, which is safe too");
        if tokio::signal::ctrl_c().await.is_ok() {
            let failure = match interrupt.has_begun() {
                true => Failure::interrupted().with_next(next),
                false => Failure::stopped(),
            };
            let code = out.failed_code(failure);
            std::process::exit(i32::from(code));
        }
    });
}
