//! What each process has met in the object store: the possible reasons of its errors.

use std::collections::BTreeMap;
use std::time::Duration;

use object_store::path::Path;

use crate::schedule::ProcessId;

/// What one process has met, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    /// When a call of the process was last not served: stalled, lost in either direction, refused, or denied
    /// although the slot was free.
    pub hindered: Option<Duration>,
    /// When the process last found an object of another process.
    pub overtaken: Option<Duration>,
    /// When the process was last told that its object was created; before the first time, when it made its
    /// first call.
    pub landed: Duration,
    /// Whether the process does not know what happened to the object that it last tried to create.
    pub doubts: bool,
    /// The object that the process last tried to create.
    creates: Option<Path>,
}

/// What all processes have met.
#[derive(Debug, Default)]
pub(crate) struct Meetings(BTreeMap<ProcessId, Met>);

impl Meetings {
    /// Returns what a process has met so far.
    pub(crate) fn of(&mut self, process: ProcessId, now: Duration) -> &mut Met {
        self.0.entry(process).or_insert_with(|| Met { landed: now, ..Met::default() })
    }
}

impl Met {
    /// Notes that a creation begins; returns whether there were doubts about this object before.
    pub(crate) fn begin(&mut self, location: &Path) -> bool {
        let again = self.creates.as_ref() == Some(location);
        let doubted = self.doubts && again;
        self.creates = Some(location.clone());
        self.doubts = true;
        doubted
    }

    /// Notes that the process was told for certain that the creation did nothing.
    pub(crate) fn undone(&mut self, doubted: bool) {
        self.doubts = doubted;
    }

    /// Notes that the process was told that the creation was done.
    pub(crate) fn done(&mut self, now: Duration) {
        self.doubts = false;
        self.landed = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_heard_of_stays_in_doubt_until_it_is_done_or_another_object_is_begun() {
        let (mut met, one, other) = (Met::default(), Path::from("1"), Path::from("2"));
        let doubted = met.begin(&one);
        met.undone(doubted);
        assert!(!met.doubts, "refused for certain");
        met.begin(&one);
        let doubted = met.begin(&one);
        met.undone(doubted);
        assert!(met.doubts, "the try before was not heard of");
        met.done(Duration::from_secs(3));
        assert_eq!((met.doubts, met.landed), (false, Duration::from_secs(3)));
        met.begin(&one);
        let doubted = met.begin(&other);
        met.undone(doubted);
        assert!(!met.doubts, "a process goes on to another object only when it knows about this one");
    }
}
