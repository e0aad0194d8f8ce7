//! The delays of every policy: bounds, caps, and the statistics of full jitter (R80).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

mod common;

use std::time::Duration;

use common::imf_fixdate;
use kfm_retry::{Backoff, Curve, ErrorClass, Jitter, Machine, Policy, RetryAfter, Seed, Step};
use proptest::prelude::*;

fn any_backoff() -> impl Strategy<Value = Backoff> {
    let curve = prop::sample::select(vec![Curve::Exponential, Curve::Fixed, Curve::Linear, Curve::Fibonacci]);
    let jitter = prop::sample::select(vec![Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::None]);
    (curve, jitter, any::<u32>(), any::<u32>()).prop_map(|(curve, jitter, base_ms, cap_ms)| Backoff {
        curve,
        jitter,
        base_ms,
        cap_ms,
    })
}

proptest! {
    #[test]
    fn no_delay_is_longer_than_the_cap(
        backoff in any_backoff(), n in any::<u32>(), previous in any::<u64>(), unit in any::<u64>(),
    ) {
        let delay = backoff.delay(n, Duration::from_nanos(previous), unit);
        prop_assert!(delay <= Duration::from_millis(u64::from(backoff.cap_ms.max(1))));
    }

    #[test]
    fn ceilings_never_fall(backoff in any_backoff(), n in 0_u32..200) {
        prop_assert!(backoff.ceiling(n) <= backoff.ceiling(n + 1));
    }

    #[test]
    fn full_jitter_lies_below_its_ceiling_and_equal_jitter_above_half_of_it(
        backoff in any_backoff(), n in 0_u32..100, unit in any::<u64>(),
    ) {
        let ceiling = backoff.ceiling(n);
        prop_assert!(backoff.jitter(Jitter::Full).delay(n, Duration::ZERO, unit) < ceiling);
        let equal = backoff.jitter(Jitter::Equal).delay(n, Duration::ZERO, unit);
        prop_assert!(equal < ceiling && equal >= ceiling / 2);
    }

    #[test]
    fn a_call_ends_within_its_attempts_and_its_deadline(
        attempts in 1_u8..=255, backoff in any_backoff(), total_ms in 1_u64..100_000, seed in any::<u64>(),
    ) {
        let policy = Policy::kfm().attempts(attempts).backoff(backoff);
        let total = Duration::from_millis(total_ms);
        let mut machine = Machine::default();
        while let Step::Wait(_) = machine.on_failure(
            &policy, ErrorClass::Server.into(), Some(total.saturating_sub(machine.waited())), Seed::new(seed),
        ) {}
        prop_assert!(machine.failures() <= attempts);
        prop_assert!(machine.waited() < total);
    }

    #[test]
    fn no_retry_after_header_makes_it_panic(value in "\\PC*") {
        RetryAfter::parse(&value);
    }

    #[test]
    fn every_date_of_the_fixed_form_is_read_back(seconds in 0_u64..4_102_444_800) {
        let date = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        prop_assert_eq!(RetryAfter::parse(&imf_fixdate(seconds)), Some(RetryAfter::Date(date)));
    }
}

#[test]
fn full_jitter_is_uniform() {
    // Pearson's chi-square over 20 equal bins: with 19 degrees of freedom a fair source exceeds 43.8 once in
    // a thousand times. The keys are fixed, so that the test always has the same answer.
    let backoff = Backoff::exponential(Duration::from_millis(500));
    for n in 0..5 {
        let (bins, samples) = (20_usize, 20_000_u32);
        let mut counts = vec![0_u32; bins];
        for key in 0..samples {
            let unit = Seed::of(format!("item-{key}")).unit(n);
            let share =
                backoff.delay(n, Duration::ZERO, unit).as_secs_f64() / backoff.ceiling(n).as_secs_f64();
            counts[(share * bins as f64) as usize] += 1;
        }
        let expected = f64::from(samples) / bins as f64;
        let chi_square: f64 =
            counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        assert!(chi_square < 43.8, "retry {n}: {chi_square} {counts:?}");
    }
}

#[test]
fn the_first_delay_is_random_too() {
    let backoff = Backoff::exponential(Duration::from_secs(1));
    let delays: std::collections::BTreeSet<_> =
        (0..1_000).map(|client| backoff.delay(0, Duration::ZERO, Seed::new(9).mix(client).unit(0))).collect();
    assert_eq!(delays.len(), 1_000);
}

#[test]
fn a_thousand_clients_do_not_come_back_as_a_herd() {
    let policy = Policy::kfm().attempts(6).backoff(Backoff::exponential(Duration::from_secs(1)));
    let policy = Policy { total_ms: None, ..policy };
    let mut arrivals = vec![std::collections::BTreeMap::<u128, u32>::new(); 5];
    for client in 0..1_000 {
        let plan = policy.plan(Seed::of("the outage").mix(client), ErrorClass::Server);
        let mut at_ms = 0;
        for (retry, delay_ms) in plan.delays_ms.iter().enumerate() {
            at_ms += u128::from(*delay_ms);
            *arrivals[retry].entry(at_ms / 100).or_default() += 1;
        }
    }
    println!("1000 clients fail at once; arrivals in the fullest 100 ms:");
    let worst: Vec<u32> = arrivals
        .iter()
        .enumerate()
        .map(|(retry, buckets)| {
            let worst = buckets.values().copied().max().unwrap_or(0);
            println!("retry {}: {worst:4} {}", retry + 1, "#".repeat(worst as usize / 4));
            worst
        })
        .collect();
    // A uniform spread puts 100 of 1000 into each of the ten tenths of the first second.
    assert!(worst[0] < 150, "{worst:?}");
    assert!(worst[4] < 30, "{worst:?}");
    assert!(worst.windows(2).all(|pair| pair[1] <= pair[0]), "{worst:?}");
}
