//! A world that follows from a seed: clock, scheduler, disk, processes, and an oracle that knows better.
//!
//! One seed is one history, and the same one always: [`trace`] proves it. The parts know nothing of each other's
//! business: [`clock`], [`schedule`], [`disk`] and [`object_store`] are the world, [`oracle`] the judge, [`wal`] the histories of
//! the log. Whoever wants to put another thing into it writes its actors and its oracle, and takes the rest.

pub mod campaign;
pub mod chance;
pub mod clock;
pub mod counts;
pub mod disk;
pub mod evidence;
pub mod honesty;
pub mod met;
pub mod object_store;
pub mod oracle;
pub mod schedule;
pub mod trace;
pub mod wal;
