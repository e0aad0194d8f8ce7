//! Whose turn it is, where many hosts append to one log.
//!
//! Who wins a slot knows first that it is filled, and would win the next one too; those who lost have to read
//! what they lost to, and come late again: measured on a store with puts of 20 ms, one of 8 hosts takes nearly
//! everything and the others wait for seconds. So the hosts take turns. Every frame names its writer, so all of
//! them know from the chain who has waited longest: that one goes next, and the others let it. Nobody is asked
//! and nobody is obeyed for long: who does not come when it is its turn is passed over.

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

/// Who appended lately, and in which slot last.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    last: BTreeMap<[u8; 16], u64>,
}

impl Turns {
    /// Notes whose frame slot `n` holds; who has waited longer and did not come is waited for no more.
    pub(crate) fn note(&mut self, writer: [u8; 16], n: u64) {
        if let Some(before) = self.last.insert(writer, n) {
            self.last.retain(|_, last| *last >= before);
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
pub(crate) struct Pace(Mutex<Duration>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(Duration::from_millis(20)))
    }
}

impl Pace {
    /// Notes how long a put took.
    pub(crate) fn note(&self, took: Duration) {
        let mut pace = guard(&self.0);
        *pace = ((*pace * 7 + took) / 8).clamp(Duration::from_millis(1), Duration::from_secs(5));
    }

    fn get(&self) -> Duration {
        *guard(&self.0)
    }
}

/// Waits until it is the turn of `writer`, taking in what the others append.
///
/// It waits for each of them a bounded time, and for fewer with each that came or did not.
pub(crate) async fn wait(
    calls: &Calls,
    view: &Mutex<View>,
    pace: &Pace,
    writer: &[u8; 16],
) -> Result<(), WalError> {
    let joined = guard(view).next;
    let (mut waited_at, mut waited_since) = (joined, calls.clock.monotonic());
    loop {
        let (n, before) = {
            let view = guard(view);
            let since = view.turns.last_of(writer).unwrap_or(joined);
            (view.next, view.turns.before(writer, since))
        };
        let put = pace.get();
        let now = calls.clock.monotonic();
        if n != waited_at {
            (waited_at, waited_since) = (n, now);
        }
        match before {
            0 => return Ok(()),
            _ if now.saturating_sub(waited_since) >= put * PUTS_WAITED => {
                guard(view).turns.pass_over(writer);
                waited_since = now;
            }
            1 => match calls.read(n).await? {
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
        let mut turns = Turns::default();
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
