//! A world that follows from a seed: clock, scheduler, disk, processes, and an oracle that knows what must be
//! true.
//!
//! One seed is one history, and always the same one: [`trace`] proves it. The parts do not depend on each
//! other's content: [`clock`], [`schedule`], [`disk`] and [`object_store`] are the world, [`oracle`] is the
//! judge, and [`wal`] has the histories of the log. To put another component into the world, write its actors
//! and its oracle, and use the rest as it is.

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
