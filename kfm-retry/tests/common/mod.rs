//! Scripted peers, and a way to run futures that wait only for a manual clock.
#![allow(dead_code, reason = "each test file uses a part")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use kfm_retry::{Classify, ErrorClass, Event, ManualClock, Observer, Reason, RetryAfter, Verdict};

/// An error with its class and its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) class: ErrorClass,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) text: &'static str,
}

impl Fault {
    pub(crate) fn new(class: ErrorClass, text: &'static str) -> Self {
        Self { class, retry_after: None, text }
    }
}

impl Classify for Fault {
    fn classify(&self) -> Verdict {
        Verdict::from(self.class).after(self.retry_after.map(RetryAfter::Delay))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text)
    }
}

impl std::error::Error for Fault {}

/// How a peer answers one call.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Ok(u32),
    Err(Fault),
    Hang,
}

pub(crate) fn fails(class: ErrorClass) -> Answer {
    Answer::Err(Fault::new(class, "scripted"))
}

pub(crate) fn asks_to_wait(delay: Duration) -> Answer {
    Answer::Err(Fault { retry_after: Some(delay), ..Fault::new(ErrorClass::RateLimited, "429") })
}

/// Answers each call with the next line of its script, and panics at a call after the last line.
pub(crate) struct Peer(RefCell<VecDeque<Answer>>);

impl Peer {
    pub(crate) fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        Self(RefCell::new(script.into_iter().collect()))
    }

    pub(crate) async fn call(&self) -> Result<u32, Fault> {
        let answer = self.0.borrow_mut().pop_front().expect("the script says how often the peer is called");
        match answer {
            Answer::Ok(value) => Ok(value),
            Answer::Err(fault) => Err(fault),
            Answer::Hang => std::future::pending().await,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// A manual clock that its alarms move too: a call that hangs is cut off at once.
#[derive(Debug)]
pub(crate) struct HurriedClock(ManualClock);

impl std::ops::Deref for HurriedClock {
    type Target = ManualClock;

    fn deref(&self) -> &ManualClock {
        &self.0
    }
}

impl kfm_retry::Clock for HurriedClock {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep(&self, duration: Duration) -> kfm_retry::clock::Sleep {
        self.0.sleep(duration)
    }
}

impl kfm_retry::Pause for HurriedClock {
    fn pause(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

pub(crate) fn clock() -> HurriedClock {
    clock_at(SystemTime::UNIX_EPOCH)
}

pub(crate) fn clock_at(wall: SystemTime) -> HurriedClock {
    HurriedClock(ManualClock::new(wall))
}

/// Runs a future that waits only for a [`ManualClock`], whose sleeps end at once.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    match poll_once(&mut pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits for something"),
    }
}

pub(crate) fn poll_once<F: Future + ?Sized>(future: &mut std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A clock whose sleeps never end by themselves: time moves only when the test moves it.
#[derive(Debug)]
pub(crate) struct StoppedClock(pub(crate) HurriedClock);

impl kfm_retry::Clock for StoppedClock {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep(&self, _duration: Duration) -> kfm_retry::clock::Sleep {
        Box::pin(std::future::pending())
    }
}

/// Writes the events down in words.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<String>>);

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::Attempt(failed) => format!(
                "attempt {} {} {}",
                failed.retry_attempt,
                failed.error_class,
                failed.gave_up.as_ref().map_or("retried", Reason::as_str)
            ),
            Event::Recovered { retry_attempt, .. } => format!("recovered {retry_attempt}"),
            Event::Breaker { change, .. } => format!("{:?} -> {:?}", change.from, change.to),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// A date as HTTP writes it: the reverse of the parser, by counting days and months one by one.
pub(crate) fn imf_fixdate(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let is_leap =
        |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday}, {:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT", days + 1)
}
