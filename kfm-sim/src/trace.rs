//! The events of a history, in order: their digest, to compare two runs, and their lines, for people who
//! examine a run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// The events of one history; clones share them.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Mutex<Account>>);

#[derive(Debug)]
struct Account {
    hash: Sha256,
    line: String,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Makes an empty trace; it keeps the lines of its events only if it is `readable`.
    pub fn new(readable: bool) -> Self {
        let lines = readable.then(Vec::new);
        Self(Arc::new(Mutex::new(Account { hash: Sha256::new(), line: String::new(), lines })))
    }

    /// Notes an event.
    pub fn note(&self, event: fmt::Arguments<'_>) {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = std::mem::take(&mut account.line);
        line.clear();
        fmt::write(&mut line, event).expect("a string takes everything");
        account.hash.update(line.as_bytes());
        account.hash.update(b"\n");
        if let Some(lines) = &mut account.lines {
            lines.push(line.clone());
        }
        account.line = line;
    }

    /// Returns the digest of all events so far.
    pub fn digest(&self) -> [u8; 32] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hash.clone().finalize().into()
    }

    /// Returns the lines; empty if they were not kept.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone().unwrap_or_default()
    }
}
