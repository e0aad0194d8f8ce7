//! Findings and conflicts on a screen: what was found, and what to do about it.

use kfm_rollback::report::{Conflicts, FindingLine, Group, Listing};

use super::screen::{LIST_LINES_MAX, Screen};
use super::{Tone, words};

/// Shows why policy denied: the findings that deny, and how many others there are.
pub(crate) fn denial(findings: &Listing<FindingLine>) -> Screen {
    let mut screen = Screen::default();
    let (denying, others): (Vec<_>, Vec<_>) =
        findings.groups.iter().partition(|group| group.of.denies == Some(true));
    screen.heading("denied because");
    show_groups(&mut screen, denying.into_iter());
    let others: u64 = others.iter().map(|group| group.total).sum();
    if others > 0 {
        screen.item(Tone::Dim, format!("and {} that do not deny", words::count(others, "finding")));
    }
    screen
}

/// Shows findings, one group for each rule: how many, about what, what was found, what to do.
///
/// A rule that fails on eighty documents is one thing to think about, not eighty.
fn show_groups<'a>(screen: &mut Screen, groups: impl ExactSizeIterator<Item = &'a Group<FindingLine>>) {
    let more = groups.len().saturating_sub(LIST_LINES_MAX) as u64;
    for group in groups.take(LIST_LINES_MAX) {
        show_group(screen, group);
    }
    screen.more(more, None);
}

fn show_group(screen: &mut Screen, group: &Group<FindingLine>) {
    let Some(finding) = group.first.first() else { return };
    let tone = if finding.denies { Tone::Bad } else { Tone::Warn };
    let code = finding.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    match group.total {
        1 => screen.item(tone, format!("{}{code}  {}", finding.rule, finding.subject)),
        many => screen.item(tone, format!("{}{code}  {} times", finding.rule, words::number(many))),
    };
    if group.total > 1 {
        for sample in &group.first {
            screen.detail(&sample.subject);
        }
        let more = group.total.saturating_sub(group.first.len() as u64);
        if more > 0 {
            screen.detail(format!("and {} more", words::number(more)));
        }
    }
    screen.detail(format!("seen: {}", finding.message));
    if !finding.remedy.is_empty() {
        screen.detail(format!("do: {}", finding.remedy));
    }
}

/// Adds findings under a heading of their own; nothing if there are none.
pub(crate) fn finding_list(screen: &mut Screen, heading: &str, findings: &Listing<FindingLine>) {
    if findings.total == 0 {
        return;
    }
    screen.heading(format!("{}{heading}", words::count(findings.total, "finding")));
    show_groups(screen, findings.groups.iter());
}

/// Shows what stands against an operation.
pub(crate) fn conflict_list(against: &Conflicts) -> Screen {
    let mut screen = Screen::default();
    if against.conflicts_total > 0 {
        screen.heading("what stands against it");
    }
    for conflict in against.conflicts.iter().take(LIST_LINES_MAX) {
        screen.item(Tone::Warn, format!("{}  {}", conflict.kind, conflict.subject)).detail(&conflict.message);
        if let (Some(expected), Some(observed)) = (&conflict.expected, &conflict.observed) {
            screen.detail(format!("expected {expected}, seen {observed}"));
        }
    }
    screen.more(against.conflicts_total.saturating_sub(LIST_LINES_MAX as u64), None);
    screen
}
