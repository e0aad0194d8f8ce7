//! The defects that were found in peers: each one is shown in the peer, and shown to be absent in
//! `kfm-retry`.
//!
//! A test that fails here may be good news: the peer has repaired the defect. Then remove its line, here and
//! in the guide.
#![allow(missing_docs, clippy::unwrap_used)]

mod breakers;
mod delays;
mod hints;
mod nesting;
mod services;
mod waiting;

use std::time::Duration;

use kfm_retry::{Classify, ErrorClass, Verdict};

const SECOND: Duration = Duration::from_secs(1);

/// A failure of the service, with its class.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fault(ErrorClass);

const SERVER: Fault = Fault(ErrorClass::Server);

impl Classify for Fault {
    fn classify(&self) -> Verdict {
        self.0.into()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Fault {}
