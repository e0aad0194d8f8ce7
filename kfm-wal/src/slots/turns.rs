//! Whose turn it is, where many hosts append to one log.
//!
//! Who wins a slot knows first that it is filled, and would win the next one too; those who lost have to read
//! what they lost to, and come late again: measured on a store with puts of 20 ms, one of 8 hosts takes nearly
//! everything and the others wait for seconds. So the hosts take turns. Every frame names its writer, so all of
//! them know from the chain who has waited longest: that one goes next, and the others let it. Nobody is asked
//! and nobody is obeyed for long: who does not come when it is its turn is passed over. And since a host that
//! never won a slot is known to nobody, a slot is left open to newcomers now and then: often while they come,
//! seldom when none does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::calls::Calls;
use super::chain::{self, catch_up};
use super::view::{View, guard};
use crate::error::WalError;

/// How often within the time of a put a slot is looked at by who goes next.
const LOOKS_A_PUT: u32 = 8;

/// How many times as long as a put takes somebody whose turn it is is waited for.
const PUTS_WAITED: u32 = 4;

/// For how many times as long as a put takes a slot is left open to newcomers.
const PUTS_OPEN: u32 = 2;

/// The longest that company is waited for.
const LINGER_MAX: Duration = Duration::from_millis(2);

/// At least one slot in so many is left open.
const OPEN_EVERY_MAX: u64 = 16;

/// Who appended since this handle was opened, and in which slot last.
#[derive(Debug)]
pub(crate) struct Turns {
    last: BTreeMap<[u8; 16], u64>,
    /// The next slot that is left open, and how many after it are not.
    open_at: u64,
    open_every: u64,
}

impl Turns {
    /// Knows nobody, at the end of a log whose next slot is `n`.
    pub(crate) fn begin(n: u64) -> Self {
        Self { last: BTreeMap::new(), open_at: n + 2, open_every: 2 }
    }

    /// Notes whose frame slot `n` holds; who has waited longer and did not come is waited for no more.
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

    /// Returns how many others go before a writer that has waited since slot `since`.
    fn before(&self, writer: &[u8; 16], since: u64) -> usize {
        self.last.iter().filter(|(other, last)| *other != writer && **last < since).count()
    }

    /// Passes over who goes next.
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

/// How long a put takes, as this handle has seen.
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

    /// Returns for how long company is waited for: next to nothing, beside a put.
    pub(crate) fn linger(&self) -> Duration {
        (self.get() / 16).min(LINGER_MAX)
    }

    fn get(&self) -> Duration {
        *guard(&self.0)
    }
}

/// Waits until it is the turn of `writer`, which has waited since slot `since`, taking in what the others append.
///
/// It waits for each of them a bounded time, and for fewer with each that came or did not.
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
        // A newcomer does not leave open what is left open for it.
        let is_open = is_open && guard(view).turns.last_of(writer).is_some();
        match before {
            0 if !is_open || waited >= put * PUTS_OPEN => return Ok(()),
            1.. if waited >= put * PUTS_WAITED => {
                guard(view).turns.pass_over(writer);
                waited_since = now;
            }
            0 | 1 => match calls.read(n).await? {
                Some(bytes) => chain::take_in(calls, view, n, &bytes)?,
                None => calls.clock.sleep(put / LOOKS_A_PUT).await,
            },
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
