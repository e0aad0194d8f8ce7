//! Every entry of a long list: one JSON object a line on standard output.

use std::io::{self, Write};

use kfm_rollback::report::{Listing, PlanReport};
use serde::Serialize;

use super::said::Said;
use super::{Answer, Screen};
use crate::context::Context;
use crate::error::{Failure, Result};

/// An entry, with the name of its list.
#[derive(Serialize)]
struct Line<'a, T> {
    list: &'a str,
    #[serde(flatten)]
    entry: &'a T,
}

/// Refuses `--all` with `--json`, since then standard output is one JSON object.
///
/// # Errors
/// A usage error (2).
pub(crate) fn refuse_json(cx: &Context<'_>) -> Result<()> {
    if !cx.out.is_json() {
        return Ok(());
    }
    Err(Failure::usage("--all writes one JSON object a line, and --json one object in all")
        .with_hint("leave out one of them")
        .into())
}

/// Writes every step, cell left alone and finding of a plan.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn plan(cx: &Context<'_>, plan: &PlanReport) -> Result<Answer> {
    let mut out = cx.out.lines();
    let written = lines(&mut out, "steps", &plan.steps)
        .and_then(|()| lines(&mut out, "skipped", &plan.skipped))
        .and_then(|()| lines(&mut out, "findings", &plan.findings))
        .and_then(|()| out.flush());
    done(written)
}

/// Writes every cell of an operation.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn cells<T: Serialize>(cx: &Context<'_>, cells: &Listing<T>) -> Result<Answer> {
    let mut out = cx.out.lines();
    let written = lines(&mut out, "cells", cells).and_then(|()| out.flush());
    done(written)
}

fn lines<T: Serialize>(out: &mut impl Write, list: &str, listing: &Listing<T>) -> io::Result<()> {
    for entry in &listing.first {
        serde_json::to_writer(&mut *out, &Said::new(&Line { list, entry }, &|line| line))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn done(written: io::Result<()>) -> Result<Answer> {
    match written {
        Ok(()) => Ok(Answer { screen: Screen::default(), ..Answer::default() }),
        Err(error) => Err(Failure::internal("the lines cannot be written", &error).into()),
    }
}
