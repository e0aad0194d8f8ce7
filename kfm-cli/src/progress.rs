//! Progress of long work, on standard error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressStyle;
use kfm_retry::Clock;
use kfm_rollback::Progress;

use crate::output::Output;

/// How often a bar is drawn while nothing advances, so that a person sees that the command is alive.
const TICK: Duration = Duration::from_millis(200);

/// A bar on a terminal: the phase and, where its length is known, how many of how many, the rate, and the time left.
#[derive(Debug)]
pub(crate) struct Bar {
    out: Output,
}

/// What a phase shows whose length is known, and one whose length is not.
const COUNTED: &str = "{msg} {bar:20} {human_pos}/{human_len} {per_sec}, {eta} left";
const UNCOUNTED: &str = "{msg} {spinner} {elapsed}";

/// One line for each phase, and one for each tenth of a long phase.
#[derive(Debug)]
pub(crate) struct Plain {
    out: Output,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: String,
    total: u64,
    begun: Duration,
    /// The last tenth that was shown, so that a million steps do not print a million lines.
    shown: u64,
}

/// Steps below which a phase gets no line for each tenth.
const LONG_PHASE_MIN: u64 = 1_000;

impl Bar {
    /// Makes a bar on the terminal of standard error.
    pub(crate) fn new(out: Output) -> Self {
        out.show_bar();
        Self { out }
    }
}

impl Plain {
    /// Makes plain lines.
    pub(crate) fn new(out: Output, clock: Arc<dyn Clock>) -> Self {
        Self { out, clock, state: Mutex::default() }
    }
}

impl Progress for Bar {
    fn phase(&self, phase: &str, total: u64) {
        let bar = self.out.bar();
        bar.reset();
        let style = ProgressStyle::with_template(if total == 0 { UNCOUNTED } else { COUNTED });
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(total);
        bar.set_message(phase.to_owned());
        bar.enable_steady_tick(TICK);
    }

    fn advance(&self, done: u64) {
        self.out.bar().set_position(done);
    }

    fn prepared(&self, done: u64) {
        self.advance(done);
    }
}

impl Progress for Plain {
    fn phase(&self, phase: &str, total: u64) {
        let (phase, begun) = (phase.to_owned(), self.clock.monotonic());
        let line = line(&phase, 0, total);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { phase, total, begun, shown: 0 };
        self.out.note(&line);
    }

    fn advance(&self, done: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_due(done) && state.total >= LONG_PHASE_MIN {
            let spent = self.clock.monotonic().saturating_sub(state.begun);
            let line = format!("{}{}", line(&state.phase, done, state.total), pace(done, state.total, spent));
            drop(state);
            self.out.note(&line);
        }
    }

    fn prepared(&self, done: u64) {
        self.advance(done);
    }
}

impl State {
    /// Says whether another tenth has been passed since the last line.
    fn is_due(&mut self, done: u64) -> bool {
        let tenth = done.saturating_mul(10) / self.total.max(1);
        let is_due = tenth > self.shown;
        self.shown = self.shown.max(tenth);
        is_due
    }
}

/// Says how fast a phase is, and how long the rest of it takes at that rate.
fn pace(done: u64, total: u64, spent: Duration) -> String {
    let rate = done as f64 / spent.as_secs_f64().max(0.001);
    let left = total.saturating_sub(done) as f64 / rate.max(0.001);
    format!(", {rate:.0} a second, {left:.0} s left")
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
        let mut state = State { total: 100_000, ..State::default() };
        let shown = (0..=100_000).filter(|&done| state.is_due(done)).count();
        assert_eq!(shown, 10);
    }

    #[test]
    fn the_rest_takes_as_long_as_the_rate_says() {
        assert_eq!(pace(3_000, 10_000, Duration::from_secs(2)), ", 1500 a second, 5 s left");
        assert_eq!(pace(10_000, 10_000, Duration::ZERO), ", 10000000 a second, 0 s left");
    }

    #[test]
    fn a_phase_without_a_total_shows_its_name_alone() {
        assert_eq!(line("verify", 0, 0), "verify");
        assert_eq!(line("expand", 3, 40), "expand 3/40");
    }
}
