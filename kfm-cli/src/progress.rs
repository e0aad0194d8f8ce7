//! Progress of long work, on standard error.

use std::sync::{Mutex, PoisonError};

use kfm_rollback::Progress;

use crate::output::Output;

/// A moving line on a terminal: the phase, and how far it is.
#[derive(Debug)]
pub(crate) struct Moving {
    out: Output,
    state: Mutex<State>,
}

/// One line for each phase, and one for each tenth of a long phase.
#[derive(Debug)]
pub(crate) struct Plain {
    out: Output,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: String,
    total: u64,
    /// The last permille (moving) or tenth (plain) that was shown, so that a million steps do not print a million
    /// lines.
    shown: u64,
}

/// Steps below which a phase gets no line for each tenth.
const LONG_PHASE_MIN: u64 = 1_000;

impl Moving {
    /// Makes a moving line.
    pub(crate) fn new(out: Output) -> Self {
        Self { out, state: Mutex::default() }
    }
}

impl Plain {
    /// Makes plain lines.
    pub(crate) fn new(out: Output) -> Self {
        Self { out, state: Mutex::default() }
    }
}

impl Progress for Moving {
    fn phase(&self, phase: &str, total: u64) {
        start(&self.state, phase, total);
        self.out.moving(&line(phase, 0, total));
    }

    fn advance(&self, done: u64) {
        if let Some((phase, total)) = due(&self.state, done, 1_000) {
            self.out.moving(&line(&phase, done, total));
        }
    }
}

impl Progress for Plain {
    fn phase(&self, phase: &str, total: u64) {
        start(&self.state, phase, total);
        self.out.note(&line(phase, 0, total));
    }

    fn advance(&self, done: u64) {
        if let Some((phase, total)) = due(&self.state, done, 10)
            && total >= LONG_PHASE_MIN
        {
            self.out.note(&line(&phase, done, total));
        }
    }
}

fn start(state: &Mutex<State>, phase: &str, total: u64) {
    *state.lock().unwrap_or_else(PoisonError::into_inner) =
        State { phase: phase.to_owned(), total, shown: 0 };
}

/// Returns phase and total if `done` has passed another of `parts` parts since the last line.
fn due(state: &Mutex<State>, done: u64, parts: u64) -> Option<(String, u64)> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let part = done.saturating_mul(parts) / state.total.max(1);
    (part > state.shown).then(|| {
        state.shown = part;
        (state.phase.clone(), state.total)
    })
}

fn line(phase: &str, done: u64, total: u64) -> String {
    match total {
        0 => phase.to_owned(),
        _ => format!("{phase} {done}/{total}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_only_when_another_part_is_done() {
        let state = Mutex::default();
        start(&state, "expand", 100_000);
        let shown = (0..=100_000).filter(|&done| due(&state, done, 10).is_some()).count();
        assert_eq!(shown, 10);
    }

    #[test]
    fn a_phase_without_a_total_shows_its_name_alone() {
        assert_eq!(line("verify", 0, 0), "verify");
        assert_eq!(line("expand", 3, 40), "expand 3/40");
    }
}
