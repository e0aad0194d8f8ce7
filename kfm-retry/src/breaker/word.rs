//! The breaker's state machine in one atomic word.
//!
//! ```text
//!  63 62 | 61 ........ 48 | 47 .................................. 0
//!  state |   generation   | closed:    last outcomes, newest lowest, 1 = failure
//!        |                | open:      open until, ms (40 bits) | openings in a row (8)
//!        |                | half-open: lease until, ms (40)     | openings in a row (8)
//!        |                | isolated:  0
//! ```
//!
//! Every transition is one compare-and-swap and begins a new generation. So the single probe, the fencing of
//! stale results, the return of a lost lease and 'one event per change' hold by construction.
//! `testing/loom/tests/loom_breaker.rs` compiles this file against loom and tries all interleavings.
//!
//! A healthy call writes nothing: one more success in a history of successes is the same history.
//!
//! INVARIANT: two states of one breaker that differ in more than the closed history differ in generation.
//! A ticket is mistaken for a newer one only if 16 384 transitions happen during its call.

use std::fmt;

use super::atomic::{AtomicU64, Ordering};

const PAYLOAD_BITS: u32 = 48;
const PAYLOAD: u64 = (1 << PAYLOAD_BITS) - 1;
const GENERATION: u64 = 0x3fff << PAYLOAD_BITS;
const STATE_SHIFT: u32 = 62;
const STREAK_BITS: u32 = 8;
const TIME_MS_MAX: u64 = (1 << (PAYLOAD_BITS - STREAK_BITS)) - 1;

/// The longest history of outcomes that the word can hold.
pub(crate) const HISTORY_MAX: u8 = PAYLOAD_BITS as u8;

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum State {
    /// The breaker lets calls through and watches them.
    Closed,
    /// The breaker refuses calls until its cool-down is over.
    Open,
    /// The breaker lets one trial call through and refuses the others.
    HalfOpen,
    /// The breaker refuses calls until an operator resets it.
    Isolated,
}

impl State {
    /// Returns the name in telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Isolated => "isolated",
        }
    }
}

/// The breaker's permission for one call, with the generation in which it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

impl Ticket {
    /// No permission: no head of a word has a payload.
    pub(crate) const NONE: Self = Self(u64::MAX);

    /// Tells whether this is the trial call of a half-open breaker.
    #[inline]
    pub const fn is_probe(self) -> bool {
        matches!(state_of(self.0), State::HalfOpen)
    }

    /// The change that a probe's permission was: from open, or from a half-open breaker that lost its probe.
    pub(crate) const fn as_change(self) -> Change {
        Change { from: State::Open, to: State::HalfOpen, generation: self.generation() }
    }

    pub(crate) const fn generation(self) -> u16 {
        generation_of(self.0)
    }
}

/// A refusal, with the time from which the breaker may let a trial call through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) retry_in_ms: Option<u64>,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The state before the change.
    pub from: State,
    /// The state after the change.
    pub to: State,
    /// The number of the generation that begins with the change.
    pub generation: u16,
}

/// When the word changes its state, in milliseconds and numbers of calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How many of the last outcomes count.
    pub(crate) history: u8,
    /// How many of them must be failures for the breaker to open.
    pub(crate) failures: u8,
    pub(crate) cooldown_ms: u64,
    pub(crate) cooldown_max_ms: u64,
    pub(crate) growth: u8,
    pub(crate) lease_ms: u64,
}

impl Rules {
    fn history_mask(&self) -> u64 {
        (1 << self.history.clamp(1, HISTORY_MAX)) - 1
    }

    /// Returns how long the breaker stays open after `streak` openings in a row.
    fn open_ms(&self, streak: u64) -> u64 {
        let factor = u64::from(self.growth.max(1)).saturating_pow(u32::try_from(streak).unwrap_or(u32::MAX));
        self.cooldown_ms.saturating_mul(factor).min(self.cooldown_max_ms.max(self.cooldown_ms))
    }
}

/// The state of one breaker.
pub(crate) struct Word(AtomicU64);

impl Word {
    /// Makes a closed breaker in generation 0; `cell` holds 0.
    pub(crate) const fn over(cell: AtomicU64) -> Self {
        Self(cell)
    }

    pub(crate) fn state(&self) -> State {
        state_of(self.0.load(Ordering::Acquire))
    }

    /// Tells whether a call with `ticket` may go on: its generation is not over, or the breaker is closed
    /// again.
    #[inline]
    pub(crate) fn allows(&self, ticket: Ticket) -> bool {
        let word = self.0.load(Ordering::Acquire);
        head_of(word) == ticket.0 || matches!(state_of(word), State::Closed)
    }

    /// Tells whether the state is still the one in which `ticket` was given.
    pub(crate) fn is_current(&self, ticket: Ticket) -> bool {
        head_of(self.0.load(Ordering::Acquire)) == ticket.0
    }

    /// Returns the permission for a call; `None` if the breaker is not closed.
    #[inline]
    pub(crate) fn closed_ticket(&self) -> Option<Ticket> {
        let word = self.0.load(Ordering::Acquire);
        matches!(state_of(word), State::Closed).then_some(Ticket(head_of(word)))
    }

    /// Lets a call through or refuses it; reads the time only if the breaker is not closed.
    #[inline]
    pub(crate) fn admit(
        &self,
        rules: impl FnOnce() -> Rules,
        now_ms: impl FnOnce() -> u64,
    ) -> Result<Ticket, Refused> {
        match self.closed_ticket() {
            Some(ticket) => Ok(ticket),
            None => self.probe(&rules(), now_ms()),
        }
    }

    #[cold]
    fn probe(&self, rules: &Rules, now_ms: u64) -> Result<Ticket, Refused> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let (until_ms, streak) = time_and_streak(word);
            match state_of(word) {
                State::Closed => return Ok(Ticket(head_of(word))),
                State::Isolated => return Err(Refused { retry_in_ms: None }),
                // The lease of the half-open breaker is over, so its probe is lost: the next call takes the
                // probe's place.
                State::Open | State::HalfOpen if now_ms >= until_ms => {
                    let next = timed(word, State::HalfOpen, now_ms.saturating_add(rules.lease_ms), streak);
                    match self.swap(word, next) {
                        Ok(()) => return Ok(Ticket(head_of(next))),
                        Err(current) => word = current,
                    }
                }
                State::Open | State::HalfOpen => {
                    return Err(Refused { retry_in_ms: Some(until_ms - now_ms) });
                }
            }
        }
    }

    /// Tells whether a success with `ticket` would change nothing: a closed history without a failure stays
    /// as it is.
    #[inline]
    pub(crate) fn is_healthy_for(&self, ticket: Ticket) -> bool {
        let healthy = self.0.load(Ordering::Acquire) == ticket.0;
        // A ticket belongs to a closed or a half-open breaker, and the payload of a half-open one is never 0.
        debug_assert!(!healthy || matches!(state_of(ticket.0), State::Closed));
        healthy
    }

    /// Records that the call with `ticket` succeeded.
    #[inline]
    pub(crate) fn succeeded(&self, rules: impl FnOnce() -> Rules, ticket: Ticket) -> Option<Change> {
        if self.is_healthy_for(ticket) { None } else { self.succeeded_after_failures(&rules(), ticket) }
    }

    #[cold]
    fn succeeded_after_failures(&self, rules: &Rules, ticket: Ticket) -> Option<Change> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if head_of(word) != ticket.0 {
                return None;
            }
            let next = match state_of(word) {
                State::Closed => head_of(word) | ((word << 1) & rules.history_mask()),
                State::HalfOpen => begin(word, State::Closed),
                State::Open | State::Isolated => return None,
            };
            match self.swap(word, next) {
                Ok(()) => return change(word, next),
                Err(current) => word = current,
            }
        }
    }

    /// Records that the call with `ticket` failed.
    #[cold]
    pub(crate) fn failed(&self, rules: &Rules, ticket: Ticket, now_ms: u64) -> Option<Change> {
        self.settle(ticket, |word| match state_of(word) {
            State::Closed => {
                let history = ((word << 1) | 1) & rules.history_mask();
                if history.count_ones() >= u32::from(rules.failures.max(1)) {
                    open(word, rules, now_ms)
                } else {
                    head_of(word) | history
                }
            }
            _ => open(word, rules, now_ms),
        })
    }

    /// Opens the breaker if it is still in the generation of `ticket`: the window has seen too many bad
    /// calls.
    #[cold]
    pub(crate) fn trip(&self, rules: &Rules, ticket: Ticket, now_ms: u64) -> Option<Change> {
        self.settle(ticket, |word| open(word, rules, now_ms))
    }

    /// Takes back the probe of `ticket`, which has no result: the next call is the trial.
    #[cold]
    pub(crate) fn give_back(&self, ticket: Ticket) -> Option<Change> {
        if !ticket.is_probe() {
            return None;
        }
        self.settle(ticket, |word| timed(word, State::Open, 0, time_and_streak(word).1))
    }

    /// Refuses every call from now on.
    pub(crate) fn isolate(&self) -> Option<Change> {
        self.force(State::Isolated)
    }

    /// Closes the breaker, with an empty history.
    pub(crate) fn reset(&self) -> Option<Change> {
        self.force(State::Closed)
    }

    fn force(&self, state: State) -> Option<Change> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let next = begin(word, state);
            match self.swap(word, next) {
                Ok(()) => return change(word, next),
                Err(current) => word = current,
            }
        }
    }

    /// Moves to the word that `next` returns, as long as the generation is that of `ticket`.
    fn settle(&self, ticket: Ticket, next: impl Fn(u64) -> u64) -> Option<Change> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if head_of(word) != ticket.0 {
                return None;
            }
            let after = next(word);
            match self.swap(word, after) {
                Ok(()) => return change(word, after),
                Err(current) => word = current,
            }
        }
    }

    fn swap(&self, word: u64, next: u64) -> Result<(), u64> {
        self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.load(Ordering::Acquire);
        f.debug_struct("Word")
            .field("state", &state_of(word))
            .field("generation", &generation_of(word))
            .finish()
    }
}

const fn state_of(word: u64) -> State {
    match word >> STATE_SHIFT {
        0 => State::Closed,
        1 => State::Open,
        2 => State::HalfOpen,
        _ => State::Isolated,
    }
}

const fn generation_of(word: u64) -> u16 {
    ((word & GENERATION) >> PAYLOAD_BITS) as u16
}

/// State and generation, without the payload.
const fn head_of(word: u64) -> u64 {
    word & !PAYLOAD
}

const fn time_and_streak(word: u64) -> (u64, u64) {
    ((word & PAYLOAD) >> STREAK_BITS, word & ((1 << STREAK_BITS) - 1))
}

/// The next generation, in `state`, with an empty payload.
const fn begin(word: u64, state: State) -> u64 {
    let generation = word.wrapping_add(1 << PAYLOAD_BITS) & GENERATION;
    ((state as u64) << STATE_SHIFT) | generation
}

fn timed(word: u64, state: State, until_ms: u64, streak: u64) -> u64 {
    begin(word, state) | (until_ms.min(TIME_MS_MAX) << STREAK_BITS) | streak.min((1 << STREAK_BITS) - 1)
}

fn open(word: u64, rules: &Rules, now_ms: u64) -> u64 {
    let streak = if matches!(state_of(word), State::HalfOpen) { time_and_streak(word).1 } else { 0 };
    timed(word, State::Open, now_ms.saturating_add(rules.open_ms(streak)), streak + 1)
}

fn change(word: u64, next: u64) -> Option<Change> {
    (head_of(word) != head_of(next)).then(|| Change {
        from: state_of(word),
        to: state_of(next),
        generation: generation_of(next),
    })
}
