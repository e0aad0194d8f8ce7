//! How time is measured: in interleaved passes, as CPU time of the thread, since the machine is shared.

use std::time::Duration;

/// Something that is measured by making many calls.
pub struct Contender<'a> {
    /// The name of the contender in the answer.
    pub name: &'static str,
    /// Makes this many calls.
    pub calls: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Contender<'a> {
    /// Names the closure that makes the calls.
    pub fn new(name: &'static str, calls: impl FnMut(u64) + 'a) -> Self {
        Self { name, calls: Box::new(calls) }
    }
}

/// What the calls of one contender cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// CPU time of a call in nanoseconds, in the fastest tenth of the passes: other programs on the machine
    /// make a pass slower and never faster, for the toolkit and for its peers alike.
    pub ns: f64,
    /// The same in the fastest pass: what the code costs on a core that is not shared.
    pub min_ns: f64,
    /// The same in the median pass: what it costs on this machine, as busy as it was.
    pub median_ns: f64,
    /// Number of allocations of a call.
    pub allocations: f64,
}

/// Runs each contender `passes` times with `calls` calls, in turns; the first turn is only for warming up.
pub fn interleaved(contenders: &mut [Contender<'_>], passes: usize, calls: u64) -> Vec<Cost> {
    let mut taken = vec![Vec::with_capacity(passes); contenders.len()];
    let mut allocations = vec![0.0; contenders.len()];
    for pass in 0..=passes {
        for (n, contender) in contenders.iter_mut().enumerate() {
            let (before, allocated) = (thread_time(), crate::alloc::allocations());
            (contender.calls)(calls);
            let after = thread_time();
            if pass > 0 {
                taken[n].push((after - before).as_nanos() as f64 / calls as f64);
                allocations[n] = (crate::alloc::allocations() - allocated) as f64 / calls as f64;
            }
        }
    }
    taken
        .into_iter()
        .zip(allocations)
        .map(|(mut ns, allocations)| {
            ns.sort_by(f64::total_cmp);
            Cost { ns: ns[ns.len() / 10], min_ns: ns[0], median_ns: ns[ns.len() / 2], allocations }
        })
        .collect()
}

/// Returns the CPU time that this thread has used.
pub fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
