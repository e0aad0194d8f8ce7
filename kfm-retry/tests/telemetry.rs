//! What a subscriber of `tracing` is told of retried calls: the fields of R85, and nothing about a healthy
//! call.
#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Answer, Peer, clock, fails, run};
use kfm_retry::{Backoff, Breaker, BreakerPolicy, ErrorClass, Jitter, Policy, Retry, idempotent};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes each event down as a line of `field=value`.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0.trim_end().to_owned());
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

fn heard(what: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), what);
    lines.0.lock().unwrap().clone()
}

#[test]
fn a_healthy_call_tells_nothing() {
    let (clock, breaker) = (clock(), Breaker::new("stac", BreakerPolicy::kfm()));
    let retry = Retry::with_clock(Policy::kfm(), &clock).circuit_breaker(&breaker);
    let peer = Peer::new([Answer::Ok(1)]);
    let heard = heard(|| {
        run(retry.run(idempotent("x"), || peer.call()).into_future()).unwrap();
    });
    assert_eq!(heard, [""; 0]);
}

#[test]
fn failed_attempts_and_changes_of_state_carry_the_fields_of_the_telemetry() {
    let (clock, breaker) = (clock(), Breaker::new("stac", BreakerPolicy::kfm()));
    let backoff = Backoff::fixed(Duration::from_secs(1)).jitter(Jitter::None);
    let retry = Retry::with_clock(Policy::kfm().backoff(backoff).attempts(2), &clock)
        .named("items")
        .circuit_breaker(&breaker);
    let call = |peer: &Peer| drop(run(retry.run(idempotent("x"), || peer.call()).into_future()));

    let recovered = heard(|| call(&Peer::new([fails(ErrorClass::Server), Answer::Ok(1)])));
    let gave_up = heard(|| {
        (0..3).for_each(|_| call(&Peer::new([fails(ErrorClass::Server), fails(ErrorClass::Server)])))
    });
    let refused = heard(|| call(&Peer::new([])));

    insta::assert_snapshot!("tracing_recovered", recovered.join("\n"));
    insta::assert_snapshot!("tracing_gave_up", gave_up[4..].join("\n"));
    insta::assert_snapshot!("tracing_refused", refused.join("\n"));
}
