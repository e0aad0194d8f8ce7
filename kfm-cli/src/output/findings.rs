//! Findings and conflicts on a screen: what is seen, and what to do about it.

use kfm_rollback::report::{Conflicts, FindingLine, Listing};

use super::screen::{LIST_LINES_MAX, Screen};
use super::{Tone, words};

/// Entities of one group of findings that a screen names.
const SUBJECTS_MAX: usize = 3;

/// Shows why policy said no: the findings that deny, and how many others there are.
pub(crate) fn denial(findings: &[FindingLine]) -> Screen {
    let mut screen = Screen::default();
    let (denying, others): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.denies);
    screen.heading("denied because");
    show_findings(&mut screen, denying);
    if !others.is_empty() {
        screen.item(
            Tone::Dim,
            format!("and {} that do not deny", words::count(others.len() as u64, "finding")),
        );
    }
    screen
}

/// Shows findings, a group for each rule: how many, on what, what was seen, what to do.
///
/// A rule that fails on eighty documents is one thing to think about, not eighty.
fn show_findings<'a>(screen: &mut Screen, findings: impl IntoIterator<Item = &'a FindingLine>) {
    let mut groups: Vec<Vec<&FindingLine>> = Vec::new();
    for finding in findings {
        let same = |group: &&mut Vec<&FindingLine>| {
            group[0].rule == finding.rule
                && group[0].denies == finding.denies
                && group[0].code == finding.code
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.sort_by_key(|group| !group[0].denies);
    for group in groups.iter().take(LIST_LINES_MAX) {
        show_group(screen, group);
    }
    screen.more(groups.len().saturating_sub(LIST_LINES_MAX) as u64, None);
}

fn show_group(screen: &mut Screen, group: &[&FindingLine]) {
    let finding = group[0];
    let tone = if finding.denies { Tone::Bad } else { Tone::Warn };
    let code = finding.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    match group.len() {
        1 => screen.item(tone, format!("{}{code}  {}", finding.rule, finding.subject)),
        many => screen.item(tone, format!("{}{code}  {many} times", finding.rule)),
    };
    if group.len() > 1 {
        for sample in group.iter().take(SUBJECTS_MAX) {
            screen.detail(&sample.subject);
        }
        if group.len() > SUBJECTS_MAX {
            screen.detail(format!("and {} more", group.len() - SUBJECTS_MAX));
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
    show_findings(screen, &findings.first);
    screen.more(findings.total.saturating_sub(findings.first.len() as u64), findings.file.as_deref());
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
