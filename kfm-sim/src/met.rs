//! What each process has met in the object store: the reasons that its errors can have.

use std::collections::BTreeMap;
use std::time::Duration;

use object_store::path::Path;

use crate::schedule::ProcessId;

/// What one process has met, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    /// When a call of it was last not served: stalled, lost on either way, refused, or denied though nobody was there.
    pub hindered: Option<Duration>,
    /// When it last found another's object.
    pub overtaken: Option<Duration>,
    /// When it last heard that an object was created; before that, when it first called.
    pub landed: Duration,
    /// Whether it does not know what became of the object that it tried to create last.
    pub doubts: bool,
    /// The object that it tried to create last.
    creates: Option<Path>,
}

/// What all processes have met.
#[derive(Debug, Default)]
pub(crate) struct Meetings(BTreeMap<ProcessId, Met>);

impl Meetings {
    /// Returns what a process has met, which may be nothing yet.
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

    /// Notes that the creation did nothing for certain, and was heard to.
    pub(crate) fn undone(&mut self, doubted: bool) {
        self.doubts = doubted;
    }

    /// Notes that the creation was heard to be done.
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
        assert!(!met.doubts, "nobody goes on to another before it knows of the one");
    }
}
