//! Turns: which host appends next, where many hosts append to one log.
//!
//! The host that wins a slot is the first to know that the slot is filled, and so it would win the next slot
//! too. The hosts that lost have to read the winner's frame first, and come late again. Measured on a store
//! with puts of 20 ms: one of 8 hosts takes nearly every slot, and the others wait for seconds.
//!
//! So the hosts take turns. Every frame names its writer, so each host knows from the chain which host has
//! waited longest. That host goes next, and the others let it. No message is sent for this, and a host is
//! waited for only a short time: if it does not append when it is its turn, the others pass it over.
//!
//! The chain does not know a host that has never won a slot. So now and then the known hosts leave a slot
//! open for newcomers: often while newcomers come, seldom when none does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::calls::Calls;
use super::chain::{self, catch_up};
use super::view::{View, guard};
use crate::error::WalError;

/// How many times within the time of a put the host that goes next looks at the slot that it waits for.
const LOOKS_A_PUT: u32 = 8;

/// How long the others wait for the host whose turn it is, in times of a put; then they pass it over.
const PUTS_WAITED: u32 = 4;

/// How long a slot is left open for newcomers, in times of a put.
const PUTS_OPEN: u32 = 2;

/// The longest time that an append waits for others to share its frame.
const LINGER_MAX: Duration = Duration::from_millis(2);

/// At least one slot in this many is left open for newcomers.
const OPEN_EVERY_MAX: u64 = 16;

/// The writers that have appended since this handle was opened, each with the slot of its last frame.
#[derive(Debug)]
pub(crate) struct Turns {
    last: BTreeMap<[u8; 16], u64>,
    /// The next slot that is left open, and after how many slots the one after it is.
    open_at: u64,
    open_every: u64,
}

impl Turns {
    /// Knows no writer, at the end of a log whose next slot is `n`.
    pub(crate) fn begin(n: u64) -> Self {
        Self { last: BTreeMap::new(), open_at: n + 2, open_every: 2 }
    }

    /// Notes that slot `n` holds a frame of `writer`. Writers that had waited longer did not come: they are
    /// forgotten, and not waited for any more.
    pub(crate) fn note(&mut self, writer: [u8; 16], n: u64) {
        match self.last.insert(writer, n) {
            Some(before) => {
                self.last.retain(|_, last| *last >= before);
                if n >= self.open_at {
                    self.open_every = (self.open_every * 2).min(OPEN_EVERY_MAX);
                    self.open_at = n + self.open_every;
                }
            }
            None => (self.open_at, self.open_every) = (n + 1, 1),
        }
    }

    /// Returns how many other writers go before one that has waited since slot `since`.
    fn before(&self, writer: &[u8; 16], since: u64) -> usize {
        self.last.iter().filter(|(other, last)| *other != writer && **last < since).count()
    }

    /// Forgets the writer that would go next, other than `writer`.
    fn pass_over(&mut self, writer: &[u8; 16]) {
        let next = self.last.iter().filter(|(other, _)| *other != writer).min_by_key(|(_, last)| **last);
        if let Some(next) = next.map(|(other, _)| *other) {
            self.last.remove(&next);
        }
    }

    /// Returns the slot in which a writer appended last.
    fn last_of(&self, writer: &[u8; 16]) -> Option<u64> {
        self.last.get(writer).copied()
    }
}

/// How long a put takes, as this handle has measured it: a moving mean.
#[derive(Debug)]
pub(crate) struct PutTime(Mutex<Duration>);

impl Default for PutTime {
    fn default() -> Self {
        Self(Mutex::new(Duration::from_millis(20)))
    }
}

impl PutTime {
    /// Notes how long a put took.
    pub(crate) fn note(&self, took: Duration) {
        let mut put = guard(&self.0);
        *put = ((*put * 7 + took) / 8).clamp(Duration::from_millis(1), Duration::from_secs(5));
    }

    /// Returns how long an append waits for others to share its frame: a sixteenth of a put at most.
    pub(crate) fn linger(&self) -> Duration {
        (self.get() / 16).min(LINGER_MAX)
    }

    fn get(&self) -> Duration {
        *guard(&self.0)
    }
}

/// Waits until it is the turn of `writer`, which has waited since slot `since`, and takes in what other hosts
/// append meanwhile.
///
/// The wait has a bound: each other writer is waited for a bounded time, and each one that appends or is
/// passed over is one less to wait for.
pub(crate) async fn wait(
    calls: &Calls,
    view: &Mutex<View>,
    put_time: &PutTime,
    writer: &[u8; 16],
    since: u64,
) -> Result<(), WalError> {
    let (mut waited_at, mut waited_since) = (0, Duration::ZERO);
    loop {
        let (n, before, is_open) = {
            let view = guard(view);
            let since = view.turns.last_of(writer).unwrap_or(since);
            (view.next, view.turns.before(writer, since), view.turns.open_at <= view.next)
        };
        let (put, now) = (put_time.get(), calls.clock.monotonic());
        if n != waited_at {
            (waited_at, waited_since) = (n, now);
        }
        let waited = now.saturating_sub(waited_since);
        // A slot is left open for newcomers, and a newcomer is one of them: it does not wait.
        let is_open = is_open && guard(view).turns.last_of(writer).is_some();
        match before {
            // It is the turn of `writer`; a slot that is left open is left to newcomers for a while first.
            0 if !is_open || waited >= put * PUTS_OPEN => return Ok(()),
            // The writer whose turn it is has not come in its time: this host goes on without it.
            1.. if waited >= put * PUTS_WAITED => {
                guard(view).turns.pass_over(writer);
                waited_since = now;
            }
            // This writer is next, or the one after: it looks often, to come in time.
            0 | 1 => match calls.read(n).await? {
                Some(bytes) => chain::take_in(calls, view, n, &bytes)?,
                None => calls.clock.sleep(put / LOOKS_A_PUT).await,
            },
            // Others come before: there is nothing to do for as many puts.
            _ => {
                let turns = u32::try_from(before - 1).unwrap_or(u32::MAX).min(PUTS_WAITED - 1);
                calls.clock.sleep(put * turns).await;
                catch_up(calls, view).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; 16] = [1; 16];
    const B: [u8; 16] = [2; 16];
    const C: [u8; 16] = [3; 16];

    fn turns() -> Turns {
        let mut turns = Turns::begin(1);
        for (n, writer) in [A, B, C].into_iter().enumerate() {
            turns.note(writer, n as u64 + 1);
        }
        turns
    }

    #[test]
    fn who_has_waited_longest_goes_next() {
        let turns = turns();
        let before = |writer| turns.before(&writer, turns.last_of(&writer).unwrap());
        assert_eq!([A, B, C].map(before), [0, 1, 2]);
    }

    #[test]
    fn a_newcomer_goes_after_those_who_wait() {
        assert_eq!(turns().before(&[9; 16], 4), 3);
    }

    #[test]
    fn slots_are_left_open_often_while_newcomers_come_and_seldom_when_none_does() {
        let mut turns = turns();
        assert_eq!(turns.open_at, 4);
        let mut left_open = Vec::new();
        for n in 4..80 {
            if turns.open_at == n {
                left_open.push(n);
            }
            turns.note(A, n);
        }
        assert_eq!(left_open, [4, 6, 10, 18, 34, 50, 66]);
        turns.note([9; 16], 80);
        assert_eq!(turns.open_at, 81);
    }

    #[test]
    fn who_does_not_come_is_waited_for_no_more() {
        let mut turns = turns();
        turns.note(B, 4);
        assert_eq!(turns.last_of(&A), None, "it was the turn of A");
        assert_eq!(turns.before(&C, 3), 0);
        turns.pass_over(&B);
        assert_eq!(turns.last_of(&C), None);
        assert_eq!(turns.before(&B, 4), 0);
    }
}
