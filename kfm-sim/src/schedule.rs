//! The scheduler: one thread, tasks of several processes, and a seeded choice of the task that runs next.
//!
//! A process that is about to use the disk may find that another process ran first: [`Schedule::interleave`]
//! lets a step of another process happen in the middle of a call that does not wait. So a reader can look at
//! the log between a writer's write and its sync, without a thread.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::trace::Trace;

/// How many steps a run may have; a world with more never comes to rest.
const STEPS_MAX: u64 = 200_000;

/// How many processes may be in the middle of a step, one inside the other.
const NESTED_MAX: usize = 3;

/// A process of the simulated world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Every task ended.
    Done,
    /// The run was told to stop.
    Stopped,
    /// Tasks wait, and no task can wake them.
    Stalled,
    /// The run had more steps than any history needs.
    Endless,
}

/// The tasks, and the choice of the next one; clones share them.
#[derive(Clone)]
pub struct Schedule {
    shared: Arc<Mutex<Shared>>,
    clock: VirtualClock,
    trace: Trace,
}

struct Shared {
    tasks: BTreeMap<u64, Task>,
    named: u64,
    chance: Chance,
    /// The processes in the middle of a step, the innermost last.
    running: Vec<ProcessId>,
}

struct Task {
    process: ProcessId,
    woken: Arc<Woken>,
    /// The future of the task; taken out while it is polled.
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Schedule").field("tasks", &self.shared().tasks.len()).finish_non_exhaustive()
    }
}

impl Schedule {
    /// Makes a schedule without tasks.
    pub fn new(chance: Chance, clock: VirtualClock, trace: Trace) -> Self {
        let shared = Shared { tasks: BTreeMap::new(), named: 0, chance, running: Vec::new() };
        Self { shared: Arc::new(Mutex::new(shared)), clock, trace }
    }

    /// Adds a task of a process.
    pub fn spawn(&self, process: ProcessId, future: impl Future<Output = ()> + Send + 'static) {
        let mut shared = self.shared();
        shared.named += 1;
        let name = shared.named;
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        shared.tasks.insert(name, Task { process, woken, future: Some(Box::pin(future)) });
    }

    /// Ends a process: its tasks are dropped wherever they are.
    pub fn kill(&self, process: ProcessId) {
        let dropped: Vec<Task> = {
            let mut shared = self.shared();
            let names: Vec<u64> = shared
                .tasks
                .iter()
                .filter(|(_, task)| task.process == process)
                .map(|(name, _)| *name)
                .collect();
            names.iter().filter_map(|name| shared.tasks.remove(name)).collect()
        };
        drop(dropped);
    }

    /// Runs tasks until all have ended, until none can go on, or until `stop` returns true.
    pub fn run(&self, stop: impl Fn() -> bool) -> Rest {
        for _ in 0..STEPS_MAX {
            if stop() {
                return Rest::Stopped;
            }
            if !self.step() && !self.clock.advance() {
                return if self.shared().tasks.is_empty() { Rest::Done } else { Rest::Stalled };
            }
        }
        Rest::Endless
    }

    /// Lets one step of another process happen now, in `percent` of a hundred cases.
    pub fn interleave(&self, percent: u64) {
        let goes = {
            let mut shared = self.shared();
            shared.running.len() < NESTED_MAX && shared.tasks.len() > 1 && shared.chance.percent(percent)
        };
        if goes {
            self.step();
        }
    }

    /// Polls one of the tasks that can go on; false if none can.
    fn step(&self) -> bool {
        let (name, woken, mut future) = {
            let mut shared = self.shared();
            // A process in the middle of a step does not run: its call has not returned yet.
            let ready: Vec<u64> = shared
                .tasks
                .iter()
                .filter(|(_, task)| {
                    task.future.is_some()
                        && task.woken.0.load(Ordering::Relaxed)
                        && !shared.running.contains(&task.process)
                })
                .map(|(name, _)| *name)
                .collect();
            if ready.is_empty() {
                return false;
            }
            let name = *shared.chance.pick(&ready);
            let task = shared.tasks.get_mut(&name).expect("chosen from the tasks");
            let (process, woken) = (task.process, Arc::clone(&task.woken));
            let future = task.future.take().expect("chosen since it is there");
            shared.running.push(process);
            (name, woken, future)
        };
        self.trace.note(format_args!("step {name}"));
        woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&woken));
        let ended = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let kept = {
            let mut shared = self.shared();
            shared.running.pop();
            match shared.tasks.get_mut(&name) {
                Some(task) if !ended => {
                    task.future = Some(future);
                    None
                }
                // The task has ended, or its process was killed meanwhile.
                _ => {
                    shared.tasks.remove(&name);
                    Some(future)
                }
            }
        };
        drop(kept);
        true
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use kfm_retry::Clock;

    use super::*;

    fn schedule(seed: u64) -> (Schedule, VirtualClock) {
        let clock = VirtualClock::new(SystemTime::UNIX_EPOCH);
        (Schedule::new(Chance::new(seed), clock.clone(), Trace::new(false)), clock)
    }

    fn order(seed: u64) -> Vec<u32> {
        let (schedule, clock) = schedule(seed);
        let order = Arc::new(Mutex::new(Vec::new()));
        for n in 0..8 {
            let (order, clock) = (Arc::clone(&order), clock.clone());
            schedule.spawn(ProcessId(n), async move {
                clock.sleep(Duration::from_millis(1)).await;
                order.lock().unwrap().push(n);
            });
        }
        assert_eq!(schedule.run(|| false), Rest::Done);
        order.lock().unwrap().clone()
    }

    #[test]
    fn the_seed_decides_who_goes_first() {
        assert_eq!(order(1), order(1));
        assert!((2..20).any(|seed| order(seed) != order(1)));
    }

    #[test]
    fn a_task_that_nobody_wakes_is_a_stall() {
        let (schedule, _) = schedule(1);
        schedule.spawn(ProcessId(1), std::future::pending());
        assert_eq!(schedule.run(|| false), Rest::Stalled);
        schedule.kill(ProcessId(1));
        assert_eq!(schedule.run(|| false), Rest::Done);
    }

    #[test]
    fn another_process_steps_in_the_middle_of_a_call_and_the_same_one_does_not() {
        let (schedule, _) = schedule(1);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (calls, outer) = (schedule.clone(), Arc::clone(&seen));
        schedule.spawn(ProcessId(1), async move {
            outer.lock().unwrap().push("before");
            (0..9).for_each(|_| calls.interleave(100));
            outer.lock().unwrap().push("after");
        });
        assert!(schedule.step(), "the task goes on alone, there is no other yet");
        assert_eq!(*seen.lock().unwrap(), ["before", "after"]);
        seen.lock().unwrap().clear();

        let (calls, outer) = (schedule.clone(), Arc::clone(&seen));
        schedule.spawn(ProcessId(1), async move {
            let (same, other) = (Arc::clone(&outer), Arc::clone(&outer));
            calls.spawn(ProcessId(1), async move { same.lock().unwrap().push("same process") });
            calls.spawn(ProcessId(2), async move { other.lock().unwrap().push("other process") });
            (0..9).for_each(|_| calls.interleave(100));
            outer.lock().unwrap().push("end of the call");
        });
        assert_eq!(schedule.run(|| false), Rest::Done);
        assert_eq!(*seen.lock().unwrap(), ["other process", "end of the call", "same process"]);
    }
}
