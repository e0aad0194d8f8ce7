//! Work grows with the number of items and no faster, and memory is bounded: 1,000, 1,600 and 10,000 items
//! published, published again with a defect in every item, rolled back, and the rollback reverted.
//!
//! The ordinary run counts work (bytes and calls of reading and writing, records of the log, transactions of the
//! graph's database) and memory on 1,000 and 1,600 items; of both the host keeps snapshots. The long run measures 10,000
//! real items: the CPU time of each phase of each operation, against ten times a thousand items, and the memory.
//!
//! ```sh
//! KFM_NAIP=naip.ndjson cargo test --release -p kfm-rollback --all-features --test test_scale -- \
//!     --ignored --nocapture
//! ```
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the figures are part of what it shows")]

#[path = "scale/items.rs"]
mod items;
#[path = "scale/story.rs"]
mod story;
mod support;
#[path = "scale/usage.rs"]
mod usage;

use story::{Taken, story};
use usage::COUNTERS;

/// How much more work an item of the larger size may be than an item of the smaller.
const GROWTH_MAX: f64 = 1.3;

/// How much more CPU time of the process's own code. The instructions of a rollback are as many an item with 10,000
/// as with 1,000 (callgrind: 1.00, no phase above 1.05), but ten times the facts fit no cache of the processor.
const CPU_GROWTH_MAX: f64 = 2.0;

/// CPU time of a phase below which the clock's error counts for more than the work.
const PHASE_MS_MIN: u64 = 200;

/// The most memory that a process of one operation may have: a base, and so much for each item of some 3 kB.
///
/// It holds what the log says of each cell, the facts of the two versions between which each document moves, the
/// moves, and the contents of the embedded graph; of documents themselves, a few at a time. That was 30 KiB an
/// item when this was written; the rest is for allocators.
const BASE_KIB: u64 = 48 << 10;
const ITEM_KIB: u64 = 40;

fn assert_bounded(name: &str, taken: &Taken, items: usize) {
    let (peak_kib, bound_kib) = (taken.whole().peak_kib, BASE_KIB + ITEM_KIB * items as u64);
    assert!(peak_kib <= bound_kib, "{name}: {peak_kib} KiB are more than {bound_kib}");
}

#[test]
#[ignore = "is started by the tests below, once for each operation"]
fn the_process_that_is_measured() {
    // As the command has it.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).max_blocking_threads(8).enable_all().build();
    runtime.unwrap().block_on(story::obey());
}

#[tokio::test]
async fn work_grows_with_the_items_and_no_faster() {
    const SIZES: [usize; 2] = [1_000, 1_600];
    let (small, large) = (story(&items::made(SIZES[0])).await, story(&items::made(SIZES[1])).await);
    let growth = |few: u64, many: u64| (many as f64 / SIZES[1] as f64) / (few as f64 / SIZES[0] as f64);
    let total = |story: &[(&str, Taken)], counter| story.iter().map(|(_, taken)| taken.work[counter]).sum();
    for counter in COUNTERS {
        let growth = growth(total(&small, counter), total(&large, counter));
        assert!(growth <= GROWTH_MAX, "all in all {counter} grows faster than the items: {growth:.2}");
    }
    for ((name, small), (_, large)) in small.iter().zip(&large) {
        for (counter, few) in &small.work {
            let (many, growth) = (large.work[counter], growth(*few, large.work[counter]));
            println!("{name:14} {counter:8} {few:>10} {many:>12}  {growth:.2} an item");
            // Segments of logs are filled with zeros ahead, in steps: of bytes written only the sum can be
            // compared.
            let means_much = counter != "wchar";
            assert!(
                !means_much || growth <= GROWTH_MAX,
                "{name}: {counter} grows faster than the items: {growth:.2}"
            );
        }
        // The log has records for batches, not for items (R21).
        assert!(large.work["records"] <= small.work["records"] + 8, "{name}: {:?}", large.work);
        // A transaction a batch: a thousand items, their collection and the catalog are two; 1,600 are two as well.
        let changes = (small.work["changes"], large.work["changes"]);
        assert!(changes.0 <= 2 && changes.1 <= 2, "{name}: the graph's database: {changes:?}");
        let (few, many) = (small.whole().peak_kib, large.whole().peak_kib);
        println!("{name:14} KiB peak {few:>10} {many:>12}");
        assert_bounded(name, large, SIZES[1]);
    }
}

#[tokio::test]
#[ignore = "needs KFM_NAIP, a file of 10,000 NAIP items as NDJSON"]
async fn ten_thousand_items_take_ten_times_what_a_thousand_take() {
    #[allow(clippy::disallowed_methods, reason = "the file is not in the repository")]
    let items = items::read(&std::env::var("KFM_NAIP").expect("KFM_NAIP names the file"));
    assert!(items.len() >= 10_000, "{} items", items.len());
    let hundred = story(&items[..100]).await;
    // Ten stories of a thousand: as many items, so that a hundredth of a second weighs as much in both.
    let mut thousands: Vec<(&str, Taken)> = Vec::new();
    for part in items[..10_000].chunks(1_000) {
        for (n, (name, taken)) in story(part).await.into_iter().enumerate() {
            if thousands.len() == n {
                thousands.push((name, Taken::default()));
            }
            thousands[n].1.add(&taken);
        }
    }
    let all = story(&items[..10_000]).await;
    for (items, story) in [("100", &hundred), ("10 x 1,000", &thousands), ("10,000", &all)] {
        for (name, taken) in story {
            print_table(items, name, taken);
        }
    }
    for ((name, few), (_, many)) in thousands.iter().zip(&all) {
        let worth_it = many.phases.iter().filter(|(_, used)| used.user_ms >= PHASE_MS_MIN);
        let by_phase = worth_it.map(|(phase, used)| (phase.as_str(), few.phases[phase], *used));
        for (phase, few, many) in by_phase.chain([("all", few.whole(), many.whole())]) {
            let growth = many.user_ms as f64 / few.user_ms as f64;
            println!(
                "{name:14} {phase:8} {:>6} {:>6} ms user, {growth:.2} an item",
                few.user_ms, many.user_ms
            );
            assert!(growth <= CPU_GROWTH_MAX, "{name}: {phase} grows faster than the items: {growth:.2}");
        }
        for counter in COUNTERS {
            let growth = many.work[counter] as f64 / few.work[counter] as f64;
            assert!(growth <= GROWTH_MAX, "{name}: {counter} grows faster than the items: {growth:.2}");
        }
        assert_bounded(name, many, 10_000);
    }
}

fn print_table(items: &str, name: &str, taken: &Taken) {
    let whole = taken.whole();
    let wall_ms: u64 = taken.wall_ms.values().sum();
    println!(
        "{items:>10} items, {name}: {} ms user, {} ms system, {wall_ms} ms wall, {} KiB peak, {:?}",
        whole.user_ms, whole.system_ms, whole.peak_kib, taken.work
    );
    for (phase, used) in &taken.phases {
        let wall_ms = taken.wall_ms.get(phase).copied().unwrap_or(0);
        println!(
            "           {phase:8} {:>6} ms user {:>6} ms system {wall_ms:>6} ms wall {:>7} KiB",
            used.user_ms, used.system_ms, used.peak_kib
        );
    }
}
